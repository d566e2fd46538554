// The passing on of a wake, step by step in one process.
#include <doctest/doctest.h>

#include <optional>
#include <thread>

#include "ring/party.hpp"
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

/// An orphan that can be seen and not be had: the position before it is claimed and not stamped.
void show_what_nobody_can_take(Party& party) {
  party.put(0, 2);
  const LaneView lane = party.lane();
  const Position second = lane.control->tail.load() - 1;
  lane.control->claim.store(second + 1);
  lane.stamp(second).store(pack_stamp(lane.lap(second), 0, 0, StampState::orphan));
  raise_attention(*party.segment, lane);
}

}  // namespace

TEST_CASE("wake: who was chosen and leaves without an item passes the wake on, once") {
  for (int tries = 0;; ++tries) {
    REQUIRE(tries < 100);
    Party party(8);
    Eater chosen(party.segment);
    Eater other(party.segment);
    const std::int64_t hungry_since = now_ns();
    CHECK_FALSE(chosen.take());  // knows the lane from here on
    REQUIRE(chosen.ring.attachment().index() < other.ring.attachment().index());
    {
      ConsumerSleep asleep(*party.segment, other.ring.attachment().index());
      if (!sleep_and_be_chosen(party, chosen, other)) continue;
      asleep.withdraw();  // so that the put wakes nobody
    }
    show_what_nobody_can_take(party);
    std::optional<ConsumerSleep> asleep;
    asleep.emplace(*party.segment, other.ring.attachment().index());
    const bool took = chosen.take().has_value();
    // On a busy machine it has been hungry for so long that it may seize what was not stamped.
    if (now_ns() - hungry_since >= kSeizeAfterNs) continue;
    CHECK_FALSE(took);
    CHECK(chosen.status == iq::Status::empty);
    CHECK_FALSE(announced(party, other));
    asleep.emplace(*party.segment, other.ring.attachment().index());
    const bool took_again = chosen.take().has_value();
    if (now_ns() - hungry_since >= kSeizeAfterNs) continue;
    CHECK_FALSE(took_again);
    CHECK(announced(party, other));  // nothing was owed any more
    return;
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
    break;
  }
  show_what_nobody_can_take(party);
  ConsumerSleep asleep(*party.segment, other.ring.attachment().index());
  CHECK_FALSE(chosen.take());
  CHECK(announced(party, other));
}
