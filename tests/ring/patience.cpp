// What a waiter does before it sleeps, and what one does that only asks. The second look comes
// before any look at the clock, so that "it looked again" is no matter of time here.
#include <doctest/doctest.h>

#include <chrono>
#include <deque>
#include <thread>

#include "ring/party.hpp"
#include "ring/wait.hpp"

using namespace iq::detail;
using iqtest::Party;

namespace {

struct Waiter {
  Patience patience;
  int looks = 0;
  /// True when it found at its look number `at` what it waited for.
  bool wait_until_look(int at, const Segment& segment, DeadlineNs deadline = kForever) {
    looks = 0;
    return patience.wait(segment, Role::consumer, deadline, [&] { return ++looks == at; });
  }
};
constexpr int kNever = 0;

}  // namespace

TEST_CASE("patience: it looks again before it sleeps") {
  const Party nobody_takes(8);
  Waiter waiter;
  CHECK(waiter.wait_until_look(1, *nobody_takes.segment));
  CHECK(waiter.wait_until_look(2, *nobody_takes.segment));
  CHECK_FALSE(waiter.wait_until_look(kNever, *nobody_takes.segment));
  CHECK(waiter.looks >= 2);
}

TEST_CASE("patience: after eight waits in vain it looks once, but for one wait in 64") {
  const Party party(8);
  Waiter waiter;
  for (int i = 0; i < 8; ++i) CHECK_FALSE(waiter.wait_until_look(kNever, *party.segment));
  for (int i = 8; i < 64; ++i) {
    CHECK_FALSE(waiter.wait_until_look(2, *party.segment));
    CHECK(waiter.looks == 1);
  }
  CHECK(waiter.wait_until_look(2, *party.segment));
  waiter.patience.rewarded();
  for (int i = 0; i < 7; ++i) CHECK_FALSE(waiter.wait_until_look(kNever, *party.segment));
  CHECK(waiter.wait_until_look(2, *party.segment));  // that was worth it: patient again
}

TEST_CASE("patience: to see what others then get is a wait in vain") {
  const Party party(8);
  Waiter waiter;
  for (int i = 0; i < 8; ++i) CHECK(waiter.wait_until_look(2, *party.segment));
  CHECK_FALSE(waiter.wait_until_look(2, *party.segment));
}

TEST_CASE("patience: it does not keep a processor from those who are waited for") {
  const Party party(8);
  std::deque<iqtest::Eater> eaters;
  while (eaters.size() < processors()) {
    CHECK_FALSE(need_all_processors(*party.segment, Role::consumer));
    eaters.emplace_back(party.segment);
  }
  CHECK(need_all_processors(*party.segment, Role::consumer));
  Waiter waiter;
  CHECK_FALSE(waiter.wait_until_look(2, *party.segment));
  CHECK(waiter.looks == 1);
  eaters.pop_back();
  CHECK(waiter.wait_until_look(2, *party.segment));
}

TEST_CASE("patience: no longer than the caller wants to wait") {
  const Party party(8);
  Waiter waiter;
  CHECK_FALSE(waiter.wait_until_look(kNever, *party.segment, now_ns()));
  CHECK(waiter.looks == 2);
}

// Sixteen asks in quick succession share a look at the clock; two of them do not.
TEST_CASE("asking: who asks twice every 2 ms looks behind a slow consumer each time") {
  Party party(8);
  party.put(0, 8);
  iqtest::Eater slow(party.segment);
  REQUIRE(slow.take(4) == 0);
  iqtest::Eater asks(party.segment);
  for (int i = 0; i < 4; ++i) REQUIRE(asks.take());
  int ticks = 0;
  while (!asks.take() && !asks.take() && ticks < 16) {
    ++ticks;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));  // what the asker does meanwhile
  }
  CHECK(asks.status == iq::Status::ok);
  CHECK(ticks <= 4);  // seen standing still, then not before 1 ms has passed
}
