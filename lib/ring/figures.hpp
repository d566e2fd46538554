// Counting what is in a queue, without changing anything in it.
#pragma once

#include <cstdint>
#include <functional>

#include "iq/stats.hpp"
#include "shm/segment.hpp"

namespace iq::detail {

/// What one consumer has of one lane under one stamp.
struct Holding {
  std::uint32_t endpoint;
  std::uint32_t lane;
  Position first;         ///< of what is in hand, else of what is claimed ahead
  std::uint32_t in_hand;  ///< handed to user code and not acknowledged
  std::uint32_t ahead;    ///< claimed and not started
};

/// One lane in figures.
struct LaneFigures {
  std::uint64_t put = 0;
  std::uint64_t queued = 0;  ///< in nobody's hands, claimed ahead included
  std::uint64_t in_hand = 0;
  std::uint64_t parked = 0;  ///< in place
  bool sound = true;         ///< its words can be true
};

/// Counts a lane; `held`, where there is one, is called for each batch of a consumer.
LaneFigures count_lane(const Segment& segment, const LaneView& lane,
                       const std::function<void(const Holding&)>& held = {});

/// Who waits now: some loads, so cheap that it can be asked often.
QueueWaits count_waits(const Segment& segment) noexcept;

/// All of Stats but `closed`.
Stats count_figures(const Segment& segment);

}  // namespace iq::detail
