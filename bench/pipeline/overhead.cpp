// What a pipeline costs per item and stage when the stages do nothing: one item at a time and in
// chunks, in processes and in threads, beside one hop through the raw queue by relay, oneTBB's
// parallel_pipeline where it is installed, and Python's multiprocessing.Pool (pool.py).
//
//   pipeline-overhead [ITEMS]
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ranges>
#include <string>
#include <vector>

#include <iq/iq.hpp>

#ifdef BENCH_TBB
#include <oneapi/tbb/parallel_pipeline.h>
#endif

namespace {

using Clock = std::chrono::steady_clock;
using Chunk = std::vector<std::int64_t>;
constexpr std::int64_t kChunk = 256;
constexpr std::size_t kCapacity = 4096;
constexpr int kRounds = 5;

std::int64_t same(std::int64_t x) { return x; }
Chunk same_chunk(const Chunk& chunk) { return chunk; }

double seconds_since(Clock::time_point begun) {
  return std::chrono::duration<double>(Clock::now() - begun).count();
}

void require(bool holds) {
  if (!holds) {
    std::fprintf(stderr, "pipeline-overhead: a pipeline lost or doubled items\n");
    std::exit(1);
  }
}

/// The best of some rounds, per item; `run` does `items` items and returns their sum.
template <class Run>
void report(const char* what, int stages, std::int64_t items, Run run) {
  double best = 1e9;
  for (int round = 0; round < kRounds; ++round) {
    const auto begun = Clock::now();
    require(run(items) == items * (items - 1) / 2);
    best = std::min(best, seconds_since(begun));
  }
  const double item_ns = best / static_cast<double>(items) * 1e9;
  std::printf("%-34s %6d %12.1f %16.1f\n", what, stages, item_ns, item_ns / stages);
  std::fflush(stdout);
}

template <class Pipeline, class F>
auto with_stages(Pipeline pipeline, int stages, F f) {
  for (int i = 0; i < stages; ++i) {
    pipeline = std::move(pipeline).map(f, {.capacity = kCapacity});
  }
  return pipeline;
}

std::int64_t one_by_one(iq::RunIn where, int stages, std::int64_t items) {
  auto results = with_stages(
      iq::pipeline(where).from(std::views::iota(std::int64_t{0}, items), {.capacity = kCapacity}),
      stages, same);
  std::int64_t sum = 0;
  for (const std::int64_t x : results) sum += x;
  return sum;
}

std::int64_t in_chunks(iq::RunIn where, int stages, std::int64_t items) {
  const auto chunk_at = [items](std::int64_t number) {
    const std::int64_t from = number * kChunk;
    Chunk chunk(static_cast<std::size_t>(std::min(kChunk, items - from)));
    for (std::size_t i = 0; i < chunk.size(); ++i) chunk[i] = from + static_cast<std::int64_t>(i);
    return chunk;
  };
  auto chunks = std::views::iota(std::int64_t{0}, (items + kChunk - 1) / kChunk) |
                std::views::transform(chunk_at);
  auto results =
      with_stages(iq::pipeline(where).from(chunks, {.capacity = 64}), stages, same_chunk);
  std::int64_t sum = 0;
  for (const Chunk& chunk : results) {
    for (const std::int64_t x : chunk) sum += x;
  }
  return sum;
}

/// One hop without a pipeline: a worker that relays between two queues, fed and read by others.
std::int64_t raw_relay(int stages, std::int64_t items) {
  std::vector<iq::IterableQueue<std::int64_t>> queues;
  for (int i = 0; i <= stages; ++i) queues.emplace_back(iq::Options{.capacity = kCapacity});
  iq::WorkerGroup crew;
  auto in = queues.back().get_consumer();
  crew.fork(
      1,
      [items](iq::Producer<std::int64_t>& out) {
        for (std::int64_t i = 0; i < items; ++i) out.put(i);
      },
      queues.front());
  for (int i = 0; i < stages; ++i) {
    const auto at = static_cast<std::size_t>(i);
    crew.fork(
        1,
        [](iq::Consumer<std::int64_t>& from, iq::Producer<std::int64_t>& to) {
          iq::relay(from, to, same);
        },
        queues[at], queues[at + 1]);
  }
  for (auto& queue : queues) queue.close();
  std::int64_t sum = 0;
  for (const std::int64_t x : in) sum += x;
  crew.join();
  return sum;
}

#ifdef BENCH_TBB
std::int64_t tbb_pipeline(int stages, std::int64_t items) {
  namespace tbb = oneapi::tbb;
  std::int64_t next = 0;
  std::int64_t sum = 0;
  auto filter = tbb::make_filter<void, std::int64_t>(tbb::filter_mode::serial_in_order,
                                                     [&](tbb::flow_control& control) {
                                                       if (next == items) control.stop();
                                                       return next++;
                                                     });
  for (int i = 0; i < stages; ++i) {
    filter = filter & tbb::make_filter<std::int64_t, std::int64_t>(
                          tbb::filter_mode::parallel, [](std::int64_t x) { return x; });
  }
  tbb::parallel_pipeline(kCapacity, filter & tbb::make_filter<std::int64_t, void>(
                                                 tbb::filter_mode::serial_out_of_order,
                                                 [&](std::int64_t x) { sum += x; }));
  return sum;
}
#endif

}  // namespace

int main(int argc, char** argv) {
  const std::int64_t items = argc > 1 ? std::atoll(argv[1]) : 1'000'000;
  std::printf("%-34s %6s %12s %16s\n", "ns", "stages", "per item", "per item, stage");
  for (int stages = 1; stages <= 3; ++stages) {
    report("raw queues and relay", stages, items,
           [&](std::int64_t n) { return raw_relay(stages, n); });
    report("pipeline, processes, one by one", stages, items,
           [&](std::int64_t n) { return one_by_one(iq::RunIn::processes, stages, n); });
    report("pipeline, processes, chunks of 256", stages, items,
           [&](std::int64_t n) { return in_chunks(iq::RunIn::processes, stages, n); });
    report("pipeline, threads, one by one", stages, items,
           [&](std::int64_t n) { return one_by_one(iq::threads, stages, n); });
#ifdef BENCH_TBB
    report("oneTBB parallel_pipeline, threads", stages, items,
           [&](std::int64_t n) { return tbb_pipeline(stages, n); });
#endif
  }
}
