// On which processors the parties run.
#pragma once

#include <sched.h>

namespace bench {

/// The processors that this process may use.
inline cpu_set_t allowed_processors() noexcept {
  cpu_set_t set;
  CPU_ZERO(&set);
  ::sched_getaffinity(0, sizeof set, &set);
  return set;
}

/// Keeps the calling thread on the nth of `allowed`, counted round and round.
inline void pin_to(int nth, const cpu_set_t& allowed) noexcept {
  const int count = CPU_COUNT(&allowed);
  if (count == 0) return;
  nth %= count;
  for (int processor = 0; processor < CPU_SETSIZE; ++processor) {
    if (!CPU_ISSET(processor, &allowed) || nth-- != 0) continue;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(processor, &one);
    ::sched_setaffinity(0, sizeof one, &one);
    return;
  }
}

/// The calling thread on one processor, as long as this lives.
class PinnedHere {
 public:
  explicit PinnedHere(int nth) noexcept { pin_to(nth, before_); }
  PinnedHere(const PinnedHere&) = delete;
  PinnedHere& operator=(const PinnedHere&) = delete;
  ~PinnedHere() { ::sched_setaffinity(0, sizeof before_, &before_); }

  const cpu_set_t& before() const noexcept { return before_; }

 private:
  cpu_set_t before_ = allowed_processors();
};

}  // namespace bench
