// Pipelines in a line: what comes out, how it is asked for, how far ahead the stages run.
#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <numeric>
#include <optional>
#include <ranges>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "iq/iq.hpp"
#include "support/process.hpp"

namespace {

using std::views::iota;

template <class T>
std::vector<T> all_of(iq::Pipeline<T>&& pipeline) {
  std::vector<T> items;
  for (T& item : pipeline) items.push_back(std::move(item));
  return items;
}
template <class T>
std::vector<T> sorted(std::vector<T> items) {
  std::ranges::sort(items);
  return items;
}
std::vector<int> numbers(int from, int to) {
  std::vector<int> result(static_cast<std::size_t>(to - from));
  std::iota(result.begin(), result.end(), from);
  return result;
}

bool is_odd(int x) { return x % 2 == 1; }
int twice(int x) { return 2 * x; }

}  // namespace

TEST_CASE("Pipeline: filter and map with several workers each: every item once") {
  auto results =
      iq::pipeline().from(iota(0, 100)).filter(is_odd, {.workers = 10}).map(twice, {.workers = 8});
  int sum = 0;
  int count = 0;
  for (const int x : results) {
    sum += x;
    ++count;
  }
  CHECK(sum == 5000);
  CHECK(count == 50);
}

TEST_CASE("Pipeline: stages run in processes of their own, each with its copy of the captures") {
  const int caller = ::getpid();
  int calls = 0;
  const auto pids = all_of(iq::pipeline()
                               .from(iota(0, 200))
                               .map(
                                   [&calls](int) {
                                     ++calls;
                                     return ::getpid();
                                   },
                                   {.workers = 3}));
  CHECK(pids.size() == 200);
  CHECK(std::ranges::count(pids, caller) == 0);
  CHECK(calls == 0);
}

TEST_CASE("Pipeline: types are deduced from stage to stage, encoded items among them") {
  const std::vector<std::string> words{"one", "three", "fifteen"};
  auto lengths = iq::pipeline()
                     .from(words)
                     .map([](const std::string& word) { return word + "!"; })
                     .map([](const std::string& word) { return std::pair(word, word.size()); })
                     .map([](const std::pair<std::string, std::size_t>& x) { return x.second; });
  static_assert(std::is_same_v<decltype(lengths), iq::Pipeline<std::size_t>>);
  CHECK(sorted(all_of(std::move(lengths))) == std::vector<std::size_t>{4, 6, 8});
}

TEST_CASE("Pipeline: a stage that returns an optional drops the empty ones") {
  const auto halves =
      all_of(iq::pipeline()
                 .from(iota(0, 100))
                 .map([](int x) { return x % 2 == 0 ? std::optional(x / 2) : std::nullopt; },
                      {.workers = 2}));
  CHECK(sorted(halves) == numbers(0, 50));
}

TEST_CASE("Pipeline: what a predicate accepts passes, be it nothing in other eyes") {
  const auto any = [](const auto&) { return true; };
  CHECK(all_of(iq::pipeline().from(std::vector<int>(20, 0)).filter(any, {.workers = 3})) ==
        std::vector<int>(20, 0));
  CHECK(all_of(iq::pipeline().from(std::vector<std::string>(20)).filter(any, {.ordered = true})) ==
        std::vector<std::string>(20));
}

TEST_CASE("Pipeline: the source may be endless; it runs only as far as the stages take") {
  auto pulled = iqtest::shared_counter();
  auto endless = iota(0) | std::views::transform([&pulled](int x) {
                   ++*pulled;
                   return x;
                 });
  auto results = iq::pipeline().from(endless).map(twice, {.workers = 2, .capacity = 4});
  CHECK(*pulled == 0);  // nothing runs while it is built
  int seen = 0;
  for ([[maybe_unused]] const int x : results) {
    if (++seen == 20) break;
  }
  CHECK(*pulled >= 20);
  // The queues hold 2 and 4, three stages at most have one in hand each worker; the source has one.
  CHECK(*pulled <= 20 + (2 + 2) + (4 + 1) + 1);
}

