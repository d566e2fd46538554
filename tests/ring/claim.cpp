// Claims over a real segment: their sizes, and what others left in the claim word.
#include <doctest/doctest.h>

#include <chrono>
#include <cstring>
#include <vector>

#include "iq/detail/deadline.hpp"
#include "iq/error.hpp"
#include "ring/append.hpp"
#include "ring/consumer_ring.hpp"
#include "ring/producer_ring.hpp"
#include "ring/wait.hpp"
#include "support/process.hpp"

using namespace iq::detail;
using namespace std::chrono_literals;
using iq::Status;

namespace {

std::shared_ptr<Segment> make_segment(std::uint64_t capacity) {
  SegmentHeader header{};
  header.capacity = capacity;
  header.slot_bytes = sizeof(std::uint64_t);
  header.in_place = 1;
  header.max_deliveries = 3;
  return Segment::create_anonymous(header);
}

struct Fixture {
  explicit Fixture(std::uint64_t capacity) : segment(make_segment(capacity)) {}

  void put(std::uint64_t value) { iqtest::append(producer, value, kNow); }
  std::uint64_t in_hand() const {
    std::uint64_t value;
    std::memcpy(&value, consumer.item(consumer.position()), sizeof value);
    return value;
  }
  LaneView lane() const { return segment->lane(0); }

  std::shared_ptr<Segment> segment;
  Attachment keeper = Attachment::attach(segment, Role::handle);
  ProducerRing producer{Attachment::attach(segment, Role::producer)};
  ConsumerRing consumer{Attachment::attach(segment, Role::consumer)};
};

}  // namespace

TEST_CASE("claim: a batch never crosses the end of the ring, and no item is skipped there") {
  Fixture f(8);
  std::uint64_t next_put = 0;
  std::uint64_t next_got = 0;
  for (int round = 0; round < 50; ++round) {
    const int count = round % 8 + 1;
    for (int i = 0; i < count; ++i) f.put(next_put++);
    while (next_got != next_put) {
      std::uint32_t some = 0;
      REQUIRE(f.consumer.next_some(5, kNow, some) == Status::ok);
      REQUIRE(some >= 1);
      const Position first = f.consumer.position();
      CHECK((first & 7) + some <= 8);
      for (std::uint32_t i = 0; i < some; ++i) {
        std::uint64_t value;
        std::memcpy(&value, f.consumer.item(first + i), sizeof value);
        CHECK(value == next_got++);
      }
    }
    f.consumer.release(Leave::acknowledge);
  }
}

TEST_CASE("claim: what a claimer took and never stamped comes to a hungry consumer") {
  Fixture f(16);
  for (std::uint64_t i = 0; i < 6; ++i) f.put(i);
  f.lane().control->claim.store(3);  // as of a claimer that was stopped before its stamp
  std::vector<std::uint64_t> got;
  for (int i = 0; i < 6; ++i) {
    REQUIRE(f.consumer.next(deadline_after(10s)) == Status::ok);
    got.push_back(f.in_hand());
  }
  std::ranges::sort(got);
  CHECK(got == std::vector<std::uint64_t>{0, 1, 2, 3, 4, 5});
}

TEST_CASE("claim: visible work behind an unstamped position neither spins for ever nor is lost") {
  Fixture f(16);
  for (std::uint64_t i = 0; i < 2; ++i) f.put(i);
  f.lane().control->claim.store(2);
  raise_attention(*f.segment, f.lane());  // somebody gave back what lies behind it
  const auto start = std::chrono::steady_clock::now();
  const Status first = f.consumer.next(deadline_after(10s));
  CHECK(std::chrono::steady_clock::now() - start < 5s);
  REQUIRE(first == Status::ok);
  CHECK(f.consumer.next(deadline_after(10s)) == Status::ok);
  CHECK(f.consumer.next(deadline_after(1ms)) == Status::timeout);
}

TEST_CASE("claim: positions that cannot be true end in a time-out, not in a loop") {
  for (const std::uint64_t tail : {std::uint64_t{1} << 40, UINT64_MAX, std::uint64_t{17}}) {
    Fixture f(16);
    f.put(1);
    f.lane().control->tail.store(tail);
    CHECK(f.consumer.next(deadline_after(50ms)) == Status::timeout);
    CHECK(f.consumer.next(kNow) == Status::empty);
    f.lane().control->tail.store(1);
    CHECK(f.consumer.next(deadline_after(10s)) == Status::ok);
    CHECK(f.in_hand() == 1);
  }
}

TEST_CASE("claim: a stamp of garbage in the lane's middle costs no time-out and no crash") {
  Fixture f(16);
  for (std::uint64_t i = 0; i < 4; ++i) f.put(i);
  REQUIRE(f.consumer.next(kNow) == Status::ok);
  for (const std::uint64_t word : {UINT64_MAX, std::uint64_t{0x1234'5678'9abc'def0}}) {
    f.lane().stamp(2).store(word);
    for (int i = 0; i < 8; ++i) (void)f.consumer.next(deadline_after(1ms));
  }
  CHECK(f.consumer.next(deadline_after(5ms)) != Status::done);
}

TEST_CASE("claim: a cursor that a stranger wrote does not stretch the batch beyond its claim") {
  for (const std::uint64_t cursor :
       {UINT64_MAX, kInHand | 3, kInHand | 2, std::uint64_t{1} << 40}) {
    for (const bool steps : {false, true}) {
      Fixture f(16);
      for (std::uint64_t i = 0; i < 8; ++i) f.put(i);
      REQUIRE(f.consumer.next_for(2, kNow) == Status::ok);  // [0, 2)
      f.segment->endpoint(f.consumer.attachment().index()).cursor.store(cursor);
      if (!steps) f.consumer.release(Leave::acknowledge);
      REQUIRE(f.consumer.next(kNow) == Status::ok);  // of another batch: that one was over
      const Stamp first = Stamp::unpack(f.lane().stamp(0).load());
      CHECK(first.state == StampState::done);
      CHECK(first.k == 2);
      CHECK(f.in_hand() == 2);
    }
  }
}
