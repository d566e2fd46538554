// What a stage does with an exception: each form; retries, and the time that an item may take.
#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <numeric>
#include <ranges>
#include <stdexcept>
#include <string>
#include <vector>

#include "iq/iq.hpp"
#include "support/process.hpp"

namespace {

using std::views::iota;

int fail_odd(int x) {
  if (x % 2 == 1) throw std::invalid_argument("odd " + std::to_string(x));
  return 2 * x;
}

template <class Options>
std::vector<int> results_with(Options options) {
  std::vector<int> all;
  for (const int x : iq::pipeline().from(iota(0, 100)).map(fail_odd, options)) all.push_back(x);
  if (!options.ordered) std::ranges::sort(all);
  return all;
}
using Choice = iq::StageOptions<int, int>;

}  // namespace

TEST_CASE("on_error: forward_input passes the item on, as if it was the result") {
  const auto all = results_with(Choice{.workers = 10, .on_error = iq::forward_input});
  CHECK(std::accumulate(all.begin(), all.end(), 0) == 2500 + 2 * 2450);
  CHECK(all.size() == 100);
}

TEST_CASE("on_error: ignore drops the item; raise ends the pipeline") {
  CHECK(results_with(Choice{.workers = 3, .on_error = iq::ignore}).size() == 50);
  CHECK_THROWS_AS(results_with(Choice{.workers = 3, .on_error = iq::raise}), iq::PipelineFailed);
}

TEST_CASE("on_error: a handler gets the item and the exception, and puts what it likes") {
  const auto all = results_with(Choice{
      .workers = 4,
      .on_error = [](const int& item, const std::exception_ptr& error, iq::Output<int>& out) {
        try {
          std::rethrow_exception(error);
        } catch (const std::invalid_argument& told) {
          if (told.what() != "odd " + std::to_string(item)) throw;
        }
        if (item == 1) return;
        out.put(-item);
        if (item == 3) out.put(-item);
      }});
  CHECK(all.size() == 100);
  CHECK(std::ranges::count(all, -3) == 2);
  CHECK(std::ranges::count(all, -1) == 0);
}

TEST_CASE("on_error: what a handler throws ends the pipeline") {
  CHECK_THROWS_AS(
      results_with(Choice{.on_error = [](const int&, const std::exception_ptr& error,
                                         iq::Output<int>&) { std::rethrow_exception(error); }}),
      iq::PipelineFailed);
}

TEST_CASE("on_error: an ordered stage keeps the order without the dropped; one result at most") {
  const auto all = results_with(Choice{.workers = 4, .on_error = iq::ignore, .ordered = true});
  REQUIRE(all.size() == 50);
  for (int i = 0; i < 50; ++i) CHECK(all[static_cast<std::size_t>(i)] == 4 * i);
  try {
    results_with(Choice{.on_error =
                            [](const int& item, const std::exception_ptr&, iq::Output<int>& out) {
                              out.put(item);
                              out.put(item);
                            },
                        .ordered = true});
    FAIL("two results for one item");
  } catch (const iq::PipelineFailed& failed) {
    CHECK(failed.exception_type() == "iq::BadArgument");
    CHECK(failed.exception_text().find("a second result for one item") != std::string::npos);
  }
}

TEST_CASE("on_error: a handler may put more than the stage holds") {
  const auto put_many = [](const int& item, const std::exception_ptr&, iq::Output<int>& out) {
    for (int i = 0; i < 1000; ++i) out.put(item);
  };
  CHECK(results_with(Choice{.capacity = 2000, .on_error = put_many}).size() == 50 * 1001);
  CHECK(results_with(Choice{.workers = 2, .on_error = put_many}).size() == 50 * 1001);
}

TEST_CASE("TooLarge: a result that no queue of the stage can hold is told in the stage's words") {
  const auto run = [](std::uint64_t bytes) {
    return iq::pipeline()
        .from(iota(0, 3))
        .map([](int) { return std::string(5 << 20, 'x'); }, {.bytes_per_worker = bytes})
        .join();
  };
  CHECK(run(std::uint64_t{16} << 20) == 3);
  try {
    run(0);
    FAIL("it fits");
  } catch (const iq::PipelineFailed& failed) {
    CHECK(failed.exception_type() == "iq::TooLarge");
    CHECK(std::string(failed.what()).find("the .capacity and .bytes_per_worker of the stage") !=
          std::string::npos);
  }
}

