// A worker between two queues, passing each item on exactly once: what it does while nobody dies.
#include <doctest/doctest.h>

#include <unistd.h>

#include <algorithm>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "iq/iq.hpp"
#include "support/process.hpp"

namespace {

using namespace std::chrono_literals;
using Numbers = iq::IterableQueue<int>;
using Texts = iq::IterableQueue<std::string>;

template <class Queue>
auto drain(Queue& queue) {
  auto consumer = queue.get_consumer();
  std::vector<std::remove_cvref_t<decltype(*consumer.begin())>> items;
  for (const auto& item : consumer) items.push_back(item);
  return items;
}

struct Pair {
  Numbers in;
  Texts out;
  iq::Consumer<int> consumer = in.get_consumer();
  iq::Producer<std::string> producer = out.get_producer();

  explicit Pair(int count, const iq::Options& from = {}, const iq::Options& to = {})
      : in(from), out(to) {
    auto source = in.get_producer();
    for (int i = 0; i < count; ++i) source.put(i);
    source.close();
    in.close();
    out.close();
  }
  std::vector<std::string> results() {
    producer.close();
    return drain(out);
  }
};

}  // namespace

TEST_CASE("relay: one output per input, in order, until the input ends") {
  Pair pair(100);
  const auto finished =
      iq::relay(pair.consumer, pair.producer, [](int i) { return std::to_string(i * i); });
  CHECK(finished == 100);
  CHECK(pair.in.size() == 0);
  CHECK(pair.in.stats().in_hand == 0);
  std::vector<std::string> expected;
  for (int i = 0; i < 100; ++i) expected.push_back(std::to_string(i * i));
  CHECK(pair.results() == expected);
}

TEST_CASE("relay: an empty optional drops the item; an emitter puts any number") {
  Pair odd(10);
  iq::relay(odd.consumer, odd.producer, [](int i) -> std::optional<std::string> {
    if (i % 2 == 0) return std::nullopt;
    return std::to_string(i);
  });
  CHECK(odd.results() == std::vector<std::string>{"1", "3", "5", "7", "9"});

  Pair several(4);
  iq::relay(several.consumer, several.producer, [](int i, iq::Emit<std::string>& emit) {
    for (int n = 0; n < i; ++n) emit(std::to_string(i));
  });
  CHECK(several.results() == std::vector<std::string>{"1", "2", "2", "3", "3", "3"});
}

TEST_CASE("relay: nothing of an input is to be seen before its function has returned") {
  Pair pair(1);
  auto reader = pair.out.get_consumer();
  iq::relay(pair.consumer, pair.producer, [&](int, iq::Emit<std::string>& emit) {
    emit("first");
    emit(std::string(5000, 'x'));
    CHECK(pair.out.stats().put == 0);
    CHECK(reader.try_get().status() == iq::Status::empty);
  });
  CHECK(reader.get() == "first");
  CHECK(reader.get()->size() == 5000);
}

TEST_CASE("relay: what its function throws gives the input back, counted, and drops the outputs") {
  Pair pair(3);
  const auto f = [](int i, iq::Emit<std::string>& emit) {
    emit(std::to_string(i));
    if (i == 1) throw std::runtime_error("not this one");
  };
  CHECK_THROWS_AS(iq::relay(pair.consumer, pair.producer, f), std::runtime_error);
  CHECK(pair.out.stats().put == 1);
  CHECK(pair.in.stats().in_hand == 0);
  auto again = pair.in.get_consumer();
  CHECK(again.get() == 1);
  CHECK(again.deliveries() == 2);
  again.give_back();
  // The endpoints may be used again, in a relay and without.
  CHECK(iq::relay(pair.consumer, pair.producer, [](int i) { return std::to_string(i); }) == 2);
  pair.producer.put("by hand");
  auto results = pair.results();
  std::ranges::sort(results);
  CHECK(results == std::vector<std::string>{"0", "1", "2", "by hand"});
}

TEST_CASE("relay: in place, encoded and bytes, and with any room") {
  for (const std::uint64_t capacity : {1, 2, 7, 64}) {
    iq::IterableQueue<iq::Bytes> in({.capacity = capacity, .bytes_per_producer = 4096});
    Numbers out({.capacity = capacity});
    auto source = in.get_producer();
    auto from = in.get_consumer();
    auto to = out.get_producer();
    in.close();
    out.close();
    std::thread feeder([&] {
      for (int i = 0; i < 500; ++i) source.put(std::string(static_cast<std::size_t>(i) * 7, 'x'));
      source.close();
    });
    std::thread worker([&] {
      iq::relay(from, to, [](std::span<const std::byte> bytes) {
        return static_cast<int>(bytes.size() / 7);
      });
      to.close();
    });
    const auto items = drain(out);
    feeder.join();
    worker.join();
    std::vector<int> expected(500);
    std::iota(expected.begin(), expected.end(), 0);
    CHECK(items == expected);
  }
}

