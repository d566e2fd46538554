// What can be chosen when a queue is created.
#pragma once

#include <cstdint>

namespace iq {

/// How often an item may reach user code when consumers die.
enum class Delivery : std::uint8_t {
  at_least_once,  ///< an item in a dead consumer's hands goes to another one
  at_most_once,   ///< it is dropped: it counts as acknowledged when it is handed out
};

/// What consumers see after a producer was killed or failed, once everything is drained.
enum class OnProducerDeath : std::uint8_t {
  fail,  ///< their loops and gets throw ProducerDied or ProducerFailed
  end,   ///< the stream ends as if the producer had closed
};

/// Options count when a queue is created; opening an existing one takes its options as they are,
/// unless `require_options` is set. All members have defaults: `{.capacity = 64}` is enough.
struct Options {
  /// Items that one producer may have put and nobody acknowledged yet. 0: 4 MiB of them, which is
  /// fastest (4 to 262,144 items). With more than four producers at a time each further one has
  /// less, down to 64 items: the fifth to eighth a quarter, the next eight an eighth, the next
  /// sixteen a sixteenth and so on (decision 0023). Of encoded types one item per 128
  /// bytes_per_producer (1,024 to 32,768), in slots of 64 bytes, for each.
  /// Each producer takes that memory; with little of it, far less will do for work of microseconds
  /// per item and more. A /dev/shm below 128 MiB gives a queue that has a name a thirty-second of
  /// its size instead of 4 MiB.
  std::uint64_t capacity = 0;
  /// Bytes for payloads that do not fit into a slot, per producer; also the largest item of an
  /// encoded type. Rounded up to a power of two. 0: 4 MiB, or less as above. Unused where T is
  /// stored in place.
  std::uint64_t bytes_per_producer = 0;
  /// An item is parked after it was handed out this often without an acknowledgement. 1..14.
  std::uint32_t max_deliveries = 3;
  /// Whether an item in a dead consumer's hands comes again.
  Delivery delivery = Delivery::at_least_once;
  /// Whether consumers are told that the stream may not be whole.
  OnProducerDeath on_producer_death = OnProducerDeath::fail;
  /// Permission bits of a named queue's file. Only users who may write can take part.
  std::uint32_t mode = 0600;
  /// Reserve the memory of `reserve_lanes` producers at creation instead of one at a time.
  std::uint32_t reserve_lanes = 0;
  /// A named queue closes when the process that created it has destroyed its queue object or is
  /// dead. Anonymous queues always do so, for the last process that holds the object.
  bool ends_with_creator = false;
  /// When opening: refuse with WrongOptions unless the existing queue has these options.
  bool require_options = false;
};

}  // namespace iq
