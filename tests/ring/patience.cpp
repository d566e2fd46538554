// Patience: the looks between the last pause of the processor and a sleep. The second one comes
// before any look at the clock, so that "it looked again" is no matter of time here.
#include <doctest/doctest.h>

#include <deque>

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
  CHECK(waiter.wait_until_look(2, *party.segment));  // that was worth it: patient again
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
