// Round trips: an item goes to another process through one queue and comes back through a second.
// Any peer between processes can be measured so; its own loop is the server and the client.
#pragma once

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "children.hpp"
#include "placement.hpp"
#include "spread.hpp"
#include "workload.hpp"

namespace bench {

/// The time stamp counter where there is one: asking the system's clock takes a fifth of a trip.
inline std::uint64_t ticks() noexcept {
#if defined(__x86_64__)
  return __builtin_ia32_rdtsc();
#else
  return static_cast<std::uint64_t>(now_ns());
#endif
}

enum class Trip : unsigned char {
  spin,            ///< a core each, one trip behind the other
  sleep,           ///< a core each, and before each trip a pause in which the server falls asleep
  sleep_one_core,  ///< the same on one core
};

/// What two processes of round trips share.
struct TripRecord {
  static constexpr std::size_t kKept = std::size_t{1} << 18;  ///< the last ones, of each slice
  static constexpr std::uint64_t kWarmUp = 20;                ///< the first ones do not count
  static constexpr std::uint64_t kLeast = 2 * kWarmUp;        ///< also if the slice is over before

  Arena there;
  Arena back;
  std::uint64_t trips = 0;
  std::uint64_t wrong = 0;
  double ns_per_tick = 0;
  std::array<std::uint32_t, kKept> ticks;

  bool stopped() const noexcept {
    return trips >= kLeast && there.stop.load(std::memory_order_relaxed);
  }
  void ready() noexcept { report_ready(there); }
};

template <Peer P>
void serve_trips(P& there, P& back, TripRecord& record) {
  std::optional out(back.producer(0));
  auto in = there.consumer(0);
  record.ready();
  Backoff backoff;
  in.drain(
      [&](const typename P::Item& item) {
        while (!out->put(std::span<const typename P::Item, 1>(&item, 1))) backoff.wait();
      },
      record.there);
  out.reset();
  record.back.producers_left.store(0, std::memory_order_release);
  back.finish();
}

template <Peer P>
void make_trips(P& there, P& back, Trip kind, TripRecord& record) {
  constexpr useconds_t kPauseUs = 100;
  using Item = typename P::Item;
  std::optional out(there.producer(0));
  auto in = back.consumer(0);
  std::array<Item, 1> ball;
  ball.front().words.fill(kFiller);
  record.ready();
  const std::int64_t start_ns = now_ns();
  const std::uint64_t start = ticks();
  std::uint64_t sent = 0;
  const auto send = [&] {
    ball.front().set(first_tag(0) + record.trips);
    sent = ticks();
    while (!out->put(ball)) cpu_pause();
  };
  send();
  in.drain(
      [&](const Item& item) {
        const std::uint64_t took = ticks() - sent;
        record.ticks[record.trips++ % TripRecord::kKept] =
            static_cast<std::uint32_t>(std::min<std::uint64_t>(took, UINT32_MAX));
        if (item.tag() != ball.front().tag() || item.sum() != ball.front().sum()) ++record.wrong;
        if (record.stopped()) {
          out.reset();
          record.there.producers_left.store(0, std::memory_order_release);
          there.finish();
          return;
        }
        if (kind != Trip::spin) ::usleep(kPauseUs);
        send();
      },
      record.back);
  record.ns_per_tick =
      static_cast<double>(now_ns() - start_ns) / static_cast<double>(ticks() - start);
}

/// What went wrong, or the kept trips.
inline SliceResult result_of(const TripRecord& record) {
  SliceResult result;
  if (record.wrong != 0 || record.trips < TripRecord::kLeast) {
    result.error = fmt::format("wrong: {} of {} trips", record.wrong, record.trips);
    return result;
  }
  const std::size_t kept = std::min<std::size_t>(record.trips, TripRecord::kKept);
  const std::size_t first = record.trips > TripRecord::kKept ? 0 : TripRecord::kWarmUp;
  for (std::size_t i = first; i < kept; ++i) {
    result.trips_ns.push_back(record.ticks[i] * record.ns_per_tick);
  }
  result.ns_per_item = mid_mean(result.trips_ns);
  return result;
}

template <Peer P, Trip kKind>
SliceResult run_trips(Shape shape, std::int64_t slice_ns) {
  constexpr std::int64_t kBoundNs = 20'000'000'000;
  const cpu_set_t allowed = allowed_processors();
  const SharedBlock<TripRecord> record;
  record->there.producers_left.store(1);
  record->back.producers_left.store(1);
  P there(shape), back(shape);
  Children children;
  children.start([&] {
    pin_to(kKind == Trip::sleep_one_core ? 0 : 1, allowed);
    serve_trips(there, back, *record);
  });
  children.start([&] {
    pin_to(0, allowed);
    make_trips(there, back, kKind, *record);
  });
  const std::int64_t until = now_ns() + kBoundNs;
  while (record->there.ready.load(std::memory_order_acquire) != 2) {
    if (std::string error = children.look(); !error.empty()) return {.error = error};
    if (now_ns() > until) return {.error = "hangs before it starts"};
    ::usleep(100);
  }
  there.attached();
  back.attached();
  record->there.go.store(true, std::memory_order_release);
  ::usleep(static_cast<useconds_t>(slice_ns / 1000));
  record->there.stop.store(true, std::memory_order_release);
  std::string error = children.join(kBoundNs);
  return error.empty() ? result_of(*record) : SliceResult{.error = error};
}

template <Peer P, Trip kKind>
Entry trip_entry(std::string peer, std::string mode, bool limit) {
  return {.peer = std::move(peer),
          .mode = std::move(mode),
          .bytes = kTripBytes,
          .limit = limit,
          .most = {1, 1},
          .run = run_trips<P, kKind>};
}

/// Adds round trips of a P that waits by spinning.
template <Peer P>
void add_spinning(Entries& entries, const std::string& peer, bool limit = false) {
  entries.push_back(trip_entry<P, Trip::spin>(peer, "spin", limit));
}

/// Adds round trips of a P that sleeps until something comes.
template <Peer P>
void add_sleeping(Entries& entries, const std::string& peer, bool limit = false) {
  entries.push_back(trip_entry<P, Trip::sleep>(peer, "sleep", limit));
  entries.push_back(trip_entry<P, Trip::sleep_one_core>(peer, "sleep_one_core", limit));
}

}  // namespace bench
