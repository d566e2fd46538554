// The queue object: endpoints are counted, closing in any order, figures, stop.
#include <doctest/doctest.h>

#include <atomic>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "iq/iq.hpp"
#include "support/process.hpp"

namespace {

using namespace std::chrono_literals;
using Queue = iq::IterableQueue<int>;

std::vector<int> drain(iq::Consumer<int>& consumer) {
  std::vector<int> items;
  for (const int item : consumer) items.push_back(item);
  return items;
}

std::vector<int> numbers(int count) {
  std::vector<int> items;
  for (int i = 0; i < count; ++i) items.push_back(i);
  return items;
}

}  // namespace

TEST_CASE("endpoints: counted when made, once when moved, not any more when closed or gone") {
  Queue queue;
  CHECK(queue.producers() == 0);
  CHECK(queue.consumers() == 0);
  auto producer = queue.get_producer();
  auto second = queue.get_producer();
  auto consumer = queue.get_consumer();
  CHECK(queue.producers() == 2);
  CHECK(queue.consumers() == 1);
  auto moved = std::move(producer);
  CHECK(queue.producers() == 2);
  second = std::move(moved);  // the one that was there is closed
  CHECK(queue.producers() == 1);
  second.close();
  second.close();
  CHECK(queue.producers() == 0);
  { auto brief = queue.get_consumer(); }
  CHECK(queue.consumers() == 1);
  consumer.close();
  CHECK(queue.consumers() == 0);
}

TEST_CASE("close: idempotent, no new producers, a late consumer gets what is left, then the end") {
  Queue queue;
  auto producer = queue.get_producer();
  producer.put(1);
  producer.put(2);
  CHECK_FALSE(queue.is_closed());
  queue.close();
  queue.close();
  CHECK(queue.is_closed());
  CHECK_THROWS_AS(queue.get_producer(), iq::Closed);
  producer.put(3);  // those that exist go on
  producer.close();
  auto late = queue.get_consumer();
  CHECK(drain(late) == std::vector{1, 2, 3});
  auto too_late = queue.get_consumer();
  CHECK_FALSE(too_late.get());
  CHECK(too_late.try_get().status() == iq::Status::done);
}

TEST_CASE("close: of a producer, on a full queue without a reader, does not block") {
  Queue queue({.capacity = 2});
  {
    auto producer = queue.get_producer();
    producer.put(1);
    producer.put(2);
    CHECK(producer.try_put(3) == iq::Status::full);
    producer.close();
    CHECK(producer.is_closed());
    CHECK_THROWS_AS(producer.put(4), iq::Closed);
    CHECK_THROWS_AS(producer.put_for(4, 1h), iq::Closed);
    CHECK_THROWS_AS(producer.put_all(std::vector{4, 5}), iq::Closed);
  }
  queue.close();
  auto consumer = queue.get_consumer();
  CHECK(drain(consumer) == std::vector{1, 2});
  CHECK(queue.stats().put == 2);
}

TEST_CASE("close: in any order of queue, producers and items the consumer gets everything") {
  for (int order = 0; order < 6; ++order) {
    INFO("order ", order);
    Queue queue({.capacity = 64});
    std::optional early = order % 2 == 0 ? std::optional(queue.get_consumer()) : std::nullopt;
    auto first = queue.get_producer();
    auto second = queue.get_producer();
    if (order < 2) queue.close();
    first.put_all(numbers(10));
    if (order == 2 || order == 3) queue.close();
    first.close();
    second.put_all(numbers(10));
    second.close();
    if (order >= 4) queue.close();
    if (!early) early.emplace(queue.get_consumer());
    CHECK(drain(*early).size() == 20);
    CHECK_FALSE(early->get());
  }
}

TEST_CASE("close: with no producers at all the stream ends at once, before and after") {
  Queue queue;
  auto consumer = queue.get_consumer();
  CHECK(consumer.try_get().status() == iq::Status::empty);
  queue.close();
  CHECK_FALSE(consumer.get());
  CHECK(drain(consumer).empty());
  CHECK(consumer.get_some(10).empty());
}

TEST_CASE("close: a get that is already waiting returns empty when the last producer closes") {
  Queue queue;
  auto producer = queue.get_producer();
  std::vector<iq::Consumer<int>> consumers;
  for (int i = 0; i < 4; ++i) consumers.push_back(queue.get_consumer());
  std::vector<std::thread> threads;
  std::atomic<int> ends{0};
  for (auto& consumer : consumers) {
    threads.emplace_back([&] { ends += !consumer.get(); });
  }
  queue.close();
  CHECK(ends == 0);
  producer.close();
  for (auto& thread : threads) thread.join();
  CHECK(ends == 4);
}

TEST_CASE("figures: exact while nobody is at work") {
  Queue queue({.capacity = 100});
  auto producer = queue.get_producer();
  auto consumer = queue.get_consumer();
  CHECK(queue.empty());
  producer.put_all(numbers(50));
  iq::Stats stats = queue.stats();
  CHECK(stats.queued == 50);
  CHECK(stats.put == 50);
  CHECK(stats.in_hand == 0);
  CHECK(stats.producers == 1);
  CHECK(stats.consumers == 1);
  CHECK(stats.lanes == 1);
  CHECK_FALSE(stats.closed);
  CHECK(queue.size() == 50);
  CHECK_FALSE(queue.empty());
  for (int taken = 1; taken <= 50; ++taken) {
    CHECK(consumer.get() == taken - 1);
    CHECK(queue.size() == static_cast<std::uint64_t>(50 - taken));
    CHECK(queue.stats().in_hand == 1);
  }
  consumer.ack();
  stats = queue.stats();
  CHECK(stats.in_hand == 0);
  CHECK(stats.queued == 0);
  CHECK(stats.redelivered == 0);
  CHECK(stats.repaired == 0);
  CHECK(stats.corrupt == 0);
  queue.close();
  CHECK(queue.stats().closed);
}

