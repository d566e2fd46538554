// The bounded MPMC ring of Dmitry Vyukov, in shared memory between processes: each slot has a
// sequence number that says whose turn it is. Not safe against kills: a party that dies between
// its ticket and its slot blocks all others. Source: 1024cores.net, "Bounded MPMC queue".
#include <atomic>
#include <bit>
#include <memory>
#include <string>

#include "trips.hpp"

namespace bench {
namespace {

template <class Item, std::size_t kSlots>
class Ring {
 public:
  Ring() {
    for (std::size_t i = 0; i < kSlots; ++i) slots_[i].turn.store(i, std::memory_order_relaxed);
  }

  bool put(const Item& item) noexcept {
    std::uint64_t at = tail_.load(std::memory_order_relaxed);
    for (;;) {
      Slot& slot = slots_[at % kSlots];
      const std::uint64_t turn = slot.turn.load(std::memory_order_acquire);
      if (turn == at) {
        if (!tail_.compare_exchange_weak(at, at + 1, std::memory_order_relaxed)) continue;
        slot.item = item;
        slot.turn.store(at + 1, std::memory_order_release);
        return true;
      }
      if (static_cast<std::int64_t>(turn - at) < 0) return false;
      at = tail_.load(std::memory_order_relaxed);
    }
  }

  bool take(Item& item) noexcept {
    std::uint64_t at = head_.load(std::memory_order_relaxed);
    for (;;) {
      Slot& slot = slots_[at % kSlots];
      const std::uint64_t turn = slot.turn.load(std::memory_order_acquire);
      if (turn == at + 1) {
        if (!head_.compare_exchange_weak(at, at + 1, std::memory_order_relaxed)) continue;
        item = slot.item;
        slot.turn.store(at + kSlots, std::memory_order_release);
        return true;
      }
      if (static_cast<std::int64_t>(turn - (at + 1)) < 0) return false;
      at = head_.load(std::memory_order_relaxed);
    }
  }

 private:
  struct Slot {
    std::atomic<std::uint64_t> turn;
    alignas(sizeof(Item) < kLarge ? alignof(Item) : 64) Item item;
  };
  alignas(kApart) std::atomic<std::uint64_t> tail_{0};
  alignas(kApart) std::atomic<std::uint64_t> head_{0};
  alignas(kApart) Slot slots_[kSlots];
};

template <std::size_t kBytes, std::size_t kSlots>
class Vyukov {
 public:
  using Item = bench::Item<kBytes>;
  static constexpr Parties kParties = Parties::processes;
  static constexpr std::size_t kBatch = 1;

  explicit Vyukov(Shape) {}
  void attached() {}

  struct Producer {
    Ring<Item, kSlots>& ring;
    bool put(std::span<const Item, 1> item) { return ring.put(item.front()); }
  };
  struct Consumer {
    Ring<Item, kSlots>& ring;
    template <class Visit>
    [[gnu::always_inline]] void drain(Visit visit, const Arena& arena) {
      std::array<Item, 1> item{};
      poll_until_over(
          item,
          [this](auto& to) __attribute__((always_inline)) {
            return std::size_t{ring.take(to.front()) ? 1u : 0u};
          },
          visit, arena);
    }
  };
  Producer producer(int) const { return {*ring_}; }
  Consumer consumer(int) const { return {*ring_}; }
  void finish() {}
  std::uint64_t take_overs() const { return 0; }

 private:
  SharedBlock<Ring<Item, kSlots>> ring_;
};

template <std::size_t kBytes, std::size_t... kSlots>
void add_vyukov(Entries& entries) {
  (entries.push_back(entry<Vyukov<kBytes, kSlots>>("vyukov-" + std::to_string(kSlots))), ...);
}

}  // namespace

// It is fast in one size or another: several, of 4 MiB among them.
void add_vyukov(Entries& entries) {
  for_each(SmallSizes{}, [&]<std::size_t kBytes>() {
    add_vyukov<kBytes, 256, 1'024, 4'096, std::bit_ceil(slots_for(kBytes))>(entries);
  });
  for_each(LargeSizes{}, [&]<std::size_t kBytes>() {
    constexpr std::size_t kMost = slots_for(kBytes);
    if constexpr (kMost > 16) add_vyukov<kBytes, 16, kMost / 2, kMost, kMost * 2>(entries);
    if constexpr (kMost <= 16) add_vyukov<kBytes, kMost, 8>(entries);
  });
  for_each(FreshSizes{}, [&]<std::size_t kBytes>() {
    entries.push_back(entry<Fresh<Vyukov<kBytes, 256>>>("vyukov-256", kFreshMode));
  });
  add_spinning<Vyukov<kTripBytes, 256>>(entries, "vyukov-256");
}

}  // namespace bench
