// What a library must know about fork(): which process image is this, and may one fork now?
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>

namespace iq::detail {

/// Where this process's generation is kept: a page that the kernel clears in every child.
/// Written once, when the library is loaded; read by process_generation().
extern std::atomic<std::atomic<std::uint64_t>*> generation_word;

/// Stores and returns a generation in a process that has none yet. Async-signal-safe.
std::uint64_t new_process_generation() noexcept;

/// A number that differs between a process and each of its ancestors (forked by any means, raw
/// clone included: it lives in a MADV_WIPEONFORK page). Never 0. A vfork() child shares its
/// parent's memory and therefore its generation.
/// Threads: any, signal handlers too. Cost: two loads.
inline std::uint64_t process_generation() noexcept {
  const std::uint64_t seen =
      generation_word.load(std::memory_order_acquire)->load(std::memory_order_relaxed);
  return seen != 0 ? seen : new_process_generation();
}

/// As ::fork(), for children that the library runs: they adopt nothing but what they are given.
/// Threads: any.
pid_t fork_own() noexcept;

/// How often this process was forked otherwise: each time a child got copies of all its objects.
/// By raw clone() is not counted. Threads: any.
std::uint64_t forks_by_others() noexcept;

/// The process-wide mutex of everything that opens and pins locks. pthread_atfork takes it too, so
/// no fork() can copy a half-pinned lock into a child; the child gets it unlocked. All signals
/// are blocked and thread cancellation is disabled while it is held. Not recursive.
class ForkGuard {
 public:
  ForkGuard() noexcept;
  ~ForkGuard();
  ForkGuard(const ForkGuard&) = delete;
  ForkGuard& operator=(const ForkGuard&) = delete;

 private:
  unsigned long saved_signals_[16];  // sigset_t of the caller
  int saved_cancel_state_ = 0;
};

}  // namespace iq::detail
