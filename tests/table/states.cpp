// Where a table stands, what may be done then, and what is said when it may not.
#include <doctest/doctest.h>
#include <unistd.h>

#include <chrono>
#include <optional>
#include <ranges>
#include <stdexcept>
#include <string>
#include <vector>

#include "iq/iq.hpp"
#include "support/process.hpp"

namespace {

using std::views::iota;

int same(int x) { return x; }

template <class Call>
std::string refusal_of(Call call) {
  try {
    call();
  } catch (const iq::Closed& closed) {
    return closed.what();
  }
  return "nothing was refused";
}

}  // namespace

TEST_CASE("states: started twice, in any way, is refused with a reason") {
  const std::string running =
      "() while it runs: a table runs once, and was started already. Make another one";
  const std::string ended =
      "() after the end: a table runs once, and was started already. Make another one";
  iq::Steps p{iq::funcstep(same)};
  p.start();
  CHECK(refusal_of([&] { p.start(); }) == "iq::Steps: start" + running);
  CHECK(refusal_of([&] { p.run(); }) == "iq::Steps: run" + running);
  CHECK(refusal_of([&] { const auto more = p.in_background(); }) == "iq::Steps: start" + running);
  p.put(1);
  p.wait();
  CHECK(refusal_of([&] { p.run(); }) == "iq::Steps: run" + ended);
  CHECK(refusal_of([&] { p.start(); }) == "iq::Steps: start" + ended);
  CHECK(p.count() == 1);
}

TEST_CASE("states: stopped before the start, and stopped twice, are refused with a reason") {
  const std::string early = "() before the start: nothing runs yet. Call start() first, or run()";
  const std::string late =
      "() after the end: run(), wait(), stop(), a failed start or the last result has told it "
      "already";
  iq::Steps p{iq::funcstep(same)};
  CHECK(refusal_of([&] { p.stop(); }) == "iq::Steps: stop" + early);
  CHECK(refusal_of([&] { p.wait(); }) == "iq::Steps: wait" + early);
  SUBCASE("stop") {
    p.start();
    p.stop();
  }
  SUBCASE("wait") {
    p.start();
    p.wait();
  }
  SUBCASE("run") { p.run(); }
  SUBCASE("results") {
    for ([[maybe_unused]] const int x : p.results()) {
    }
  }
  CHECK(refusal_of([&] { p.stop(); }) == "iq::Steps: stop" + late);
  CHECK(refusal_of([&] { p.wait(); }) == "iq::Steps: wait" + late);
  CHECK(p.ok());
}

TEST_CASE("states: alive() in every phase") {
  iqtest::Gate gate;
  auto begun = iqtest::shared_counter();
  iq::Steps p{iq::funcstep(same, 2), iq::funcstep([&](int x) {
                ++*begun;
                gate.wait();
                return x;
              })};
  CHECK_FALSE(p.alive());
  CHECK(p.ok());
  CHECK(p.count() == 0);
  p.put(1);
  CHECK_FALSE(p.alive());
  p.start();
  CHECK(p.alive());
  CHECK(iqtest::wait_until([&] { return *begun == 1; }));
  CHECK(p.alive());
  p.finish();
  CHECK(p.alive());  // the second step is at it
  gate.post();
  CHECK(iqtest::wait_until([&] { return !p.alive(); }));  // by itself, though nobody waits for it
  CHECK(p.ok());
  CHECK(p.count() == 1);
  p.wait();
  CHECK_FALSE(p.alive());
  CHECK(p.ok());
}

TEST_CASE("states: alive() and ok() are false as soon as a failure is known, before it is told") {
  iq::Steps p{iq::funcstep([](int x) {
    if (x == 3) throw std::runtime_error("three");
    return x;
  })};
  p.start();
  CHECK(p.ok());
  p.put(3);
  CHECK(iqtest::wait_until([&] { return !p.alive(); }));
  CHECK(iqtest::wait_until([&] { return !p.ok(); }));
  CHECK_THROWS_AS(p.stop(), iq::PipelineFailed);
  CHECK_FALSE(p.ok());
  CHECK_FALSE(p.alive());
}

TEST_CASE("states: results that are read to the end tell it; stop() is for those who have enough") {
  iq::Steps p{iq::funcstep(same)};
  p.put_iterable(iota(0));
  int read = 0;
  for ([[maybe_unused]] const int x : p.results()) {
    if (++read == 10) break;
  }
  CHECK(p.alive());
  p.stop();
  CHECK_FALSE(p.alive());
  CHECK(p.ok());
  CHECK(p.count() >= 10);
}

TEST_CASE("states: a table that is never started costs nothing and says nothing") {
  iq::Steps p{iq::funcstep(same)};
  p.put(1);
  CHECK(iqtest::reap_orphans());
}

TEST_CASE("states: a start that fails is the end: later calls say so, and no result is left out") {
  iq::Steps p{iq::StepsOptions{.capacity = std::size_t{1} << 50}, iq::funcstep(same)};
  p.put_iterable(iota(0, 3));
  CHECK_THROWS_AS(p.start(), iq::Error);
  CHECK_FALSE(p.ok());
  CHECK_FALSE(p.alive());
  CHECK(refusal_of([&] { p.run(); }).find("after the end") != std::string::npos);
  const auto read_all = [&] {
    for ([[maybe_unused]] const int x : p.results()) {
    }
  };
  CHECK_THROWS_AS(read_all(), iq::Error);
}

TEST_CASE("states: options that make no sense are refused where the table is made") {
  using Table = decltype(iq::Steps{iq::funcstep(same)});
  CHECK_THROWS_AS(Table(iq::funcstep(same, 0)), std::invalid_argument);
  CHECK_THROWS_AS(Table(iq::funcstep(same, {.retries = -1})), std::invalid_argument);
  CHECK_THROWS_AS(Table(iq::funcstep(same, {.restarts = -1})), std::invalid_argument);
  CHECK_THROWS_AS(Table(iq::funcstep(same, {.max_deliveries = 15})), std::invalid_argument);
  CHECK_THROWS_AS(Table(iq::funcstep(same, {.restarts = 1, .stateful = true})),
                  std::invalid_argument);
  CHECK_THROWS_AS(Table(iq::funcstep(same, {.idle_after = std::chrono::nanoseconds(0)})),
                  std::invalid_argument);
  CHECK_THROWS_AS(Table(iq::funcstep(same, {.timeout = std::chrono::seconds(-1)})),
                  std::invalid_argument);
}
