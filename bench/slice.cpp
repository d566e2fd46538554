#include "slice.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <exception>
#include <thread>
#include <vector>

#include "children.hpp"
#include "placement.hpp"
#include "spread.hpp"

namespace bench {
namespace {

constexpr std::int64_t kStartBoundNs = 10'000'000'000;
constexpr std::int64_t kEndBoundNs = 20'000'000'000;

// Producers have the first numbers.
void run_party(Job& job, const Entry& entry, int party, Shape shape, Arena& arena) {
  if (entry.one_core) pin_to(0, allowed_processors());
  if (party < shape.producers) {
    job.produce(party, arena);
  } else {
    job.consume(party - shape.producers, arena);
  }
}

// An exception in one of the threads ends the process, which is how a crash is seen.
void run_threads(const Entry& entry, Shape shape, Arena& arena) {
  const std::unique_ptr<Job> job = entry.make(shape);
  std::vector<std::jthread> threads;
  for (int party = 0; party < shape.producers + shape.consumers; ++party) {
    threads.emplace_back([&, party]() noexcept { run_party(*job, entry, party, shape, arena); });
  }
}

std::string wait_until_ready(Children& children, const Arena& arena, Shape shape) {
  const auto parties = static_cast<std::uint32_t>(shape.producers + shape.consumers);
  const std::int64_t until = now_ns() + kStartBoundNs;
  while (arena.ready.load(std::memory_order_acquire) != parties) {
    std::string error = children.look();
    if (!error.empty()) return error;
    if (now_ns() > until) return "hangs before it starts";
    ::usleep(100);
  }
  return {};
}

void account(const Entry& entry, Shape shape, const Arena& arena, std::uint64_t take_overs,
             std::int64_t go_ns, SliceResult& result) {
  std::uint64_t put = 0, expected = 0, got = 0, sum = 0, disorder = 0;
  std::int64_t last_put = 0, last_got = 0;
  for (int i = 0; i < shape.producers; ++i) {
    const Tally& tally = arena.produced[static_cast<std::size_t>(i)];
    put += tally.items;
    expected += entry.expected_sum(i, tally.items);
    last_put = std::max(last_put, tally.end_ns);
  }
  for (int i = 0; i < shape.consumers; ++i) {
    const Tally& tally = arena.consumed[static_cast<std::size_t>(i)];
    got += tally.items;
    sum += tally.sum;
    disorder += tally.disorder;
    last_got = std::max(last_got, tally.end_ns);
  }
  if (put != got || sum != expected || (disorder != 0 && entry.ordered && take_overs == 0) ||
      got == 0) {
    result.error =
        fmt::format("wrong: {} items put, {} taken; sum {}, expected {}; {} out of order", put, got,
                    sum, expected, disorder);
    return;
  }
  result.out_of_order = disorder;
  result.ns_per_item = static_cast<double>(last_got - go_ns) / static_cast<double>(got);
  result.end_ms = static_cast<double>(last_got - last_put) / 1e6;
}

SliceResult run(const Entry& entry, Shape shape, std::int64_t slice_ns) {
  SliceResult result;
  const SharedBlock<Arena> arena;
  arena->producers_left.store(static_cast<std::uint32_t>(shape.producers));
  std::unique_ptr<Job> job;
  Children children;
  if (entry.parties == Parties::threads) {
    children.start([&] { run_threads(entry, shape, *arena); });
  } else {
    job = entry.make(shape);
    for (int party = 0; party < shape.producers + shape.consumers; ++party) {
      children.start([&] { run_party(*job, entry, party, shape, *arena); });
    }
  }
  result.error = wait_until_ready(children, *arena, shape);
  if (!result.error.empty()) return result;
  if (job) job->attached();
  const std::int64_t go_ns = now_ns();
  arena->go.store(true, std::memory_order_release);
  std::this_thread::sleep_for(std::chrono::nanoseconds(slice_ns));
  arena->stop.store(true, std::memory_order_release);
  result.error = children.join(kEndBoundNs);
  if (result.error.empty()) {
    account(entry, shape, *arena, job ? job->take_overs() : 0, go_ns, result);
  }
  return result;
}

}  // namespace

SliceResult run_slice(const Entry& entry, Shape shape, std::int64_t slice_ns) {
  try {
    return entry.run != nullptr ? entry.run(shape, slice_ns) : run(entry, shape, slice_ns);
  } catch (const std::exception& error) {
    return {.error = error.what()};
  }
}

double ping_pong_ns(std::int64_t bound_ns) {
  constexpr std::size_t kMostRuns = 50;
  constexpr std::uint32_t kTrips = 200;
  struct Line {
    alignas(kApart) std::atomic<std::uint32_t> ball{0};  // odd: the child's turn
  };
  const SharedBlock<Line> line;
  std::atomic<std::uint32_t>& ball = line->ball;
  const auto wait_for = [&ball](std::uint32_t turn) {
    Backoff backoff;
    while (ball.load(std::memory_order_acquire) != turn) backoff.wait();
  };
  const PinnedHere pinned(0);
  Children children;
  children.start([&] {
    pin_to(1, pinned.before());
    for (std::uint32_t turn = 1;; turn += 2) {  // until it is killed
      wait_for(turn);
      ball.store(turn + 1, std::memory_order_release);
    }
  });
  std::uint32_t turn = 0;
  const auto one_run = [&] {
    const std::int64_t start = now_ns();
    for (std::uint32_t i = 0; i < kTrips; ++i, turn += 2) {
      ball.store(turn + 1, std::memory_order_release);
      wait_for(turn + 2);
    }
    return static_cast<double>(now_ns() - start) / kTrips;
  };
  one_run();  // waits for the child to be there
  std::vector<double> trips;
  const std::int64_t until = now_ns() + bound_ns;
  do {
    trips.push_back(one_run());
  } while (trips.size() < kMostRuns && now_ns() < until);
  return spread_of(std::move(trips)).median;
}

}  // namespace bench
