// Tasks: they take turns in one thread, and what they wait for comes together.
#include <doctest/doctest.h>

#include <chrono>
#include <fstream>
#include <memory>
#include <numeric>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "batch/book.hpp"
#include "iq/batch.hpp"
#include "iq/error.hpp"
#include "iq/task.hpp"
#include "support/process.hpp"

using namespace batches;
using namespace std::chrono_literals;

namespace {

int depth_of(int n) {
  volatile char room[512] = {};
  return n == 0 ? room[0] : 1 + depth_of(n - 1);
}

/// The mappings of this process that are as large as a task's stack, and the memory in them.
struct Stacks {
  std::size_t count = 0;
  std::size_t kib = 0;
};

Stacks stacks_mapped() {
  std::ifstream maps("/proc/self/smaps");
  Stacks stacks;
  bool is_stack = false;
  for (std::string line; std::getline(maps, line);) {
    std::istringstream words(line);
    std::string first;
    words >> first;
    if (const std::size_t dash = first.find('-'); dash != std::string::npos) {
      const auto number = [](const std::string& digits) {
        return std::stoull(digits, nullptr, 16);
      };
      is_stack = number(first.substr(dash + 1)) - number(first.substr(0, dash)) == 256U << 10;
      stacks.count += is_stack;
    } else if (is_stack && first == "Rss:") {
      std::size_t kib = 0;
      words >> kib;
      stacks.kib += kib;
    }
  }
  return stacks;
}

}  // namespace

TEST_CASE("tasks: two spawned callers are one batch, with max_size = 1 two") {
  Counted counted;
  iq::batched<int(int)> f{counted.function()};
  const auto call = [&](int i) { return f(i); };
  CHECK(iq::pget(std::vector{iq::spawn(call, 1), iq::spawn(call, 2)}) == std::vector{2, 3});
  CHECK(counted.batches->load() == 1);

  Counted singly;
  iq::batched<int(int)> g{singly.function(), {.max_size = 1}};
  const auto call_g = [&](int i) { return g(i); };
  CHECK(iq::pget(std::vector{iq::spawn(call_g, 1), iq::spawn(call_g, 2)}) == std::vector{2, 3});
  CHECK(singly.batches->load() == 2);
}

TEST_CASE("tasks: [f(1); f(2)] beside [f(2); sleep; f(1)] is exactly 2 batches") {
  Counted counted;
  iq::batched<int(int)> f{counted.function()};
  const iq::BatchContext context;
  iq::pget(iq::spawn([&] {
             f(1);
             f(2);
           }),
           iq::spawn([&] {
             f(2);
             std::this_thread::sleep_for(20ms);
             f(1);
           }));
  CHECK(counted.batches->load() == 2);
  CHECK(counted.calls->load() == 4);
}

TEST_CASE("tasks: a pool of one maps three items in 3 batches of 1, one of two in 2") {
  Counted counted;
  iq::batched<int(int)> f{counted.function()};
  iq::TaskPool one(1);
  CHECK(one.pmap([&](int i) { return f(i); }, std::vector{1, 2, 3}) == std::vector{2, 3, 4});
  CHECK(counted.batches->load() == 3);
  CHECK(counted.largest->load() == 1);
  iq::TaskPool two(2);
  CHECK(two.pmap([&](int i) { return f(i); }, std::vector{1, 2, 3, 4}) == std::vector{2, 3, 4, 5});
  CHECK(counted.batches->load() == 5);
  CHECK_THROWS_AS(iq::TaskPool(0), iq::BadArgument);
}

TEST_CASE("tasks: may_block lets the others' batch go") {
  Counted counted;
  iq::batched<int(int)> f{counted.function()};
  const iq::BatchContext context;
  auto other = iq::spawn([&] { return f(1); });
  {
    const iq::may_block guard;
    CHECK(iqtest::wait_until([&] { return counted.batches->load() == 1; }));
  }
  CHECK(other.get() == 2);
}

