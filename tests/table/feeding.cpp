// Every way in, alone and mixed.
#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <list>
#include <map>
#include <ranges>
#include <stdexcept>
#include <string>
#include <vector>

#include "iq/iq.hpp"
#include "support/process.hpp"

namespace {

using std::views::iota;

int same(int x) { return x; }

template <class Table>
std::vector<int> sorted_results(Table& table) {
  std::vector<int> all;
  for (const int result : table.results()) all.push_back(result);
  std::ranges::sort(all);
  return all;
}

std::vector<int> numbers(int first, int last) {
  std::vector<int> all;
  for (int i = first; i < last; ++i) all.push_back(i);
  return all;
}

}  // namespace

TEST_CASE("feeding: entry, list and braces, finish(), run(): as paipa's first example") {
  iq::Steps p{iq::funcstep(same, 3)};
  const std::vector<int> list = numbers(1, 50);
  p.put(0);
  p.put_all(list);
  p.put_all({50, 51});
  p.finish();
  p.run();
  CHECK(sorted_results(p) == numbers(0, 52));
  CHECK(p.count() == 52);
}

TEST_CASE("feeding: all ways mixed, several iterables, and more while it runs") {
  iq::IterableQueue<int> queue;
  iq::IterableQueue<int> other;
  auto into = queue.get_producer();
  into.put_all(numbers(500, 600));
  into.close();
  queue.close();
  iq::Steps p{iq::funcstep(same, 3), iq::funcstep(same, 2)};
  std::list<int> list{0, 1, 2};
  p.put_iterable(list);
  p.put(3);
  p.put_iterable(iota(4, 300));
  p.put_all(numbers(300, 400));
  p.put_iterable(iota(400, 500) | std::views::filter([](int) { return true; }));
  p.take_from(queue);
  p.take_from(other);
  p.start();
  auto into_other = other.get_producer();
  for (int i = 600; i < 700; ++i) i % 2 == 0 ? p.put(i) : into_other.put(i);
  into_other.close();
  other.close();
  p.put_all(numbers(700, 800));
  p.wait();
  CHECK(sorted_results(p) == numbers(0, 800));
  CHECK(list.size() == 3);
  CHECK(iqtest::reap_orphans());
}

