// Items with views, through the queue: nothing is copied out and nothing allocated, and what is
// in hand stays as it is however much is put meanwhile.
#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "iq/iq.hpp"
#include "queue/named.hpp"
#include "support/process.hpp"

namespace {

std::atomic<std::size_t> allocations = 0;

struct Line {
  std::uint32_t number = 0;
  iq::TextView text;
  iq::ArrayView<double> values;
};

// Of any length up to some hundred bytes, told by the number.
std::string text_of(std::uint32_t number) {
  return std::string(number * 7 % 300, static_cast<char>('a' + number % 26));
}
std::vector<double> values_of(std::uint32_t number) {
  std::vector<double> values(number * 3 % 40);
  std::iota(values.begin(), values.end(), number);
  return values;
}
bool is_whole(const Line& line) {
  return line.text == text_of(line.number) &&
         std::ranges::equal(line.values, values_of(line.number));
}
void put(iq::Producer<Line>& producer, std::uint32_t number) {
  const std::string text = text_of(number);
  const std::vector<double> values = values_of(number);
  producer.put({number, text, values});
}

}  // namespace

[[gnu::noinline]] void* operator new(std::size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

TEST_CASE("Views: a stream of texts and arrays of every length comes whole and in order") {
  iqtest::limit_seconds(60);
  iq::IterableQueue<Line> queue({.capacity = 64, .bytes_per_producer = 16 * 1024});
  auto consumer = queue.get_consumer();
  auto producer = queue.get_producer();
  queue.close();
  std::thread putter([&] {
    for (std::uint32_t i = 0; i < 20'000; ++i) put(producer, i);
    producer.close();
  });
  std::uint32_t expected = 0;
  for (const Line& line : consumer) {
    REQUIRE(line.number == expected++);
    REQUIRE(is_whole(line));
    REQUIRE(reinterpret_cast<std::uintptr_t>(line.values.data()) % alignof(double) == 0);
  }
  putter.join();
  CHECK(expected == 20'000);
}

TEST_CASE("Views: neither put nor the loop allocates") {
  iq::IterableQueue<Line> queue({.capacity = 256});
  auto consumer = queue.get_consumer();
  auto producer = queue.get_producer();
  const std::string text(200, 't');
  const std::vector<double> values(20, 1.5);
  const auto round = [&] {
    for (std::uint32_t i = 0; i < 100; ++i) producer.put({i, text, values});
    std::uint32_t seen = 0;
    for (const Line& line : consumer) {
      if (line.text != text || line.values.size() != 20 || ++seen == 100) break;
    }
    return seen;
  };
  CHECK(round() == 100);  // whatever is made once is made now
  const std::size_t before = allocations;
  CHECK(round() == 100);
  CHECK(allocations == before);
}

TEST_CASE("Views: what is in hand stays as it is until the next get") {
  iq::IterableQueue<Line> queue({.capacity = 4, .bytes_per_producer = 4096});
  auto consumer = queue.get_consumer();
  auto other = queue.get_consumer();
  auto producer = queue.get_producer();
  for (std::uint32_t i = 1; i <= 4; ++i) put(producer, i);
  const auto held = consumer.get();
  REQUIRE(held.has_value());
  for (std::uint32_t i = 5; producer.try_put({i, "x", {}}) == iq::Status::ok; ++i) other.try_get();
  CHECK(is_whole(*held));
}

TEST_CASE("Views: several in hand, by get_some and by leases, are all whole") {
  iq::IterableQueue<Line> queue({.capacity = 64});
  auto consumer = queue.get_consumer();
  auto producer = queue.get_producer();
  for (std::uint32_t i = 0; i < 20; ++i) put(producer, i);
  const std::vector<Line> some = consumer.get_some(8);
  REQUIRE(!some.empty());
  CHECK(std::ranges::all_of(some, is_whole));
  consumer.ack();
  std::vector<iq::Lease<Line>> leases;
  while (auto lease = consumer.try_lease()) leases.push_back(*std::move(lease));
  CHECK(leases.size() == 20 - some.size());
  CHECK(std::ranges::all_of(leases, [](const auto& lease) { return is_whole(*lease); }));
}

TEST_CASE("Views: what was given back comes again, whole") {
  iq::IterableQueue<Line> queue({.capacity = 8});
  auto consumer = queue.get_consumer();
  auto producer = queue.get_producer();
  put(producer, 11);
  REQUIRE(consumer.get().has_value());
  consumer.give_back();
  const auto again = consumer.get();
  REQUIRE(again.has_value());
  CHECK(consumer.deliveries() == 2);
  CHECK(is_whole(*again));
}

TEST_CASE("Views: a relay passes on what it shows") {
  iq::IterableQueue<Line> in({.capacity = 8});
  iq::IterableQueue<iq::TextView> out({.capacity = 8});
  auto producer = in.get_producer();
  put(producer, 5);
  put(producer, 6);
  producer.close();
  in.close();
  auto consumer = out.get_consumer();
  {
    auto source = in.get_consumer();
    auto sink = out.get_producer();
    iq::relay(source, sink, [](const Line& line) { return line.text; });
  }
  out.close();
  std::uint32_t number = 5;
  for (const iq::TextView text : consumer) CHECK(text == text_of(number++));
  CHECK(number == 7);
}

TEST_CASE("Views: a queue of strings can be read as one of texts, and the other way round") {
  const iqtest::Name name;
  iq::IterableQueue<std::string> strings(iq::create_only, name);
  iq::IterableQueue<iq::TextView> texts(iq::open_only, name);
  strings.get_producer().put("from a string");
  texts.get_producer().put("from a literal");
  auto consumer = texts.get_consumer();
  CHECK(*consumer.get() == "from a string");
  consumer.close();
  CHECK(*strings.get_consumer().get() == "from a literal");
  CHECK_THROWS_AS(iq::IterableQueue<iq::ArrayView<char>>(iq::open_only, name), iq::WrongType);
}
