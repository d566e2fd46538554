// When a batch goes: contexts whose callers are processes. Nobody is held up by the dead, the gone
// and those who block elsewhere; and everybody by those who might still call.
#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <numeric>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "batch/book.hpp"
#include "iq/batch.hpp"
#include "iq/batch_context.hpp"
#include "iq/error.hpp"
#include "iq/task.hpp"
#include "iq/worker_group.hpp"
#include "support/process.hpp"

using namespace std::chrono_literals;
using namespace batches;

namespace {

/// How long `f` takes.
template <class F>
std::chrono::steady_clock::duration timed(F&& f) {
  const auto from = std::chrono::steady_clock::now();
  f();
  return std::chrono::steady_clock::now() - from;
}

/// Two workers call once, beside one that does not: `third(before, served)` runs there. The gates
/// open before the first call, and when one of them has been served. Errors: as join().
template <class F>
void beside_two_callers(F third) {
  Books book;
  iqtest::Gate before;
  iqtest::Gate served;
  iq::batched<int(int)> f{noting(book)};
  const iq::BatchContext context;
  iq::WorkerGroup crew;
  crew.fork(3, [&](int id) {
    if (id == 2) return third(before, served);
    if (id == 1) before.post();
    f(id);
    if (id == 0) served.post();
  });
  const auto check = [&] {
    CHECK(book->batches == 1);
    CHECK(book->sizes[0] == 2);
  };
  try {
    crew.join();
  } catch (...) {
    check();
    throw;
  }
  check();
}

}  // namespace

TEST_CASE("shared: 8 workers of a context, one call each: one batch, one server, 8 results") {
  Books book;
  iq::batched<int(int)> f{noting(book)};
  auto right = iqtest::shared_counter();
  const iq::BatchContext context;
  iq::WorkerGroup crew;
  crew.fork(8, [&](int id) { *right += f(id) == id + 1; });
  crew.join();
  CHECK(right->load() == 8);
  CHECK(book->batches == 1);
  CHECK(book->sizes[0] == 8);
  CHECK(book->servers[0] == f.server_pids().at(0));
}

TEST_CASE("shared: with max_delay = 10 s, 8 callers who all wait are served in under 1 s") {
  Books book;
  iq::batched<int(int)> f{noting(book), {.max_delay = 10s}};
  const iq::BatchContext context;
  iq::WorkerGroup crew;
  const auto took = timed([&] {
    crew.fork(8, [&](int id) { f(id); });
    crew.join();
  });
  CHECK(book->batches == 1);
  CHECK(took < 1s);
}

TEST_CASE("shared: in lock step, 4 workers' 50 rounds are exactly 50 batches of 4") {
  Books book;
  iq::batched<int(int)> f{noting(book)};
  const iq::BatchContext context;
  iq::WorkerGroup crew;
  crew.fork(4, [&](int id) {
    for (int i = 0; i < 50; ++i) iqtest::require(f(id + i) == id + i + 1, "its own result");
  });
  crew.join();
  CHECK(book->calls == 200);
  CHECK(book->batches == 50);
}

TEST_CASE("shared: a caller that sleeps is not waiting: [f; f] beside [f; sleep; f] is 2 batches") {
  Books book;
  iq::batched<int(int)> f{noting(book)};
  const iq::BatchContext context;
  iq::WorkerGroup crew;
  crew.fork(2, [&](int id) {
    f(id);
    if (id == 1) std::this_thread::sleep_for(100ms);
    f(10 + id);
  });
  crew.join();
  CHECK(book->batches == 2);
  CHECK(book->sizes[0] == 2);
  CHECK(book->sizes[1] == 2);
}

TEST_CASE("shared: max_size counts calls of all processes, whoever still runs") {
  Books book;
  iq::batched<int(int)> f{noting(book), {.max_size = 3}};
  const iq::BatchContext context;  // this process runs all along
  iq::WorkerGroup crew;
  crew.fork(3, [&](int id) { f(id); });
  CHECK(iqtest::wait_until([&] { return book->batches == 1; }));
  CHECK(book->sizes[0] == 3);
  crew.join();
}

