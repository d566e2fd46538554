// Ctrl-C and TERM while join() waits: drained at the first, killed at the second.
#include <doctest/doctest.h>

#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "iq/iq.hpp"
#include "support/process.hpp"

namespace {

using Queue = iq::IterableQueue<int>;

/// How a program that was interrupted ended.
enum : int { kInterrupted = 40, kFinished, kWorkerFailed };

template <class Join>
int outcome_of(Join join) {
  try {
    join();
    return kFinished;
  } catch (const iq::Interrupted&) {
    return kInterrupted;
  } catch (const iq::WorkerFailed& failed) {
    std::fprintf(stderr, "%s\n", failed.what());
    return kWorkerFailed;
  }
}

/// Waits until the process handles the signals: it is in join().
void await_join(const iqtest::Child& program) {
  const auto handles = [&] {
    std::ifstream status("/proc/" + std::to_string(program.pid()) + "/status");
    for (std::string line; std::getline(status, line);) {
      if (!line.starts_with("SigCgt:")) continue;
      const auto caught = std::stoull(line.substr(7), nullptr, 16);
      return (caught >> (SIGTERM - 1) & 1) != 0;
    }
    return false;
  };
  iqtest::require(iqtest::wait_until(handles), "the program is in join()");
}

struct Counts {
  std::atomic<int> put{0}, passed_on{0}, arrived{0}, told{0};
};

/// A source that never ends, workers between two queues, a sink.
int run_chain(Counts& counts, iqtest::Gate& running, const iq::JoinOptions& options = {}) {
  Queue numbers({.capacity = 32}), squares({.capacity = 32});
  iq::WorkerGroup crew;
  crew.fork(2, [&](iq::Producer<int> out) {
    try {
      for (int n = 0;; ++n) {
        out.put(n % 100);
        if (++counts.put == 200) running.post();
      }
    } catch (const iq::Closed&) {
      ++counts.told;
      throw;
    }
  }, numbers);
  crew.fork(2, [&](iq::Consumer<int> in, iq::Producer<int> out) {
    for (const int n : in) {
      out.put(n * n);
      ++counts.passed_on;
    }
  }, numbers, squares);
  crew.fork(1, [&](iq::Consumer<int> in) {
    for (const int n : in) counts.arrived += n >= 0;
  }, squares);
  return outcome_of([&] { crew.join(options); });
}

}  // namespace

TEST_CASE("interrupted: sources are told, what is queued is finished, join throws Interrupted") {
  for (const int signal : {SIGINT, SIGTERM}) {
    iqtest::Shared<Counts> counts;
    iqtest::Gate running;
    auto program = iqtest::spawn([&] { return run_chain(*counts, running); });
    running.wait();
    await_join(program);
    program.kill(signal);
    CHECK(program.wait() == iqtest::Exit{kInterrupted, 0});
    CHECK(counts->told == 2);
    CHECK(counts->put >= 200);
    CHECK(counts->passed_on == counts->put);
    CHECK(counts->arrived == counts->put);
  }
}

TEST_CASE("interrupted: Ctrl-C reaches the whole process group, and the workers go on") {
  iqtest::Shared<Counts> counts;
  iqtest::Gate running;
  auto program = iqtest::spawn([&] {
    ::setpgid(0, 0);
    return run_chain(*counts, running);
  });
  running.wait();
  await_join(program);
  ::kill(-program.pid(), SIGINT);
  CHECK(program.wait() == iqtest::Exit{kInterrupted, 0});
  CHECK(counts->arrived == counts->put);
  CHECK(counts->told == 2);
}

TEST_CASE("interrupted: the second signal kills the workers, restarts or not") {
  iqtest::Gate running, drained;
  auto program = iqtest::spawn([&] {
    Queue queue;
    iq::WorkerGroup crew;
    crew.fork({.count = 3, .restarts = 9}, [&](iq::Producer<int> out) {
      running.post();
      try {
        for (;;) out.put(1);
      } catch (const iq::Closed&) {
        drained.post();
        for (;;) ::pause();  // does not end when it is told
      }
    }, queue);
    return outcome_of([&] { crew.join(); });
  });
  for (int i = 0; i < 3; ++i) running.wait();
  await_join(program);
  program.kill(SIGINT);
  for (int i = 0; i < 3; ++i) drained.wait();
  program.kill(SIGINT);
  CHECK(program.wait() == iqtest::Exit{kInterrupted, 0});
}

