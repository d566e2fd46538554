// What can be seen of a queue from inside.
#pragma once

#include <cstdint>

namespace iq {

/// Figures of one queue. Exact when nobody is at work, a snapshot otherwise.
struct Stats {
  std::uint64_t queued = 0;         ///< put and in nobody's hands, claimed ahead included
  std::uint64_t in_hand = 0;        ///< handed to user code and not yet acknowledged
  std::uint64_t put = 0;            ///< since the queue was created
  std::uint64_t parked = 0;         ///< parked now
  std::uint64_t dropped = 0;        ///< queued when the queue was stopped
  std::uint64_t redelivered = 0;    ///< taken out of a dead consumer's hands
  std::uint64_t repaired = 0;       ///< dead endpoints that were repaired
  std::uint64_t taken_over = 0;     ///< batches taken from slow, stopped or late consumers
  std::uint64_t parked_total = 0;   ///< parked since the queue was created
  std::uint64_t corrupt = 0;        ///< lanes and items that could not be true
  std::uint32_t producers = 0;      ///< open producers
  std::uint32_t consumers = 0;      ///< open consumers
  std::uint32_t lanes = 0;          ///< lanes that have memory
  std::int32_t last_death_pid = 0;  ///< of the endpoint that was repaired last, 0 if none
  bool closed = false;              ///< no new producers
  bool stopped = false;             ///< ended by stop()
};

namespace detail {
/// Who of a queue waits right now.
struct QueueWaits {
  std::uint32_t consumers = 0;  ///< asleep, without an item
  std::uint32_t producers = 0;  ///< asleep, without room
  std::uint64_t capacity = 0;   ///< of one producer
};
}  // namespace detail

}  // namespace iq
