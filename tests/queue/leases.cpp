// An item in hand: acknowledged, given back, counted, parked.
#include <doctest/doctest.h>

#include <algorithm>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "iq/iq.hpp"
#include "support/process.hpp"

namespace {

using Queue = iq::IterableQueue<int>;

/// A closed queue with the items 0, 1, … and nobody at it.
Queue filled(int count, iq::Options options = {}) {
  Queue queue(options);
  auto producer = queue.get_producer();
  for (int i = 0; i < count; ++i) producer.put(i);
  producer.close();
  queue.close();
  return queue;
}

std::vector<int> drain(Queue& queue) {
  auto consumer = queue.get_consumer();
  std::vector<int> items;
  for (const int item : consumer) items.push_back(item);
  return items;
}

/// Takes the first item and gives it back until the queue has parked it.
void poison(Queue& queue, std::uint32_t times) {
  for (std::uint32_t i = 1; i <= times; ++i) {
    auto consumer = queue.get_consumer();
    REQUIRE(consumer.get() == 0);
    CHECK(consumer.deliveries() == i);
    consumer.give_back();
  }
}

}  // namespace

TEST_CASE("loop: left by break or return, the item in hand is acknowledged") {
  Queue queue = filled(5);
  {
    auto consumer = queue.get_consumer();
    for (const int item : consumer) {
      if (item == 1) break;
    }
    CHECK(queue.stats().in_hand == 0);
    [&] {
      for (const int item : consumer) {
        if (item == 2) return;
      }
    }();
    CHECK(queue.stats().in_hand == 0);
  }
  CHECK(drain(queue) == std::vector{3, 4});
}

TEST_CASE("loop: an exception out of the body gives the item back, the count goes up") {
  Queue queue = filled(3);
  auto consumer = queue.get_consumer();
  CHECK_THROWS_AS(
      [&] {
        for (const int item : consumer) {
          if (item == 1) throw std::runtime_error("cannot");
        }
      }(),
      std::runtime_error);
  CHECK(queue.stats().in_hand == 0);
  CHECK(queue.size() == 2);
  std::vector<std::pair<int, std::uint32_t>> seen;
  for (const int item : consumer) seen.emplace_back(item, consumer.deliveries());
  std::ranges::sort(seen);
  CHECK(seen == std::vector<std::pair<int, std::uint32_t>>{{1, 2}, {2, 1}});
}

TEST_CASE("get: an exception that unwinds the consumer gives the item back") {
  Queue queue = filled(2);
  try {
    auto consumer = queue.get_consumer();
    CHECK(consumer.get() == 0);
    throw 1;
  } catch (int) {
  }
  CHECK(queue.size() == 2);
  auto consumer = queue.get_consumer();
  std::multiset<int> items;
  while (const auto item = consumer.get()) items.insert(*item);
  CHECK(items == std::multiset<int>{0, 1});
}

TEST_CASE("get: a consumer made and used while an exception unwinds acknowledges normally") {
  Queue queue = filled(3);
  struct CleanUp {
    Queue& queue;
    ~CleanUp() {
      auto consumer = queue.get_consumer();
      (void)consumer.get();
    }
  };
  try {
    const CleanUp clean_up{queue};
    throw 1;
  } catch (int) {
  }
  CHECK(drain(queue) == std::vector{1, 2});
}

TEST_CASE("ack and give_back: with nothing in hand they do nothing, twice is once") {
  Queue queue = filled(3);
  auto consumer = queue.get_consumer();
  consumer.ack();
  consumer.give_back();
  CHECK(consumer.get() == 0);
  consumer.ack();
  consumer.ack();
  consumer.give_back();
  CHECK(queue.size() == 2);
  CHECK(consumer.get() == 1);
  consumer.give_back();
  consumer.give_back();
  CHECK(queue.size() == 2);
  std::vector<int> rest;
  while (const auto item = consumer.get()) rest.push_back(*item);
  std::ranges::sort(rest);
  CHECK(rest == std::vector{1, 2});
}

TEST_CASE("item_id: one per item, the same after a redelivery, different between lanes") {
  Queue queue;
  auto first = queue.get_producer();
  auto second = queue.get_producer();
  for (int i = 0; i < 100; ++i) {
    first.put(i);
    second.put(100 + i);
  }
  auto consumer = queue.get_consumer();
  REQUIRE(consumer.get());
  const std::uint64_t id = consumer.item_id();
  const auto again = *consumer.get_for(std::chrono::seconds(0));
  consumer.give_back();
  std::set<std::uint64_t> ids{id};
  first.close();
  second.close();
  queue.close();
  int redelivered = 0;
  for (const int item : consumer) {
    CHECK(ids.insert(consumer.item_id()).second);
    if (consumer.deliveries() == 2) {
      CHECK(item == again);
      ++redelivered;
    }
  }
  CHECK(ids.size() == 200);
  CHECK(redelivered == 1);
}

