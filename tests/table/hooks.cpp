// The hooks of a step: who calls them, how often, and what becomes of what they throw.
#include <doctest/doctest.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <ranges>
#include <stdexcept>
#include <string>
#include <vector>

#include "iq/iq.hpp"
#include "support/process.hpp"

namespace {

using std::views::iota;

/// What the hooks did, in all processes.
struct Diary {
  iqtest::SharedCounter step_begun = iqtest::shared_counter();
  iqtest::SharedCounter step_ended = iqtest::shared_counter();
  iqtest::SharedCounter workers_begun = iqtest::shared_counter();
  iqtest::SharedCounter workers_ended = iqtest::shared_counter();
  iqtest::SharedCounter idled = iqtest::shared_counter();
  iqtest::SharedCounter misplaced = iqtest::shared_counter();
};

/// Throws in the hook of that name, or leaves by exit in it.
struct Hooked {
  Diary* diary;
  std::string fails_in;
  bool exits = false;
  int made = 0;  // by step_initialize, for all
  int here = 0;  // by worker_initialize

  void fail_in(const char* where) const {
    if (fails_in != where) return;
    if (exits) std::exit(3);
    throw std::domain_error(std::string("in ") + where);
  }
  void step_initialize() {
    ++*diary->step_begun;
    if (*diary->workers_begun != 0) ++*diary->misplaced;
    fail_in("step_initialize");
    made = ::getpid();
  }
  void worker_initialize() {
    ++*diary->workers_begun;
    if (made == 0 || made == ::getpid() || here != 0) ++*diary->misplaced;
    fail_in("worker_initialize");
    here = ::getpid();
  }
  int process(int x) {
    if (here != ::getpid()) ++*diary->misplaced;
    fail_in("process");
    return x;
  }
  void worker_shutdown() {
    ++*diary->workers_ended;
    fail_in("worker_shutdown");
  }
  void step_shutdown() {
    ++*diary->step_ended;
    if (made != ::getpid()) ++*diary->misplaced;
    fail_in("step_shutdown");
  }
};

struct Idler {
  Diary* diary;
  bool throws = false;
  int process(int x) const { return x; }
  void idle() {
    ++*diary->idled;
    if (throws) throw std::domain_error("in idle");
  }
};

template <class Call>
iq::PipelineFailed failure_of(Call call) {
  const auto begun = std::chrono::steady_clock::now();
  try {
    call();
  } catch (const iq::PipelineFailed& failed) {
    CHECK(std::chrono::steady_clock::now() - begun < std::chrono::seconds(4));
    CHECK(iqtest::reap_orphans());
    return failed;
  }
  throw std::runtime_error("nothing failed");
}

}  // namespace

TEST_CASE("hooks: once before all, in each worker, and once behind the last") {
  Diary diary;
  iq::Steps p{iq::step(Hooked{&diary, ""}, 3)};
  CHECK(*diary.step_begun == 0);
  p.put_iterable(iota(0, 100));
  SUBCASE("run") { p.run(); }
  SUBCASE("in the background") {
    p.start();
    p.stop();
  }
  SUBCASE("results") {
    for ([[maybe_unused]] const int x : p.results()) {
    }
  }
  CHECK(p.count() == 100);
  CHECK(*diary.step_begun == 1);
  CHECK(*diary.workers_begun == 3);
  CHECK(*diary.workers_ended == 3);
  CHECK(*diary.step_ended == 1);
  CHECK(*diary.misplaced == 0);
}

TEST_CASE("hooks: a worker that replaces a killed one begins as the first one did") {
  struct Mortal : Hooked {
    iqtest::SharedCounter* kills;
    int process(int x) {
      if (x == 50 && ++**kills == 1) ::kill(::getpid(), SIGKILL);
      return Hooked::process(x);
    }
  };
  Diary diary;
  auto kills = iqtest::shared_counter();
  iq::Steps p{iq::step(Mortal{{&diary, ""}, &kills}, 2)};
  p.put_iterable(iota(0, 100));
  p.run();
  CHECK(*kills == 2);
  CHECK(*diary.workers_begun == 3);
  CHECK(*diary.workers_ended == 2);
  CHECK(*diary.step_begun == 1);
  CHECK(*diary.step_ended == 1);
  CHECK(*diary.misplaced == 0);
  CHECK(p.count() == 100);
}

TEST_CASE("hooks: what one throws ends everything and names the step and the exception") {
  for (const std::string hook :
       {"step_initialize", "worker_initialize", "process", "worker_shutdown", "step_shutdown"}) {
    CAPTURE(hook);
    Diary diary;
    const iq::PipelineFailed failed = failure_of([&] {
      iq::Steps p{iq::funcstep([](int x) { return x; }),
                  iq::step(Hooked{&diary, hook}, {.workers = 3, .name = "hooked"})};
      p.put_iterable(iota(0, 100));
      p.run();
    });
    CHECK(failed.stage_name() == "hooked");
    CHECK(failed.stage() == 2);
    CHECK(failed.exception_type() == "std::domain_error");
    CHECK(failed.exception_text() == "in " + hook);
    CHECK(*diary.step_begun == 1);
    CHECK(*diary.step_ended == (hook == "step_initialize" ? 0 : 1));
    CHECK(*diary.misplaced == 0);
    if (hook == "process") CHECK(*diary.workers_ended == *diary.workers_begun);
  }
}

