// What reports say of pipelines: counts that are exact, shares that are about right, which stage is
// the bottleneck, how long it will take.
#include "pipeline/observer.hpp"

#include <doctest/doctest.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <numeric>
#include <optional>
#include <ranges>
#include <stdexcept>
#include <vector>

#include "iq/iq.hpp"
#include "support/process.hpp"

using iq::RunReport;
using iq::StageReport;
using iq::detail::StageFigures;
using std::views::iota;
using namespace std::chrono_literals;

namespace {

void spend(std::chrono::microseconds time) {
  const auto end = std::chrono::steady_clock::now() + time;
  while (std::chrono::steady_clock::now() < end) {
  }
}

double shares_of(const StageReport& stage) {
  return stage.busy + stage.awaits_item + stage.awaits_room;
}

}  // namespace

TEST_CASE("find_bottleneck: the busiest; of two that are, the one where more waits; or none") {
  StageFigures idle;
  idle.busy = 0.3;
  StageFigures busy;
  busy.busy = 0.9;
  CHECK(iq::detail::find_bottleneck({idle, busy, idle}) == 1);
  CHECK(iq::detail::find_bottleneck({idle, idle}) == -1);
  CHECK(iq::detail::find_bottleneck({}) == -1);
  StageFigures full = busy;
  full.queued = 7;
  full.in_hand = 1;
  full.capacity = 8;
  CHECK(iq::detail::find_bottleneck({busy, full, busy}) == 1);
}

TEST_CASE("estimate_remaining: by the stage that takes longest for what will reach it") {
  StageFigures source;
  source.done = 600;
  source.per_s = 100;
  StageFigures filter = source;  // passes a third on
  StageFigures slow;
  slow.done = 100;
  slow.per_s = 10;
  CHECK(iq::detail::estimate_remaining({source}, {600}, 1000) == doctest::Approx(4));
  // A third of 1000 will reach it, 100 are done.
  CHECK(iq::detail::estimate_remaining({source, filter, slow}, {600, 200, 0}, 1000) ==
        doctest::Approx(23.33).epsilon(0.01));
  slow.done = 333;
  slow.per_s = 0;
  CHECK(iq::detail::estimate_remaining({slow}, {0}, 1000) == -1);
  CHECK(iq::detail::estimate_remaining({source}, {600}, 600) == 0);
}

TEST_CASE("report: while it runs and at the end, in processes and threads; counts are exact") {
  for (const iq::RunIn run_in : {iq::RunIn::processes, iq::threads}) {
    auto pipeline = iq::pipeline(run_in)
                        .from(iota(0, 400), {.name = "numbers"})
                        .filter([](int x) { return x % 4 != 0; }, {.workers = 2, .name = "some"})
                        .map(
                            [](int x) {
                              spend(1ms);
                              return x;
                            },
                            {.name = "slow"});
    CHECK(pipeline.report().stages.empty());
    pipeline.start();
    const RunReport first = pipeline.report();
    REQUIRE(first.stages.size() == 4);
    CHECK(first.stages[1].name == "some");
    CHECK(first.stages[1].workers == 2);
    CHECK(first.stages[1].capacity >= 2);
    CHECK(first.length == 400);
    CHECK(!first.has_ended);
    int count = 0;
    for (const int x : pipeline) {
      static_cast<void>(x);
      if (++count == 150) {
        const RunReport midst = pipeline.report();
        CHECK(midst.stages[0].done <= 400);
        CHECK(midst.stages[2].done >= 140);
        CHECK(midst.stages[2].done <= 300);
        CHECK(midst.elapsed_s > 0.1);
        CHECK(midst.remaining_s.has_value());
      }
    }
    pipeline.join();
    const RunReport last = pipeline.report();
    CHECK(last.has_ended);
    CHECK(last.stages[0].done == 400);
    CHECK(last.stages[1].done == 400);
    CHECK(last.stages[2].done == 300);
    CHECK(last.stages[3].done == 300);
    CHECK(last.stages[2].cpu_s > 0.2);
    CHECK(last.stages[2].cpu_s < 5);
    CHECK(last.stages[2].queued + last.stages[2].in_hand == 0);
    CHECK(last.stages[3].name == "(caller)");
    CHECK((last.stages[2].memory != 0) == (run_in == iq::RunIn::processes));
    for (const StageReport& stage : last.stages) CHECK(stage.restarts + stage.parked == 0);
  }
}

