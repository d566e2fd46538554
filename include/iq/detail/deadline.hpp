// Time-outs of blocking calls, as nanoseconds on the monotonic clock.
#pragma once

#include <chrono>
#include <cstdint>

#include "iq/detail/api.hpp"

namespace iq::detail {

inline constexpr std::int64_t kNoDeadline = INT64_MAX;
inline constexpr std::int64_t kNow = INT64_MIN;

/// Saturates: a duration that no clock can hold waits for ever.
template <class Rep, class Period>
std::int64_t deadline_after(std::chrono::duration<Rep, Period> timeout) {
  using Seconds = std::chrono::duration<double>;
  if (timeout <= timeout.zero()) return kNow + 1;  // one look, then timeout
  if (std::chrono::duration_cast<Seconds>(timeout).count() > 1e9) return kNoDeadline;
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             now + std::chrono::ceil<std::chrono::nanoseconds>(timeout))
      .count();
}

template <class Clock, class Duration>
std::int64_t deadline_at(std::chrono::time_point<Clock, Duration> deadline) {
  // In floating point first: the distance of the extreme points of a clock has no duration.
  using Seconds = std::chrono::duration<double>;
  const auto now = Clock::now();
  const double ahead =
      Seconds(deadline.time_since_epoch()).count() - Seconds(now.time_since_epoch()).count();
  if (ahead < -1e9) return kNow + 1;
  if (ahead > 1e9) return kNoDeadline;
  return deadline_after(deadline - now);
}

/// Raises Closed for an endpoint object that was moved from.
[[noreturn]] IQ_API void refuse_moved_from(const char* what);

}  // namespace iq::detail
