// What the watchdog and the process that runs the tests share. See watchdog.cpp.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>

namespace iqtest {

inline constexpr int kMaxFrames = 48;

/// One stack on its way from a thread that was asked to the watchdog.
struct StackSlot {
  std::atomic<pid_t> wanted{0};    ///< thread id; written by the watchdog, or by who crashes
  std::atomic<pid_t> answered{0};  ///< thread id; written by the thread, last
  int count = 0;
  void* frames[kMaxFrames];
};

struct State {
  std::atomic<std::int64_t> deadline_ns{INT64_MAX};  ///< monotonic clock
  std::atomic<bool> complete{false};                 ///< all cases were run
  std::atomic<int> passed{0};
  std::atomic<int> failed{0};
  std::atomic<int> skipped{0};
  char running[256] = "";  ///< the case that runs, for messages
  char token[48] = "";     ///< opens each name of temp_name(): tells our files from others'
  StackSlot stack;         ///< of the thread that the watchdog asks
  StackSlot crash;         ///< of the first thread that crashed in this case
};

/// In shared memory, made by the first call; the same for all processes of this test.
State& state();

}  // namespace iqtest