TEST_CASE("report: the bottleneck is the stage that keeps the others waiting, whichever it is") {
  for (int slow = 0; slow < 4; ++slow) {
    const auto stage = [slow](int number) {
      return [is_slow = slow == number](int x) {
        if (is_slow) ::usleep(2000);
        return x;
      };
    };
    auto pipeline = iq::pipeline()
                        .from(iota(0, 400))
                        .map(stage(0), {.name = "0"})
                        .map(stage(1), {.workers = 2, .name = "1"})
                        .map(stage(2), {.name = "2"});
    pipeline.start();
    static_cast<void>(pipeline.report());  // from here on it is looked at
    for (const int x : pipeline) {
      static_cast<void>(x);
      if (slow == 3) ::usleep(2000);
    }
    pipeline.join();
    const RunReport report = pipeline.report();
    REQUIRE(report.bottleneck >= 0);
    const StageReport& found = report.stages[static_cast<std::size_t>(report.bottleneck)];
    CHECK(found.name == (slow == 3 ? "(caller)" : std::to_string(slow)));
    CHECK(found.busy > 0.6);
    for (int i = 0; i < 5; ++i) {
      const StageReport& other = report.stages[static_cast<std::size_t>(i)];
      CHECK(shares_of(other) < 1.01);
      if (i < report.bottleneck) CHECK(other.awaits_room > other.awaits_item);
      if (i > report.bottleneck) CHECK(other.awaits_item > other.awaits_room);
    }
  }
}

TEST_CASE("report: an ordered stage that drops counts what it did, not the gaps") {
  auto pipeline = iq::pipeline()
                      .from(iota(0, 200))
                      .filter([](int x) { return x % 2 == 0; }, {.workers = 2, .ordered = true})
                      .map([](int x) { return x; }, {.workers = 3, .ordered = true});
  CHECK(pipeline.join() == 100);
  const RunReport report = pipeline.report();
  CHECK(report.stages[1].done == 200);
  CHECK(report.stages[2].done == 100);
}

TEST_CASE("report: killed workers are counted as restarts, and what was done stays exact") {
  const auto kills = iqtest::shared_counter();
  auto pipeline = iq::pipeline()
                      .from(iota(0, 300))
                      .map(
                          [&](int x) {
                            if (x % 100 == 50 && kills->fetch_add(1) < 2)
                              ::kill(::getpid(), SIGKILL);
                            return x;
                          },
                          {.workers = 2});
  CHECK(pipeline.join() == 300);
  const RunReport report = pipeline.report();
  CHECK(report.stages[1].done == 300);
  CHECK(report.stages[1].restarts == 2);
}

TEST_CASE(
    "report: of a pipeline that failed too; where everything is in the caller there is none") {
  auto failing = iq::pipeline().from(iota(0)).map([](int x) {
    if (x == 100) throw std::runtime_error("a hundred");
    return x;
  });
  CHECK_THROWS_AS(failing.join(), iq::PipelineFailed);
  CHECK(failing.report().has_ended);
  CHECK(failing.report().stages[1].done == 100);
  CHECK(!failing.report().length);
  auto here = iq::pipeline(iq::inline_mode).from(iota(0, 10)).map([](int x) { return x; });
  CHECK(here.join() == 10);
  CHECK(here.report().stages.empty());
}

TEST_CASE(
    "report_to: a function is called meanwhile and once at the end; what it throws is dropped") {
  const auto calls = iqtest::shared_counter();
  const auto lasts = iqtest::shared_counter();
  const auto done = iqtest::shared_counter();
  const auto function = [&](const RunReport& report) {
    calls->fetch_add(1);
    if (report.has_ended) {
      lasts->fetch_add(1);
      done->store(static_cast<std::int64_t>(report.stages.at(1).done));
    }
    throw std::runtime_error("of the function's");
  };
  for (const iq::RunIn run_in : {iq::RunIn::processes, iq::threads}) {
    calls->store(0);
    lasts->store(0);
    CHECK(iq::pipeline({.run_in = run_in, .report = iq::report_to(function, 20ms)})
              .from(iota(0, 200))
              .map([](int x) {
                ::usleep(1000);
                return x;
              })
              .join() == 200);
    CHECK(calls->load() >= 5);
    CHECK(lasts->load() == 1);
    CHECK(done->load() == 200);
  }
}

TEST_CASE("report: queues of the user's count from the start of the pipeline") {
  iq::IterableQueue<int> in;
  iq::IterableQueue<int> out{iq::Options{.capacity = 1000}};
  auto producer = in.get_producer();
  auto consumer = in.get_consumer();
  producer.put(1);
  consumer.get();
  consumer.close();
  auto old = out.get_producer();
  old.put(7);
  for (int i = 0; i < 50; ++i) producer.put(i);
  producer.close();
  in.close();
  auto pipeline = iq::pipeline().from(in).map([](int x) { return x; }, {.out = &out});
  pipeline.join();
  const RunReport report = pipeline.report();
  REQUIRE(report.stages.size() == 1);
  CHECK(report.stages[0].done == 50);
}

TEST_CASE("report: of a table of steps, with what was put as its first stage") {
  iq::Steps steps{iq::StepsOptions{}, iq::funcstep([](int x) { return 2 * x; }, 2)};
  CHECK(steps.report().stages.empty());
  steps.put(1);
  steps.put_all({2, 3});
  steps.put_iterable(std::vector{4, 5});
  steps.run();
  const RunReport report = steps.report();
  REQUIRE(report.stages.size() == 3);
  CHECK(report.stages[0].done == 5);
  CHECK(report.stages[1].done == 5);
  CHECK(report.stages[1].workers == 2);
  CHECK(report.length == 5);
  CHECK(report.has_ended);
}
