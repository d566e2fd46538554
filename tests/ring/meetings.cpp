// Consumers at one batch, step by step in one process: thieves that come late with what they read
// early, nudges, and batches that must leave the rest to others.
#include <doctest/doctest.h>

#include <atomic>
#include <csignal>
#include <cstring>
#include <set>
#include <string>
#include <thread>

#include "iq/iq.hpp"
#include "ring/nudge.hpp"
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

/// What a thief has seen of the owner's batch before it acts.
struct Sight {
  Boundary lease;
  std::uint64_t limit;
};

Sight look(const Party& party, Eater& owner, Position begin) {
  const LaneView lane = party.lane();
  return {look_at(lane, begin, begin + kMaxBatch), owner.line().limit.load()};
}

/// Looks behind others as a hungry consumer does, well after the owner was first seen standing.
bool look_behind_twice(Eater& thief) {
  const std::int64_t now = now_ns();
  return thief.ring.look_behind(now) || thief.ring.look_behind(now + 2 * kStealAfterNs);
}

/// Takes everything there is by turns, each number exactly once, and says how many that were.
std::size_t drain(std::initializer_list<Eater*> eaters, std::set<Number>& seen) {
  std::size_t count = 0;
  for (bool any = true; any;) {
    any = false;
    for (Eater* eater : eaters) {
      const auto number = eater->take();
      if (!number) continue;
      any = true;
      ++count;
      CHECK_MESSAGE(seen.insert(*number).second, "twice: ", *number);
    }
  }
  return count;
}

}  // namespace

TEST_CASE("steal: a lease that became another one since it was looked at is left alone") {
  Party party(16);
  Eater owner(party.segment);
  Eater thief(party.segment);
  party.put(0, 8);
  REQUIRE(owner.take(8) == 0);
  const Sight seen = look(party, owner, 0);
  owner.ring.release(Leave::give_back);
  CHECK_FALSE(thief.ring.steal(party.lane(), seen.lease, seen.limit, 4));
  std::set<Number> all;
  CHECK(drain({&owner, &thief}, all) == 8);
}

// The cursor is announced for an orphan, the limit still is that of the batch before.
TEST_CASE("steal: a batch that is finished is left alone, whatever its owner announces just now") {
  Party party(16);
  Eater owner(party.segment);
  Eater thief(party.segment);
  party.put(0, 8);
  REQUIRE(owner.take(8) == 0);
  const Sight seen = look(party, owner, 0);
  for (Number n = 1; n < 8; ++n) REQUIRE(owner.take() == n);
  owner.ring.release(Leave::acknowledge);
  REQUIRE(party.stamp(0).state == StampState::done);
  owner.line().cursor.store(2);
  owner.line().limit.store(seen.limit);
  CHECK_FALSE(thief.ring.steal(party.lane(), seen.lease, seen.limit, 4));
  CHECK(party.stamp(4).lap == 0);
  CHECK_FALSE(thief.take());
}

TEST_CASE("steal: an owner that has come past the place keeps what it is at") {
  Party party(16);
  Eater owner(party.segment);
  Eater thief(party.segment);
  party.put(0, 8);
  REQUIRE(owner.take(8) == 0);
  const Sight seen = look(party, owner, 0);
  for (Number n = 1; n < 6; ++n) REQUIRE(owner.take() == n);
  CHECK_FALSE(thief.ring.steal(party.lane(), seen.lease, seen.limit, 4));
  std::set<Number> rest;
  CHECK(drain({&owner, &thief}, rest) == 2);
  CHECK(rest == std::set<Number>{6, 7});
}

// The thief's stamp is there before the owner knows that its batch is shorter.
TEST_CASE("give back: what a thief has by now is not given back") {
  Party party(16);
  Eater owner(party.segment);
  Eater thief(party.segment);
  party.put(0, 8);
  REQUIRE(owner.take(8) == 0);
  const Sight seen = look(party, owner, 0);
  REQUIRE(thief.ring.steal(party.lane(), seen.lease, seen.limit, 4));
  owner.ring.release(Leave::give_back);
  CHECK(party.stamp(4).state == StampState::leased);
  CHECK(party.stamp(4).owner == thief.ring.tag());
  CHECK(party.stamp(4).k == 4);
}