TEST_CASE("hooks: those that run in the caller have the exception itself inside the failure") {
  Diary diary;
  const auto begin = [&] {
    iq::Steps p{iq::step(Hooked{&diary, "step_initialize"})};
    p.run();
  };
  try {
    begin();
    FAIL("nothing was thrown");
  } catch (const iq::PipelineFailed& failed) {
    CHECK_THROWS_AS(std::rethrow_if_nested(failed), std::domain_error);
  }
}

TEST_CASE("hooks: of several steps those that were begun are ended when one cannot begin") {
  Diary first;
  Diary second;
  Diary third;
  const auto failed = failure_of([&] {
    iq::Steps p{iq::step(Hooked{&first, ""}), iq::step(Hooked{&second, "step_initialize"}),
                iq::step(Hooked{&third, ""})};
    p.start();
  });
  CHECK(failed.stage() == 2);
  CHECK(*first.step_ended == 1);
  CHECK(*second.step_ended == 0);
  CHECK(*third.step_begun == 0);
  CHECK(*first.workers_begun == 0);
}

TEST_CASE("hooks: std::exit in one that runs in a worker is the end too, never a hang") {
  for (const std::string hook : {"worker_initialize", "process", "worker_shutdown"}) {
    CAPTURE(hook);
    Diary diary;
    const iq::PipelineFailed failed = failure_of([&] {
      iq::Steps p{iq::step(Hooked{&diary, hook, /*exits=*/true}, {.workers = 2, .name = "hooked"})};
      p.put_iterable(iota(0));
      if (hook == "worker_shutdown") {
        p.start();
        p.stop();
      } else {
        p.run();
      }
    });
    CHECK(failed.stage_name() == "hooked");
    CHECK(*diary.step_ended == 1);
  }
}

TEST_CASE("hooks: the first failure is the one that is told") {
  Diary diary;
  const iq::PipelineFailed failed = failure_of([&] {
    iq::Steps p{iq::step(Hooked{&diary, "step_shutdown"}),
                iq::funcstep([](int) { throw std::runtime_error("the first"); })};
    p.put(1);
    p.run();
  });
  CHECK(failed.exception_text() == "the first");
  CHECK(*diary.step_ended == 1);
}

TEST_CASE("hooks: idle() is called while a worker waits, and not while it has work") {
  Diary diary;
  const auto brief = std::chrono::milliseconds(5);
  SUBCASE("called again and again") {
    iq::Steps p{iq::step(Idler{&diary}, {.idle_after = brief}), iq::funcstep([](int) {})};
    p.start();
    CHECK(iqtest::wait_until([&] { return *diary.idled >= 3; }));
    p.put(1);
    p.wait();
    CHECK(p.count() == 1);
  }
  SUBCASE("in the last step too") {
    struct Last : Idler {
      void process(int) const {}
    };
    iq::Steps p{iq::step(Last{{&diary}}, {.idle_after = brief})};
    p.start();
    CHECK(iqtest::wait_until([&] { return *diary.idled >= 3; }));
    p.put(1);
    p.wait();
    CHECK(p.count() == 1);
  }
  SUBCASE("not called where entries come") {
    iq::Steps p{iq::step(Idler{&diary}, {.idle_after = std::chrono::minutes(1)})};
    p.put_iterable(iota(0, 1000));
    p.run();
    CHECK(*diary.idled == 0);
  }
  SUBCASE("what it throws ends the table") {
    const auto failed = failure_of([&] {
      iq::Steps p{iq::step(Idler{&diary, true}, {.name = "idler", .idle_after = brief})};
      p.start();
      CHECK(iqtest::wait_until([&] { return !p.alive(); }));
      p.stop();
    });
    CHECK(failed.stage_name() == "idler");
    CHECK(failed.exception_text() == "in idle");
  }
}

TEST_CASE("hooks: in threads and inline as well") {
  struct Counted {
    std::array<std::atomic<int>, 4>* calls;
    void step_initialize() { ++(*calls)[0]; }
    void worker_initialize() { ++(*calls)[1]; }
    int process(int x) { return x; }
    void worker_shutdown() { ++(*calls)[2]; }
    void step_shutdown() { ++(*calls)[3]; }
  };
  std::array<std::atomic<int>, 4> calls{};
  const auto run = [&calls](iq::RunIn run_in) {
    iq::Steps p({.run_in = run_in}, iq::step(Counted{&calls}, 3));
    p.put_all(iota(0, 10));
    p.run();
    CHECK(p.count() == 10);
    return std::vector<int>(calls.begin(), calls.end());
  };
  SUBCASE("threads") { CHECK(run(iq::threads) == std::vector{1, 3, 3, 1}); }
  SUBCASE("inline") { CHECK(run(iq::inline_mode) == std::vector{1, 1, 1, 1}); }
}

TEST_CASE("hooks: the function of a pipeline's stage has them as well") {
  struct Counted : Hooked {
    int operator()(int x) { return process(x); }
  };
  Diary diary;
  CHECK(iq::pipeline()
            .from(iota(0, 10))
            .map(Counted{{&diary, ""}}, {.workers = 2})
            .fold(std::plus{}, 0) == 45);
  CHECK(*diary.step_begun == 1);
  CHECK(*diary.workers_begun == 2);
  CHECK(*diary.workers_ended == 2);
  CHECK(*diary.step_ended == 1);
  CHECK(*diary.misplaced == 0);
}
