// Events on their way to the program's handler: noted where they happen, told where it is safe.
#pragma once

#include "iq/event.hpp"

namespace iq::detail {

/// Keeps the event until deliver_events() of the same thread; forgets it when there is no handler.
/// `event.queue` must live until then. Also inside noexcept code and under locks.
void note_event(const Event& event) noexcept;

/// Tells the handler what this thread has noted, unless an EventHold stands or the handler itself
/// is the caller. Call it where no lock is held.
void deliver_events() noexcept;

/// While it stands nothing is told; the end of the outermost one tells.
class EventHold {
 public:
  EventHold() noexcept;
  ~EventHold();
  EventHold(const EventHold&) = delete;
  EventHold& operator=(const EventHold&) = delete;
};

}  // namespace iq::detail