TEST_CASE("on_error: filter and for_each have it too") {
  auto kept = iqtest::shared_counter();
  auto told = iqtest::shared_counter();
  const auto keep = [](int x) { return fail_odd(x) % 4 == 0; };
  iq::pipeline()
      .from(iota(0, 100))
      .filter(keep, {.on_error = iq::forward_input})
      .for_each(
          [&kept](int x) {
            if (x == 7) throw std::runtime_error("seven");
            ++*kept;
          },
          {.workers = 2,
           .on_error = [&told](const int& item, const std::exception_ptr&) { *told += item; }});
  CHECK(*kept == 99);
  CHECK(*told == 7);
}

TEST_CASE("retries: forgiven within one delivery, counted exactly") {
  iqtest::Shared<std::array<std::atomic<int>, 10>> calls;
  const auto run = [&calls](int retries) {
    for (auto& count : *calls) count = 0;
    iq::pipeline()
        .from(iota(0, 10))
        .map(
            [&calls](int x) {
              const int call = ++(*calls)[static_cast<std::size_t>(x)];
              if (x == 9 && call <= 2) throw std::runtime_error("try again");
              return x;
            },
            {.on_error = iq::ignore, .retries = retries})
        .join();
    return (*calls)[9].load();
  };
  CHECK(run(0) == 1);
  CHECK(run(1) == 2);
  CHECK(run(2) == 3);
  CHECK(run(5) == 3);
  CHECK((*calls)[8] == 1);
}

TEST_CASE("timeout: a worker stuck on one item is killed and replaced, the item comes again") {
  iqtest::Shared<std::array<std::atomic<int>, 20>> calls;
  std::vector<int> all;
  for (const int x : iq::pipeline()
                         .from(iota(0, 20))
                         .map(
                             [&calls](int x) {
                               const int call = ++(*calls)[static_cast<std::size_t>(x)];
                               if (x == 7 && call == 1) ::sleep(60);
                               return x;
                             },
                             {.workers = 2, .timeout = std::chrono::milliseconds(100)})) {
    all.push_back(x);
  }
  std::ranges::sort(all);
  std::vector<int> expected(20);
  std::iota(expected.begin(), expected.end(), 0);
  CHECK(all == expected);
  CHECK((*calls)[7] == 2);
}

TEST_CASE("timeout: an item that is stuck each time is given up; waiting for room is no item's") {
  try {
    iq::pipeline()
        .from(iota(0, 20))
        .map(
            [](int x) {
              if (x == 7) ::sleep(60);
              return x;
            },
            {.timeout = std::chrono::milliseconds(50), .max_deliveries = 2})
        .join();
    FAIL("item 7 came through");
  } catch (const iq::PipelineFailed& failed) {
    CHECK(failed.item() == 7U);
    CHECK(failed.exception_type().empty());
    CHECK(std::string(failed.what()).find("Its .timeout, which kills, is 50 ms") !=
          std::string::npos);
  }
  try {
    iq::pipeline()
        .from(iota(0, 20))
        .for_each([](int) { ::sleep(60); },
                  {.restarts = 0, .timeout = std::chrono::milliseconds(50)});
    FAIL("it came through");
  } catch (const iq::PipelineFailed& failed) {
    CHECK(std::string(failed.what()).find("Its .timeout, which kills, is 50 ms") !=
          std::string::npos);
  }
  int count = 0;
  for ([[maybe_unused]] const int x :
       iq::pipeline()
           .from(iota(0, 10))
           .map([](int x) { return x; },
                {.capacity = 1, .restarts = 0, .timeout = std::chrono::milliseconds(20)})) {
    ::usleep(60'000);
    ++count;
  }
  CHECK(count == 10);
}