TEST_CASE("give_back of get_some: what was in hand comes again counted, the others uncounted") {
  Queue queue = filled(12);
  auto consumer = queue.get_consumer();
  auto some = consumer.get_some(4);
  while (some.size() < 2) some = consumer.get_some(4);
  consumer.give_back();
  std::set<int> given_back(some.begin(), some.end());
  const int first = some.front();
  int seen = 0;
  for (const int item : consumer) {
    CHECK(item >= first);
    CHECK(consumer.deliveries() == (given_back.contains(item) ? 2 : 1));
    ++seen;
  }
  CHECK(seen == 12 - first);
}

TEST_CASE("max_deliveries: then the item is parked, the stream goes on and ends") {
  for (const std::uint32_t most : {1U, 3U, 14U}) {
    Queue queue = filled(4, {.max_deliveries = most});
    poison(queue, most);
    CHECK(drain(queue) == std::vector{1, 2, 3});
    const auto parked = queue.parked();
    REQUIRE(parked.size() == 1);
    CHECK(parked[0].item == 0);
    CHECK(parked[0].deliveries == most);
    CHECK(queue.stats().parked == 1);
    CHECK(queue.size() == 0);
  }
}

TEST_CASE("parked items: looked at as often as one likes, dropped once") {
  Queue queue = filled(2, {.max_deliveries = 1});
  poison(queue, 1);
  CHECK(drain(queue) == std::vector{1});
  CHECK(queue.parked().size() == 1);
  CHECK(queue.parked().size() == 1);
  CHECK(queue.drop_parked() == 1);
  CHECK(queue.drop_parked() == 0);
  CHECK(queue.parked().empty());
  CHECK(queue.stats().parked == 0);
}

TEST_CASE("parked items: requeued they come again with a count of 0, also after close") {
  Queue queue = filled(2, {.max_deliveries = 2});
  poison(queue, 2);
  CHECK(drain(queue) == std::vector{1});
  CHECK(queue.requeue_parked() == 1);
  CHECK(queue.requeue_parked() == 0);
  CHECK(queue.parked().empty());
  auto consumer = queue.get_consumer();
  REQUIRE(consumer.get() == 0);
  CHECK(consumer.deliveries() == 1);
  CHECK_FALSE(consumer.get());
  CHECK(queue.producers() == 0);
}

TEST_CASE("parked items: the id is the one that consumers saw; texts survive whole") {
  iq::IterableQueue<std::string> queue({.max_deliveries = 1});
  const std::string text(3000, 'p');
  auto producer = queue.get_producer();
  producer.put(text);
  producer.put("short");
  producer.close();
  queue.close();
  auto consumer = queue.get_consumer();
  REQUIRE(consumer.get() == text);
  const std::uint64_t id = consumer.item_id();
  consumer.give_back();
  REQUIRE(consumer.get() == "short");
  CHECK_FALSE(consumer.get());
  const auto parked = queue.parked();
  REQUIRE(parked.size() == 1);
  CHECK(parked[0].item == text);
  CHECK(parked[0].id == id);
}

TEST_CASE("parking area: full, items stay in place, the stream still ends, all are shown") {
  constexpr int kItems = 1100;  // the area holds 1,024
  Queue queue({.capacity = 2048, .max_deliveries = 1});
  auto producer = queue.get_producer();
  for (int i = 0; i < kItems; ++i) producer.put(i);
  producer.close();
  queue.close();
  auto consumer = queue.get_consumer();
  int given_back = 0;
  while (given_back < kItems && consumer.get()) {
    consumer.give_back();
    ++given_back;
  }
  CHECK(given_back == kItems);
  CHECK_FALSE(consumer.get());
  CHECK(queue.stats().parked == kItems);
  CHECK(queue.parked().size() == kItems);
  std::uint32_t dropped = 0;
  for (std::uint32_t n = queue.drop_parked(); n != 0; n = queue.drop_parked()) dropped += n;
  CHECK(dropped == kItems);
  CHECK(queue.stats().parked == 0);
}

TEST_CASE("at_most_once: what was handed out is not handed out again") {
  Queue queue = filled(10, {.delivery = iq::Delivery::at_most_once});
  std::vector<int> seen;
  for (int round = 0; round < 3; ++round) {
    try {
      auto consumer = queue.get_consumer();
      for (const int item : consumer) {
        seen.push_back(item);
        if (item % 3 == 0) throw 1;
      }
    } catch (int) {
    }
  }
  for (const int item : drain(queue)) seen.push_back(item);
  std::ranges::sort(seen);
  CHECK(seen == std::vector{0, 1, 2, 3, 4, 5, 6, 7, 8, 9});
}
