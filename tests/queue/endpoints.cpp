// Many endpoints: the limit, what comes after it, short-lived ones, one per thread, two in one.
#include <doctest/doctest.h>

#include <sys/resource.h>

#include <array>
#include <atomic>
#include <deque>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "iq/iq.hpp"
#include "support/process.hpp"

namespace {

using namespace std::chrono_literals;
using Queue = iq::IterableQueue<int>;

constexpr std::size_t kEndpoints = 1024;  // of one queue; its objects take one each

template <class F>
std::size_t get_until_refused(F get) {
  std::size_t count = 0;
  try {
    while (count < 2 * kEndpoints) {
      get();
      ++count;
    }
  } catch (const iq::TooManyEndpoints& error) {
    CHECK(std::string(error.what()).find("1024") != std::string::npos);
  }
  return count;
}

}  // namespace

TEST_CASE("endpoints: 1,024 with the queue object, then TooManyEndpoints, and all come back") {
  Queue queue({.capacity = 2});
  for (int round = 0; round < 2; ++round) {
    std::deque<iq::Producer<int>> producers;
    std::deque<iq::Consumer<int>> consumers;
    for (int i = 0; i < 500; ++i) producers.push_back(queue.get_producer());
    const auto count = get_until_refused([&] { consumers.push_back(queue.get_consumer()); });
    CHECK(count == kEndpoints - 1 - 500);
    CHECK_THROWS_AS(queue.get_producer(), iq::TooManyEndpoints);
    CHECK(queue.producers() == 500);
    CHECK(queue.consumers() == count);
    producers.pop_front();
    consumers.push_back(queue.get_consumer());  // one left, one came
    producers.back().put(round);
    CHECK(consumers.front().get() == round);
  }
  CHECK(queue.producers() == 0);
  CHECK(queue.consumers() == 0);
  CHECK(queue.stats().lanes <= 500);
}

TEST_CASE("endpoints: every producer of a full house is heard") {
  Queue queue({.capacity = 2});
  auto consumer = queue.get_consumer();
  std::deque<iq::Producer<int>> producers;
  const auto count = get_until_refused([&] { producers.push_back(queue.get_producer()); });
  CHECK(count == kEndpoints - 2);
  queue.close();
  int number = 0;
  for (auto& producer : producers) producer.put(number++);
  producers.clear();
  std::vector<bool> seen(count, false);
  for (const int item : consumer) seen.at(static_cast<std::size_t>(item)) = true;
  CHECK(std::ranges::count(seen, true) == static_cast<std::ptrdiff_t>(count));
}