TEST_CASE("interrupted: what consumers see is a normal end") {
  iqtest::Gate running;
  auto seen = iqtest::shared_counter();
  auto program = iqtest::spawn([&] {
    Queue queue;
    iq::WorkerGroup crew;
    crew.fork(1, [&](iq::Producer<int> out) {
      running.post();
      for (;;) out.put(1);
    }, queue);
    crew.fork(1, [&](iq::Consumer<int> in) {
      for ([[maybe_unused]] const int item : in) {
      }
      *seen = 1;  // no ProducerFailed
    }, queue);
    return outcome_of([&] { crew.join(); });
  });
  running.wait();
  await_join(program);
  program.kill(SIGTERM);
  CHECK(program.wait().code == kInterrupted);
  CHECK(*seen == 1);
}

TEST_CASE("interrupted: join_for comes back as well, and a later one goes on") {
  iqtest::Gate running;
  auto program = iqtest::spawn([&] {
    iq::WorkerGroup crew;
    Queue queue;
    crew.fork(1, [&](iq::Producer<int> out) {
      running.post();
      for (;;) out.put(1);
    }, queue);
    return outcome_of([&] {
      while (!crew.join_for(std::chrono::milliseconds(1))) {
      }
    });
  });
  running.wait();
  // Between two calls the signal has its usual meaning: either is an end by it.
  program.kill(SIGTERM);
  const iqtest::Exit exit = program.wait();
  const bool by_signal = exit.code == kInterrupted || exit.signal == SIGTERM;
  CHECK(by_signal);
  CHECK(iqtest::reap_orphans());
}

TEST_CASE("interrupted: the program's handlers are back afterwards, untouched without signals") {
  static std::atomic<int> called{0};
  called = 0;
  struct sigaction own {}, now {};
  own.sa_handler = [](int) { ++called; };
  ::sigaction(SIGINT, &own, nullptr);
  iqtest::Flag go;
  {
    iq::WorkerGroup crew;
    crew.fork(1, [&] { go.wait(); });
    CHECK_FALSE(crew.join_for(std::chrono::milliseconds(1)));
    ::sigaction(SIGINT, nullptr, &now);
    const bool is_back = now.sa_handler == own.sa_handler;
    CHECK(is_back);
    std::thread sender([&] {
      ::kill(::getpid(), SIGINT);
      go.set();
    });
    crew.join({.signals = false});
    sender.join();
    CHECK(called == 1);
  }
  ::signal(SIGINT, SIG_DFL);
}

TEST_CASE("interrupted: a signal that the program ignores stays ignored") {
  iqtest::Gate running;
  iqtest::Flag go;
  auto program = iqtest::spawn([&] {
    ::signal(SIGINT, SIG_IGN);
    iq::WorkerGroup crew;
    crew.fork(1, [&] {
      running.post();
      go.wait();
    });
    return outcome_of([&] { crew.join(); });
  });
  running.wait();
  program.kill(SIGINT);
  go.set();
  CHECK(program.wait() == iqtest::Exit{kFinished, 0});
}

TEST_CASE("interrupted: workers ignore SIGINT unless the program has a handler; TERM kills one") {
  const auto handler_in_worker = [] {
    auto ignored = iqtest::shared_counter();
    iq::WorkerGroup crew;
    crew.fork(1, [&] {
      struct sigaction now {};
      ::sigaction(SIGINT, nullptr, &now);
      *ignored = now.sa_handler == SIG_IGN ? 1 : now.sa_handler == SIG_DFL ? 2 : 3;
    });
    crew.join();
    return static_cast<int>(*ignored);
  };
  CHECK(handler_in_worker() == 1);
  ::signal(SIGINT, [](int) {});
  CHECK(handler_in_worker() == 3);
  ::signal(SIGINT, SIG_DFL);

  iqtest::Gate running;
  iq::WorkerGroup crew;
  crew.fork(1, [&] {
    running.post();
    for (;;) ::pause();
  });
  running.wait();
  ::kill(crew.pids().at(0), SIGTERM);
  CHECK_THROWS_AS(crew.join(), iq::WorkerFailed);
  CHECK(crew.results()[0].signal == SIGTERM);
}
