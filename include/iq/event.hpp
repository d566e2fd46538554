// What a program can be told of deaths and losses while it goes on.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include "iq/detail/api.hpp"

namespace iq {

/// What a registered endpoint of a queue is for.
enum class EndpointRole : std::uint8_t { none, producer, consumer, queue_object };

/// The role as a word, for messages and logs.
constexpr std::string_view to_string(EndpointRole role) noexcept {
  switch (role) {
    case EndpointRole::none: return "none";
    case EndpointRole::producer: return "producer";
    case EndpointRole::consumer: return "consumer";
    case EndpointRole::queue_object: return "queue_object";
  }
  return "?";
}

/// What happened. In brackets: the members of Event that speak of it.
enum class EventKind : std::uint8_t {
  repaired,     ///< a process died; this one cleaned up after it (pid, role)
  redelivered,  ///< it had an item in hand, which goes to another consumer (item_id, deliveries)
  parked,       ///< an item was handed out max_deliveries times (item_id, deliveries, in_place)
  restarted,    ///< a group replaced a worker that died (pid of the one that died)
  corrupt,      ///< shared memory says what cannot be true, of an item or its lane (item_id)
};

/// The kind as a word, for messages and logs.
constexpr std::string_view to_string(EventKind kind) noexcept {
  switch (kind) {
    case EventKind::repaired: return "repaired";
    case EventKind::redelivered: return "redelivered";
    case EventKind::parked: return "parked";
    case EventKind::restarted: return "restarted";
    case EventKind::corrupt: return "corrupt";
  }
  return "?";
}

/// One thing that happened to a queue or a worker: what a handler is told.
struct Event {
  EventKind kind = EventKind::repaired;    ///< says which of the members below count
  EndpointRole role = EndpointRole::none;  ///< what the process that died was here
  bool in_place = false;                   ///< parked where it lay: the parking area is full
  int pid = 0;                             ///< in the pid namespace of the process that it names
  std::uint32_t deliveries = 0;            ///< how often the item was handed out so far
  std::uint64_t item_id = 0;               ///< as Consumer::item_id()
  std::string_view queue{};  ///< its name, empty for an anonymous one; valid during the call
};

/// Calls `handler` for every event that this process brings about from now on; an empty function
/// ends that. Without one nothing is told, and Stats counts all the same.
///
/// Requires:  the handler uses neither the endpoint whose call it interrupts nor an object that is
///            being destroyed, and it returns. What it throws is dropped: nobody could be told.
/// Threads:   called from the thread that repairs or parks, with no lock held and no signal
///            blocked; several threads may be in it at once. Another thread may still be in the old
///            handler when this returns, so a replaced one is kept until the process ends.
/// Processes: this one only; forked children inherit it. Whoever repairs is told, nobody else.
/// If killed: an event may come twice, from two repairers of one death, or, when the only repairer
///            is killed before it tells, not at all. Of more than 48 at once the later ones are
///            not told. Stats has the counts.
IQ_API void set_event_handler(std::function<void(const Event&)> handler);

}  // namespace iq
