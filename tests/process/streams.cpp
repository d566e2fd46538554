// Streams between real processes: what goes in comes out, once, and every loop ends by itself.
#include <doctest/doctest.h>

#include <array>
#include <atomic>
#include <map>
#include <string>
#include <vector>

#include "iq/iq.hpp"
#include "support/process.hpp"

namespace {

struct Item {
  int producer;
  int number;
};

void put_ten(iq::Producer<Item> out, int id) {
  for (int i = 0; i < 10; ++i) out.put({id, i});
}

/// Drains the queue here; checks that each producer's items come in order.
int drain_in_order(iq::IterableQueue<Item>& queue) {
  auto consumer = queue.get_consumer();
  std::map<int, int> next;
  int count = 0;
  for (const Item& item : consumer) {
    CHECK(item.number == next[item.producer]++);
    ++count;
  }
  return count;
}

template <std::size_t kSize>
using Counters = std::array<std::atomic<int>, kSize>;

}  // namespace

TEST_CASE("2 producers x 10, 1 consumer: closed after the fork, 20 items in order per producer") {
  iq::IterableQueue<Item> queue;
  iq::WorkerGroup crew;
  crew.fork(2, put_ten, queue);
  queue.close();
  CHECK(drain_in_order(queue) == 20);
  crew.join();
}

TEST_CASE("2 producers x 10, 1 consumer: closed before any put, the same 20 items") {
  iq::IterableQueue<Item> queue;
  iqtest::Gate go;
  iq::WorkerGroup crew;
  crew.fork(
      2,
      [&go](iq::Producer<Item> out, int id) {
        go.wait();
        put_ten(std::move(out), id);
      },
      queue);
  queue.close();
  go.post(2);
  CHECK(drain_in_order(queue) == 20);
  crew.join();
}

TEST_CASE("2 producers x 10, 1 consumer: closed after all puts, the same 20 items") {
  iq::IterableQueue<Item> queue;
  iq::WorkerGroup crew;
  crew.fork(2, put_ten, queue);
  CHECK(iqtest::wait_until([&] { return queue.producers() == 0; }));
  CHECK(queue.size() == 20);
  queue.close();
  CHECK(drain_in_order(queue) == 20);
  crew.join();
}

TEST_CASE("10 producers put i, i times; 7 hand over into a second queue: exactly i copies of i") {
  iq::IterableQueue<int> first({.capacity = 3});
  iq::IterableQueue<int> second({.capacity = 3});
  auto results = second.get_consumer();
  iq::WorkerGroup crew;
  crew.fork(
      10,
      [](iq::Producer<int> out, int id) {
        for (int i = 0; i < id; ++i) out.put(id);
      },
      first);
  crew.fork(
      7,
      [](iq::Consumer<int> in, iq::Producer<int> out) {
        for (const int item : in) out.put(item);
      },
      first, second);
  first.close();
  second.close();
  std::map<int, int> copies;
  for (const int item : results) ++copies[item];
  crew.join();
  CHECK(copies.size() == 9);
  for (const auto& [item, count] : copies) CHECK(count == item);
}

TEST_CASE("17 producers x 10, 13 consumers: 170 items, each once, all 13 loops end") {
  iq::IterableQueue<Item> queue;
  const iqtest::Shared<Counters<170>> seen;
  const iqtest::SharedCounter ended = iqtest::shared_counter();
  iq::WorkerGroup crew;
  crew.fork(17, put_ten, queue);
  crew.fork(
      13,
      [&](iq::Consumer<Item> in) {
        for (const Item& item : in)
          ++(*seen)[static_cast<std::size_t>(item.producer * 10 + item.number)];
        iqtest::require(!in.get().has_value(), "the end is sticky");
        ++*ended;
      },
      queue);
  queue.close();
  crew.join();
  CHECK(*ended == 13);
  for (const auto& times : *seen) CHECK(times == 1);
}

TEST_CASE("capacity 1 and long texts: a crew passes 2,000 of them through whole") {
  iq::IterableQueue<std::string> queue({.capacity = 1, .bytes_per_producer = 8192});
  const iqtest::SharedCounter bytes = iqtest::shared_counter();
  iq::WorkerGroup crew;
  crew.fork(
      2,
      [](iq::Producer<std::string> out) {
        for (std::size_t i = 0; i < 1000; ++i) {
          out.put(std::string(i * 8, static_cast<char>('a' + i % 26)));
        }
      },
      queue);
  crew.fork(
      3,
      [&](iq::Consumer<std::string> in) {
        for (const std::string& text : in) {
          iqtest::require(text == std::string(text.size(), text.empty() ? ' ' : text[0]),
                          "a text is whole");
          *bytes += static_cast<std::int64_t>(text.size());
        }
      },
      queue);
  queue.close();
  crew.join();
  CHECK(*bytes == 2 * 8 * 999 * 1000 / 2);
}

TEST_CASE("a named queue: a program that comes later finds the items, and takes the name along") {
  const std::string name = iqtest::temp_name("later");
  {
    iq::IterableQueue<int> queue(iq::create_only, name);
    queue.get_producer().put_all(std::vector{1, 2, 3});
    queue.close();
  }
  auto later = iqtest::spawn([&] {
    iq::IterableQueue<int> queue(iq::open_only, name);
    auto consumer = queue.get_consumer();
    int sum = 0;
    for (const int item : consumer) sum += item;
    iqtest::require(sum == 6, "all three items");
  });
  CHECK(later.wait().ok());
  CHECK_FALSE(iq::remove(name));
}
