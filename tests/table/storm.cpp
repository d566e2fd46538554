// Workers of all steps are killed by a timer of the kernel's, at whatever instruction they are: the
// results stay exact.
#include <doctest/doctest.h>
#include <unistd.h>

#include <csignal>
#include <ctime>
#include <random>
#include <ranges>
#include <vector>

#include "iq/iq.hpp"
#include "support/process.hpp"

namespace {

constexpr int kDeaths = 24;
constexpr int kEntries = 2'000;

/// Dies some milliseconds after it began, as long as there are deaths left.
struct Mortal {
  iqtest::SharedCounter* deaths;

  void worker_initialize() const {
    const auto death = ++**deaths;
    if (death > kDeaths) return;
    std::mt19937 random(static_cast<unsigned>(death));
    sigevent event{};
    event.sigev_notify = SIGEV_SIGNAL;
    event.sigev_signo = SIGKILL;
    timer_t timer{};
    iqtest::require(::timer_create(CLOCK_MONOTONIC, &event, &timer) == 0, "timer_create");
    itimerspec when{};
    when.it_value.tv_nsec = 1'000'000 + static_cast<long>(random() % 15'000'000);
    iqtest::require(::timer_settime(timer, 0, &when, nullptr) == 0, "timer_settime");
  }
};
struct Pass : Mortal {
  int process(int x) const {
    ::usleep(100);
    return x;
  }
};
struct Double : Mortal {
  void process(const int& x, iq::Output<int>& out) const {
    out.put(2 * x);
    ::usleep(100);
    out.put(2 * x + 1);
  }
};

}  // namespace

TEST_CASE("storm: workers of each step die at any instruction, and each result appears once") {
  iqtest::limit_seconds(60);
  auto deaths = iqtest::shared_counter();
  const iq::StepOptions mortal{.workers = 2, .restarts = 100, .max_deliveries = 14};
  iq::Steps p{iq::step(Pass{{&deaths}}, mortal), iq::step(Double{{&deaths}}, mortal),
              iq::step(Pass{{&deaths}}, mortal)};
  p.put_iterable(std::views::iota(0, kEntries));
  p.run();
  std::vector<int> seen(2 * kEntries);
  for (const int x : p.results()) ++seen[static_cast<std::size_t>(x)];
  CHECK(seen == std::vector<int>(2 * kEntries, 1));
  CHECK(*deaths >= kDeaths);
  CHECK(iqtest::reap_orphans());
}