TEST_CASE("Pipeline: an endless source and a slow sink: three stages hold what they may, no more") {
  auto pulled = iqtest::shared_counter();
  auto endless = iota(0) | std::views::transform([&pulled](int x) {
                   ++*pulled;
                   return x;
                 });
  auto results = iq::pipeline()
                     .from(endless, {.capacity = 5})
                     .map(twice, {.workers = 2, .capacity = 6})
                     .filter([](int) { return true; }, {.workers = 3, .capacity = 3})
                     .map(twice, {.workers = 1, .capacity = 4});
  // What may wait, one in the hands of each worker, of the source and of the reader.
  constexpr int kMost = (5 + 6 + 3 + 4) + (1 + 2 + 3 + 1) + 1;
  int read = 0;
  std::int64_t most = 0;
  for ([[maybe_unused]] const int x : results) {
    ::usleep(5000);
    most = std::max(most, *pulled - read);
    if (++read == 60) break;
  }
  CHECK(most <= kMost);
  CHECK(most > 5);  // it did run ahead
}

TEST_CASE(
    "Pipeline: a range that is read once is read by the source; the caller's stays as it is") {
  std::istringstream text("3 1 2");
  auto numbers_in_text = std::views::istream<int>(text);
  CHECK(sorted(all_of(iq::pipeline().from(numbers_in_text).map(twice))) ==
        std::vector<int>{2, 4, 6});
  int first = 0;
  text >> first;
  CHECK(first == 3);
}

TEST_CASE("Pipeline: chain hands the endpoints to raw workers; the first one may only produce") {
  auto results = iq::pipeline()
                     .chain([](iq::Producer<int>& out) {
                       for (int i = 0; i < 100; ++i) out.put(i);
                     })
                     .chain(
                         [](iq::Consumer<int>& in, iq::Producer<int> out) {
                           for (const int x : in) {
                             if (is_odd(x)) out.put(x);
                           }
                         },
                         {.workers = 10})
                     .map(twice, {.workers = 8});
  const auto all = all_of(std::move(results));
  CHECK(std::accumulate(all.begin(), all.end(), 0) == 5000);
}

TEST_CASE("Pipeline: a raw worker may ask for its number, and relay exactly once by itself") {
  const auto pairs =
      all_of(iq::pipeline()
                 .from(iota(0, 60))
                 .chain(
                     [](iq::Consumer<int>& in, iq::Producer<std::pair<int, int>>& out, int worker) {
                       iq::relay(in, out, [worker](int x) { return std::pair(x, worker); });
                     },
                     {.workers = 3}));
  CHECK(pairs.size() == 60);
  CHECK(std::ranges::all_of(pairs, [](const auto& x) { return x.second >= 0 && x.second < 3; }));
}

TEST_CASE("Pipeline: a raw worker that has enough ends the stages before it, in order") {
  std::vector<int> all;
  for (const int x : iq::pipeline()
                         .from(iota(0))
                         .map(twice, {.workers = 3, .ordered = true})
                         .chain([](iq::Consumer<int>&in, iq::Producer<int>&out) {
                           for (const int x : in | std::views::take(10)) out.put(x);
                         })) {
    all.push_back(x);
  }
  CHECK(all == std::vector<int>{0, 2, 4, 6, 8, 10, 12, 14, 16, 18});
}

TEST_CASE("Pipeline: .out puts the results into a queue of the user's, which ends with them") {
  iq::IterableQueue<int> queue;
  auto pipeline = iq::pipeline()
                      .from(iota(0, 100))
                      .filter(is_odd, {.workers = 3})
                      .map(twice, {.workers = 8, .out = &queue});
  pipeline.start();
  int sum = 0;
  for (const int x : queue.get_consumer()) sum += x;
  CHECK(pipeline.join() == 0);
  CHECK(sum == 5000);
}

TEST_CASE("Pipeline: it reads a queue of the user's, by from() and by .in") {
  iq::IterableQueue<int> queue;
  const auto fill = [&queue] {
    iq::Producer<int> out = queue.get_producer();
    for (int i = 0; i < 100; ++i) out.put(i);
  };
  fill();
  SUBCASE("from") {
    auto pipeline = iq::pipeline().from(queue).map(twice, {.workers = 2});
    pipeline.start();
    fill();  // the queue stays open to the caller
    queue.close();
    CHECK(all_of(std::move(pipeline)).size() == 200);
  }
  SUBCASE(".in") {
    queue.close();
    auto pipeline = iq::pipeline().chain(
        [](iq::Consumer<int>& in, iq::Producer<int>& out) { iq::relay(in, out, twice); },
        {.in = &queue});
    CHECK(all_of(std::move(pipeline)).size() == 100);
  }
}

