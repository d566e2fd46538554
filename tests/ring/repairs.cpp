// Words that a stranger has overwritten: repair ends, consumers go on, nobody reads or writes
// outside.
#include <doctest/doctest.h>

#include <csignal>
#include <random>
#include <set>

#include "iq/iq.hpp"
#include "ring/parking.hpp"
#include "ring/party.hpp"
#include "ring/tend.hpp"
#include "support/process.hpp"

using namespace iq::detail;
using namespace std::chrono_literals;
using iq::Status;
using iqtest::Eater;
using iqtest::Number;
using iqtest::Party;

namespace {

/// A word of the position's lap in a state that there is not, the rest at random.
std::uint64_t garbage(const LaneView& lane, Position position, std::uint32_t state,
                      std::mt19937_64& random) {
  const std::uint64_t noise = random() & 0xfff'fff0;
  return lane.lap(position) << 28 | noise | state;
}

/// A process that claims `count` items, has the first in hand and is killed.
void die_with_a_batch(const std::shared_ptr<Segment>& segment, std::uint32_t count) {
  iqtest::Child dead = iqtest::spawn([&] {
    Eater eater(segment);
    iqtest::require(eater.take(count).has_value(), "there is something to claim");
    ::raise(SIGKILL);
  });
  REQUIRE(dead.wait().signal == SIGKILL);
}

/// Everything that a single hungry consumer gets, up to the end of the stream.
std::multiset<Number> drain_to_the_end(const std::shared_ptr<Segment>& segment) {
  std::multiset<Number> numbers;
  Eater eater(segment);
  for (;;) {
    const Status status = eater.ring.next(iq::detail::deadline_after(3s));
    if (status == Status::ok) {
      numbers.insert(eater.in_hand());
      continue;
    }
    CHECK(status == Status::done);
    return numbers;
  }
}

constexpr std::uint32_t kNoStates[] = {0, 7, 8, 9, 10, 11, 12, 13, 14, 15};
const std::multiset<Number> kEight{0, 1, 2, 3, 4, 5, 6, 7};

/// A full lane of four, all claimed by somebody who did not get to the stamps.
void claim_without_stamps(Party& party, std::mt19937_64& random) {
  party.put(0, 4);
  const LaneView lane = party.lane();
  lane.control->claim.store(4);
  for (Position p = 0; p < 4; ++p) lane.stamp(p).store(garbage(lane, p, 9, random));
}

}  // namespace

TEST_CASE("repair: a dead consumer's stamp overwritten by a state that there is not") {
  std::mt19937_64 random(11);
  for (const std::uint32_t state : kNoStates) {
    CAPTURE(state);
    Party party(8);
    party.put(0, 8);
    die_with_a_batch(party.segment, 5);
    party.lane().stamp(0).store(garbage(party.lane(), 0, state, random));
    CHECK(sweep(*party.segment, 0, kMaxEndpoints) == 1);
    party.producer.close();
    close_queue(*party.segment);
    CHECK(drain_to_the_end(party.segment) == kEight);
  }
}

TEST_CASE("repair: such words in the middle of what is claimed, stamped and not") {
  std::mt19937_64 random(12);
  for (const std::uint32_t state : kNoStates) {
    CAPTURE(state);
    Party party(8);
    party.put(0, 8);
    die_with_a_batch(party.segment, 2);
    die_with_a_batch(party.segment, 3);
    const LaneView lane = party.lane();
    lane.stamp(3).store(garbage(lane, 3, state, random));  // inside the second one's batch
    lane.control->claim.store(7);                          // two more, by a claimer that died early
    lane.stamp(5).store(garbage(lane, 5, state, random));
    CHECK(sweep(*party.segment, 0, kMaxEndpoints) == 2);
    party.producer.close();
    close_queue(*party.segment);
    CHECK(drain_to_the_end(party.segment) == kEight);
  }
}

TEST_CASE("hunger: such a word where nobody died is seized, and the stream ends") {
  std::mt19937_64 random(13);
  for (const std::uint32_t state : kNoStates) {
    CAPTURE(state);
    Party party(8);
    party.put(0, 8);
    const LaneView lane = party.lane();
    lane.control->claim.store(3);
    for (Position p = 0; p < 3; ++p) lane.stamp(p).store(garbage(lane, p, state, random));
    party.producer.close();
    close_queue(*party.segment);
    CHECK(drain_to_the_end(party.segment) == kEight);
  }
}

TEST_CASE("room: a producer frees a head with such a word too") {
  std::mt19937_64 random(14);
  Party party(4);
  claim_without_stamps(party, random);
  CHECK(iqtest::wait_until([&] {
    const auto deadline = iq::detail::deadline_after(40ms);
    REQUIRE(party.producer.wait_for_room(deadline) == Status::timeout);
    return party.stamp(0).state == StampState::orphan;
  }));
}

TEST_CASE("room: a producer that only asks frees such a head, too") {
  std::mt19937_64 random(15);
  Party party(4);
  claim_without_stamps(party, random);
  CHECK(iqtest::wait_until([&] {
    REQUIRE(party.producer.wait_for_room(iq::detail::kAtOnce) == Status::full);
    return party.stamp(0).state == StampState::orphan;
  }));
}

TEST_CASE("parking: an entry whose size was overwritten is not shown and not copied anywhere") {
  for (const std::uint32_t bytes : {0U, 7U, 15U, 17U, 25U, 4096U, 1U << 19, 1U << 30, UINT32_MAX}) {
    CAPTURE(bytes);
    Party party(2, 1);
    party.put(7, 1);
    Eater eater(party.segment);
    REQUIRE(eater.take() == 7);
    eater.ring.release(Leave::give_back);
    REQUIRE(count_parked(*party.segment) == 1);
    const LaneView parking = party.segment->parking();
    SlotHeader header;
    std::memcpy(&header, parking.slot(0), sizeof header);
    header.bytes = bytes;
    std::memcpy(parking.slot(0), &header, sizeof header);
    std::uint32_t shown = 0;
    visit_parked(*party.segment, [&](const ParkedBytes&) { return ++shown != 0; });
    CHECK(shown == 0);
    party.put(8, 2);  // the queue itself goes on
    CHECK(eater.take() == 8);
    CHECK(eater.take() == 9);
  }
}

TEST_CASE("parking: with a ruined entry beside it, requeue and drop keep to the whole ones") {
  const std::string name = iqtest::temp_name("ruined");
  iq::IterableQueue<Number> queue(iq::create_only, name, {.capacity = 4, .max_deliveries = 1});
  auto producer = queue.get_producer();
  auto consumer = queue.get_consumer();
  for (Number n = 0; n < 2; ++n) {
    producer.put(n);
    REQUIRE(consumer.get() == n);
    consumer.give_back();
  }
  REQUIRE(queue.parked().size() == 2);
  const auto spy = Segment::open_named(name);
  SlotHeader header;
  std::memcpy(&header, spy->parking().slot(1), sizeof header);
  header.bytes += 4000;
  std::memcpy(spy->parking().slot(1), &header, sizeof header);
  const auto left = queue.parked();
  REQUIRE(left.size() == 1);
  CHECK(left[0].item == 0);
  CHECK(queue.requeue_parked() == 1);
  CHECK(consumer.get() == 0);
  consumer.ack();
  CHECK(queue.parked().empty());
  iq::remove(name);
}
