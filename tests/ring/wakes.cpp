// Who wakes whom, and the passing on of a wake, step by step in one process.
#include <doctest/doctest.h>

#include <csignal>
#include <thread>

#include "ring/party.hpp"
#include "ring/tend.hpp"
#include "ring/wait.hpp"
#include "support/process.hpp"

using namespace iq::detail;
using iqtest::Eater;
using iqtest::Party;

namespace {

bool announced(const Party& party, const Eater& eater) {
  const std::uint32_t endpoint = const_cast<Eater&>(eater).ring.attachment().index();
  const std::uint64_t word = party.segment->control().waiters[endpoint / 64].load();
  return (word >> endpoint % 64 & 1) != 0;
}

/// `chosen` sleeps and is woken as the one that a put chose. False when its own time-out was
/// faster: then the wake was the other's, or nobody's.
bool sleep_and_be_chosen(Party& party, Eater& chosen, const Eater& other) {
  std::thread sleeper([&] { chosen.ring.sleep_once(kForever, now_ns(), 6, false); });
  const bool in_time = iqtest::wait_until([&] { return announced(party, chosen); }, 0.02);
  if (in_time) wake_one_consumer(*party.segment);
  sleeper.join();
  return in_time && announced(party, other);
}

/// Work that can be seen and not be had, however long somebody has been hungry: a tail that cannot
/// be true.
void show_what_nobody_can_take(Party& party) {
  party.lane().control->tail.store(std::uint64_t{1} << 40);
}

/// Whether `chosen` gets nothing. Who has been hungry for 5 ms, on a machine that is busy, may
/// seize even that: then it is finished, and false.
bool finds_nothing(Eater& chosen) {
  if (!chosen.take()) return true;
  do chosen.ring.release(Leave::acknowledge);
  while (chosen.take());
  return false;
}

}  // namespace

TEST_CASE("wake: a sleeper whose bit a waker cleared before it died can be chosen again") {
  Party party(8);
  Eater eater(party.segment);
  std::thread sleeper([&] { eater.status = eater.ring.next_for(1, kForever); });
  CHECK(iqtest::wait_until([&] { return announced(party, eater); }));
  const std::uint32_t endpoint = eater.ring.attachment().index();
  for (int deaths = 0; deaths < 3; ++deaths) {
    party.segment->control().waiters[endpoint / 64].fetch_and(~(std::uint64_t{1} << endpoint % 64));
    CHECK(iqtest::wait_until([&] { return announced(party, eater); }));
  }
  party.put(7, 1);
  sleeper.join();
  REQUIRE(eater.status == iq::Status::ok);
  CHECK(eater.in_hand() == 7);
}

TEST_CASE("wake: who was chosen and leaves without an item passes the wake on, once") {
  Party party(8);
  Eater chosen(party.segment);
  Eater other(party.segment);
  CHECK_FALSE(chosen.take());  // knows the lane from here on
  REQUIRE(chosen.ring.attachment().index() < other.ring.attachment().index());
  for (int tries = 0;; ++tries) {
    REQUIRE(tries < 100);
    ConsumerSleep asleep(*party.segment, other.ring.attachment().index());
    if (!sleep_and_be_chosen(party, chosen, other)) continue;
    asleep.withdraw();  // so that the put wakes nobody
    show_what_nobody_can_take(party);
    {
      ConsumerSleep again(*party.segment, other.ring.attachment().index());
      if (!finds_nothing(chosen)) continue;
      CHECK(chosen.status == iq::Status::empty);
      CHECK_FALSE(announced(party, other));
    }
    ConsumerSleep still(*party.segment, other.ring.attachment().index());
    if (!finds_nothing(chosen)) continue;
    CHECK(announced(party, other));  // nothing was owed any more
    break;
  }
}

TEST_CASE("wake: who was chosen and takes the item owes nothing") {
  Party party(8);
  Eater chosen(party.segment);
  Eater other(party.segment);
  CHECK_FALSE(chosen.take());  // knows the lane from here on
  for (int tries = 0;; ++tries) {
    REQUIRE(tries < 100);
    ConsumerSleep asleep(*party.segment, other.ring.attachment().index());
    if (!sleep_and_be_chosen(party, chosen, other)) continue;
    asleep.withdraw();  // so that the put wakes nobody
    party.put(7, 1);
    CHECK(chosen.take() == 7);
    chosen.ring.release(Leave::acknowledge);
    show_what_nobody_can_take(party);
    ConsumerSleep again(*party.segment, other.ring.attachment().index());
    if (!finds_nothing(chosen)) continue;
    CHECK(announced(party, other));
    break;
  }
}

TEST_CASE(
    "wake: who takes a part of what is there wakes the next one, who takes the last does not") {
  Party party(8);
  Eater taker(party.segment);
  Eater asleep(party.segment);
  party.put(0, 2);
  ConsumerSleep sleep(*party.segment, asleep.ring.attachment().index());
  CHECK(taker.take() == 0);
  CHECK_FALSE(announced(party, asleep));
  ConsumerSleep again(*party.segment, asleep.ring.attachment().index());
  CHECK(taker.take() == 1);
  CHECK(announced(party, asleep));
}

TEST_CASE("wake: closing wakes everybody, consumers and who waits for room") {
  Party party(8);
  Eater first(party.segment);
  Eater second(party.segment);
  const LaneView lane = party.lane();
  ConsumerSleep one(*party.segment, first.ring.attachment().index());
  ConsumerSleep other(*party.segment, second.ring.attachment().index());
  lane.control->room_wait.store(1);
  REQUIRE(close_queue(*party.segment));
  CHECK_FALSE(announced(party, first));
  CHECK_FALSE(announced(party, second));
  CHECK(lane.control->room_wait.load() == 0);
}

TEST_CASE("wake: what is given back wakes a consumer") {
  Party party(8);
  Eater giver(party.segment);
  Eater asleep(party.segment);
  party.put(0, 1);
  REQUIRE(giver.take() == 0);
  ConsumerSleep sleep(*party.segment, asleep.ring.attachment().index());
  giver.ring.release(Leave::give_back);
  CHECK_FALSE(announced(party, asleep));
}

TEST_CASE("wake: a producer is woken by who finishes the item that it waits for, and by no other") {
  Party party(8);
  Eater eater(party.segment);
  party.put(0, 2);
  Shared<std::uint64_t>& room_wait = party.lane().control->room_wait;
  room_wait.store(2);  // for the second one
  REQUIRE(eater.take() == 0);
  eater.ring.release(Leave::acknowledge);
  CHECK(room_wait.load() == 2);
  REQUIRE(eater.take() == 1);
  CHECK(room_wait.load() == 2);
  eater.ring.release(Leave::acknowledge);
  CHECK(room_wait.load() == 0);
}

TEST_CASE("wake: a repair wakes everybody") {
  Party party(8);
  Eater asleep(party.segment);
  iqtest::Child dead = iqtest::spawn([&] {
    const Eater eater(party.segment);
    ::raise(SIGKILL);
  });
  REQUIRE(dead.wait().signal == SIGKILL);
  ConsumerSleep sleep(*party.segment, asleep.ring.attachment().index());
  party.lane().control->room_wait.store(1);
  REQUIRE(sweep(*party.segment, 0, kMaxEndpoints) == 1);
  CHECK_FALSE(announced(party, asleep));
  CHECK(party.lane().control->room_wait.load() == 0);
}
