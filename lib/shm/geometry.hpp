// Where everything lies in a segment, computed alike by the creator and by everybody who opens it.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

#include "iq/detail/layout.hpp"

namespace iq::detail {

/// Sizes of one lane's block: stamps, slots, byte ring, each on a page of its own.
struct LaneGeometry {
  std::uint64_t capacity = 0;
  std::uint64_t ring_bytes = 0;
  std::uint32_t log2_slots = 0;
  std::uint32_t slot_bytes = 0;
  std::uint64_t slots_offset = 0;  ///< from the start of the block; the stamps come first
  std::uint64_t ring_offset = 0;
  std::uint64_t block_bytes = 0;
};

/// Lanes come in sizes: four whole ones, then four, eight, sixteen … of the next smaller size, so
/// that many producers together stay in the cache that cores share (docs/decisions/0023).
inline constexpr std::uint32_t kWholeLanes = 4;
inline constexpr std::uint32_t size_of_lane(std::uint32_t index) noexcept {
  return static_cast<std::uint32_t>(std::bit_width(index / kWholeLanes));
}
inline constexpr std::uint32_t kLaneSizes = size_of_lane(kMaxLanes - 1) + 1;

struct Geometry {
  LaneGeometry lane;                             ///< a whole one; all begin as far from each other
  std::array<LaneGeometry, kLaneSizes> lanes{};  ///< one of each size
  LaneGeometry parking;
  std::uint64_t control_offset = 0;
  std::uint64_t life_offset = 0;
  std::uint64_t endpoints_offset = 0;
  std::uint64_t extras_offset = 0;
  std::uint64_t sleep_offset = 0;
  std::uint64_t parking_control_offset = 0;
  std::uint64_t base_bytes = 0;  ///< reserved when the segment is created
  std::uint64_t lane_controls_offset = 0;
  std::uint64_t outputs_offset = 0;
  std::uint64_t parking_offset = 0;
  std::uint64_t lanes_offset = 0;
  std::uint64_t segment_bytes = 0;

  const LaneGeometry& lane_of(std::uint32_t index) const noexcept {
    return lanes[size_of_lane(index)];
  }
};

inline constexpr std::uint64_t kMaxCapacity = std::uint64_t{1} << 24;
inline constexpr std::uint64_t kMaxSlotBytes = std::uint64_t{1} << 30;
inline constexpr std::uint64_t kMaxRingBytes = std::uint64_t{1} << 32;
inline constexpr std::uint64_t kParkedItems = 1024;
inline constexpr std::uint64_t kParkedBytes = std::uint64_t{1} << 20;

/// Whether all lanes have the capacity, or each size has less than the one before.
enum class Lanes : std::uint32_t { alike = 0, shrinking = 1 };

/// The layout for lanes of `capacity` items of `slot_bytes` and `ring_bytes` beside them.
/// Errors: BadArgument with the value and its range; the sum never overflows.
Geometry lay_out(std::uint64_t capacity, std::uint64_t slot_bytes, std::uint64_t ring_bytes,
                 Lanes lanes = Lanes::alike);
/// The same as a header says it.
Geometry lay_out(const SegmentHeader& header);

}  // namespace iq::detail