TEST_CASE("endpoints: 10,000 short-lived producers leave their items and take no more memory") {
  Queue queue({.capacity = 64});
  auto consumer = queue.get_consumer();
  for (int i = 0; i < 10'000; ++i) {
    queue.get_producer().put(i);
    if (i % 32 == 31) {
      for (int k = i - 31; k <= i; ++k) REQUIRE(consumer.get().has_value());
      consumer.ack();
    }
  }
  CHECK(queue.producers() == 0);
  CHECK(queue.stats().put == 10'000);
  CHECK(queue.stats().lanes <= 33);
}

TEST_CASE("endpoints: short-lived consumers in the middle of a stream lose nothing") {
  Queue queue;
  auto producer = queue.get_producer();
  std::vector<bool> seen(3000, false);
  for (int i = 0; i < 3000; ++i) {
    producer.put(i);
    if (i % 3 == 2) {
      auto consumer = queue.get_consumer();
      for (int k = 0; k < 3; ++k) seen.at(static_cast<std::size_t>(*consumer.get())) = true;
    }
  }
  CHECK(std::ranges::count(seen, true) == 3000);
  CHECK(queue.size() == 0);
}

TEST_CASE("threads: each with its own endpoints, every item exactly once") {
  constexpr int kThreads = 8;
  constexpr int kEach = 5000;
  iq::IterableQueue<std::string> queue({.capacity = 100});
  std::vector<std::atomic<int>> seen(kThreads * kEach);
  std::vector<std::thread> threads;
  std::vector<iq::Producer<std::string>> producers;
  std::vector<iq::Consumer<std::string>> consumers;
  for (int i = 0; i < kThreads; ++i) {
    producers.push_back(queue.get_producer());
    consumers.push_back(queue.get_consumer());
  }
  queue.close();
  for (std::size_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (std::size_t i = 0; i < kEach; ++i) producers[t].put(std::to_string(t * kEach + i));
      producers[t].close();
    });
    threads.emplace_back([&, t] {
      for (const std::string& item : consumers[t]) ++seen[std::stoul(item)];
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(std::ranges::all_of(seen, [](const auto& times) { return times == 1; }));
}

TEST_CASE("threads: endpoints are got and closed at the same time from one queue object") {
  Queue queue({.capacity = 16});
  std::vector<std::thread> threads;
  std::atomic<int> put{0};
  std::atomic<int> got{0};
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 200; ++i) {
        auto producer = queue.get_producer();
        auto consumer = queue.get_consumer();
        put += producer.put_for(i, 20s) == iq::Status::ok;
        got += consumer.get_for(20s).has_value();
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(put == 800);
  CHECK(got == 800);
  CHECK(queue.size() == 0);
}

TEST_CASE("endpoints: of many producers a further one has less room, unless it was chosen") {
  const auto rooms = [](Queue& queue) {
    std::vector<int> items;
    std::deque<iq::Producer<int>> producers;
    for (int i = 0; i < 9; ++i) {
      auto& producer = producers.emplace_back(queue.get_producer());
      items.push_back(0);
      while (producer.try_put(i) == iq::Status::ok) ++items.back();
    }
    return items;
  };
  Queue by_default;
  auto consumer = by_default.get_consumer();
  const std::vector<int> items = rooms(by_default);
  for (int i = 0; i < 4; ++i) CHECK(items[i] == items[0]);
  for (int i = 4; i < 8; ++i) CHECK(items[i] == items[0] / 4);
  CHECK(items[8] == items[0] / 8);
  by_default.close();
  int count = 0;
  for ([[maybe_unused]] const int item : consumer) ++count;
  CHECK(count == std::accumulate(items.begin(), items.end(), 0));

  Queue chosen({.capacity = 1000});
  CHECK(rooms(chosen) == std::vector<int>(9, 1000));
}

TEST_CASE("feedback: a loop that puts into its own queue ends or says WouldDeadlock, never hangs") {
  for (const std::uint64_t capacity : {1U, 2U, 3U, 8U, 64U}) {
    INFO("capacity ", capacity);
    Queue queue({.capacity = capacity});
    auto producer = queue.get_producer();
    auto consumer = queue.get_consumer();
    for (std::uint64_t i = 0; i < capacity; ++i) producer.put(3);
    int handled = 0;
    bool refused = false;
    try {
      while (const auto result = consumer.try_get()) {
        ++handled;
        if (*result > 0) producer.put(*result - 1);  // the item in hand still takes its place
      }
    } catch (const iq::WouldDeadlock&) {
      refused = true;
    }
    CHECK((refused || handled == static_cast<int>(4 * capacity)));
    CHECK(refused);  // full to the brim, the first put has nowhere to go
  }
}

TEST_CASE("feedback: acknowledged before the put it works on any capacity") {
  for (const std::uint64_t capacity : {1U, 3U, 64U}) {
    Queue queue({.capacity = capacity});
    auto producer = queue.get_producer();
    auto consumer = queue.get_consumer();
    for (std::uint64_t i = 0; i < capacity; ++i) producer.put(50);
    int handled = 0;
    while (const auto result = consumer.try_get()) {
      ++handled;
      consumer.ack();
      if (*result > 0) producer.put(*result - 1);
    }
    CHECK(handled == static_cast<int>(51 * capacity));
  }
}

TEST_CASE("feedback: with room to spare it works without ack, one thread, two endpoints") {
  Queue queue({.capacity = 100});
  auto producer = queue.get_producer();
  auto consumer = queue.get_consumer();
  for (int i = 0; i < 50; ++i) producer.put(100);
  int handled = 0;
  while (const auto result = consumer.try_get()) {
    ++handled;
    if (*result > 0) producer.put(*result - 1);
  }
  CHECK(handled == 50 * 101);
}
