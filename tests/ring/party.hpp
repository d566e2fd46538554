// One producer and some consumers of numbers, all in this process and untyped, so that a test can
// call any single step of any of them and look at every word.
#pragma once

#include <doctest/doctest.h>

#include <cstring>
#include <memory>
#include <optional>

#include "iq/detail/deadline.hpp"
#include "ring/append.hpp"
#include "ring/consumer_ring.hpp"
#include "ring/producer_ring.hpp"
#include "shm/segment.hpp"

namespace iqtest {

using Number = std::uint64_t;

inline std::shared_ptr<iq::detail::Segment> make_segment(std::uint64_t capacity,
                                                         std::uint32_t max_deliveries = 3) {
  iq::detail::SegmentHeader header{};
  header.capacity = capacity;
  header.slot_bytes = sizeof(Number);
  header.type_bytes = sizeof(Number);
  header.in_place = 1;
  header.max_deliveries = max_deliveries;
  return iq::detail::Segment::create_anonymous(header);
}

/// A consumer that hands out numbers.
class Eater {
 public:
  explicit Eater(const std::shared_ptr<iq::detail::Segment>& segment)
      : ring(iq::detail::Attachment::attach(segment, iq::detail::Role::consumer)) {}

  /// The next number, out of a new batch of `want` when one has to be claimed. Never waits.
  std::optional<Number> take(std::uint32_t want = 1) {
    status = ring.next_for(want, iq::detail::kAtOnce);
    if (status != iq::Status::ok) return std::nullopt;
    return in_hand();
  }
  Number in_hand() const {
    Number number;
    std::memcpy(&number, ring.item(ring.position()), sizeof number);
    return number;
  }
  iq::detail::EndpointLine& line() { return ring.segment().endpoint(ring.attachment().index()); }

  iq::detail::ConsumerRing ring;
  iq::Status status = iq::Status::ok;
};

class Party {
 public:
  explicit Party(std::uint64_t capacity, std::uint32_t max_deliveries = 3)
      : segment(make_segment(capacity, max_deliveries)) {}

  void put(Number first, Number count) {
    for (Number number = first; number < first + count; ++number) {
      append(producer, number, iq::detail::kNow);
    }
  }
  iq::detail::LaneView lane() const { return segment->lane(0); }
  iq::detail::Stamp stamp(iq::detail::Position position) const {
    return iq::detail::Stamp::unpack(lane().stamp(position).load());
  }

  std::shared_ptr<iq::detail::Segment> segment;
  iq::detail::Attachment keeper = iq::detail::Attachment::attach(segment, iq::detail::Role::handle);
  iq::detail::ProducerRing producer{
      iq::detail::Attachment::attach(segment, iq::detail::Role::producer)};
};

}  // namespace iqtest
