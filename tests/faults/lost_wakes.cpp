// A wake that a death took along: sleeps are bounded, so nobody waits for it longer than that.
#include <doctest/doctest.h>

#include <algorithm>
#include <iostream>

#include "faults/stage.hpp"

using namespace faults;

namespace {

using S = Stage<Fixed>;
constexpr int kTries = 9;
constexpr double kMedianMs = 60;
constexpr double kWorstMs = 1000;  // the machine may have been busy with others

struct Times {
  std::atomic<std::int64_t> before_ns{0};
  std::atomic<std::int64_t> received_ns{0};
};

std::int64_t now() { return iq::detail::now_ns(); }

void judge_times(const char* what, std::vector<double>& ms) {
  std::sort(ms.begin(), ms.end());
  std::cout << "  " << what << ": median " << ms[ms.size() / 2] << " ms, worst " << ms.back()
            << " ms\n";
  CHECK(ms[ms.size() / 2] <= kMedianMs);
  CHECK(ms.back() <= kWorstMs);
}

/// The sleeping consumer whose next item is timed.
void receive_timed(S& stage, Times& times, int slot, std::uint32_t items) {
  auto queue = stage.open();
  auto consumer = queue.get_consumer();
  stage.consume(consumer, slot, items);
  times.received_ns = now();
  consumer.ack();
}

double elapsed_ms(const Times& times) {
  return static_cast<double>(times.received_ns - times.before_ns) / 1e6;
}

}  // namespace

TEST_CASE("Wake: a producer killed between the store and the wake, the sleeper goes on in 60 ms") {
  std::vector<double> ms;
  for (int i = 0; i < kTries; ++i) {
    S stage("lost", {.capacity = 8});
    iqtest::Shared<Times> times;
    const int sleeper = stage.help([&](S& s, int slot) { receive_timed(s, *times, slot, 1); });
    iqtest::Gate go;
    const int dead = stage.help([&](S& s, int) {
      auto queue = s.open();
      auto producer = queue.get_producer();
      iqtest::kill_at("put_after_publish");
      go.wait();
      times->before_ns = now();
      s.put(producer, 0, 1);
    });
    REQUIRE(iqtest::wait_until([&] { return stage.sleepers() == 1; }));
    go.post();
    stage.await_death(dead);
    CHECK(stage.helper(sleeper).wait().ok());
    ms.push_back(elapsed_ms(*times));
    finish(stage);
    judge(stage);
  }
  judge_times("killed before the wake", ms);
}

TEST_CASE("Wake: a consumer killed before it wakes the producer, that one goes on in 60 ms") {
  std::vector<double> ms;
  for (int i = 0; i < kTries; ++i) {
    S stage("lost", {.capacity = 2});
    iqtest::Shared<Times> times;
    const int blocked = stage.help([&](S& s, int) {
      auto queue = s.open();
      auto producer = queue.get_producer();
      s.put(producer, 0, 3);
      times->received_ns = now();
    });
    REQUIRE(iqtest::wait_until([&] { return stage.producer_waits(); }));
    const int dead = stage.help([&](S& s, int slot) {
      auto queue = s.open();
      auto consumer = queue.get_consumer();
      s.consume(consumer, slot, 1);
      iqtest::kill_at("finish_after_done");
      times->before_ns = now();
      consumer.ack();
    });
    CHECK(stage.helper(dead).wait().signal == SIGKILL);
    CHECK(stage.helper(blocked).wait().ok());
    ms.push_back(elapsed_ms(*times));
    finish(stage);
    judge(stage);
  }
  judge_times("killed before the producer's wake", ms);
}

TEST_CASE("Wake: all waiters but one killed with a wake, that one goes on in 60 ms") {
  std::vector<double> ms;
  for (int i = 0; i < kTries; ++i) {
    S stage("swallowed", {.capacity = 8});
    iqtest::Shared<Times> times;
    std::vector<int> doomed;
    for (std::uint64_t n = 1; n <= 4; ++n) {
      doomed.push_back(stage.help([](S& s, int slot) { s.consume_all(slot); }));
      REQUIRE(iqtest::wait_until([&] { return stage.sleepers() == n; }));
    }
    // Last, so that wakers choose it last.
    const int live = stage.help([&](S& s, int slot) { receive_timed(s, *times, slot, 4); });
    REQUIRE(iqtest::wait_until([&] { return stage.sleepers() == 5; }));
    // Stopped while announced: a wake that is sent to them is swallowed.
    bool all_announced = false;
    for (int tries = 0; tries < 50 && !all_announced; ++tries) {
      for (const int slot : doomed) stage.helper(slot).stop();
      all_announced = stage.sleepers() >= 4;
      if (!all_announced) {
        for (const int slot : doomed) stage.helper(slot).cont();
      }
    }
    REQUIRE(all_announced);
    times->before_ns = now();
    stage.put(0, 4);
    CHECK(now() - times->before_ns < 1'000'000'000);  // no put hangs on a waiter that is dead
    for (const int slot : doomed) stage.kill_helper(slot);
    CHECK(stage.helper(live).wait().ok());
    ms.push_back(elapsed_ms(*times));
    finish(stage);
    judge(stage);
  }
  judge_times("wakes swallowed", ms);
}