TEST_CASE("figures: a batch of get_some is in hand, all of it") {
  Queue queue({.capacity = 100});
  auto producer = queue.get_producer();
  auto consumer = queue.get_consumer();
  producer.put_all(numbers(10));
  const auto items = consumer.get_some(4);
  REQUIRE_FALSE(items.empty());
  CHECK(queue.stats().in_hand == items.size());
  CHECK(queue.stats().queued == 10 - items.size());
  consumer.ack();
  CHECK(queue.stats().in_hand == 0);
  CHECK(queue.stats().queued == 10 - items.size());
}

TEST_CASE("leaving early: the others get the rest") {
  Queue queue;
  auto producer = queue.get_producer();
  producer.put_all(numbers(100));
  producer.close();
  queue.close();
  std::vector<int> all;
  {
    auto first = queue.get_consumer();
    for (int i = 0; i < 7; ++i) all.push_back(*first.get());
  }
  auto second = queue.get_consumer();
  for (const int item : second) all.push_back(item);
  CHECK(all == numbers(100));
}

TEST_CASE("no consumers: a blocked put wakes when the last one leaves a closed queue") {
  Queue queue({.capacity = 1});
  auto producer = queue.get_producer();
  producer.put(1);
  CHECK(producer.put_for(2, 1ms) == iq::Status::timeout);  // none so far: it waits
  std::optional consumer(queue.get_consumer());
  std::thread blocked([&] { CHECK_THROWS_AS(producer.put(2), iq::NoConsumers); });
  queue.close();
  consumer.reset();
  blocked.join();
  CHECK(producer.try_put(3) == iq::Status::no_consumers);
  CHECK(producer.put_for(3, 1h) == iq::Status::no_consumers);
  CHECK(queue.size() == 1);
}

TEST_CASE("no consumers: while the queue is open, or none ever was, a put waits") {
  Queue queue({.capacity = 1});
  auto producer = queue.get_producer();
  { auto brief = queue.get_consumer(); }
  producer.put(1);
  CHECK(producer.put_for(2, 5ms) == iq::Status::timeout);

  Queue untouched({.capacity = 1});
  auto lonely = untouched.get_producer();
  untouched.close();
  lonely.put(1);
  CHECK(lonely.put_for(2, 5ms) == iq::Status::timeout);
}

TEST_CASE("stop: blocked gets and puts return, what is queued is dropped and counted") {
  Queue queue({.capacity = 4});
  Queue starved;
  auto producer = queue.get_producer();
  auto quiet = starved.get_producer();
  auto consumer = starved.get_consumer();
  producer.put_all(numbers(4));
  std::thread putter([&] { CHECK_THROWS_AS(producer.put(5), iq::Stopped); });
  std::thread getter([&] { CHECK_FALSE(consumer.get()); });
  queue.stop();
  starved.stop();
  putter.join();
  getter.join();
  CHECK(consumer.try_get().status() == iq::Status::stopped);
  CHECK(consumer.get_for(1h).status() == iq::Status::stopped);
  CHECK(producer.try_put(6) == iq::Status::stopped);
  CHECK(producer.put_for(6, 1h) == iq::Status::stopped);
  CHECK(queue.stats().stopped);
  CHECK(queue.stats().dropped == 4);
  CHECK_THROWS_AS(queue.get_producer(), iq::Closed);
  auto late = queue.get_consumer();
  CHECK_FALSE(late.get());
  CHECK(drain(late).empty());
}

TEST_CASE("stop: the next put says so, with room or without, in place or encoded") {
  Queue queue({.capacity = 8});
  iq::IterableQueue<std::string> texts({.capacity = 8});
  auto producer = queue.get_producer();
  auto writer = texts.get_producer();
  producer.put(1);
  writer.put("1");
  queue.stop();
  texts.stop();
  CHECK(writer.try_put("2") == iq::Status::stopped);
  CHECK(texts.stats().put == 1);
  CHECK(producer.try_put(2) == iq::Status::stopped);
  CHECK(queue.stats().put == 1);
  CHECK_THROWS_AS(producer.put_all(std::vector{3, 4}), iq::Stopped);
}

TEST_CASE("stop(exception): blocked and later calls throw its text, the first one wins") {
  Queue queue({.capacity = 1});
  auto producer = queue.get_producer();
  auto consumer = queue.get_consumer();
  queue.stop(std::runtime_error("the disk is full"));
  queue.stop(std::runtime_error("another reason"));
  const auto check = [](const auto& f) {
    try {
      f();
      FAIL("it did not throw");
    } catch (const iq::Stopped& stopped) {
      CHECK(std::string(stopped.what()).find("the disk is full") != std::string::npos);
    }
  };
  check([&] { producer.put(1); });
  for (int i = 0; i < 2; ++i) {
    check([&] { (void)consumer.get(); });
    check([&] { (void)consumer.try_get(); });
    check([&] { drain(consumer); });
  }
}
