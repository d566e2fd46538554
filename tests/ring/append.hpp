// One item put through the untyped producer, as the typed one does it.
#pragma once

#include <doctest/doctest.h>

#include <cstring>

#include "iq/detail/producer_core.hpp"
#include "support/process.hpp"

namespace iqtest {

/// Puts `item`, waiting for room until `deadline_ns`: in children of tests, too.
template <class T>
void append(iq::detail::ProducerCore& producer, const T& item, std::int64_t deadline_ns) {
  auto free = producer.free_slots(sizeof(T));
  if (free.count == 0) {
    require(producer.wait_for_room(deadline_ns) == iq::Status::ok, "there is room");
    free = producer.found_slots();
  }
  std::memcpy(free.first, &item, sizeof(T));
  producer.publish_until(free.position + 1);
}

}  // namespace iqtest