TEST_CASE("Pipeline: ordered into a queue of the user's, behind stages that keep no order, twice") {
  const auto slowly = [](int x) {
    ::usleep(static_cast<unsigned>(x * 7919 % 300));
    return x;
  };
  iq::IterableQueue<int> in;
  iq::IterableQueue<int> out;
  {
    iq::Producer<int> producer = in.get_producer();
    for (int i = 0; i < 200; ++i) producer.put(i);
  }
  in.close();
  auto pipeline = iq::pipeline()
                      .from(in)
                      .map(slowly, {.workers = 4, .ordered = true})
                      .filter([](int x) { return x % 3 != 0; }, {.workers = 3, .ordered = true})
                      .map(slowly)  // one worker: in order, by a stage that is put in
                      .map(twice, {.workers = 4, .ordered = true, .out = &out});
  pipeline.start();
  int last = -1;
  int count = 0;
  for (const int x : out.get_consumer()) {
    CHECK(x > last);
    last = x;
    ++count;
  }
  pipeline.join();
  CHECK(count == 133);
  CHECK(last == 398);
}

TEST_CASE("Pipeline: for_each runs to the end, in the workers") {
  auto sum = iqtest::shared_counter();
  int here = 0;
  iq::pipeline()
      .from(iota(0, 100))
      .map(twice, {.workers = 2})
      .for_each(
          [&](int x) {
            *sum += x;
            here += x;
          },
          {.workers = 3});
  CHECK(*sum == 9900);
  CHECK(here == 0);
}

TEST_CASE("Pipeline: join runs it to the end and drops what nobody reads") {
  auto calls = iqtest::shared_counter();
  auto pipeline = iq::pipeline().from(iota(0, 100)).map([&calls](int x) {
    ++*calls;
    return x;
  });
  CHECK(pipeline.join() == 100);
  CHECK(*calls == 100);
}

TEST_CASE("Pipeline: a chain without an output ends it") {
  auto sum = iqtest::shared_counter();
  auto pipeline = iq::pipeline()
                      .from(iota(0, 100))
                      .chain(
                          [&sum](iq::Consumer<int>& in) {
                            for (const int x : in) *sum += x;
                          },
                          {.workers = 2});
  pipeline.start();
  pipeline.join();
  CHECK(*sum == 4950);
}

TEST_CASE("Pipeline: it runs once: a second reading, and stages behind a start, are refused") {
  auto pipeline = iq::pipeline().from(iota(0, 10)).map(twice);
  int count = 0;
  for ([[maybe_unused]] const int x : pipeline) ++count;
  CHECK(count == 10);
  CHECK_THROWS_AS(pipeline.begin(), iq::Closed);
  CHECK_THROWS_AS(pipeline.start(), iq::Closed);
  CHECK_THROWS_AS(std::move(pipeline).map(twice), iq::Closed);
  CHECK(pipeline.join() == 0);
}

TEST_CASE("Pipeline: one that was given away, to a stage or to a variable, runs no more") {
  for (const iq::RunIn run_in : {iq::RunIn::processes, iq::RunIn::caller}) {
    auto given = iq::pipeline({.run_in = run_in}).from(iota(0, 3)).map(twice);
    auto longer = std::move(given).map(twice);
    CHECK_THROWS_AS(given.join(), iq::Closed);
    CHECK_THROWS_AS(given.begin(), iq::Closed);
    auto moved = std::move(longer);
    CHECK_THROWS_AS(longer.join(), iq::Closed);
    CHECK(moved.join() == 3);
    CHECK(moved.join() == 0);
  }
}

TEST_CASE("Pipeline: an empty source gives nothing") {
  CHECK(all_of(iq::pipeline().from(std::vector<int>{}).map(twice, {.workers = 4})).empty());
}

TEST_CASE(
    "Pipeline: ordered results come in the order of the inputs, the first before the last "
    "input is read") {
  auto pulled = iqtest::shared_counter();
  auto source = iota(0, 2000) | std::views::transform([&pulled](int x) {
                  ++*pulled;
                  return x;
                });
  auto results = iq::pipeline().from(source).map(
      [](int x) {
        ::usleep(static_cast<unsigned>(x * 7919 % 200));
        return twice(x);
      },
      {.workers = 8, .ordered = true});
  int expected = 0;
  for (const int x : results) {
    if (expected == 0) CHECK(*pulled < 2000);
    CHECK(x == expected);
    expected += 2;
  }
  CHECK(expected == 4000);
}
