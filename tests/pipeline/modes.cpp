// The same pipeline in threads: the same results, the same failures.
#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
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