// What that leaves behind is a limit that is no place in the owner's batch.
// Limits of batches in two lanes must not read alike: the word of a late thief would hide that
// another one has the tail of the batch, and both would hand it out.
TEST_CASE("steal: a thief that was late for one lane does not touch the theft in another") {
  Party party(16);
  ProducerRing second(Attachment::attach(party.segment, Role::producer));
  Eater owner(party.segment);
  Eater late(party.segment);
  Eater thief(party.segment);
  party.put(0, 8);
  REQUIRE(owner.take(8) == 0);
  const Sight seen = look(party, owner, 0);  // late stops here
  for (Number n = 1; n < 8; ++n) REQUIRE(owner.take() == n);
  for (Number n = 100; n < 116; ++n) {
    iqtest::append(second, n, kNow);
  }
  REQUIRE(owner.take(16) == 100);
  // The thief has confirmed [8, 16) of lane 1 and stops before it shrinks the stamp.
  owner.line().limit.store(settled_limit(8, 1));
  CHECK_FALSE(late.ring.steal(party.lane(), seen.lease, seen.limit, 4));
  CHECK(owner.line().limit.load() == settled_limit(8, 1));
  for (Number n = 101; n < 108; ++n) CHECK(owner.take() == n);
  CHECK_FALSE(owner.take().value_or(0) >= 108);  // the rest is the thief's, or anybody's later
  std::set<Number> rest;
  CHECK(iqtest::wait_until([&] { return thief.take().has_value(); }));
  rest.insert(thief.in_hand());
  drain({&thief, &owner}, rest);
  CHECK(rest.size() == 8);
  CHECK(*rest.begin() == 108);
}

TEST_CASE("take-over: a batch that nobody may take from does not hide the one behind it") {
  Party party(16);
  Eater some(party.segment);
  Eater stopped(party.segment);
  Eater hungry(party.segment);
  party.put(0, 8);
  std::uint32_t count = 0;
  REQUIRE(some.ring.next_some(4, kAtOnce, count) == Status::ok);
  REQUIRE(count >= 2);
  REQUIRE(stopped.take(8) == count);
  REQUIRE(party.stamp(count).k >= 3);
  CHECK(hungry.ring.next(deadline_after(5s)) == Status::ok);
}

TEST_CASE("take-over: what a stopped thief has confirmed is not hidden by its owner's seal") {
  Party party(16);
  Eater owner(party.segment);
  Eater hungry(party.segment);
  party.put(0, 8);
  REQUIRE(owner.take(8) == 0);
  owner.line().limit.store(settled_limit(4, 0));  // T10, T11, and the thief stops
  std::uint32_t count = 0;
  REQUIRE(owner.ring.next_some(8, kAtOnce, count) == Status::ok);
  CHECK(owner.in_hand() == 1);
  CHECK(count == 3);
  std::set<Number> rest;
  while (hungry.ring.next(deadline_after(5s)) == Status::ok) {
    rest.insert(hungry.in_hand());
    if (rest.size() == 4) break;
  }
  CHECK(rest == std::set<Number>{4, 5, 6, 7});
}

// A busy consumer finds orphans by the attention that was raised for them, not by being hungry.
TEST_CASE("attention: what is given back comes before what is new") {
  Party party(16);
  Eater giver(party.segment);
  Eater busy(party.segment);
  party.put(0, 4);
  REQUIRE(giver.take() == 0);
  giver.ring.release(Leave::give_back);
  CHECK(busy.take() == 0);
}

TEST_CASE("attention: what a seizer freed behind its item comes before what is new") {
  Party party(16);
  Eater seizer(party.segment);
  Eater busy(party.segment);
  party.put(0, 4);
  party.lane().control->claim.store(2);  // as of a claimer that was stopped before its stamp
  REQUIRE(seizer.ring.seize(party.lane(), 0, 2));
  CHECK(busy.take() == 1);
}

TEST_CASE("attention: what a dead consumer had comes before what is new") {
  Party party(16);
  Eater busy(party.segment);
  party.put(0, 4);
  iqtest::Child dead = iqtest::spawn([&] {
    Eater eater(party.segment);
    iqtest::require(eater.take() == 0, "the first one");
    ::raise(SIGKILL);
  });
  REQUIRE(dead.wait().signal == SIGKILL);
  REQUIRE(sweep(*party.segment, 0, kMaxEndpoints) == 1);
  CHECK(busy.take() == 0);
}

