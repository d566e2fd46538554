// What a table is made of: kinds of steps, what comes out of them, in processes, threads, inline.
#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <map>
#include <optional>
#include <ranges>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "iq/iq.hpp"
#include "support/process.hpp"

namespace {

using std::views::iota;

int twice(int x) { return 2 * x; }

struct Length {
  std::size_t process(const std::string& text) const { return text.size(); }
};
struct Times {
  int factor = 1;
  int process(int x) const { return factor * x; }
};
struct Split {
  void process(const std::string& line, iq::Output<std::string>& out) const {
    for (std::size_t at = 0; at < line.size();) {
      const std::size_t end = std::min(line.find(' ', at), line.size());
      out.put(line.substr(at, end - at));
      at = end + 1;
    }
  }
};

/// All results of a table that has run, sorted.
template <class Table>
auto sorted_results(Table& table) {
  std::vector<typename Table::value_type> all;
  for (auto& result : table.results()) all.push_back(std::move(result));
  std::ranges::sort(all);
  return all;
}

}  // namespace

TEST_CASE("Steps: classes, functions and iterators, each with its own number of workers") {
  iq::Steps p{iq::step<Split>(2), iq::step<Length>(3),
              iq::funcstep([](std::size_t n) { return static_cast<int>(n); }),
              iq::iterstep([](int n) { return std::vector<int>(2, n); }, 2),
              iq::step(Times{10}, 2)};
  static_assert(std::is_same_v<decltype(p)::input_type, std::string>);
  static_assert(std::is_same_v<decltype(p)::value_type, int>);
  p.put("a bb");
  p.put("ccc");
  p.run();
  CHECK(sorted_results(p) == std::vector{10, 10, 20, 20, 30, 30});
  CHECK(p.count() == 6);
  CHECK(p.ok());
}

TEST_CASE("Steps: as many workers as were asked for take part, none of them the caller") {
  iqtest::Shared<std::array<std::atomic<int>, 8>> pids;
  auto arrived = iqtest::shared_counter();
  iq::Steps p{iq::funcstep(
      [&](int x) {
        (*pids)[static_cast<std::size_t>(x)] = ::getpid();
        ++*arrived;
        iqtest::require(iqtest::wait_until([&] { return *arrived == 4; }), "four at a time");
        return x;
      },
      4)};
  p.put_all(iota(0, 4));
  p.run();
  std::set<int> all;
  for (std::size_t i = 0; i < 4; ++i) all.insert((*pids)[i]);
  CHECK(all.size() == 4);
  CHECK(all.count(::getpid()) == 0);
  CHECK(p.count() == 4);
}

TEST_CASE("Steps: SkipEntry and empty optionals drop an entry, which is no error") {
  iq::Steps p{iq::funcstep(
                  [](int x) {
                    if (x % 2 == 1) throw iq::SkipEntry{};
                    return x;
                  },
                  2),
              iq::funcstep([](int x) { return x % 4 == 0 ? std::optional(x) : std::nullopt; })};
  p.put_all(iota(0, 20));
  p.run();
  CHECK(sorted_results(p) == std::vector{0, 4, 8, 12, 16});
  CHECK(p.dropped() == 0);
}

TEST_CASE("Steps: SkipEntry in a pipeline's map, filter and for_each means the same") {
  auto skip_odd = [](int x) {
    if (x % 2 == 1) throw iq::SkipEntry{};
    return x;
  };
  CHECK(iq::pipeline().from(iota(0, 10)).map(skip_odd).fold(std::plus{}, 0) == 20);
  CHECK(iq::pipeline(iq::inline_mode).from(iota(0, 10)).map(skip_odd).fold(std::plus{}, 0) == 20);
  auto seen = iqtest::shared_counter();
  iq::pipeline().from(iota(0, 10)).for_each([&](int x) {
    skip_odd(x);
    ++*seen;
  });
  CHECK(*seen == 5);
}

