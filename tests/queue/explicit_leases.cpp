// Items held one by one: several at a time, ended in any order, by any thread, after the consumer.
#include <doctest/doctest.h>

#include <algorithm>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "iq/iq.hpp"
#include "support/process.hpp"

namespace {

using namespace std::chrono_literals;
using Queue = iq::IterableQueue<int>;
using iq::Status;

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

}  // namespace

// The first case of the file: none has started a thread so far.
TEST_CASE("lease: a get that could only wait for its own leases says so, where no thread helps") {
  Queue queue = filled(1);
  auto consumer = queue.get_consumer();
  auto lease = consumer.lease();
  CHECK_THROWS_AS(consumer.get(), iq::WouldDeadlock);
  CHECK_THROWS_AS(consumer.lease(), iq::WouldDeadlock);
  CHECK(consumer.get_for(1ms).status() == Status::timeout);  // that is not for ever
  CHECK(consumer.try_lease().status() == Status::empty);
  lease->ack();
  CHECK_FALSE(consumer.get());

  Queue full({.capacity = 1});
  auto producer = full.get_producer();
  auto holder = full.get_consumer();
  producer.put(1);
  lease = holder.lease();
  CHECK_THROWS_AS(producer.put(2), iq::WouldDeadlock);
  lease->ack();
  producer.put(2);
}

TEST_CASE("lease: several are held, and end in any order; the others go on meanwhile") {
  Queue queue = filled(6);
  auto consumer = queue.get_consumer();
  std::vector<iq::Lease<int>> held;
  for (int i = 0; i < 3; ++i) held.push_back(*consumer.lease());
  for (int i = 0; i < 3; ++i) CHECK(*held[static_cast<std::size_t>(i)] == i);
  CHECK(queue.stats().in_hand == 3);
  CHECK(queue.stats().queued == 3);
  held[1].ack();
  CHECK_FALSE(held[1]);
  held[1].ack();  // once is enough
  held[1].give_back();
  CHECK(consumer.get() == 3);
  held[2].ack();
  CHECK(consumer.get() == 4);
  CHECK(queue.stats().in_hand == 2);
  held[0].ack();
  CHECK(consumer.get() == 5);
  CHECK_FALSE(consumer.get());
  CHECK(queue.stats().in_hand == 0);
}

TEST_CASE("lease: given back, or destroyed without a word, the item comes again, counted") {
  Queue queue = filled(2);
  auto consumer = queue.get_consumer();
  std::optional first(consumer.lease());
  const std::uint64_t id = first->item_id();
  CHECK(first->deliveries() == 1);
  first.reset();
  auto second = consumer.lease();
  REQUIRE(**second == 0);
  CHECK(second->item_id() == id);
  CHECK(second->deliveries() == 2);
  second->give_back();
  auto third = consumer.lease();
  REQUIRE(**third == 0);
  CHECK(third->deliveries() == 3);
  third->ack();
  CHECK(consumer.get() == 1);
  CHECK(consumer.deliveries() == 1);
  CHECK_FALSE(consumer.get());
}

TEST_CASE("lease: an exception that unwinds it gives the item back") {
  Queue queue = filled(1);
  auto consumer = queue.get_consumer();
  CHECK_THROWS_AS(
      [&] {
        const auto lease = consumer.lease();
        throw std::runtime_error("in the middle of it");
      }(),
      std::runtime_error);
  CHECK(consumer.get() == 0);
  CHECK(consumer.deliveries() == 2);
}

TEST_CASE("lease: after max_deliveries its item is parked and the stream ends") {
  Queue queue = filled(2, {.max_deliveries = 2});
  auto consumer = queue.get_consumer();
  for (int i = 0; i < 2; ++i) {
    auto lease = consumer.lease();
    REQUIRE(**lease == 0);
    lease->give_back();
  }
  CHECK(consumer.get() == 1);
  CHECK_FALSE(consumer.get());
  REQUIRE(queue.parked().size() == 1);
  CHECK(queue.parked()[0].item == 0);
  CHECK(queue.parked()[0].deliveries == 2);
}

