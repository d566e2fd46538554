// The one workload: producers put numbered items until they are told to stop, consumers check each.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "arena.hpp"
#include "item.hpp"
#include "peer.hpp"
#ifdef BENCH_TRACE
#include "trace/turns.hpp"
#endif

namespace bench {

inline void report_ready(Arena& arena) noexcept {
  arena.ready.fetch_add(1, std::memory_order_acq_rel);
  while (!arena.go.load(std::memory_order_acquire)) sched_yield();
}

/// P, each of whose items is made just before it is put.
template <class P>
struct Fresh : P {
  static constexpr bool kFresh = true;
  using P::P;
};
inline constexpr const char* kFreshMode = "fresh";

// Small items are written kBulk at a time, also where they are put one by one: copying an item
// right behind its last small store measures the processor's store forwarding, too, which is what
// Fresh is for. A large one is prepared once; later its first and last word change. Who puts it
// copies all of it.
template <Peer P>
std::uint64_t put_until_stopped(P& peer, int index, Arena& arena) {
  constexpr bool kFresh = requires { P::kFresh; };
  constexpr std::size_t kItems = sizeof(typename P::Item) < kLarge && !kFresh ? kBulk : 1;
  static_assert(kItems % P::kBatch == 0);
  auto out = peer.producer(index);
  const auto prepared = std::make_unique<std::array<typename P::Item, kItems>>();
  auto& items = *prepared;
  for (auto& item : items) item.words.fill(kFiller);
  report_ready(arena);
  std::uint64_t count = 0;
  Backoff backoff;
  do {  // once in any case: a short slice may be over before this party has run at all
    for (std::size_t i = 0; i < kItems; ++i) {
      const Tag tag = first_tag(index) + count + i;
      kFresh ? items[i].make(tag) : items[i].set(tag);
    }
    for (std::size_t i = 0; i < kItems; i += P::kBatch) {
      const auto batch = std::span(std::as_const(items)).subspan(i).template first<P::kBatch>();
      while (!out.put(batch)) [[unlikely]] {
          if (arena.stop.load(std::memory_order_relaxed)) return count;
          backoff.wait();
        }
      count += P::kBatch;
    }
  } while (!arena.stop.load(std::memory_order_relaxed));
  return count;
}

// The counts are locals that nothing else can reach, so that they stay in registers.
template <Peer P>
void check_until_over(P& peer, int index, Arena& arena) {
  auto in = peer.consumer(index);
  report_ready(arena);
  std::uint64_t items = 0, sum = 0, disorder = 0;
  std::array<Tag, kMaxParties> last{};
  in.drain(
      [&](const auto& item) __attribute__((always_inline)) {
        const Tag tag = item.tag();
        Tag& before = last[producer_of(tag)];
        disorder += tag <= before ? 1 : 0;
        before = tag;
        sum += item.sum();
        ++items;
      },
      arena);
  Tally& tally = arena.consumed[static_cast<std::size_t>(index)];
  tally.items = items;
  tally.sum = sum;
  tally.disorder = disorder;
  tally.end_ns = now_ns();
}

/// For queues that can only be asked: `take(buffer)` returns how many items it got.
template <class Buffer, class Take, class Visit>
[[gnu::always_inline]] inline void poll_until_over(Buffer& buffer, Take take, Visit visit,
                                                   const Arena& arena) {
  Backoff backoff;
  for (;;) {
    const bool gone = arena.producers_gone();  // before the look: what it does not find is not
    const std::size_t got = take(buffer);
    for (std::size_t i = 0; i < got; ++i) visit(std::as_const(buffer[i]));
    if (got != 0) [[likely]]
      continue;
    if (gone) return;
    backoff.wait();
  }
}

template <Peer P>
class PeerJob final : public Job {
 public:
  explicit PeerJob(Shape shape) : peer_(shape) {}
  static std::unique_ptr<Job> make(Shape shape) { return std::make_unique<PeerJob>(shape); }

  void attached() override { peer_.attached(); }
  void produce(int index, Arena& arena) override {
    Tally& tally = arena.produced[static_cast<std::size_t>(index)];
    tally.items = put_until_stopped(peer_, index, arena);
    tally.end_ns = now_ns();
    if (arena.producers_left.fetch_sub(1, std::memory_order_acq_rel) == 1) peer_.finish();
  }
  void consume(int index, Arena& arena) override { check_until_over(peer_, index, arena); }
  std::uint64_t take_overs() override { return peer_.take_overs(); }

 private:
  P peer_;
};

/// The sizes that peers are measured with: one more is one more number here. Small ones go one by
/// one and in bulk, large ones are copied or used in place.
using SmallSizes = std::index_sequence<8, 64, 256>;
using LargeSizes = std::index_sequence<4'096, 65'536, 1'048'576>;
using PriceSizes = std::index_sequence<8, 64>;
using FreshSizes = std::index_sequence<24, 64>;
/// Payloads of queues whose items may each have another size.
using VariableSizes = std::index_sequence<16, 48, 200, 1'000>;

/// Calls `add` with each of the sizes that is at most kMost.
template <std::size_t kMost = SIZE_MAX, class Add, std::size_t... kBytes>
void for_each(std::index_sequence<kBytes...>, const Add& add) {
  const auto add_one = [&]<std::size_t kSize>() {
    if constexpr (kSize <= kMost) add.template operator()<kSize>();
  };
  (add_one.template operator()<kBytes>(), ...);
}
template <std::size_t kMost = SIZE_MAX, class Add>
void for_each_size(const Add& add) {
  for_each<kMost>(SmallSizes{}, add);
  for_each<kMost>(LargeSizes{}, add);
}

template <Peer P>
std::string usual_mode() {
  if (sizeof(typename P::Item) >= kLarge) return "copy";
  return P::kBatch == 1 ? "single" : "bulk";
}

/// Modes of what runs on one core: see peers/price.cpp.
inline constexpr const char* kSingleOnOneCore = "one_core";
inline constexpr const char* kBulkOnOneCore = "one_core_bulk";

template <Peer P>
Entry entry(std::string peer, std::string mode = usual_mode<P>()) {
  return {
      .peer = std::move(peer),
      .mode = std::move(mode),
      .bytes = sizeof(typename P::Item),
      .parties = P::kParties,
      .make = PeerJob<P>::make,
      .expected_sum = expected_sum<typename P::Item>,
#ifdef BENCH_TRACE
      .take_turns = take_turns<P>,
#endif
  };
}

}  // namespace bench
