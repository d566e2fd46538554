// fold and sort: what needs all items before it gives anything.
#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <map>
#include <ranges>
#include <stdexcept>
#include <string>
#include <vector>

#include "iq/iq.hpp"
#include "support/process.hpp"

namespace {

using std::views::iota;
using Counts = std::map<std::string, int>;

bool is_odd(int x) { return x % 2 == 1; }
int twice(int x) { return 2 * x; }

}  // namespace

TEST_CASE("fold: with several workers each in every stage") {
  const int sum = iq::pipeline()
                      .from(iota(0, 100))
                      .filter(is_odd, {.workers = 10})
                      .map(twice, {.workers = 8})
                      .fold(std::plus{}, 0, {.workers = 5});
  CHECK(sum == 5000);
}

TEST_CASE("fold: the start value is used exactly once, and alone when nothing comes") {
  CHECK(iq::pipeline().from(std::vector<int>{}).fold(std::plus{}, 7) == 7);
  CHECK(iq::pipeline().from(std::vector<int>{}).fold(std::plus{}, 7, {.workers = 8}) == 7);
  CHECK(iq::pipeline().from(iota(0, 10)).fold(std::plus{}, 7) == 52);
  CHECK(iq::pipeline().from(iota(0, 10)).fold(std::plus{}, 7, {.workers = 8}) == 52);
}

TEST_CASE("fold: one worker takes the items in order, behind an ordered stage too") {
  const auto append = [](std::string all, int x) { return all + std::to_string(x); };
  CHECK(iq::pipeline().from(iota(0, 10)).fold(append, std::string(">")) == ">0123456789");
  CHECK(iq::pipeline()
            .from(iota(0, 10))
            .map(
                [](int x) {
                  ::usleep(static_cast<unsigned>((10 - x) * 1000));
                  return x;
                },
                {.workers = 4, .ordered = true})
            .fold(append, std::string(">")) == ">0123456789");
}

TEST_CASE("fold: .combine puts partial results of another type together") {
  const std::vector<std::string> words{"a", "b", "a", "c", "b", "a"};
  const auto count = [](Counts counts, const std::string& word) {
    ++counts[word];
    return counts;
  };
  const auto add = [](Counts all, const Counts& more) {
    for (const auto& [word, n] : more) all[word] += n;
    return all;
  };
  CHECK(iq::pipeline().from(words).fold(count, Counts{{"c", 10}}, {.workers = 3, .combine = add}) ==
        Counts{{"a", 3}, {"b", 2}, {"c", 11}});
  CHECK_THROWS_AS(iq::pipeline().from(words).fold(count, Counts{}, {.workers = 3}),
                  std::invalid_argument);
}

TEST_CASE("fold: a failure anywhere throws, never a short answer") {
  SUBCASE("its function") {
    const auto fail = [](int sum, int x) {
      if (x == 50) throw std::runtime_error("no");
      return sum + x;
    };
    CHECK_THROWS_AS(iq::pipeline().from(iota(0, 100)).fold(fail, 0), iq::PipelineFailed);
  }
  SUBCASE("a worker of it is killed") {
    const auto die = [](int sum, int x) {
      if (x == 50) ::raise(SIGKILL);
      return sum + x;
    };
    try {
      iq::pipeline().from(iota(0, 100)).fold(die, 0, {.workers = 2});
      FAIL("an answer");
    } catch (const iq::PipelineFailed& failed) {
      CHECK(failed.stage_name() == "fold");
      CHECK(failed.signal() == SIGKILL);
      CHECK(failed.item() == 50U);
    }
  }
  SUBCASE("a stage before") {
    const auto die = [](int x) {
      if (x == 50) ::raise(SIGKILL);
      return x;
    };
    CHECK_THROWS_AS(
        iq::pipeline().from(iota(0, 100)).map(die, {.restarts = 0}).fold(std::plus{}, 0),
        iq::PipelineFailed);
  }
}

TEST_CASE("sort: gives everything in order, and what follows may keep it") {
  const std::vector<int> mixed{5, 3, 9, 1, 7, 3};
  std::vector<int> sorted;
  for (const int x : iq::pipeline().from(mixed).map(twice, {.workers = 3}).sort()) {
    sorted.push_back(x);
  }
  CHECK(sorted == std::vector<int>{2, 6, 6, 10, 14, 18});
  sorted.clear();
  for (const int x : iq::pipeline()
                         .from(mixed)
                         .sort(std::greater{})
                         .map(twice, {.workers = 4, .ordered = true})) {
    sorted.push_back(x);
  }
  CHECK(sorted == std::vector<int>{18, 14, 10, 6, 6, 2});
}

TEST_CASE("sort: its exception and its death end the pipeline") {
  CHECK_THROWS_AS(iq::pipeline()
                      .from(iota(0, 9))
                      .sort([](int, int) -> bool { throw std::runtime_error("no"); })
                      .join(),
                  iq::PipelineFailed);
  CHECK_THROWS_AS(iq::pipeline()
                      .from(iota(0, 9))
                      .sort([](int, int) -> bool { return ::raise(SIGKILL) == 1; })
                      .join(),
                  iq::PipelineFailed);
}
