// What it costs to report on a pipeline: the same with a report five times a second and without,
// turn by turn, so that what else the machine does meets both. Time and processor time, medians.
//
//   pipeline-report-cost [SECONDS PER RUN [PAIRS]]
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ranges>
#include <vector>

#include <iq/iq.hpp>

namespace {

using Steady = std::chrono::steady_clock;

struct Cost {
  double elapsed = 0;
  double cpu = 0;
};

double cpu_of_children() {
  rusage used{};
  ::getrusage(RUSAGE_CHILDREN, &used);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

void spend(std::int64_t ns) {
  const auto end = Steady::now() + std::chrono::nanoseconds(ns);
  while (ns != 0 && Steady::now() < end) {
  }
}

/// Two stages; each spends so long on an item.
Cost run(std::int64_t items, std::int64_t item_ns, int workers, const iq::Reporting& reporting) {
  const double cpu_before = cpu_of_children();
  const auto begun = Steady::now();
  const auto work = [item_ns](std::int64_t x) {
    spend(item_ns);
    return x;
  };
  const std::int64_t sum = iq::pipeline({.report = reporting})
                               .from(std::views::iota(std::int64_t{0}, items), {.capacity = 4096})
                               .map(work, {.workers = workers, .capacity = 4096})
                               .map(work, {.workers = workers, .capacity = 4096})
                               .fold(std::plus{}, std::int64_t{0});
  if (sum != items * (items - 1) / 2) std::exit(1);
  return {std::chrono::duration<double>(Steady::now() - begun).count(),
          cpu_of_children() - cpu_before};
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

void compare(const char* what, double seconds, int pairs, std::int64_t item_ns, int workers,
             const iq::Reporting& reporting) {
  std::int64_t items = 2000;
  while (items < 100'000'000) {  // as many as take that long
    const double taken = run(items, item_ns, workers, {}).elapsed;
    if (taken > seconds / 4) {
      items = static_cast<std::int64_t>(static_cast<double>(items) * seconds / taken);
      break;
    }
    items *= 2;
  }
  std::vector<double> elapsed;
  std::vector<double> cpu;
  std::vector<double> plain;
  for (int i = 0; i < pairs; ++i) {
    // Either first in turn: who comes second may find a warmer machine.
    const bool is_first = i % 2 == 0;
    const Cost a = run(items, item_ns, workers, is_first ? iq::Reporting() : reporting);
    const Cost b = run(items, item_ns, workers, is_first ? reporting : iq::Reporting());
    const Cost& without = is_first ? a : b;
    const Cost& with = is_first ? b : a;
    plain.push_back(without.elapsed);
    elapsed.push_back((with.elapsed / without.elapsed - 1) * 100);
    cpu.push_back((with.cpu / without.cpu - 1) * 100);
  }
  std::printf("%-34s %10lld items, %5.2f s: time %+6.2f %%, processor time %+6.2f %%\n", what,
              static_cast<long long>(items), median(plain), median(elapsed), median(cpu));
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  const double seconds = argc > 1 ? std::atof(argv[1]) : 1;
  const int pairs = argc > 2 ? std::atoi(argv[2]) : 15;
  std::FILE* nowhere = std::fopen("/dev/null", "w");
  if (nowhere == nullptr) return 1;
  const iq::Reporting often = iq::report_to(nowhere, std::chrono::milliseconds(200));
  compare("items of nothing, 1 worker each", seconds, pairs, 0, 1, often);
  compare("items of 1 us, 2 workers each", seconds, pairs, 1'000, 2, often);
  compare("items of 100 us, 8 workers each", seconds, pairs, 100'000, 8, often);
  std::fclose(nowhere);
}