TEST_CASE("idle: a consumer with nothing in hand holds up neither items nor room nor the end") {
  for (const Leave how : {Leave::acknowledge, Leave::give_back}) {
    Party party(8);
    Eater idle(party.segment);
    Eater other(party.segment);
    party.put(0, 8);
    REQUIRE(idle.take(8) == 0);
    idle.ring.release(how);
    CHECK_FALSE(idle.ring.in_hand());
    std::set<Number> got;
    CHECK(drain({&other}, got) == (how == Leave::acknowledge ? 7 : 8));
    CHECK(party.producer.wait_for_room(kAtOnce) == Status::ok);
    party.producer.close();
    close_queue(*party.segment);
    CHECK(other.ring.next(kAtOnce) == Status::done);
  }
}

TEST_CASE("nudge: the next step looks up, the batch goes on, and no thief takes the nudge away") {
  Party party(16);
  Eater owner(party.segment);
  Eater thief(party.segment);
  party.put(0, 8);
  REQUIRE(owner.take(8) == 0);
  nudge_consumers(*party.segment);
  const std::uint64_t nudged = owner.line().limit.load();
  CHECK(limit_tag(nudged) == kLimitTagMask);
  CHECK_FALSE(below_limit(1, nudged));
  CHECK_FALSE(look_behind_twice(thief));
  CHECK(owner.line().limit.load() == nudged);
  std::set<Number> all{0};
  CHECK(drain({&owner}, all) == 7);  // the queue was not stopped
}

TEST_CASE("nudge: of batches in all lanes, with done and unstamped ones before them") {
  Party party(8);
  ProducerRing second(Attachment::attach(party.segment, Role::producer));
  Eater first_owner(party.segment);
  Eater second_owner(party.segment);
  party.put(0, 6);
  REQUIRE(first_owner.take(2) == 0);
  party.lane().control->claim.fetch_add(1);  // a claimer on its way to its stamp
  REQUIRE(second_owner.take(2) == 3);
  Eater third_owner(party.segment);
  iqtest::append(second, Number{0}, kNow);
  iqtest::append(second, Number{0}, kNow);
  while (third_owner.take(2) != 0) REQUIRE(third_owner.status == Status::ok);
  nudge_consumers(*party.segment);
  for (Eater* owner : {&first_owner, &second_owner, &third_owner}) {
    CHECK(limit_tag(owner->line().limit.load()) == kLimitTagMask);
  }
}

TEST_CASE("get_some: takes no more than it gives, the rest is for others at once") {
  iq::IterableQueue<int> queue({.capacity = 1024});
  auto producer = queue.get_producer();
  auto some = queue.get_consumer();
  for (int round = 0; round < 4; ++round) {  // teaches it to claim much at a time
    for (int i = 0; i < 1000; ++i) producer.put(-1);
    for (int i = 0; i < 1000; ++i) REQUIRE(some.get() == -1);
    some.ack();
  }
  for (int i = 0; i < 100; ++i) producer.put(i);
  const std::vector<int> taken = some.get_some(10);
  CHECK(taken.size() <= 10);
  auto other = queue.get_consumer();
  std::size_t others = 0;
  while (other.try_get()) ++others;  // without any waiting, so without a take-over
  CHECK(taken.size() + others == 100);
}

// Two slots of the byte ring have to be freed: the first is a stranger's, the second our own.
TEST_CASE("put: what it waits for comes into its own thread's hands only later: WouldDeadlock") {
  const std::string name = iqtest::temp_name("own");
  iq::IterableQueue<std::string> queue(iq::create_only, name,
                                       {.capacity = 16, .bytes_per_producer = 1024});
  auto producer = queue.get_producer();
  auto stranger = queue.get_consumer();
  auto own = queue.get_consumer();
  for (int i = 0; i < 2; ++i) producer.put(std::string(400, static_cast<char>('a' + i)));
  const auto spy = Segment::open_named(name);
  iqtest::Gate has_the_first;
  std::atomic<bool> waited = false;
  std::thread helper([&] {
    const auto waits = [&] { return spy->lane(0).control->room_wait.load() != 0; };
    const auto first = stranger.get();
    has_the_first.post();
    waited = first == std::string(400, 'a') && iqtest::wait_until(waits, 5);
    stranger.ack();
  });
  has_the_first.wait();
  CHECK(own.get() == std::string(400, 'b'));
  CHECK_THROWS_AS(producer.put_for(std::string(900, 'c'), 5s), iq::WouldDeadlock);
  helper.join();
  CHECK(waited.load());
  own.ack();
  CHECK(producer.try_put(std::string(900, 'c')) == Status::ok);
  CHECK(own.get() == std::string(900, 'c'));
  own.close();
  producer.close();
  queue.close();
}
