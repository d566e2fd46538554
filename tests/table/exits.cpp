// exit() from wherever the user's code runs in the caller's process: the program ends with its own
// code, soon, and does not wait for what waits for it.
#include <doctest/doctest.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <ranges>

#include "iq/iq.hpp"
#include "support/process.hpp"

namespace {

using std::views::iota;

struct ExitingFirst {
  void step_initialize() const { std::exit(3); }
  int process(int x) const { return x; }
};
struct ExitingLast {
  void step_shutdown() const { std::exit(3); }
  int process(int x) const { return x; }
};

/// How a program of its own ends that does this.
template <class Run>
iqtest::Exit exit_of(Run run) {
  auto child = iqtest::spawn([&] {
    run();
    std::_Exit(0);
  });
  const iqtest::Exit end = child.wait();
  CHECK(iqtest::reap_orphans(2.0));
  return end;
}

}  // namespace

TEST_CASE("exits: exit() in a hook that runs in the caller") {
  for (const iq::RunIn run_in : {iq::RunIn::processes, iq::threads, iq::inline_mode}) {
    CAPTURE(static_cast<int>(run_in));
    CHECK(exit_of([&] {
            iq::Steps p{iq::StepsOptions{.run_in = run_in}, iq::step<ExitingFirst>(2)};
            p.put(1);
            p.run();
          }) == iqtest::Exit{3, 0});
    CHECK(exit_of([&] {
            iq::Steps p{iq::StepsOptions{.run_in = run_in}, iq::step<ExitingLast>(2)};
            p.put(1);
            p.run();
          }) == iqtest::Exit{3, 0});
  }
}

TEST_CASE("exits: exit() in a step that is a thread") {
  const auto exiting = [](int x) {
    if (x == 50) std::exit(7);
    return x;
  };
  const iq::StepsOptions in_threads{.run_in = iq::threads};
  SUBCASE("while the caller waits") {
    CHECK(exit_of([&] {
            iq::Steps p{in_threads, iq::funcstep(exiting, 2)};
            p.put_iterable(iota(0));
            p.run();
          }) == iqtest::Exit{7, 0});
  }
  SUBCASE("in the background") {
    CHECK(exit_of([&] {
            iq::Steps p{in_threads, iq::funcstep(exiting, 2), iq::funcstep([](int) {})};
            p.put_iterable(iota(0));
            p.start();
            ::sleep(60);
          }) == iqtest::Exit{7, 0});
  }
}

TEST_CASE("exits: exit() in a step that runs in the caller: nothing goes on behind it") {
  auto done = iqtest::shared_counter();
  const auto exiting = [&done](int x) {
    ++*done;
    if (x >= 50) std::exit(7);
    return x;
  };
  CHECK(exit_of([&] {
          iq::Steps p{iq::StepsOptions{.run_in = iq::inline_mode}, iq::funcstep(exiting)};
          p.put_iterable(iota(0, 1'000));
          for ([[maybe_unused]] const int x : p.results()) {
          }
        }) == iqtest::Exit{7, 0});
  CHECK(*done == 51);
}

TEST_CASE("exits: exit() in a report's function") {
  const auto brief = std::chrono::milliseconds(5);
  const auto leave = [](const iq::RunReport&) { std::exit(9); };
  CHECK(exit_of([&] {
          iq::Steps p{
              iq::StepsOptions{.run_in = iq::threads, .report = iq::report_to(leave, brief)},
              iq::funcstep([](int x) { return x; })};
          p.put_iterable(iota(0));
          p.run();
        }) == iqtest::Exit{9, 0});
  const auto in_its_process = [&] {
    iq::Steps p{iq::StepsOptions{.report = iq::report_to(leave, brief)},
                iq::funcstep([](int x) { return x; })};
    p.put_iterable(iota(0));
    p.run();
  };
  CHECK_THROWS_AS(in_its_process(), iq::PipelineFailed);
  CHECK(iqtest::reap_orphans());
}
