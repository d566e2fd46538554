// An item that kills every consumer that touches it, while consumers are started again and again.
#include <doctest/doctest.h>

#include "faults/stage.hpp"

using namespace faults;

namespace {

using S = Stage<Text>;
constexpr std::uint32_t kPoison = 3;

/// Consumers one after the other, each killed by the poison, until one sees the end.
unsigned consumers_until_the_end(S& stage) {
  unsigned killed = 0;
  for (int i = 0; i < 10; ++i) {
    iqtest::Child consumer = iqtest::spawn([&] {
      auto queue = stage.open();
      auto own = queue.get_consumer();
      while (const auto item = own.get_for(bound)) {
        stage.ledger->receive(S::kSurvivor, *item, own.deliveries());
        if (item->id == kPoison) ::raise(SIGKILL);
      }
      stage.ledger->outcome[S::kSurvivor] = Outcome::ended;
    });
    const iqtest::Exit exit = consumer.wait();
    stage.note_exit(S::kSurvivor, exit);
    if (exit.ok()) return killed;
    ++killed;
  }
  return killed;
}

}  // namespace

TEST_CASE("Poison: after max_deliveries deaths it is parked, the rest completes, the end comes") {
  for (const std::uint32_t most : {1U, 3U}) {
    S stage("poison", {.capacity = 16, .max_deliveries = most});
    stage.put(0, 8);
    stage.producer.close();
    stage.queue.close();
    CHECK(consumers_until_the_end(stage) == most);
    CHECK(stage.ledger->outcome[S::kSurvivor] == Outcome::ended);
    const auto parked = stage.queue.parked();
    REQUIRE(parked.size() == 1);
    CHECK(parked[0].item.id == kPoison);
    CHECK(whole(parked[0].item));
    CHECK(parked[0].deliveries == most);
    CHECK(stage.queue.stats().parked == 1);
    for (std::uint32_t id = 0; id < 8; ++id) {
      CHECK(stage.ledger->delivered[id] == (id == kPoison ? most : 1));
    }
    judge(stage);
    CHECK(stage.queue.parked().empty());
  }
}

TEST_CASE("Poison: what was parked can be put back, by whoever repaired what made it deadly") {
  S stage("requeue", {.capacity = 16, .max_deliveries = 2});
  stage.put(0, 6);
  stage.producer.close();
  stage.queue.close();
  CHECK(consumers_until_the_end(stage) == 2);
  CHECK(stage.queue.requeue_parked() == 1);
  CHECK(stage.queue.parked().empty());
  auto consumer = stage.queue.get_consumer();
  const auto item = consumer.get_for(bound);
  REQUIRE(item);
  CHECK(item->id == kPoison);
  CHECK(consumer.deliveries() == 1);
  stage.ledger->receive(S::kVictim, *item, 1);
  stage.extra_copies = 1;
  CHECK(consumer.get_for(bound).status() == iq::Status::done);
  consumer.close();
  judge(stage);
}

TEST_CASE("Poison: several at once, held by several consumers, are parked each exactly once") {
  S stage("several", {.capacity = 64, .max_deliveries = 2});
  stage.put(0, 40);
  stage.producer.close();
  stage.queue.close();
  const auto poisonous = [](std::uint32_t id) { return id % 10 == 7; };
  // Started anew as they die, two at a time.
  std::array<iqtest::Child, 2> consumers;
  const auto start = [&](std::size_t i) {
    return iqtest::spawn([&, i] {
      auto queue = stage.open();
      auto own = queue.get_consumer();
      while (const auto item = own.get_for(bound)) {
        stage.ledger->receive(static_cast<int>(i), *item, own.deliveries());
        if (poisonous(item->id)) ::raise(SIGKILL);
      }
    });
  };
  for (std::size_t i = 0; i < 2; ++i) consumers[i] = start(i);
  std::size_t running = 2;
  while (running != 0) {
    for (std::size_t i = 0; i < 2; ++i) {
      if (consumers[i].pid() < 0 || !iqtest::gone(consumers[i].pid(), 0.002)) continue;
      const iqtest::Exit exit = consumers[i].wait();
      stage.note_exit(static_cast<int>(i), exit);
      stage.ledger->in_hand[i] = 0;
      consumers[i] = exit.ok() ? iqtest::Child() : start(i);
      if (exit.ok()) --running;
    }
  }
  const auto parked = stage.queue.parked();
  CHECK(parked.size() == 4);
  for (const auto& entry : parked) CHECK(poisonous(entry.item.id));
  judge(stage);
}

TEST_CASE("Poison: parked in place beside the copy of a killed parker, it counts and comes once") {
  S stage("twice", {.capacity = 16, .max_deliveries = 1});
  stage.put(0, 1);
  const int dead = stage.help([](S& s, int slot) {
    RawConsumer consumer(s.name);
    s.take_batch(consumer, slot, 1);
    ::raise(SIGKILL);
  });
  stage.await_death(dead);
  REQUIRE(stage.sweep());
  const int parker = stage.help([](S& s, int slot) {
    auto own = s.open();
    auto consumer = own.get_consumer();
    iqtest::kill_at("park_after_publish");
    s.consume(consumer, slot, 1);
  });
  stage.await_death(parker);
  REQUIRE(stage.sweep());
  auto consumer = stage.queue.get_consumer();
  {
    // Somebody looks at the parked items and takes his time.
    const auto busy =
        iq::detail::PinnedLock::try_lock(stage.spy->lock_file(), iq::detail::kParkingByte, 1);
    REQUIRE(busy);
    CHECK(consumer.try_get().status() == iq::Status::empty);
  }
  CHECK(stage.queue.stats().parked == 1);
  CHECK(stage.queue.requeue_parked() == 1);
  CHECK(consumer.get_for(bound)->id == 0);
  consumer.ack();
  CHECK(stage.queue.stats().parked == 0);
  CHECK(stage.queue.requeue_parked() == 0);
  CHECK(consumer.try_get().status() == iq::Status::empty);
  stage.producer.close();
  stage.queue.close();
}
