// Time on the monotonic clock of this process. Never stored in shared memory.
#pragma once

#include <chrono>
#include <cstdint>

namespace iq::detail {

using Clock = std::chrono::steady_clock;

inline std::int64_t now_ns() noexcept {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now().time_since_epoch())
      .count();
}

/// A deadline of a blocking call; kForever never passes.
using DeadlineNs = std::int64_t;
inline constexpr DeadlineNs kForever = INT64_MAX;
inline constexpr DeadlineNs kAtOnce = INT64_MIN;

}  // namespace iq::detail