TEST_CASE("tasks: pmap keeps the order, and throws the error of the lowest place") {
  const std::vector<int> items{1, 2, 3, 4, 5};
  CHECK(iq::pmap([](int i) { return i * i; }, items) == std::vector{1, 4, 9, 16, 25});
  const auto fails = [](int i) {
    if (i == 2) throw std::out_of_range("two");
    if (i == 4) throw std::runtime_error("four");
    return i;
  };
  CHECK_THROWS_WITH_AS(iq::pmap(fails, items), "two", std::out_of_range);
  CHECK(iq::pmap([](int i) { return std::make_unique<int>(i); }, items).size() == 5);
  iq::pmap([](int) {}, items);
}

TEST_CASE("tasks: the unordered forms give results as they come") {
  Counted counted;
  iq::batched<int(int)> f{counted.function()};
  // Odd ones call twice, so they come second.
  const auto slow_if_odd = [&](int i) { return i % 2 != 0 ? f(f(i)) : f(i); };
  const std::vector<int> items{1, 2, 3, 4};
  CHECK(iq::pmap_unordered(slow_if_odd, items) == std::vector{3, 5, 3, 5});
  const auto below_5 = [&](int i) { return slow_if_odd(i) < 5; };
  CHECK(iq::pfilter(below_5, items) == std::vector{1, 2});
  CHECK(iq::pfilter_unordered(below_5, items) == std::vector{2, 1});
  iq::TaskPool pool(2);
  CHECK(pool.pmap_unordered(slow_if_odd, items) == std::vector{3, 3, 5, 5});
  CHECK(pool.pfilter_unordered(below_5, items) == std::vector{2, 1});
  int ran = 0;
  iq::pmap_unordered([&](int i) { ran += i; }, items);
  CHECK(ran == 10);
}

TEST_CASE("tasks: wait for k of n returns when k are ready, or when time is up") {
  iqtest::Gate go;
  iq::batched<int(int)> f{[&](std::span<const int> batch) {
                            if (batch[0] == 9) go.wait();
                            return std::vector<int>(batch.begin(), batch.end());
                          },
                          {.servers = 2}};
  const std::vector futures{f.async(1), f.async(9), iq::immediate(5)};
  CHECK(iq::wait(futures, 1) == std::vector<std::size_t>{2});
  CHECK(iq::wait(futures, 2) == std::vector<std::size_t>{0, 2});
  CHECK(iq::wait(futures, 3, 20ms) == std::vector<std::size_t>{0, 2});
  go.post();
  CHECK(iq::wait(futures, 3) == std::vector<std::size_t>{0, 1, 2});
}

TEST_CASE("tasks: immediate, immediate_exception, transform and chain") {
  CHECK(iq::immediate(7).get() == 7);
  CHECK(iq::immediate(std::string("text")).ready());
  auto broken = iq::immediate_exception<int>(std::out_of_range("7"));
  CHECK_THROWS_WITH_AS(broken.get(), "7", std::out_of_range);

  Counted counted;
  iq::batched<int(int)> f{counted.function()};
  const iq::BatchContext context;
  auto text = iq::transform(f.async(1), [](int i) { return std::to_string(i); });
  auto sum = iq::chain(f.async(10), [&](int i) { return f(i) + 100; });
  auto flat = iq::chain(f.async(20), [&](int i) { return f.async(i); });
  CHECK(text.get() == "2");
  CHECK(sum.get() == 112);
  CHECK(flat.get() == 22);
  CHECK(counted.batches->load() == 2);
  CHECK_THROWS_AS(iq::transform(broken, [](int i) { return i; }).get(), std::out_of_range);
  CHECK_THROWS_AS(iq::chain(broken, [](int i) { return i; }).get(), std::out_of_range);
  auto throws = iq::transform(iq::immediate(1), [](int) -> int { throw std::domain_error("no"); });
  CHECK_THROWS_AS(throws.get(), std::domain_error);
}

TEST_CASE("tasks: a proxy waits on first use") {
  Counted counted;
  iq::batched<int(int)> f{counted.function()};
  const iq::BatchContext context;
  auto a =
      iq::spawn_proxy([&](int i) { return std::string(static_cast<std::size_t>(f(i)), 'x'); }, 2);
  const iq::Proxy<int> b = f.async(1);
  CHECK_FALSE(a.ready());
  CHECK(a->size() == 3);
  CHECK(*a == "xxx");
  CHECK(b + 1 == 3);
  CHECK(counted.batches->load() == 1);
}

