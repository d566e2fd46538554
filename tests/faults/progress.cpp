// No item waits behind a slow one, whether its consumer is slow, stopped, or stopped at the worst
// moment.
#include <doctest/doctest.h>

#include <iostream>
#include <thread>

#include "faults/stage.hpp"

using namespace faults;

namespace {

using S = Stage<Fixed>;
constexpr std::uint32_t kItems = 64;
constexpr double kLimitS = 1.2;

/// A consumer that has claimed all that its speed so far lets it claim, the first item in hand.
int hold_a_batch(S& stage, iqtest::Gate& ready, iqtest::Flag& go, std::uint32_t items) {
  return stage.help([&, items](S& s, int slot) {
    RawConsumer consumer(s.name);
    s.take_batch(consumer, slot, items);
    ready.post();
    go.wait();
    while (consumer.take(1)) s.note_in_hand(consumer, slot);
  });
}

/// A fast consumer, until every item is in somebody's hands: one of them in the slow one's, the
/// rest done. Returns the seconds it took.
double rest_is_delivered(S& stage) {
  const auto start = std::chrono::steady_clock::now();
  stage.help([](S& s, int slot) { s.consume_all(slot); });
  CHECK(iqtest::wait_until([&] { return stage.ledger->count_delivered() == kItems; }));
  const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start;
  return spent.count();
}

iq::Options options() { return {.capacity = kItems, .max_deliveries = 3}; }

void end_and_judge(S& stage, const char* what, double seconds) {
  std::cout << "  " << what << ": " << seconds << " s\n";
  CHECK(seconds < kLimitS);
  stage.victim_ended.set();  // nobody is slow any more
  finish(stage);
  judge(stage);
  for (std::uint32_t id = 0; id < kItems; ++id) CHECK(stage.ledger->delivered[id] == 1);
}

}  // namespace

TEST_CASE("Progress: beside one second per item a fast consumer gets the other 63 in 1.2 s") {
  S stage("slow", options());
  stage.help([](S& s, int slot) {
    auto queue = s.open();
    auto consumer = queue.get_consumer();
    for (const Fixed& item : consumer) {
      s.ledger->receive(slot, item, consumer.deliveries());
      if (!s.victim_ended.is_set()) std::this_thread::sleep_for(1s);  // the work itself
    }
  });
  REQUIRE(iqtest::wait_until([&] { return stage.queue.consumers() == 1; }));
  stage.put(0, kItems);
  REQUIRE(iqtest::wait_until([&] { return stage.ledger->count_delivered() == 1; }));
  end_and_judge(stage, "slow", rest_is_delivered(stage));
}

TEST_CASE("Progress: of a slow consumer that had claimed all 64, a fast one gets 63 in 1.2 s") {
  S stage("claimed", options());
  stage.put(0, kItems);
  iqtest::Gate ready;
  iqtest::Flag go;
  hold_a_batch(stage, ready, go, kItems);
  ready.wait();
  const double seconds = rest_is_delivered(stage);
  go.set();
  end_and_judge(stage, "slow, all claimed", seconds);
}

// Its cursor moves between two looks of the other one: it is alive, and slow all the same.
TEST_CASE("Progress: beside 2 ms per item, all 64 claimed, one that only asks gets its share") {
  S stage("asks", options());
  stage.put(0, kItems);
  iqtest::Gate ready;
  iqtest::Flag go;
  stage.help([&](S& s, int slot) {
    RawConsumer consumer(s.name);
    s.take_batch(consumer, slot, kItems);
    ready.post();
    go.wait();
    do {
      if (!s.victim_ended.is_set()) std::this_thread::sleep_for(2ms);  // the work itself
    } while (consumer.take(1) && (s.note_in_hand(consumer, slot), true));
  });
  ready.wait();
  auto polled = iqtest::shared_counter();
  stage.help([&](S& s, int slot) {
    auto queue = s.open();
    auto consumer = queue.get_consumer();
    go.set();
    for (;;) {
      const auto item = consumer.try_get();
      if (item.status() == iq::Status::done) return;
      if (!item) {
        std::this_thread::sleep_for(1ms);
        continue;
      }
      s.ledger->receive(slot, *item, consumer.deliveries());
      ++*polled;
    }
  });
  const auto start = std::chrono::steady_clock::now();
  CHECK(iqtest::wait_until([&] { return stage.ledger->count_delivered() == kItems; }));
  const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start;
  CHECK(polled->load() > kItems / 8);
  end_and_judge(stage, "slow, all claimed, asked", spent.count());
}

TEST_CASE("Progress: of a stopped consumer that had claimed all 64, a fast one gets 63 in 1.2 s") {
  S stage("stopped", options());
  stage.put(0, kItems);
  iqtest::Gate ready;
  iqtest::Flag go;
  const int slow = hold_a_batch(stage, ready, go, kItems);
  ready.wait();
  stage.helper(slow).stop();
  const double seconds = rest_is_delivered(stage);
  stage.helper(slow).cont();
  go.set();
  end_and_judge(stage, "stopped, all claimed", seconds);
}

TEST_CASE("Progress: a claimer stopped between its claim and its stamp holds nobody up") {
  S stage("claimer", options());
  stage.put(0, kItems);
  const int late = stage.help([](S& s, int slot) {
    RawConsumer consumer(s.name);
    iqtest::kill_at("claim_after_cas", 1, iqtest::KillAction::stop);
    while (consumer.take(16)) s.note_in_hand(consumer, slot);
  });
  stage.await_stopped(late);
  const double seconds = rest_is_delivered(stage);
  stage.helper(late).cont();
  end_and_judge(stage, "claimer stopped", seconds);
}

// The worst moment for a whole lane: its producer has no room, and the oldest item is unstamped.
TEST_CASE("Progress: a stopped claimer does not keep a producer from its room for long") {
  S stage("room", {.capacity = 8});
  stage.put(0, 8);
  const int late = stage.help([](S& s, int slot) {
    RawConsumer consumer(s.name);
    iqtest::kill_at("claim_after_cas", 1, iqtest::KillAction::stop);
    while (consumer.take(8)) s.note_in_hand(consumer, slot);
  });
  stage.await_stopped(late);
  stage.help([](S& s, int slot) { s.consume_all(slot); });
  const auto start = std::chrono::steady_clock::now();
  stage.put(8, 40);
  CHECK(std::chrono::steady_clock::now() - start < 1s);
  stage.helper(late).cont();
  finish(stage);
  judge(stage);
}
