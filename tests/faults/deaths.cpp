// What dies with a process and what does not: one fact per case, where kill_points.cpp tries all.
#include <doctest/doctest.h>

#include "faults/stage.hpp"

using namespace faults;

namespace {

using S = Stage<Text>;

/// The queue's director has the first lane; the dead producers of these cases get the second.
iq::Options options(std::uint64_t capacity = 8) {
  return {.capacity = capacity, .bytes_per_producer = 1 << 15, .max_deliveries = 14};
}

int put_and_die(S& stage, const char* point, int nth) {
  return stage.help([=](S& s, int) {
    auto queue = s.open();
    auto producer = queue.get_producer();
    if (point != nullptr) iqtest::kill_at(point, nth);
    s.put(producer, 0, 3);
    ::raise(SIGKILL);
  });
}

void end_of_all(S& stage) {
  finish(stage);
  judge(stage);
  CHECK(stage.ledger->outcome[S::kSurvivor] == Outcome::producer_died);
}

}  // namespace

TEST_CASE("Producer: killed before it publishes, its item is absent and its space is free") {
  S stage("before", options());
  stage.await_death(put_and_die(stage, "put_before_publish", 3));
  const int eater = stage.help([](S& s, int slot) {
    auto queue = s.open();
    auto consumer = queue.get_consumer();
    s.consume(consumer, slot, 2);
    consumer.ack();
  });
  CHECK(stage.helper(eater).wait().ok());
  stage.sweep();
  {
    auto heir = stage.queue.get_producer();
    CHECK(stage.queue.stats().lanes == 2);  // it has the dead one's lane, all of it
    for (std::uint32_t id = 10; id < 18; ++id) {
      CHECK(heir.try_put(make<Text>(id)) == iq::Status::ok);
      stage.ledger->returned[id] = 1;
    }
    CHECK(heir.try_put(make<Text>(18)) == iq::Status::full);
  }
  end_of_all(stage);
  CHECK(stage.ledger->delivered[1] == 1);
  CHECK(stage.ledger->delivered[2] == 0);
}

TEST_CASE("Producer: killed between the publication and put's return, its item is delivered") {
  S stage("after", options());
  stage.await_death(put_and_die(stage, "put_after_publish", 3));
  CHECK(stage.ledger->returned[2] == 0);
  end_of_all(stage);
  CHECK(stage.ledger->delivered[2] == 1);
}

TEST_CASE("Producer: killed after put returned, its items are delivered") {
  S stage("returned", options());
  stage.await_death(put_and_die(stage, nullptr, 0));
  end_of_all(stage);
  for (std::uint32_t id = 0; id < 3; ++id) CHECK(stage.ledger->delivered[id] == 1);
}

TEST_CASE("Consumer: killed with an item in hand, that one comes again once and counts it") {
  S stage("lease", options());
  stage.put(0, 6);
  const int dead = stage.help([](S& s, int slot) {
    RawConsumer consumer(s.name);
    s.take_batch(consumer, slot, 5);
    s.take_batch(consumer, slot, 1);
    ::raise(SIGKILL);
  });
  stage.await_death(dead);
  finish(stage);
  judge(stage);
  CHECK(stage.ledger->outcome[S::kSurvivor] == Outcome::ended);
  for (std::uint32_t id = 0; id < 6; ++id) {
    CHECK(stage.ledger->delivered[id] == (id == 1 ? 2 : 1));
    CHECK(stage.ledger->blamed[id] == (id == 1 ? 1 : 0));
  }
  CHECK(stage.queue.stats().redelivered == 1);
}

TEST_CASE("Consumer: killed between acknowledgement and freeing, nothing comes again") {
  for (const char* point : {"finish_before_done", "finish_after_done"}) {
    S stage("finished", options(4));
    stage.put(0, 4);
    const int dead = stage.help([=](S& s, int slot) {
      RawConsumer consumer(s.name);
      s.take_batch(consumer, slot, 4);
      for (int i = 1; i < 4; ++i) s.take_batch(consumer, slot, 1);
      iqtest::kill_at(point);
      consumer.take(1);
    });
    CHECK(stage.helper(dead).wait().signal == SIGKILL);  // no excuse for an item in hand
    stage.sweep();
    for (std::uint32_t id = 10; id < 14; ++id) {
      CHECK_MESSAGE(stage.producer.try_put(make<Text>(id)) == iq::Status::ok, point);
      stage.ledger->returned[id] = 1;
    }
    finish(stage);
    judge(stage);
  }
}

