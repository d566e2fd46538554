// The parking area: a lane of its own for items that killed every consumer that touched them.
#pragma once

#include <cstdint>
#include <functional>
#include <span>

#include "iq/detail/lane_view.hpp"
#include "shm/segment.hpp"

namespace iq::detail {

/// A parked item, as it lies in shared memory.
struct ParkedBytes {
  std::uint32_t lane;
  Position position;
  std::uint32_t deliveries;
  std::span<const std::byte> payload;
};

/// Moves an item that endpoint `tag` - 1 holds (HELD) to the parking area and finishes it in its
/// lane; where the area is full it stays in place as PARKED, which blocks its lane's room. T15.
void park(Segment& segment, const LaneView& lane, Position position, std::uint32_t deliveries,
          std::uint32_t tag) noexcept;

/// How many items are parked now, in the area and in place.
std::uint64_t count_parked(const Segment& segment) noexcept;

/// Calls `visit` for every parked item, wherever it is, oldest first, under the parking lock.
/// Items for which it returns true are taken out. Returns how many were.
/// Errors: Busy when another process holds the lock for more than a second; what visit throws.
std::uint32_t visit_parked(Segment& segment, const std::function<bool(const ParkedBytes&)>& visit);

/// Calls `visit` for every parked item without the lock, which somebody who is stopped may hold.
/// What is being taken out just now may come as nonsense: whoever looks like this believes nothing
/// that does not agree with something else, and lets the items be.
void glance_at_parked(const Segment& segment, const std::function<void(const ParkedBytes&)>& visit);

/// As visit_parked() for a copy that nobody else has: no lock is taken and nothing is taken out.
/// `visit` is told too whether the item lies in its lane.
void visit_parked_copy(Segment& copy,
                       const std::function<void(const ParkedBytes&, bool in_place)>& visit);

}  // namespace iq::detail
