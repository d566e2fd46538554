// What a library must know about fork(): which process image is this, and may one fork now?
#pragma once

#include <cstdint>
#include <mutex>

namespace iq::detail {

/// A number that differs between a process and each child forked from it (by any means, raw clone
/// included: it lives in a MADV_WIPEONFORK page). Never 0. Cost: one load on the hot path.
std::uint64_t process_generation() noexcept;

/// The process-wide mutex of everything that opens and pins locks. pthread_atfork takes it too, so
/// no fork() can copy a half-pinned lock into a child; the child gets it unlocked. All signals
/// are blocked while it is held. Not recursive.
class ForkGuard {
 public:
  ForkGuard();
  ~ForkGuard();
  ForkGuard(const ForkGuard&) = delete;
  ForkGuard& operator=(const ForkGuard&) = delete;

 private:
  unsigned long saved_signals_[16];  // sigset_t of the caller
};

}  // namespace iq::detail