TEST_CASE("shared: more than max_size calls are several batches, none of them larger") {
  Books book;
  iq::batched<int(int)> f{noting(book), {.max_size = 5}};
  const iq::BatchContext context;
  iq::WorkerGroup crew;
  crew.fork(4, [&](int id) {
    std::vector<int> items(8);
    std::iota(items.begin(), items.end(), 100 * id);
    const auto results = iq::pmap([&](int i) { return f(i) - 1; }, items);
    iqtest::require(results == items, "results in order");
  });
  crew.join();
  CHECK(book->calls == 32);
  CHECK(book->batches == 7);
  // In any order: tickets of several callers come through lanes of their own.
  CHECK(std::ranges::count_if(book->sizes, [](const auto& size) { return size == 5; }) == 6);
}

TEST_CASE("shared: 100 tasks in each of 8 processes are one batch of 800") {
  Books book;
  iq::batched<int(int)> f{noting(book)};
  const iq::BatchContext context;
  iq::WorkerGroup crew;
  crew.fork(8, [&](int id) {
    std::vector<int> items(100);
    std::iota(items.begin(), items.end(), 1000 * id);
    iqtest::require(iq::pmap([&](int i) { return f(i) - 1; }, items) == items, "each its own");
  });
  crew.join();
  CHECK(book->batches == 1);
  CHECK(book->sizes[0] == 800);
}

TEST_CASE("shared: two functions and two objects keep their batches apart") {
  Books book_f;
  Books book_g;
  iq::batched<int(int)> f{noting(book_f)};
  iq::batched_method<int(int, int)> g{[&](int object, std::span<const int> batch) {
    std::vector<int> results = book_g->serve(batch);
    for (int& result : results) result += object;
    return results;
  }};
  const iq::BatchContext context;
  iq::WorkerGroup crew;
  crew.fork(4, [&](int id) {
    auto one = f.async(id);
    auto two = g.async(1000 * (id % 2), id);
    iqtest::require(one.get() == id + 1, "of the function");
    iqtest::require(two.get() == id + 1 + 1000 * (id % 2), "of the object");
  });
  crew.join();
  CHECK(book_f->batches == 1);
  CHECK(book_g->batches == 2);
}

TEST_CASE("shared: a caller that ends does not hold up the others") {
  beside_two_callers([](iqtest::Gate& before, iqtest::Gate&) { before.wait(); });
}

TEST_CASE("shared: a caller that throws does not hold up the others") {
  CHECK_THROWS_AS(beside_two_callers([](iqtest::Gate& before, iqtest::Gate&) {
                    before.wait();
                    throw std::runtime_error("on purpose");
                  }),
                  iq::WorkerFailed);
}

TEST_CASE("shared: a caller that blocks elsewhere and says so does not hold up the others") {
  beside_two_callers([](iqtest::Gate&, iqtest::Gate& served) {
    const iq::may_block guard;
    served.wait();
  });
}

TEST_CASE("shared: long arguments travel too, and their room is used again") {
  iq::batched<std::size_t(std::string)> f{[](std::span<const std::string> batch) {
    std::vector<std::size_t> sizes;
    for (const std::string& text : batch) sizes.push_back(text.size());
    return sizes;
  }};
  const iq::BatchContext context;
  iq::WorkerGroup crew;
  crew.fork(2, [&](int id) {
    for (int round = 0; round < 30; ++round) {
      const auto size = [&](int i) { return static_cast<std::size_t>(50'000 + 1'000 * i + id); };
      const auto results = iq::pmap([&](int i) { return f(std::string(size(i), 'x')) - size(i); },
                                    std::views::iota(0, 12));
      iqtest::require(results == std::vector<std::size_t>(12, 0), "sizes as they were");
    }
  });
  crew.join();
}