TEST_CASE("tasks: 10,000 at a time, in one batch") {
  Counted counted;
  iq::batched<int(int)> f{counted.function()};
  std::vector<int> items(10'000);
  std::iota(items.begin(), items.end(), 0);
  const auto results = iq::pmap([&](int i) { return f(i) - 1; }, items);
  CHECK(results == items);
  CHECK(counted.calls->load() == 10'000);
  CHECK(counted.batches->load() == 1);
}

/// So many tasks, all there at a time, each with `deep` calls on its stack before it waits.
Stacks stacks_of(int tasks, int deep) {
  iq::Future<Stacks> last;
  std::vector<iq::Future<std::size_t>> waiting;
  for (int i = 0; i < tasks; ++i) {
    waiting.push_back(iq::spawn([&last, deep] {
      depth_of(deep);
      return last.get().count;
    }));
  }
  last = iq::spawn(stacks_mapped);
  iq::pget(waiting);
  return last.get();
}

TEST_CASE("tasks: of the stacks of many at a time, some are kept, with the memory of few") {
  for (int round = 0; round < 3; ++round) {
    CHECK(stacks_of(3'000, 0).count >= 3'000);
    CHECK(stacks_mapped().count <= 1'100);
  }
  CHECK(stacks_of(900, 200).kib > 90'000);
  CHECK(stacks_mapped().kib < 45'000);
}

TEST_CASE("tasks: exceptions in flight stay with their task") {
  Counted counted;
  iq::batched<int(int)> f{counted.function()};
  const auto catches = [&](int i) {
    try {
      throw std::runtime_error(std::to_string(i));
    } catch (const std::exception& error) {
      f(i);  // another task throws and catches meanwhile
      try {
        throw;
      } catch (const std::runtime_error& same) {
        return std::string(same.what()) + error.what();
      }
    }
  };
  CHECK(iq::pmap(catches, std::vector{1, 2, 3}) == std::vector<std::string>{"11", "22", "33"});
  struct AtUnwinding {
    iq::batched<int(int)>& f;
    int& seen;
    ~AtUnwinding() {
      f(1);
      seen = std::uncaught_exceptions();
    }
  };
  int seen = 0;
  auto unwinds = iq::spawn([&] {
    const AtUnwinding at_end{f, seen};
    throw std::runtime_error("x");
  });
  iq::spawn([&] { CHECK(std::uncaught_exceptions() == 0); }).get();
  CHECK_THROWS(unwinds.get());
  CHECK(seen == 1);
}

TEST_CASE("tasks: a stack bears what ordinary code needs; each task has its own") {
  const auto deep = [](int i) { return depth_of(100 + i); };
  CHECK(iq::pmap(deep, std::vector{1, 2, 3}) == std::vector{101, 102, 103});
}

TEST_CASE("tasks: who waits for itself, or in a circle, is told WouldDeadlock") {
  iq::Future<int> self;
  self = iq::spawn([&] { return self.get() + 1; });
  CHECK_THROWS_AS(self.get(), iq::WouldDeadlock);
  iq::Future<int> one;
  iq::Future<int> two;
  one = iq::spawn([&] { return two.get(); });
  two = iq::spawn([&] { return one.get(); });
  CHECK_THROWS_AS(one.get(), iq::WouldDeadlock);
  CHECK(iq::spawn([] { return 5; }).get() == 5);
}

TEST_CASE("tasks: a future that waits by time alone comes back then") {
  iqtest::Gate never;
  iq::Future<int> self;
  self = iq::spawn([&] { return self.get_for(5ms) ? 1 : 2; });
  CHECK(self.get() == 2);
}

TEST_CASE("tasks: arguments and functions may be move-only") {
  auto future =
      iq::spawn([](std::unique_ptr<int> value) { return value; }, std::make_unique<int>(7));
  CHECK(*std::move(future).get() == 7);
}

TEST_CASE("tasks: a child forked by a task begins without the others") {
  iq::BatchContext context;
  auto waits = iq::spawn([] { return 1; });
  auto forks = iq::spawn([&] {
    iqtest::Child child = iqtest::spawn(
        [&] { iqtest::require(iq::spawn([] { return 3; }).get() == 3, "tasks of its own"); });
    return child.wait().ok();
  });
  CHECK(forks.get());
  CHECK(waits.get() == 1);
}
