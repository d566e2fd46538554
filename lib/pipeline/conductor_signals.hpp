// What signals ask of a pipeline.
#pragma once

#include <optional>

#include "sys/signal_watch.hpp"

namespace iq::detail {

/// The caller's signals, as the conductor sees them. A conductor that is a process of its own
/// survives a TERM, so that one to the whole process group or service ends a pipeline in order: the
/// caller has it, too, and its word counts. One that only the conductor got is taken for the
/// caller's at the next look.
class ConductorSignals {
 public:
  /// `callers` is null where signals are the program's own business.
  ConductorSignals(SignalWatch* callers, bool in_callers_process) : callers_(callers) {
    if (callers_ != nullptr && !in_callers_process) own_.emplace(true);
  }

  /// Readable when the caller got one; -1 when nothing is watched.
  int fd() const noexcept { return callers_ != nullptr ? callers_->fd() : -1; }
  /// All since the beginning.
  const SignalsSeen& seen() const noexcept { return seen_; }

  void look() noexcept {
    if (callers_ == nullptr) return;
    const SignalsSeen now = callers_->take();
    seen_.interrupts += now.interrupts;
    seen_.terminations += now.terminations;
    if (asked_alone_ && seen_.all() == 0) ++seen_.terminations;
    asked_alone_ = own_ && own_->take().terminations != 0;
  }

 private:
  SignalWatch* callers_;
  std::optional<SignalWatch> own_;
  bool asked_alone_ = false;  // since the last look
  SignalsSeen seen_;
};

}  // namespace iq::detail
