// What a put says when it is refused.
#include <fmt/format.h>

#include <cstring>
#include <string>

#include "iq/error.hpp"
#include "ring/producer_ring.hpp"
#include "ring/tend.hpp"

namespace iq::detail {

void ProducerRing::refuse_size(std::uint64_t bytes) const {
  throw TooLarge(fmt::format(
      "put on {}: the item has {} bytes encoded, the limit is {}. Create the queue with "
      "Options{{.bytes_per_producer = {}}} or more; nothing was appended",
      segment().description(), bytes, max_bytes(), bytes));
}

void ProducerCore::require_usable() const {
  const auto& ring = static_cast<const ProducerRing&>(*this);
  if (closed_) {
    throw Closed(
        "put on a closed producer: nothing was appended. Get another producer before the "
        "queue is closed");
  }
  if (!ring.attachment().in_this_process()) {
    throw WrongProcess(
        fmt::format("this producer of {} was inherited through fork(): it belongs to the parent. "
                    "Hand endpoints to children with WorkerGroup::fork, or adopt() them",
                    ring.segment().description()));
  }
}

bool ProducerRing::slots_full() const noexcept {
  return tail_ + staged_ - head_ >= lane_.capacity;
}

std::string ProducerRing::full_of() const {
  return slots_full() ? fmt::format("{} items", lane_.capacity)
                      : fmt::format("{} bytes of payloads", lane_.ring_bytes);
}

void ProducerRing::refuse_own_item() const {
  throw WouldDeadlock(fmt::format(
      "put on {}: its lane is full ({}), and the oldest item is in this thread's own hands, to be "
      "acknowledged only after this put. Give the queue more {}, or ack() before put()",
      segment().description(), full_of(), slots_full() ? "capacity" : "bytes_per_producer"));
}

void ProducerRing::refuse_without_readers() const {
  throw WouldDeadlock(fmt::format(
      "put on {}: its lane is full ({}), only this process could take an item, and it has one "
      "thread. Before so many are put, take some or fork the workers that take them; or give the "
      "queue more {}",
      segment().description(), full_of(), slots_full() ? "capacity" : "bytes_per_producer"));
}

void ProducerCore::raise(Status status) const {
  const auto& ring = static_cast<const ProducerRing&>(*this);
  const std::string name = ring.segment().description();
  switch (status) {
    case Status::no_consumers:
      throw NoConsumers(
          fmt::format("put on {}: it is closed and all of its consumers have left, so "
                      "nobody would read the item. Nothing was appended",
                      name));
    case Status::stopped: {
      const Control& control = *control_;
      if (control.stop_text_state.load(std::memory_order_acquire) == 2) {
        throw Stopped(
            fmt::format("put on {}: it was stopped: {}", name,
                        std::string_view(control.stop_text,
                                         ::strnlen(control.stop_text, sizeof control.stop_text))));
      }
      throw Stopped(fmt::format("put on {}: it was stopped. Nothing was appended", name));
    }
    case Status::closed:
      throw Closed(
          fmt::format("put on {}: a signal asked its program to end, so what is queued is "
                      "finished and nothing new is taken. Nothing was appended; return",
                      name));
    default: throw Closed(fmt::format("put on {}: {}", name, to_string(status)));
  }
}

}  // namespace iq::detail
