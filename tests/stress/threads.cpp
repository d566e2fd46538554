// Many endpoints as threads of one process over one mapping: exact counts, and a subject for
// ThreadSanitizer, which sees nothing across processes.
#include <doctest/doctest.h>

#include <atomic>
#include <random>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "iq/iq.hpp"
#include "support/process.hpp"

namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t kPerProducer = 20'000;
constexpr std::uint32_t kProducers = 4;
constexpr std::uint32_t kConsumers = 4;

struct Encoded {
  std::uint32_t id;
  std::string text;
};

std::uint32_t id_of(std::uint32_t item) { return item; }
std::uint32_t id_of(const Encoded& item) { return item.id; }
void make(std::uint32_t id, std::uint32_t& item) { item = id; }
void make(std::uint32_t id, Encoded& item) { item = {id, std::string(id % 200, 'x')}; }

/// What each consumer thread does besides looping: the ways out of a loop.
template <class T>
void consume(iq::IterableQueue<T>& queue, std::vector<std::atomic<std::uint8_t>>& acked,
             unsigned seed) {
  std::mt19937 random(seed);
  for (bool more = true; more;) {
    iq::Consumer<T> consumer = queue.get_consumer();
    auto left = 1 + random() % 3000;
    more = false;
    for (const T& item : consumer) {
      if (random() % 997 == 0 && consumer.deliveries() < 5) {
        consumer.give_back();  // comes again, here or elsewhere
        more = true;
        break;
      }
      acked[id_of(item)].fetch_add(1);
      if (--left == 0) {
        more = true;
        break;  // leaves what it claimed to the others
      }
    }
  }
}

template <class T>
void run(const iq::Options& options) {
  iqtest::limit_seconds(120);
  iq::IterableQueue<T> queue(options);
  std::vector<std::atomic<std::uint8_t>> acked(kProducers * kPerProducer);
  const iq::Consumer<T> idle = queue.get_consumer();  // else there may be none for a moment
  std::vector<std::jthread> threads;
  for (std::uint32_t p = 0; p < kProducers; ++p) {
    threads.emplace_back([&queue, p, producer = queue.get_producer()]() mutable {
      for (std::uint32_t i = 0; i < kPerProducer; ++i) {
        T item;
        make(p * kPerProducer + i, item);
        producer.put(item);
      }
      producer.close();
    });
  }
  queue.close();
  for (unsigned c = 0; c < kConsumers; ++c) {
    threads.emplace_back([&queue, &acked, c] { consume(queue, acked, c); });
  }
  threads.clear();
  std::uint64_t missing = 0, doubled = 0;
  for (const auto& count : acked) {
    missing += count == 0;
    doubled += count > 1;
  }
  CHECK(missing == 0);
  CHECK(doubled == 0);
  const iq::Stats stats = queue.stats();
  CHECK(stats.queued == 0);
  CHECK(stats.in_hand == 0);
  CHECK(stats.parked == 0);
  CHECK(stats.corrupt == 0);
}

}  // namespace

TEST_CASE("Threads: in-place items arrive exactly once while consumers come and go") {
  run<std::uint32_t>({.capacity = 512, .max_deliveries = 14});
}

TEST_CASE("Threads: encoded items arrive exactly once while consumers come and go") {
  run<Encoded>({.capacity = 64, .bytes_per_producer = 4096, .max_deliveries = 14});
}

TEST_CASE("Threads: a lane of one slot works like any other") {
  iqtest::limit_seconds(120);
  iq::IterableQueue<int> queue({.capacity = 1});
  auto producer = queue.get_producer();
  auto consumer = queue.get_consumer();
  queue.close();
  std::jthread feeder([producer = std::move(producer)]() mutable {
    for (int i = 0; i < 2000; ++i) producer.put(i);
    producer.close();
  });
  int expected = 0;
  for (const int& item : consumer) CHECK(item == expected++);
  CHECK(expected == 2000);
}
