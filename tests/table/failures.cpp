// What the user must never see: a table that hangs, one that ends early as if it was whole, one
// that leaves something behind.
#include <doctest/doctest.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <new>
#include <ranges>
#include <stdexcept>
#include <string>
#include <vector>

#include "iq/iq.hpp"
#include "support/process.hpp"

namespace {

using std::views::iota;

int same(int x) { return x; }

/// Runs it to its end; the failure that it ends with, which has to come within seconds.
template <class Run>
iq::PipelineFailed failure_of(Run run) {
  const auto begun = std::chrono::steady_clock::now();
  try {
    run();
  } catch (const iq::PipelineFailed& failed) {
    CHECK(std::chrono::steady_clock::now() - begun < std::chrono::seconds(4));
    CHECK(iqtest::reap_orphans());
    return failed;
  }
  throw std::runtime_error("nothing failed");
}

int fail_at_1001(int x) {
  if (x == 1'001) throw std::runtime_error("at 1001");
  return x;
}

}  // namespace

TEST_CASE("failures: entry 1,001 of 1,000,000 throws: everything stops, soon, and it is told") {
  const auto check = [](const iq::PipelineFailed& failed) {
    CHECK(failed.stage_name() == "checked");
    CHECK(failed.exception_type() == "std::runtime_error");
    CHECK(failed.exception_text() == "at 1001");
    CHECK(failed.item() == 1'001U);
    CHECK(failed.pid() != ::getpid());
  };
  SUBCASE("a range") {
    check(failure_of([] {
      iq::Steps p{iq::funcstep(same, 2), iq::funcstep(fail_at_1001, {.name = "checked"}),
                  iq::funcstep([](int) {}, 2)};
      p.put_iterable(iota(0, 1'000'000));
      p.run();
    }));
  }
  SUBCASE("all of it in memory") {
    check(failure_of([] {
      iq::Steps p{iq::funcstep(same, 2), iq::funcstep(fail_at_1001, {.name = "checked"})};
      p.put_all(iota(0, 1'000'000));
      p.run();
    }));
  }
  SUBCASE("an endless range") {
    check(failure_of([] {
      iq::Steps p{iq::funcstep(same, 2), iq::funcstep(fail_at_1001, {.name = "checked"}),
                  iq::funcstep([](int) {}, 2)};
      p.put_iterable(iota(0));
      p.run();
    }));
  }
  SUBCASE("in the background, put one by one: put() tells it") {
    const auto failed = failure_of([] {
      iq::Steps p{iq::funcstep(same, 2), iq::funcstep(fail_at_1001, {.name = "checked"})};
      p.start();
      for (int i = 0; i < 1'000'000; ++i) p.put(i);
    });
    CHECK(failed.exception_text() == "at 1001");
  }
}

TEST_CASE("failures: what was read before is right, and the results do not just end") {
  int read = 0;
  const auto failed = failure_of([&] {
    iq::Steps p{iq::funcstep(same), iq::funcstep([](int x) {
                  if (x == 50) throw std::runtime_error("half");
                  return x;
                })};
    p.put_iterable(iota(0, 100));
    for (const int x : p.results()) CHECK(x == read++);
  });
  CHECK(failed.item() == 50U);
  CHECK(read <= 50);
}

TEST_CASE("failures: the exception itself is nested: std's types as they were, others by name") {
  struct Own {};
  const auto nested_in = [](auto step) {
    try {
      iq::Steps p{iq::funcstep(step)};
      p.put(1);
      p.run();
    } catch (const iq::PipelineFailed& failed) {
      std::rethrow_if_nested(failed);
    }
  };
  CHECK_THROWS_WITH_AS(nested_in([](int) { throw std::out_of_range("far"); }), "far",
                       std::out_of_range);
  CHECK_THROWS_AS(nested_in([](int) { throw std::bad_alloc(); }), std::bad_alloc);
  CHECK_THROWS_AS(nested_in([](int) { throw Own(); }), iq::RemoteError);
  CHECK_NOTHROW(nested_in([](int) { ::kill(::getpid(), SIGKILL); }));  // no exception, none inside
}

TEST_CASE("failures: an exception of a range, lazily read, is told as the input's") {
  const auto failed = failure_of([] {
    iq::Steps p{iq::funcstep(same, 2)};
    p.put_iterable(iota(0) | std::views::transform([](int x) {
                     if (x == 7) throw std::out_of_range("seven");
                     return x;
                   }));
    p.run();
  });
  CHECK(failed.stage() == 0);
  CHECK(failed.stage_name() == "input");
  CHECK(failed.exception_type() == "std::out_of_range");
}

TEST_CASE("failures: the input queue's producer dies: the stream does not pass for whole") {
  iq::IterableQueue<int> queue;
  const auto failed = failure_of([&] {
    iq::Steps p{iq::funcstep(same, 2)};
    p.take_from(queue);
    p.start();
    iq::WorkerGroup crew;
    crew.fork(
        1,
        [](iq::Producer<int>& out) {
          for (int i = 0; i < 100; ++i) out.put(i);
          ::kill(::getpid(), SIGKILL);
        },
        queue);
    CHECK_THROWS_AS(crew.join(), iq::WorkerFailed);
    p.wait();
  });
  CHECK(failed.stage_name() == "input");
}

TEST_CASE("failures: std::exit in a step, with an endless range: told, not hung") {
  const auto failed = failure_of([] {
    iq::Steps p{iq::funcstep(same), iq::funcstep([](int x) {
                  if (x == 100) std::exit(7);
                  return x;
                }),
                iq::funcstep([](int) {})};
    p.put_iterable(iota(0));
    p.run();
  });
  CHECK(failed.stage_name() == "funcstep");
}

TEST_CASE("failures: SIGKILL of a worker of each step in turn: replaced, the results exact") {
  for (int victim = 0; victim < 3; ++victim) {
    CAPTURE(victim);
    auto kills = iqtest::shared_counter();
    const auto step = [&kills, victim](int number) {
      return [&kills, victim, number](int x) {
        if (number == victim && x == 300 && ++*kills == 1) ::kill(::getpid(), SIGKILL);
        return x;
      };
    };
    iq::Steps p{iq::funcstep(step(0), 2), iq::funcstep(step(1), 2), iq::funcstep(step(2), 2)};
    p.put_iterable(iota(0, 1'000));
    p.run();
    std::vector<int> seen(1'000);
    for (const int x : p.results()) ++seen[static_cast<std::size_t>(x)];
    CHECK(seen == std::vector<int>(1'000, 1));
    CHECK(*kills == 2);
  }
}

TEST_CASE("failures: SIGKILL of what cannot be replaced, one after the other, is told") {
  const auto killed = [](const iq::PipelineFailed& failed) { return failed.signal() == SIGKILL; };
  SUBCASE("the reader of a range") {
    CHECK(killed(failure_of([] {
      iq::Steps p{iq::funcstep(same)};
      p.put_iterable(iota(0) | std::views::transform([](int x) {
                       if (x == 100) ::kill(::getpid(), SIGKILL);
                       return x;
                     }));
      p.run();
    })));
  }
  SUBCASE("a step with a state") {
    CHECK(killed(failure_of([] {
      iq::Steps p{iq::funcstep([last = 0](int x) mutable {
        if (x == 100) ::kill(::getpid(), SIGKILL);
        return std::exchange(last, x);
      })};
      p.put_iterable(iota(0));
      p.run();
    })));
  }
  SUBCASE("a worker that was replaced often enough") {
    CHECK(killed(failure_of([] {
      iq::Steps p{iq::funcstep(
          [](int x) {
            ::kill(::getpid(), SIGKILL);
            return x;
          },
          {.restarts = 2, .max_deliveries = 14})};
      p.put_iterable(iota(0));
      p.run();
    })));
  }
  SUBCASE("an entry that kills each worker") {
    const auto failed = failure_of([] {
      iq::Steps p{iq::funcstep(
          [](int x) {
            if (x == 10) ::kill(::getpid(), SIGKILL);
            return x;
          },
          {.restarts = 100})};
      p.put_iterable(iota(0));
      p.run();
    });
    CHECK(failed.item() == 10U);
  }
}

TEST_CASE("failures: an iterstep killed when part of its results is out fails, and doubles none") {
  std::vector<int> seen(1'000);
  const auto failed = failure_of([&] {
    iq::Steps p{iq::iterstep(
        [](int n, iq::Output<int>& out) {
          for (int i = 0; i < n; ++i) {
            if (i == 500) ::kill(::getpid(), SIGKILL);
            out.put(i);
          }
        },
        {.workers = 2, .capacity = 8, .restarts = 10})};
    p.put(1'000);
    for (const int x : p.results()) ++seen[static_cast<std::size_t>(x)];
  });
  CHECK(failed.exception_text().find("part of what it made of item 0") != std::string::npos);
  for (const int times : seen) CHECK(times <= 1);
}

TEST_CASE("failures: an iterstep killed when nothing is out yet is done again, exactly once") {
  auto tries = iqtest::shared_counter();
  iq::Steps p{iq::iterstep(
      [&](int n, iq::Output<int>& out) {
        const bool is_first = ++*tries == 1;
        for (int i = 0; i < n; ++i) {
          if (i == 30 && is_first) ::kill(::getpid(), SIGKILL);
          out.put(i);
        }
      },
      2)};
  p.put(60);
  p.run();
  std::vector<int> seen(60);
  for (const int x : p.results()) ++seen[static_cast<std::size_t>(x)];
  CHECK(seen == std::vector<int>(60, 1));
}

TEST_CASE("failures: a worker that is stuck in its step does not keep a failed table from ending") {
  auto stuck = iqtest::shared_counter();
  const auto failed = failure_of([&] {
    iq::Steps p{iq::funcstep(
                    [&](int x) {
                      if (x == 1) {
                        ++*stuck;
                        ::sleep(60);
                      }
                      return x;
                    },
                    2),
                iq::funcstep([&](int x) {
                  if (x == 0) {
                    iqtest::require(iqtest::wait_until([&] { return *stuck == 1; }), "stuck");
                    throw std::runtime_error("meanwhile");
                  }
                  return x;
                })};
    p.put_all({0, 1});
    p.run();
  });
  CHECK(failed.exception_text() == "meanwhile");
}

TEST_CASE("failures: a worker that is stuck for longer than its time is replaced") {
  auto tries = iqtest::shared_counter();
  iq::Steps p{iq::funcstep(
      [&](int x) {
        if (x == 5 && ++*tries == 1) ::sleep(60);
        return x;
      },
      {.workers = 2, .timeout = std::chrono::milliseconds(200)})};
  p.put_iterable(iota(0, 20));
  p.run();
  std::vector<int> seen(20);
  for (const int x : p.results()) ++seen[static_cast<std::size_t>(x)];
  CHECK(seen == std::vector<int>(20, 1));
  CHECK(*tries == 2);
}

TEST_CASE("failures: the caller is killed: nobody is left two seconds later") {
  iqtest::Shared<std::array<std::atomic<int>, 2>> pids;
  auto child = iqtest::spawn([&] {
    iq::Steps p{iq::funcstep([&](int x) {
                  (*pids)[0] = ::getpid();
                  return x;
                }),
                iq::funcstep([&](int) { (*pids)[1] = ::getpid(); })};
    p.put_iterable(iota(0));
    p.run();
  });
  CHECK(iqtest::wait_until([&] { return (*pids)[1] != 0; }));
  child.kill_and_wait();
  CHECK(iqtest::reap_orphans(2.0));
  for (std::size_t i = 0; i < 2; ++i) CHECK(iqtest::has_ended((*pids)[i]));
}

TEST_CASE("failures: Ctrl-C: what is on its way comes out, then Interrupted") {
  int read = 0;
  const auto read_all = [&] {
    iq::Steps p{iq::funcstep(same, 2)};
    p.put_iterable(iota(0));
    for ([[maybe_unused]] const int x : p.results()) {
      if (++read == 20) ::kill(::getpid(), SIGINT);
    }
  };
  CHECK_THROWS_AS(read_all(), iq::Interrupted);
  CHECK(read >= 20);
  CHECK(iqtest::reap_orphans());
}
