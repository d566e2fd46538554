// Ends of batches when other calls are mixed into a loop: each of them may end the batch in which
// the loop's iterator still believes to be.
#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <random>
#include <set>
#include <thread>
#include <vector>

#include "iq/iq.hpp"
#include "support/process.hpp"

using namespace std::chrono_literals;
using iq::Status;

namespace {

using Queue = iq::IterableQueue<int>;

constexpr int kMany = 3000;

Queue filled(int count, const iq::Options& options = {}) {
  Queue queue(options);
  auto producer = queue.get_producer();
  for (int i = 0; i < count; ++i) producer.put(i);
  queue.close();
  return queue;
}

std::vector<int> numbers(int first, int count) {
  std::vector<int> result;
  for (int i = first; i < first + count; ++i) result.push_back(i);
  return result;
}

std::vector<int> drain(Queue& queue) {
  auto consumer = queue.get_consumer();
  std::vector<int> items;
  for (const int item : consumer) items.push_back(item);
  return items;
}

}  // namespace

// The slot of the batch that ack() ended belongs to another consumer's batch by then.
TEST_CASE("loop: a step after ack() does not end the same batch again") {
  Queue queue({.capacity = 1});
  auto producer = queue.get_producer();
  auto other = queue.get_consumer();
  producer.put(0);
  iqtest::Gate acked;
  iqtest::Flag go_on;
  std::vector<int> seen;
  std::atomic<int> count = 0;
  std::thread loop([&, consumer = queue.get_consumer()]() mutable {
    for (const int item : consumer) {
      seen.push_back(item);
      ++count;
      consumer.ack();
      acked.post();
      go_on.wait();
    }
  });
  acked.wait();
  producer.put(1);
  CHECK(other.get() == 1);
  go_on.set();
  // If the stamp of that item were lost, the loop would seize it within a few milliseconds.
  CHECK_FALSE(iqtest::wait_until([&] { return count != 1 || queue.stats().in_hand != 1; }, 0.06));
  other.ack();
  producer.put(2);
  producer.close();
  other.close();
  queue.close();
  loop.join();
  CHECK(seen == std::vector{0, 2});
}

TEST_CASE("loop: ack() in its body, on lanes of any size, with another consumer at it") {
  for (const std::uint64_t capacity : {1, 8, 64}) {
    Queue queue({.capacity = capacity});
    auto producer = queue.get_producer();
    std::vector<int> seen[2];
    std::vector<std::thread> loops;
    for (const bool acks : {true, false}) {
      loops.emplace_back([&, acks, consumer = queue.get_consumer()]() mutable {
        for (const int item : consumer) {
          seen[acks].push_back(item);
          if (acks) consumer.ack();
        }
      });
    }
    queue.close();
    int put = 0;
    while (put < kMany && producer.put_for(put, 5s) == Status::ok) ++put;
    CHECK(put == kMany);
    producer.close();
    for (std::thread& loop : loops) loop.join();
    seen[0].insert(seen[0].end(), seen[1].begin(), seen[1].end());
    std::ranges::sort(seen[0]);
    CHECK(seen[0] == numbers(0, kMany));
  }
}

TEST_CASE("loop: get() in its body takes the next item, and the loop goes on after that") {
  Queue queue = filled(kMany);
  auto consumer = queue.get_consumer();
  std::vector<int> seen;
  for (const int item : consumer) {
    seen.push_back(item);
    if (item % 7 == 0) {
      if (const auto next = consumer.try_get()) seen.push_back(*next);
    }
    if (item % 31 == 0) {
      for (const int next : consumer.get_some(5)) seen.push_back(next);
    }
    if (item % 5 == 0) consumer.ack();
  }
  CHECK(seen == numbers(0, kMany));
}

TEST_CASE("loop: give_back() in its body brings the item again, counted, and loses none") {
  Queue queue = filled(200);
  auto consumer = queue.get_consumer();
  std::vector<int> finished;
  for (const int item : consumer) {
    if (item % 3 == 0 && consumer.deliveries() == 1) {
      consumer.give_back();
    } else {
      CHECK(consumer.deliveries() == (item % 3 == 0 ? 2 : 1));
      finished.push_back(item);
    }
  }
  std::ranges::sort(finished);
  CHECK(finished == numbers(0, 200));
  CHECK(queue.stats().parked == 0);
}

TEST_CASE("loop: close() in its body ends it with Closed, the others get the rest") {
  Queue queue = filled(50);
  auto consumer = queue.get_consumer();
  int seen = 0;
  CHECK_THROWS_AS(
      [&] {
        for (const int item : consumer) {
          ++seen;
          if (item == 19) consumer.close();
        }
      }(),
      iq::Closed);
  CHECK(seen == 20);
  std::vector<int> rest = drain(queue);
  std::ranges::sort(rest);
  CHECK(rest == numbers(20, 30));
}

// Misuse, and the header says so; but no more than that.
TEST_CASE("loop: two iterators of one consumer, by turns, still come to the end") {
  Queue queue = filled(300);
  auto consumer = queue.get_consumer();
  auto first = consumer.begin();
  auto second = consumer.begin();
  std::set<int> seen{0};
  for (int turn = 0; first != consumer.end() && second != consumer.end(); ++turn) {
    auto& iterator = turn % 3 == 0 ? first : second;
    seen.insert(*iterator);
    ++iterator;
    REQUIRE(turn < 3000);
  }
  consumer.close();
  std::vector<int> rest = drain(queue);
  CHECK(rest.size() <= 300);
  CHECK(queue.empty());
}

TEST_CASE("loop: any calls in any order in the bodies of two loops, each item is finished once") {
  for (unsigned seed = 1; seed <= 6; ++seed) {
    Queue queue({.capacity = 16, .max_deliveries = 14});
    auto producer = queue.get_producer();
    std::vector<int> finished[2];
    std::vector<std::thread> loops;
    for (unsigned i = 0; i < 2; ++i) {
      loops.emplace_back([&, i, consumer = queue.get_consumer()]() mutable {
        std::mt19937 random(2 * seed + i);
        for (const int item : consumer) {
          const auto dice = random() % 8;
          if (dice == 0 && consumer.deliveries() < 5) {
            consumer.give_back();
            continue;
          }
          finished[i].push_back(item);
          if (dice == 1 || dice == 2) consumer.ack();
          if (dice == 2 || dice == 3) {
            if (const auto next = consumer.try_get()) finished[i].push_back(*next);
          }
          if (dice != 4) continue;
          for (const int next : consumer.get_some(1 + random() % 4)) finished[i].push_back(next);
        }
      });
    }
    queue.close();
    int put = 0;
    while (put < kMany && producer.put_for(put, 5s) == Status::ok) ++put;
    CHECK(put == kMany);
    producer.close();
    for (std::thread& loop : loops) loop.join();
    finished[0].insert(finished[0].end(), finished[1].begin(), finished[1].end());
    std::ranges::sort(finished[0]);
    CHECK_MESSAGE(finished[0] == numbers(0, kMany), "seed ", seed);
  }
}