TEST_CASE("Repair: of repairers that race for one dead consumer one runs") {
  S stage("race", options(64));
  constexpr std::uint32_t kRounds = 8;
  const auto before = stage.queue.stats().repaired;
  for (std::uint32_t round = 0; round < kRounds; ++round) {
    stage.put(round * 4, 4);
    iqtest::Child dead = iqtest::spawn([&] {
      RawConsumer consumer(stage.name);
      consumer.take(3);
      ::raise(SIGKILL);
    });
    CHECK(dead.wait().signal == SIGKILL);
    iqtest::Gate ready;
    iqtest::Flag go;
    std::array<iqtest::Child, 3> racers;
    for (iqtest::Child& racer : racers) {
      racer = iqtest::spawn([&] {
        ready.post();
        go.wait();
        stage.sweep();
      });
    }
    for (int i = 0; i < 3; ++i) ready.wait();
    go.set();
    for (iqtest::Child& racer : racers) CHECK(racer.wait().ok());
  }
  // Per round a handle and a consumer.
  CHECK(stage.queue.stats().repaired - before == 2 * kRounds);
  stage.unbooked = 1;  // all of them died with the first item in hand, and nobody wrote it down
  finish(stage);
  judge(stage);
}

TEST_CASE("End: all producers killed, sleeping consumers drain what is there and are told") {
  S stage("producers", options());
  std::vector<int> consumers;
  for (int i = 0; i < 3; ++i) {
    consumers.push_back(stage.help([](S& s, int slot) { s.consume_all(slot); }));
  }
  iqtest::Gate ready, go;
  std::vector<int> producers;
  for (std::uint32_t i = 0; i < 3; ++i) {
    producers.push_back(stage.help([&, i](S& s, int) {
      auto queue = s.open();
      auto producer = queue.get_producer();
      ready.post();
      go.wait();
      s.put(producer, 10 * i, 8);
      ::raise(SIGKILL);
    }));
  }
  for (int i = 0; i < 3; ++i) ready.wait();
  stage.producer.close();
  stage.queue.close();
  REQUIRE(iqtest::wait_until([&] { return stage.sleepers() == 3; }));
  go.post(3);
  for (const int slot : producers) stage.await_death(slot);
  const auto killed = std::chrono::steady_clock::now();
  for (const int slot : consumers) {
    CHECK(stage.helper(slot).wait().ok());
    CHECK(stage.ledger->outcome[static_cast<std::size_t>(slot)] == Outcome::producer_died);
  }
  CHECK(std::chrono::steady_clock::now() - killed < 1s);
  judge(stage);
}

namespace {

// A full lane, its producer blocked in put without a time-out, every consumer dead.
int block_a_producer(S& stage) {
  const int dead = stage.help([](S& s, int slot) {
    auto queue = s.open();
    auto consumer = queue.get_consumer();
    s.consume(consumer, slot, 1);
    ::raise(SIGKILL);
  });
  const int blocked = stage.help([](S& s, int) {
    auto queue = s.open();
    auto producer = queue.get_producer();
    try {
      for (std::uint32_t id = 0; id < 12; ++id) {
        producer.put(make<Text>(id));
        s.ledger->returned[id] = 1;
      }
    } catch (const iq::NoConsumers&) {
      return 7;
    }
    return 0;
  });
  stage.await_death(dead);
  const auto repaired = [&] { return stage.queue.consumers() == 0 && stage.producer_waits(); };
  REQUIRE(iqtest::wait_until(repaired));
  return blocked;
}

}  // namespace

TEST_CASE("End: all consumers killed, blocked producers wait and a new consumer drains all") {
  S stage("consumers", options());
  const int blocked = block_a_producer(stage);
  CHECK(!iqtest::has_ended(stage.helper(blocked).pid()));
  finish(stage);
  judge(stage);
  CHECK(stage.ledger->outcome[S::kSurvivor] == Outcome::ended);
  CHECK(stage.ledger->delivered[11] == 1);
}

TEST_CASE("End: all consumers killed and the queue closed, blocked producers get NoConsumers") {
  S stage("nobody", options());
  const int blocked = block_a_producer(stage);
  stage.producer.close();
  stage.queue.close();
  CHECK(stage.helper(blocked).wait(2).code == 7);
  iqtest::Child late = iqtest::spawn([&] { stage.consume_all(S::kSurvivor); });
  CHECK(late.wait().ok());
  judge(stage);
}