TEST_CASE("feeding: what is put before the start is in the caller's memory, however much") {
  iq::Steps p{iq::funcstep([](const std::string& text) { return text.size(); }, 2)};
  for (int i = 0; i < 100'000; ++i) p.put("entry");  // no queue holds that much unread
  std::size_t bytes = 0;
  p.run();
  for (const std::size_t n : p.results()) bytes += n;
  CHECK(bytes == 500'000);
}

TEST_CASE("feeding: put while it runs waits for room, and so for the steps") {
  auto done = iqtest::shared_counter();
  iqtest::Gate gate;
  iq::Steps p{iq::funcstep([&](int x) {
    if (x == 0) gate.wait();
    ++*done;
  })};
  p.start();
  int put = 0;
  auto opener = iqtest::spawn([&] {
    ::usleep(100'000);
    gate.post();
  });
  for (; put < 100; ++put) p.put(put);
  CHECK(*done > 50);  // at the most what waits on the way is missing
  p.wait();
  CHECK(*done == 100);
  CHECK(opener.wait().ok());
}

TEST_CASE("feeding: results that nobody reads do not keep put() waiting for ever") {
  iq::Steps p{iq::funcstep(same)};
  p.start();
  for (int i = 0; i < 2'000; ++i) p.put(i);
  p.wait();
  CHECK(sorted_results(p) == numbers(0, 2'000));
}

TEST_CASE("feeding: nothing can be put after finish(), nor after the end") {
  iq::Steps p{iq::funcstep(same)};
  iq::IterableQueue<int> queue;
  p.put(1);
  p.finish();
  p.finish();
  const auto refuses = [&] {
    CHECK_THROWS_AS(p.put(2), iq::Closed);
    CHECK_THROWS_AS(p.put_all(numbers(0, 3)), iq::Closed);
    CHECK_THROWS_AS(p.put_all({1, 2}), iq::Closed);
    CHECK_THROWS_AS(p.put_all(std::vector<int>()), iq::Closed);
    CHECK_THROWS_AS(p.put_iterable(iota(0, 3)), iq::Closed);
    CHECK_THROWS_AS(p.take_from(queue), iq::Closed);
  };
  refuses();
  p.run();
  refuses();
  CHECK(sorted_results(p) == std::vector{1});
  refuses();
}

TEST_CASE("feeding: ranges are also read when they come while it runs, endless ones until stop()") {
  auto pulled = iqtest::shared_counter();
  iq::Steps p{iq::funcstep(same, 2)};
  p.start();
  p.put_iterable(iota(0, 100));
  p.put_iterable(std::vector{100, 101, 102});
  SUBCASE("to their end") { p.wait(); }
  SUBCASE("and an endless one") {
    p.put_iterable(iota(1'000) | std::views::transform([&](int x) {
                     ++*pulled;
                     return x;
                   }));
    CHECK(iqtest::wait_until([&] { return p.alive() && *pulled > 3; }));
    p.stop();
  }
  std::vector<int> all = sorted_results(p);
  CHECK(all.size() >= 103);
  all.resize(103);
  CHECK(all == numbers(0, 103));
  CHECK(iqtest::reap_orphans());
}

TEST_CASE("feeding: a range that throws while it runs ends it, and the text says what it threw") {
  iq::Steps p{iq::funcstep(same)};
  p.start();
  p.put_iterable(iota(0) | std::views::transform([](int x) {
                   if (x == 7) throw std::out_of_range("seven");
                   return x;
                 }));
  try {
    p.wait();
    FAIL("nothing was thrown");
  } catch (const iq::PipelineFailed& failed) {
    CHECK(failed.stage_name() == "input");
    CHECK(failed.exception_text().find("std::out_of_range: seven") != std::string::npos);
  }
  CHECK(iqtest::reap_orphans());
}

TEST_CASE("feeding: queues are given before the start, and ranges to threads, which errors say") {
  iq::IterableQueue<int> queue;
  iq::Steps p{iq::StepsOptions{.run_in = iq::threads}, iq::funcstep(same)};
  p.start();
  CHECK_THROWS_WITH_AS(p.take_from(queue),
                       "iq::Steps: take_from() while it runs: a table runs once, and was started "
                       "already. Make another one",
                       iq::Closed);
  CHECK_THROWS_AS(p.put_iterable(iota(0, 3)), iq::BadArgument);
  p.put(7);
  p.wait();
  CHECK(sorted_results(p) == std::vector{7});
}

TEST_CASE("feeding: the queue object may go once the table is started, wherever that runs") {
  for (const iq::RunIn run_in : {iq::RunIn::processes, iq::threads, iq::inline_mode}) {
    for (int round = 0; round < 30; ++round) {
      CAPTURE(static_cast<int>(run_in));
      iq::Steps p{iq::StepsOptions{.run_in = run_in}, iq::funcstep(same)};
      {
        iq::IterableQueue<int> queue;
        auto into = queue.get_producer();
        p.take_from(queue);
        p.start();
        into.put(round);
      }
      p.wait();
      CHECK(p.count() == 1);
    }
  }
}

TEST_CASE("feeding: an endless range keeps no other way in waiting") {
  iq::Steps p{iq::funcstep(same, 2)};
  p.put_iterable(iota(1'000'000));
  p.put_iterable(iota(0, 100));
  p.put_all(numbers(100, 200));
  std::map<int, int> small;
  int read = 0;
  for (const int x : p.results()) {
    ++read;
    if (x < 200) ++small[x];
    if (small.size() == 200) break;
  }
  CHECK(small.size() == 200);
  CHECK(read < 1'000'000);
  p.stop();
  CHECK(p.ok());
}

TEST_CASE("feeding: a range is pulled only as fast as the steps take, in a process of its own") {
  iqtest::Shared<std::atomic<int>> puller;
  auto pulled = iqtest::shared_counter();
  iq::Steps p{iq::funcstep(same)};
  p.put_iterable(iota(0, 5'000) | std::views::transform([&](int x) {
                   *puller = ::getpid();
                   ++*pulled;
                   return x;
                 }));
  CHECK(*pulled == 0);
  int read = 0;
  std::int64_t ahead = 0;
  for ([[maybe_unused]] const int x : p.results()) ahead = std::max(ahead, *pulled - ++read);
  CHECK(read == 5'000);
  CHECK(ahead < 100);
  CHECK(*puller != ::getpid());
}

TEST_CASE("feeding: an entry of a queue that is killed on its way is passed on exactly once") {
  iqtest::limit_seconds(60);
  iq::IterableQueue<int> queue;
  auto into = queue.get_producer();
  auto kills = iqtest::shared_counter();
  iqtest::Shared<std::array<std::atomic<bool>, 3>> killed;
  iq::Steps p{iq::funcstep(
                  [&](int x) {
                    const auto thousand = static_cast<std::size_t>(x / 1'000);
                    if (x % 1'000 == 500 && !(*killed)[thousand].exchange(true)) {
                      ++*kills;
                      ::kill(::getpid(), SIGKILL);
                    }
                    return x;
                  },
                  {.workers = 2, .restarts = 10}),
              iq::funcstep(same)};
  p.take_from(queue);
  p.start();
  into.put_all(numbers(0, 3'000));
  into.close();
  queue.close();
  p.wait();
  CHECK(*kills == 3);
  CHECK(sorted_results(p) == numbers(0, 3'000));
}