TEST_CASE("Steps: an iterstep puts none, some, or far more than its queue holds") {
  constexpr int kMany = 20'000;
  iq::Steps p{iq::iterstep(
                  [](int n, iq::Output<std::string>& out) {
                    for (int i = 0; i < n; ++i) out.put(std::to_string(i));
                  },
                  {.workers = 2, .capacity = 4}),
              iq::funcstep([](const std::string& text) { return std::stoi(text); }, 2)};
  p.put_all({0, 1, 5, kMany});
  p.run();
  std::map<int, int> seen;
  for (const int x : p.results()) ++seen[x];
  CHECK(seen.size() == kMany);
  CHECK(seen[0] == 3);
  CHECK(seen[1] == 2);
  CHECK(seen[kMany - 1] == 1);
}

TEST_CASE("Steps: a last step that returns nothing: no results, but a count") {
  auto seen = iqtest::shared_counter();
  iq::Steps p{iq::funcstep(twice, 2), iq::funcstep([&](int x) { *seen += x; }, 2)};
  static_assert(std::is_void_v<decltype(p)::value_type>);
  p.put_iterable(iota(0, 100));
  p.run();
  CHECK(*seen == 9900);
  CHECK(p.count() == 100);
}

TEST_CASE("Steps: results come as the steps make them, only as far ahead as the queues are long") {
  auto made = iqtest::shared_counter();
  iq::Steps p{iq::funcstep([&](int x) {
    ++*made;
    return x;
  })};
  p.put_iterable(iota(0, 10'000));
  int read = 0;
  std::int64_t ahead = 0;
  for ([[maybe_unused]] const int x : p.results()) {
    ++read;
    ahead = std::max(ahead, *made - read);
  }
  CHECK(read == 10'000);
  CHECK(ahead < 100);
  CHECK_THROWS_AS(p.results(), iq::Closed);
}

TEST_CASE("Steps: results are an input range, to be read once and moved from") {
  iq::Steps p{iq::funcstep([](int x) { return std::to_string(x); })};
  p.put_all(iota(0, 5));
  static_assert(std::ranges::input_range<decltype(p.results())>);
  std::string all;
  for (std::string& text : p.results()) all += std::move(text);
  CHECK(all == "01234");
  CHECK_FALSE(p.alive());
}

TEST_CASE("Steps: in threads they share the caller's memory, inline they run in its thread") {
  std::atomic<int> sum{0};
  const auto add = [&](int x) {
    sum += x;
    return x;
  };
  SUBCASE("threads") {
    iq::Steps p{iq::StepsOptions{.run_in = iq::threads}, iq::funcstep(add, 3), iq::chunk(7),
                iq::flatten, iq::funcstep(twice)};
    p.put_all(iota(0, 50));
    p.put_iterable(iota(50, 100));
    p.start();
    p.put(100);
    p.wait();
    CHECK(sum == 5050);
    CHECK(p.count() == 101);
    CHECK(sorted_results(p).size() == 101);
  }
  SUBCASE("inline") {
    iq::IterableQueue<int> queue;
    auto more = queue.get_producer();
    more.put(100);
    more.close();
    queue.close();
    iq::Steps p{iq::StepsOptions{.run_in = iq::inline_mode}, iq::funcstep(add, 3), iq::chunk(7),
                iq::flatten, iq::funcstep(twice)};
    p.put_all(iota(0, 50));
    p.put_iterable(iota(50, 100));
    p.take_from(queue);
    p.run();
    CHECK(sum == 5050);
    CHECK(p.count() == 101);
    CHECK(sorted_results(p).size() == 101);
  }
  CHECK(iqtest::reap_orphans());
}

TEST_CASE("Steps: a table of nothing but what comes in passes it on") {
  iq::Steps p{iq::entries<std::string>};
  p.put("as it is");
  p.run();
  for (const std::string& text : p.results()) CHECK(text == "as it is");
}
