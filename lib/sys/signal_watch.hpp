// SIGINT and SIGTERM as something to wait for, while somebody waits.
#pragma once

#include <signal.h>

#include <atomic>
#include <cstdint>

#include "sys/fd.hpp"

namespace iq::detail {

/// What came of the two signals.
struct SignalsSeen {
  unsigned interrupts = 0;
  unsigned terminations = 0;
  unsigned all() const noexcept { return interrupts + terminations; }
};

/// Handles SIGINT and SIGTERM from its construction to its end, except one that the program
/// ignores. Several may exist at the same time, in several threads: each sees every signal, and the
/// last to go gives the program its handlers back.
class SignalWatch {
 public:
  /// Watches nothing when `wanted` is false; no longer once `*ended` is not 0: then the signal is
  /// the program's own again, unless another one watches.
  explicit SignalWatch(bool wanted, const std::atomic<std::uint32_t>* ended = nullptr) noexcept;
  ~SignalWatch();
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;

  /// Readable when there is something to take; -1 when nothing is watched.
  int fd() const noexcept { return event_.get(); }
  /// What came since the last call.
  SignalsSeen take() noexcept;

 private:
  Fd event_;
  Fd far_;
  int place_ = -1;
};

/// What the program itself has for the signal, whatever a SignalWatch has made of it.
struct sigaction program_action(int signal) noexcept;

}  // namespace iq::detail
