// A table takes what it needs and gives it back: no processor while nothing comes, no memory that
// grows with its input, no file and no process behind its end.
#include <doctest/doctest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <ranges>
#include <stdexcept>
#include <string>

#include "iq/iq.hpp"
#include "support/leaks.hpp"
#include "support/process.hpp"

namespace {

using std::views::iota;

int same(int x) { return x; }

/// Of this process, and of all below it that have ended.
double processor_seconds() {
  double seconds = 0;
  for (const int who : {RUSAGE_SELF, RUSAGE_CHILDREN}) {
    rusage used{};
    ::getrusage(who, &used);
    for (const timeval& time : {used.ru_utime, used.ru_stime}) {
      seconds += static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
    }
  }
  return seconds;
}

}  // namespace

TEST_CASE("resources: a table that waits for entries takes next to no processor time") {
  const double before = processor_seconds();
  iq::IterableQueue<int> queue;
  iq::Steps p{iq::funcstep(same, 4), iq::chunk(10), iq::flatten, iq::funcstep([](int) {}, 4)};
  p.take_from(queue);
  p.start();
  ::sleep(2);
  CHECK(p.alive());
  p.stop();
  CHECK(processor_seconds() - before < 0.6);  // 10 workers for 2 seconds, their start, their end
}

TEST_CASE("resources: memory does not grow with the input, as long as somebody takes the results") {
  const auto run = [](int entries) {
    iq::Steps p{iq::StepsOptions{.capacity = 500}, iq::funcstep(same, {.capacity = 500})};
    p.put_iterable(iota(0, entries));
    std::int64_t sum = 0;
    for (const int x : p.results()) sum += x;
    return sum;
  };
  run(1'000);
  const long before = iqtest::resident_kib();
  CHECK(run(300'000) == std::int64_t{300'000} * 299'999 / 2);
  CHECK(iqtest::resident_kib() - before < 4'096);
}

TEST_CASE("resources: nothing is left of tables that ended, whichever way") {
  const auto run_all = [] {
    {
      iq::Steps p{iq::funcstep(same, 2)};
      p.put_iterable(iota(0, 100));
      p.run();
    }
    {
      iq::Steps p{iq::funcstep(same, 2)};
      p.put_iterable(iota(0));
      p.start();
      p.stop();
    }
    {
      iq::Steps p{iq::StepsOptions{.daemon = true}, iq::funcstep(same, 2)};
      p.put_iterable(iota(0));
      p.start();
    }
    {
      iq::Steps p{iq::funcstep([](int) { throw std::runtime_error("no"); })};
      p.put(1);
      CHECK_THROWS_AS(p.run(), iq::PipelineFailed);
    }
  };
  run_all();
  const auto before = iqtest::take_snapshot().descriptors;
  for (int i = 0; i < 3; ++i) run_all();
  CHECK(iqtest::take_snapshot().descriptors == before);
  CHECK(iqtest::reap_orphans());
}