TEST_CASE("shared: more calls than the board has room for are served all the same") {
  Books book;
  iq::batched<int(int)> f{noting(book)};
  const iq::BatchContext context;
  iq::WorkerGroup crew;
  crew.fork(2, [&](int id) {
    std::vector<iq::Future<int>> futures;
    for (int i = 0; i < 6000; ++i) futures.push_back(f.async(10'000 * id + i));
    for (int i = 0; i < 6000; ++i) {
      iqtest::require(futures[static_cast<std::size_t>(i)].get() == 10'000 * id + i + 1, "its own");
    }
  });
  crew.join();
  CHECK(book->calls == 12'000);
}

TEST_CASE("shared: max_delay lets a batch go while another caller computes") {
  Books book;
  iqtest::Gate go;
  iq::batched<int(int)> f{noting(book), {.max_delay = 20ms}};
  const iq::BatchContext context;
  iq::WorkerGroup crew;
  crew.fork(2, [&](int id) {
    if (id == 1) return go.wait();
    f(id);
    go.post();
  });
  crew.join();
  CHECK(book->batches == 1);
}

TEST_CASE("shared: an overdue call goes at the next call, although its caller never waits") {
  Books book;
  Books others;
  iq::batched<int(int)> f{noting(book), {.max_delay = 1ms}};
  iq::batched<int(int)> g{noting(others)};
  const iq::BatchContext context;
  iq::WorkerGroup crew;
  crew.fork(1, [&](int) {
    auto first = f.async(1);
    const auto begun = std::chrono::steady_clock::now();
    while (std::chrono::steady_clock::now() < begun + 2ms) {
    }
    auto second = g.async(2);
    iqtest::require(iqtest::wait_until([&] { return book->batches == 1; }), "gone");
    iqtest::require(others->batches == 0, "the other one waits");
    iqtest::require(second.get() == 3, "until its caller does");
  });
  crew.join();
}

TEST_CASE("shared: a call of a function that has ended says Closed") {
  Books book;
  iqtest::Gate called;
  iqtest::Flag ended;
  std::optional<iq::batched<int(int)>> f;
  f.emplace(noting(book));
  const iq::BatchContext context;
  iq::WorkerGroup crew;
  crew.fork(2, [&](int id) {
    iqtest::require((*f)(id) == id + 1, "served while it lasts");
    called.post();
    {
      const iq::may_block guard;
      ended.wait();
    }
    bool closed = false;
    try {
      (*f)(id);
    } catch (const iq::Closed&) {
      closed = true;
    }
    iqtest::require(closed, "told");
  });
  {
    const iq::may_block guard;
    called.wait();
    called.wait();
  }
  f.reset();
  ended.set();
  crew.join();
}

TEST_CASE("shared: may_block lets all that its tasks have spawned run first") {
  Books book;
  iqtest::Gate go;
  iq::batched<int(int)> f{noting(book)};
  const iq::BatchContext context;
  iq::WorkerGroup crew;
  crew.fork(2, [&](int id) {
    if (id == 1) {
      f(1);
      return go.post();
    }
    iq::Future<int> inner;
    auto outer = iq::spawn([&] { inner = iq::spawn([&] { return f(2); }); });
    {
      const iq::may_block guard;
      go.wait();
    }
    iqtest::require(inner.get() == 3, "it had run");
  });
  crew.join();
  CHECK(book->batches == 1);
  CHECK(book->sizes[0] == 2);
}

TEST_CASE("shared: contexts come and go, and leave no place taken") {
  Books book;
  iq::batched<int(int)> f{noting(book)};
  for (int i = 0; i < 100; ++i) {
    const iq::BatchContext context;
    iq::WorkerGroup crew;
    crew.fork(2, [&](int id) { f(id); });
    crew.join();
  }
  CHECK(book->calls == 200);
  CHECK(book->batches == 100);
}
