// A clock that only moves when it is asked, so that a run is the same each time and no wait takes
// time. The linker leads the library's calls here (--wrap, see meson.build).
#pragma once

#include <cstdint>

namespace fuzz {

/// While one stands, this process's monotonic clock is ours: each look adds some microseconds, and
/// a futex that would sleep has slept, until its time-out. No other thread may run.
class StillTime {
 public:
  StillTime() noexcept;
  ~StillTime();
  StillTime(const StillTime&) = delete;
  StillTime& operator=(const StillTime&) = delete;

  static void advance(std::int64_t ns) noexcept;
};

}  // namespace fuzz