TEST_CASE("relay: outputs that cannot be in a lane together are TooLarge, not a wait for ever") {
  Pair few(1, {}, {.capacity = 4});
  CHECK_THROWS_AS(iq::relay(few.consumer, few.producer,
                            [](int, iq::Emit<std::string>& emit) {
                              for (int n = 0; n < 5; ++n) emit("x");
                            }),
                  iq::TooLarge);
  Pair large(1, {}, {.capacity = 4, .bytes_per_producer = 1024});
  CHECK_THROWS_AS(iq::relay(large.consumer, large.producer,
                            [](int, iq::Emit<std::string>& emit) {
                              for (int n = 0; n < 3; ++n) emit(std::string(400, 'x'));
                            }),
                  iq::TooLarge);
  CHECK(few.out.stats().put + large.out.stats().put == 0);
}

TEST_CASE("relay: an endpoint is in one relay at a time, and its put is refused inside") {
  Pair pair(2);
  Texts other;
  auto second = other.get_producer();
  iq::relay(pair.consumer, pair.producer, [&](int i, iq::Emit<std::string>& emit) {
    CHECK_THROWS_AS(iq::relay(pair.consumer, second, [](int) { return std::string(); }),
                    iq::WouldDeadlock);
    CHECK_THROWS_AS(pair.producer.put("before any output"), iq::WouldDeadlock);
    emit("a");
    CHECK_THROWS_AS(pair.producer.put("b"), iq::WouldDeadlock);
    CHECK_THROWS_AS(pair.producer.try_put("b"), iq::WouldDeadlock);
    if (i == 1) emit("c");
  });
  CHECK(pair.results() == std::vector<std::string>{"a", "a", "c"});
}

TEST_CASE("relay: puts of numbers are refused inside, with room and without, and work behind it") {
  Numbers in, out({.capacity = 4});
  in.get_producer().put_all({1, 2, 3});
  in.close();
  auto from = in.get_consumer();
  auto to = out.get_producer();
  to.put(0);
  iq::relay(from, to, [&](int i) {
    CHECK_THROWS_AS(to.put(100), iq::WouldDeadlock);
    CHECK_THROWS_AS(to.put_all({100, 101}), iq::WouldDeadlock);
    return i;
  });
  CHECK(to.try_put(4) == iq::Status::full);
  auto reader = out.get_consumer();
  for (int i = 0; i < 4; ++i) CHECK(reader.get() == i);
  reader.ack();
  to.put(4);
  CHECK(reader.get() == 4);
}

TEST_CASE("relay: one that could not begin leaves its endpoints as they were") {
  iqtest::Child child = iqtest::spawn([] {
    Numbers in, out;
    auto from = in.get_consumer();
    auto to = out.get_producer();
    auto reader = out.get_consumer();
    ::close_range(3, ~0U, 0);
    bool refused = false;
    try {
      iq::relay(from, to, [](int i) { return i; });
    } catch (const iq::CannotProbe&) {
      refused = true;
    }
    iqtest::require(refused, "no page for the note can be reserved");
    to.put(5);
    iqtest::require(reader.get() == 5, "the producer puts as before");
  });
  CHECK(child.wait().ok());
}

TEST_CASE("relay: stopped, it returns what it had finished; with a text it throws") {
  Pair pair(10);
  const auto finished = iq::relay(pair.consumer, pair.producer, [&](int i) {
    if (i == 3) pair.in.stop();
    return std::to_string(i);
  });
  CHECK(finished == 4);
  CHECK(pair.out.stats().put == 4);

  Pair output(10);
  CHECK_THROWS_AS(iq::relay(output.consumer, output.producer,
                            [&](int i) {
                              if (i == 3) output.out.stop();
                              return std::to_string(i);
                            }),
                  iq::Stopped);
  CHECK(output.out.stats().put == 3);
}

TEST_CASE("relay: a lane that a relay has left is used again") {
  Texts out({.capacity = 8});
  for (int round = 0; round < 20; ++round) {
    Numbers in;
    in.get_producer().put(round);
    in.close();
    auto from = in.get_consumer();
    auto to = out.get_producer();
    CHECK(iq::relay(from, to, [](int i) { return std::to_string(i); }) == 1);
    to.close();
    auto reader = out.get_consumer();
    CHECK(reader.get() == std::to_string(round));
  }
  CHECK(out.stats().lanes == 1);
}
