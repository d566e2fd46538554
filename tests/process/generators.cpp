// Generators where several processes work: in a stage of a pipeline, as its source, behind a queue.
#include <doctest/doctest.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <numeric>
#include <ranges>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "iq/iq.hpp"
#include "support/process.hpp"

namespace {

using iq::Generator;
using Ints = std::vector<int>;
using std::views::iota;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

Generator<int> remove_odd(Generator<int> numbers) {
  for (const int n : numbers) {
    if (n % 2 == 0) co_yield n;
  }
}

// A raw worker: chunks of the even ones of what comes.
void pack(iq::Consumer<int>& in, iq::Producer<Ints>& out) {
  for (Ints chunk : iq::combine(in, remove_odd, iq::chunk(10))) out.put(chunk);
}

}  // namespace

TEST_CASE("combine: in a stage of a pipeline, by several processes") {
  for (const iq::RunIn run_in : {iq::RunIn::processes, iq::threads, iq::inline_mode}) {
    int sum = 0;
    std::size_t largest = 0;
    for (const Ints& chunk : iq::pipeline(run_in).from(iota(0, 1000)).chain(pack, {.workers = 3})) {
      sum += std::accumulate(chunk.begin(), chunk.end(), 0);
      largest = std::max(largest, chunk.size());
    }
    CHECK(sum == 249'500);
    CHECK(largest <= 10);
  }
}

TEST_CASE(
    "combine: its result is a source, read in the process of the source, no further than asked") {
  const auto made = iqtest::shared_counter();
  const int caller = ::getpid();
  const auto counting = [&](auto range) -> Generator<int> {
    for (const int n : range) {
      iqtest::require(::getpid() != caller, "in the source's process");
      made->fetch_add(1);
      co_yield n;
    }
  };
  auto results = iq::pipeline().from(iq::combine(iota(0), counting, remove_odd)).map([](int n) {
    return n / 2;
  });
  int expected = 0;
  for (const int n : results) {
    CHECK(n == expected++);
    if (n == 100) break;
  }
  CHECK(made->load() >= 200);
  CHECK(made->load() < 300);
}

TEST_CASE("combine: an exception in a stage's generator ends the pipeline, and says which") {
  const auto failing = [](Generator<int> numbers) -> Generator<int> {
    for (const int n : numbers) {
      if (n == 50) throw std::domain_error("fifty");
      co_yield n;
    }
  };
  auto results = iq::pipeline()
                     .from(iota(0))
                     .chain([&](iq::Consumer<int>& in, iq::Producer<int>& out) {
                       for (const int n : iq::combine(in, failing)) out.put(n);
                     })
                     .map([](int n) { return n; });
  try {
    results.join();
    CHECK(false);
  } catch (const iq::PipelineFailed& failed) {
    CHECK(failed.exception_type() == "std::domain_error");
    CHECK(failed.stage() == 1);
  }
}

TEST_CASE("combine: a worker that is killed with a chunk in its hands ends the pipeline, loudly") {
  const auto pid = iqtest::shared_counter();
  auto results =
      iq::pipeline().from(iota(0)).chain([&](iq::Consumer<int>& in, iq::Producer<int>& out) {
        pid->store(::getpid());
        for (Ints chunk : iq::combine(in, iq::chunk(7))) out.put(chunk.front());
      });
  int sum = 0;
  CHECK_THROWS_AS(
      [&] {
        for (const int n : results) {
          sum += n;
          if (n == 70) ::kill(static_cast<pid_t>(pid->load()), SIGKILL);
        }
      }(),
      iq::PipelineFailed);
  CHECK(sum >= 70);
}

TEST_CASE("timed_chunk: of a queue it comes in time, though no further item does") {
  iq::IterableQueue<int> queue;
  auto producer = queue.get_producer();
  auto consumer = queue.get_consumer();
  queue.close();
  producer.put_all(Ints{1, 2, 3});
  auto chunks = iq::combine(consumer, iq::timed_chunk(2, 50ms));
  auto it = chunks.begin();
  CHECK(*it == Ints{1, 2});  // by size
  const Clock::time_point before = Clock::now();
  ++it;
  CHECK(*it == Ints{3});  // by time: the producer is open and silent
  CHECK(Clock::now() - before >= 50ms);
  CHECK(Clock::now() - before < 5s);
  producer.put(4);
  producer.close();
  ++it;
  CHECK(*it == Ints{4});  // at the end
  ++it;
  CHECK(it == chunks.end());
}

TEST_CASE("timed_chunk: a stream that never pauses is flushed by time as well") {
  iq::IterableQueue<int> queue;
  iq::WorkerGroup crew;
  crew.fork(
      1,
      [](iq::Producer<int> out) {
        try {
          for (int i = 0;; ++i) out.put(i);
        } catch (const iq::NoConsumers&) {
        }
      },
      queue);
  {
    auto consumer = queue.get_consumer();
    queue.close();
    const Clock::time_point before = Clock::now();
    int next = 0;
    auto chunks = iq::combine(std::move(consumer), iq::timed_chunk(1'000'000'000, 20ms));
    for (const Ints& chunk : chunks) {
      for (const int n : chunk) CHECK(n == next++);
      if (Clock::now() - before > 60ms) break;
    }
    CHECK(next > 0);
  }
  crew.join();
}

TEST_CASE("timed_chunk: a consumer's stop and failure are not an end of its own") {
  iq::IterableQueue<int> queue;
  auto consumer = queue.get_consumer();
  auto producer = queue.get_producer();
  producer.put(1);
  auto chunks = iq::combine(consumer, iq::timed_chunk(10, 1h));
  queue.stop(std::runtime_error("enough of this"));
  CHECK_THROWS_AS(iq::consume(chunks), iq::Stopped);
}