TEST_CASE("lease: at most once, what was leased is not handed out again") {
  Queue queue = filled(2, {.delivery = iq::Delivery::at_most_once});
  auto consumer = queue.get_consumer();
  consumer.lease()->give_back();
  CHECK(consumer.get() == 1);
  CHECK_FALSE(consumer.get());
}

TEST_CASE("lease: mixed with get and loops, each item is finished once") {
  for (const std::uint64_t capacity : {1, 3, 8, 100}) {
    Queue queue({.capacity = capacity});
    auto producer = queue.get_producer();
    std::thread putter([&] {
      for (int i = 0; i < 400; ++i) producer.put(i);
      producer.close();
    });
    queue.close();
    auto consumer = queue.get_consumer();
    std::set<int> seen;
    std::vector<iq::Lease<int>> held;
    int step = 0, last = 0;
    for (const int item : consumer) {
      CHECK(seen.insert(item).second);
      last = item;
      if (++step % 3 == 0) {
        if (auto lease = consumer.lease_for(1ms)) {
          CHECK(seen.insert(**lease).second);
          last = **lease;
          held.push_back(*std::move(lease));
        }
      }
      if (step % 5 == 0) {
        if (const auto got = consumer.get_for(1ms)) {
          CHECK(seen.insert(*got).second);
          last = *got;
        }
      }
      // Room is freed in order: the oldest lease must not hold up the producer.
      while (!held.empty() && last - *held.front() + 2 > static_cast<int>(capacity)) {
        held.front().ack();
        held.erase(held.begin());
      }
      if (seen.size() == 400) {
        for (auto& lease : held) lease.ack();
      }
    }
    putter.join();
    CHECK(seen.size() == 400);
    CHECK(queue.stats().in_hand == 0);
  }
}

TEST_CASE("lease: it outlives its consumer, and the stream ends only when it does") {
  Queue queue = filled(3);
  std::optional consumer(queue.get_consumer());
  auto lease = consumer->lease();
  REQUIRE(**lease == 0);
  consumer.reset();
  CHECK(queue.consumers() == 1);  // the endpoint stays as long as there is something in hand
  auto other = queue.get_consumer();
  CHECK(other.get() == 1);
  CHECK(other.get() == 2);
  other.ack();
  CHECK(other.get_for(30ms).status() == Status::timeout);
  CHECK(**lease == 0);
  lease->ack();
  CHECK(other.get_for(5s).status() == Status::done);
  CHECK(queue.consumers() == 1);
}

TEST_CASE("lease: it outlives its queue object too, and takes the name along") {
  const std::string name = iqtest::temp_name("outlives");
  std::optional<Queue> queue(std::in_place, iq::create_only, name);
  queue->get_producer().put(5);
  queue->close();
  std::optional consumer(queue->get_consumer());
  auto lease = consumer->lease();
  consumer.reset();
  queue.reset();
  CHECK(**lease == 5);
  lease->ack();
  CHECK_THROWS_AS(Queue(iq::open_only, name), iq::NotFound);
}

TEST_CASE("lease: ended by another thread it wakes who waits for the end") {
  Queue queue = filled(1);
  auto consumer = queue.get_consumer();
  auto lease = consumer.lease();
  std::thread other([lease = *std::move(lease)]() mutable { lease.ack(); });
  CHECK_FALSE(consumer.get());
  other.join();
}

