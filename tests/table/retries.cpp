// Exceptions that are forgiven: how often, what becomes of the entry, and how it is counted.
#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <ranges>
#include <stdexcept>
#include <string>
#include <vector>

#include "iq/iq.hpp"
#include "support/process.hpp"

namespace {

using std::views::iota;

template <class Table>
std::vector<int> sorted_results(Table& table) {
  std::vector<int> all;
  for (const int result : table.results()) all.push_back(result);
  std::ranges::sort(all);
  return all;
}

}  // namespace

TEST_CASE("retries: count() only grows, also while entries are dropped") {
  iq::Steps p{iq::funcstep(
      [](int x) {
        if (x >= 10) throw std::runtime_error("dropped");
      },
      {.on_error = iq::ignore})};
  p.put_iterable(iota(0, 5'000));
  p.start();
  p.finish();
  std::uint64_t last = 0;
  bool grows = true;
  while (p.alive()) {
    const std::uint64_t now = p.count();
    grows = grows && last <= now && now <= 10;
    last = now;
  }
  p.wait();
  CHECK(grows);
  CHECK(p.count() == 10);
  CHECK(p.dropped() == 4'990);
}

TEST_CASE("retries: 1,000 entries, one of which fails for good, dropped: 999") {
  auto tries = iqtest::shared_counter();
  const auto fail_at_500 = [&](int x) {
    if (x != 500) return x;
    ++*tries;
    throw std::runtime_error("for good");
  };
  SUBCASE("in the first step") {
    iq::Steps p{iq::funcstep(fail_at_500, {.workers = 3, .retries = 1, .on_error = iq::ignore}),
                iq::funcstep([](int x) { return x; })};
    p.put_iterable(iota(0, 1'000));
    p.run();
    CHECK(p.count() == 999);
    CHECK(p.dropped() == 1);
    CHECK(p.retried() == 1);
    CHECK(sorted_results(p).size() == 999);
  }
  SUBCASE("in the last step, with results") {
    iq::Steps p{iq::funcstep(fail_at_500, {.workers = 3, .retries = 1, .on_error = iq::ignore})};
    p.put_all(iota(0, 1'000));
    p.run();
    CHECK(p.count() == 999);
    CHECK(p.dropped() == 1);
  }
  SUBCASE("in the last step, without") {
    iq::Steps p{iq::funcstep([&](int x) { static_cast<void>(fail_at_500(x)); },
                             {.workers = 3, .retries = 1, .on_error = iq::ignore})};
    p.put_all(iota(0, 1'000));
    p.run();
    CHECK(p.count() == 999);
    CHECK(p.dropped() == 1);
  }
  CHECK(*tries == 2);
}

TEST_CASE("retries: exactly as many exceptions are forgiven as were asked for") {
  for (const int retries : {0, 1, 4}) {
    CAPTURE(retries);
    auto tries = iqtest::shared_counter();
    iq::Steps p{iq::funcstep(
        [&](int x) {
          ++*tries;
          throw std::runtime_error("try " + std::to_string(*tries));
          return x;
        },
        {.retries = retries})};
    p.put(1);
    try {
      p.run();
      FAIL("nothing was thrown");
    } catch (const iq::PipelineFailed& failed) {
      CHECK(failed.exception_text() == "try " + std::to_string(retries + 1));
    }
    CHECK(*tries == retries + 1);
    CHECK(p.retried() == static_cast<std::uint64_t>(retries));
    CHECK_FALSE(p.ok());
  }
}

TEST_CASE("retries: the last entry fails once, is tried again, and is not lost") {
  auto failures = iqtest::shared_counter();
  iq::Steps p{iq::funcstep(
      [&](int x) {
        if (x == 99 && ++*failures == 1) throw std::runtime_error("once");
        return x;
      },
      {.workers = 4, .retries = 1})};
  p.put_iterable(iota(0, 100));
  p.run();
  const std::vector<int> all = sorted_results(p);
  CHECK(all.size() == 100);
  CHECK(all.back() == 99);
  CHECK(*failures == 2);
  CHECK(p.retried() == 1);
}

TEST_CASE("retries: each entry has its own tries, again after a worker was killed") {
  auto tries = iqtest::shared_counter();
  iq::Steps p{iq::funcstep(
      [&](int x) {
        const auto mine = ++*tries;
        if (mine == 2) ::kill(::getpid(), SIGKILL);  // in the second try of the first delivery
        if (mine < 4) throw std::runtime_error("again");
        return x;
      },
      {.retries = 1})};
  p.put(7);
  p.run();
  CHECK(sorted_results(p) == std::vector{7});
  CHECK(*tries == 4);
}

TEST_CASE("retries: what an iterstep has put in a try that failed is not seen") {
  auto tries = iqtest::shared_counter();
  iq::Steps p{iq::iterstep(
      [&](int n, iq::Output<int>& out) {
        for (int i = 0; i < n; ++i) {
          if (i == n / 2 && ++*tries == 1) throw std::runtime_error("half");
          out.put(i);
        }
      },
      {.retries = 1, .capacity = 2})};
  p.put(100);
  p.run();
  CHECK(std::ranges::equal(sorted_results(p), iota(0, 100)));
}

TEST_CASE("retries: SkipEntry is no failure: it is neither tried again nor counted") {
  auto tries = iqtest::shared_counter();
  iq::Steps p{iq::funcstep(
      [&](int x) {
        ++*tries;
        if (x == 3) throw iq::SkipEntry{};
        return x;
      },
      {.retries = 5, .on_error = iq::ignore})};
  p.put_all(iota(0, 10));
  p.run();
  CHECK(*tries == 10);
  CHECK(p.retried() == 0);
  CHECK(p.dropped() == 0);
  CHECK(sorted_results(p).size() == 9);
}
