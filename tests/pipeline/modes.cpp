// The same pipeline in threads, and in the caller: the same results, the same failures.
#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <ranges>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "iq/iq.hpp"
#include "support/process.hpp"

namespace {

using std::views::iota;

int twice(int x) { return 2 * x; }

}  // namespace

TEST_CASE("threads: stages are threads of this process, several workers each") {
  std::atomic<int> calls{0};
  std::vector<std::pair<int, int>> all;
  for (const auto& x : iq::pipeline(iq::threads)
                           .from(iota(0, 100))
                           .map(
                               [&calls](int x) {
                                 ++calls;
                                 return std::pair(x, static_cast<int>(::getpid()));
                               },
                               {.workers = 4})) {
    all.push_back(x);
  }
  std::ranges::sort(all);
  REQUIRE(all.size() == 100);
  for (int i = 0; i < 100; ++i) {
    CHECK(all[static_cast<std::size_t>(i)] == std::pair(i, static_cast<int>(::getpid())));
  }
  CHECK(calls == 100);
}

TEST_CASE("threads: ordered, chain, for_each, .out") {
  int expected = 0;
  for (const int x :
       iq::pipeline(iq::threads).from(iota(0, 500)).map(twice, {.workers = 4, .ordered = true})) {
    CHECK(x == expected);
    expected += 2;
  }
  CHECK(expected == 1000);
  std::atomic<int> sum{0};
  iq::pipeline(iq::threads)
      .from(iota(0, 100))
      .chain([](iq::Consumer<int>& in, iq::Producer<int>& out) { iq::relay(in, out, twice); })
      .for_each([&sum](int x) { sum += x; }, {.workers = 3});
  CHECK(sum == 9900);
}

TEST_CASE("threads: a function with a state has one of its own in each thread") {
  std::vector<int> counts;
  for (const int x : iq::pipeline(iq::threads)
                         .from(iota(0, 90))
                         .map([count = 0](int) mutable { return ++count; }, {.workers = 3})) {
    counts.push_back(x);
  }
  // Each worker counts 1, 2, 3…: so one, two or three of them have seen a 1.
  const auto ones = std::ranges::count(counts, 1);
  CHECK(ones >= 1);
  CHECK(ones <= 3);
  CHECK(counts.size() == 90);
}

TEST_CASE("threads: an exception ends all stages and is told as from a process") {
  const auto run = [] {
    iq::pipeline(iq::threads)
        .from(iota(0))
        .map(
            [](int x) {
              if (x == 10) throw std::domain_error("oh no");
              return x;
            },
            {.workers = 4})
        .join();
  };
  bool is_told = false;
  try {
    run();
  } catch (const iq::PipelineFailed& failed) {
    is_told = true;
    CHECK(failed.stage() == 1);
    CHECK(failed.item() == 10U);
    CHECK(failed.pid() == ::getpid());
    CHECK(failed.exception_type() == "std::domain_error");
  }
  CHECK(is_told);
}

TEST_CASE("threads: a reader that stops in the middle ends all threads") {
  int count = 0;
  for ([[maybe_unused]] const int x :
       iq::pipeline(iq::threads).from(iota(0)).map(twice, {.workers = 3})) {
    if (++count == 10) break;
  }
  CHECK(count == 10);
}

TEST_CASE("threads: what waits at a queue of the user's ends with the pipeline, not the queue") {
  iq::IterableQueue<int> queue({.capacity = 4});
  const auto begun = std::chrono::steady_clock::now();
  SUBCASE("for items: map, ordered, a raw worker, fold") {
    iq::Producer<int> producer = queue.get_producer();
    producer.put(1);
    {
      auto doubled = iq::pipeline(iq::threads).from(queue).map(twice, {.workers = 3});
      CHECK(*doubled.begin() == 2);
    }
    {
      auto ordered = iq::pipeline(iq::threads).from(queue).map(twice, {.ordered = true});
      ordered.start();
      producer.put(2);
      CHECK(*ordered.begin() == 4);
    }
    {
      auto raw = iq::pipeline(iq::threads)
                     .from(queue)
                     .chain([](iq::Consumer<int>& in, iq::Producer<int>& out) {
                       for (const int x : in) out.put(x);
                     })
                     .sort();
      raw.start();
    }
    producer.put(3);
    CHECK(queue.get_consumer().get() == 3);
  }
  SUBCASE("for room") {
    iq::Consumer<int> consumer = queue.get_consumer();
    {
      auto endless = iq::pipeline(iq::threads).from(iota(0)).map(twice, {.out = &queue});
      endless.start();
      CHECK(consumer.get() == 0);
    }
    const auto read_all = [&consumer] {
      while (consumer.get()) {
      }
    };
    CHECK_THROWS_AS(read_all(), iq::ProducerFailed);
  }
  CHECK(std::chrono::steady_clock::now() - begun < std::chrono::seconds(5));
}