TEST_CASE("lease: held by a pool of threads that finish them in their own order") {
  Queue queue({.capacity = 16});
  auto producer = queue.get_producer();
  queue.close();
  std::thread putter([&] {
    for (int i = 0; i < 2000; ++i) producer.put(i);
    producer.close();
  });
  auto consumer = queue.get_consumer();
  std::atomic<int> sum{0};
  std::vector<std::vector<iq::Lease<int>>> hands(4);
  std::vector<std::thread> pool;
  while (true) {
    auto lease = consumer.lease();
    if (!lease) break;
    auto& hand = hands[static_cast<std::size_t>(**lease) % hands.size()];
    hand.push_back(*std::move(lease));
    if (hand.size() < 2) continue;
    pool.emplace_back([work = std::move(hand), &sum]() mutable {
      for (auto at = work.rbegin(); at != work.rend(); ++at) {
        sum += **at;
        at->ack();
      }
    });
    hand.clear();
    if (pool.size() > 8) {
      for (std::thread& thread : pool) thread.join();
      pool.clear();
    }
    // The last ones stay below two per hand: nobody else would finish them.
    if (queue.stats().queued == 0 && queue.producers() == 0) {
      for (auto& rest : hands) {
        for (auto& item : rest) {
          sum += *item;
          item.ack();
        }
        rest.clear();
      }
    }
  }
  putter.join();
  for (std::thread& thread : pool) thread.join();
  CHECK(sum == 1999 * 2000 / 2);
}

TEST_CASE("lease: try, for, until on empty, value, stop and end") {
  Queue queue;
  auto producer = queue.get_producer();
  auto consumer = queue.get_consumer();
  CHECK(consumer.try_lease().status() == Status::empty);
  CHECK(consumer.lease_for(1ms).status() == Status::timeout);
  CHECK(consumer.lease_until(std::chrono::steady_clock::now()).status() == Status::timeout);
  producer.put(1);
  auto lease = consumer.try_lease();
  REQUIRE(lease.status() == Status::ok);
  CHECK(**lease == 1);
  queue.stop();
  CHECK_FALSE(consumer.lease());
  CHECK(consumer.try_lease().status() == Status::stopped);
  lease->ack();
  Queue ended = filled(0);
  auto last = ended.get_consumer();
  CHECK_FALSE(last.lease());
  CHECK(last.lease_for(1h).status() == Status::done);
}

TEST_CASE("lease: texts are decoded once, bytes and numbers are read where they lie") {
  iq::IterableQueue<std::string> texts;
  iq::IterableQueue<iq::Bytes> bytes;
  auto writer = texts.get_producer();
  auto sender = bytes.get_producer();
  const std::string text(500, 'x');
  writer.put(text);
  sender.put(text);
  auto reader = texts.get_consumer();
  auto receiver = bytes.get_consumer();
  auto a = reader.lease();
  auto b = receiver.lease();
  CHECK(**a == text);
  CHECK((*a)->size() == 500);
  CHECK(iq::Bytes(iq::BytesView(**b)).text() == text);
  writer.put("next");
  CHECK(reader.get() == "next");
  CHECK(**a == text);
  auto moved = *std::move(a);
  CHECK(*moved == text);
  moved.ack();
  b->ack();
}

TEST_CASE("lease: killed with three of them, all three come again, counted; the rest uncounted") {
  const std::string name = iqtest::temp_name("killed");
  Queue queue(iq::create_only, name);
  queue.get_producer().put_all(std::vector{0, 1, 2, 3, 4, 5});
  iqtest::Gate told;
  auto child = iqtest::spawn([&] {
    Queue own(iq::open_only, name);
    auto consumer = own.get_consumer();
    std::vector<iq::Lease<int>> held;
    for (int i = 0; i < 4; ++i) held.push_back(*consumer.lease());
    held[2].ack();
    told.post();
    for (;;) ::pause();
  });
  told.wait();
  CHECK(child.kill_and_wait().signal == SIGKILL);
  queue.close();
  auto consumer = queue.get_consumer();
  std::set<int> again, fresh;
  for (const int item : consumer) (consumer.deliveries() == 2 ? again : fresh).insert(item);
  CHECK(again == std::set{0, 1, 3});
  CHECK(fresh == std::set{4, 5});
}

TEST_CASE("lease: in a child that inherited it, it does nothing") {
  Queue queue = filled(1);
  auto consumer = queue.get_consumer();
  auto lease = consumer.lease();
  CHECK(iqtest::spawn([&] {
          lease->ack();
          consumer.close();
        }).wait().ok());
  CHECK(queue.stats().in_hand == 1);
  lease->give_back();
  CHECK(drain(queue).empty() == false);
}