// ---- inline ----

TEST_CASE("inline: everything in the caller, one item after the other, as far as it is read") {
  std::vector<std::string> steps;
  auto source = iota(0) | std::views::transform([&steps](int x) {
                  steps.push_back("from " + std::to_string(x));
                  return x;
                });
  auto results = iq::pipeline(iq::inline_mode)
                     .from(source)
                     .filter([](int x) { return x % 2 == 0; }, {.workers = 10})
                     .map(
                         [&steps](int x) {
                           steps.push_back("map " + std::to_string(x));
                           return twice(x);
                         },
                         {.workers = 8});
  CHECK(steps.empty());
  std::vector<int> read;
  for (const int x : results) {
    read.push_back(x);
    if (read.size() == 2) break;
  }
  CHECK(read == std::vector<int>{0, 4});
  CHECK(steps == std::vector<std::string>{"from 0", "map 0", "from 1", "from 2", "map 2"});
}

TEST_CASE("inline: fold, sort, for_each, chain, .out and a queue as the source") {
  const auto numbers = [] { return iq::pipeline(iq::inline_mode).from(iota(0, 100)); };
  CHECK(numbers().fold(std::plus{}, 7, {.workers = 8}) == 4957);
  CHECK(numbers().fold(std::plus{}, 7) == 4957);
  std::vector<int> all;
  for (const int x : numbers().sort(std::greater{})) all.push_back(x);
  CHECK(all.front() == 99);
  CHECK(std::ranges::is_sorted(all, std::greater{}));
  int sum = 0;
  numbers().map(twice).for_each([&sum](int x) { sum += x; });
  CHECK(sum == 9900);
  const auto relay_twice = [](iq::Consumer<int>& in, iq::Producer<int>& out) {
    iq::relay(in, out, twice);
  };
  CHECK(numbers().chain(relay_twice, {.workers = 5}).fold(std::plus{}, 0) == 9900);
  CHECK(iq::pipeline(iq::inline_mode)
            .chain([](iq::Producer<int>& out) {
              for (int i = 0; i < 100; ++i) out.put(i);
            })
            .fold(std::plus{}, 0) == 4950);
  iq::IterableQueue<int> queue;
  auto into = numbers().map(twice, {.out = &queue});
  into.join();
  CHECK(iq::pipeline(iq::inline_mode).from(queue).map(twice).fold(std::plus{}, 0) == 19800);
}

TEST_CASE("inline: errors, retries and handlers are the same; the exception itself is nested") {
  const auto fail_at_ten = [](int x) {
    if (x == 10) throw std::domain_error("oh no");
    return x;
  };
  bool is_told = false;
  try {
    iq::pipeline(iq::inline_mode).from(iota(0)).map(fail_at_ten).map(twice).join();
  } catch (const iq::PipelineFailed& failed) {
    CHECK(failed.stage() == 1);
    CHECK(failed.item() == 10U);
    CHECK(failed.exception_type() == "std::domain_error");
    CHECK(std::string(failed.what()) ==
          "a pipeline failed: stage 1 \"map\" threw std::domain_error: oh no, at item 10");
    try {
      std::rethrow_if_nested(failed);
    } catch (const std::domain_error&) {
      is_told = true;
    }
  }
  CHECK(is_told);
  const auto all = [&](iq::StageOptions<int, int> options) {
    return iq::pipeline(iq::inline_mode).from(iota(0, 20)).map(fail_at_ten, options).join();
  };
  CHECK(all({.on_error = iq::ignore}) == 19);
  CHECK(all({.on_error = iq::forward_input, .retries = 2}) == 20);
  CHECK_THROWS_AS(iq::pipeline(iq::inline_mode)
                      .from(iota(0))
                      .chain([](iq::Consumer<int>& in, iq::Producer<int>&) {
                        in.get();
                        throw std::runtime_error("no");
                      })
                      .map(twice)
                      .join(),
                  iq::PipelineFailed);
}

TEST_CASE("inline: a raw worker that has enough ends the source, and what comes behind is whole") {
  const auto take_ten = [](iq::Consumer<int>& in, iq::Producer<int>& out) {
    for (const int x : in | std::views::take(10)) out.put(x);
  };
  CHECK(
      iq::pipeline(iq::inline_mode).from(iota(0)).map(twice).chain(take_ten).fold(std::plus{}, 0) ==
      90);
}

TEST_CASE("inline: a reader that stops in the middle ends the threads of raw workers") {
  int count = 0;
  for ([[maybe_unused]] const int x :
       iq::pipeline(iq::inline_mode)
           .chain([](iq::Producer<int>&out) {
             for (int i = 0;; ++i) out.put(i);
           })
           .chain([](iq::Consumer<int>&in, iq::Producer<int>&out) { iq::relay(in, out, twice); })
           .map(twice)) {
    if (++count == 1000) break;
  }
  CHECK(count == 1000);
}
