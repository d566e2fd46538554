// A limit, not a queue: a ring for one producer and one consumer that does nothing but publish. No
// ownership, no acknowledgement, no end, no waiting.
#include <algorithm>
#include <atomic>
#include <memory>

#include "workload.hpp"

namespace bench {
namespace {

// Fits into the second cache at 64 bytes and holds as much as ours at 8.
template <class Item>
struct Ring {
  static constexpr std::uint64_t kSlots =
      std::clamp<std::uint64_t>(262'144 / sizeof(Item), 16, 8192);

  alignas(kApart) std::atomic<std::uint64_t> tail{0};
  alignas(kApart) std::atomic<std::uint64_t> head{0};
  alignas(kApart) Item slots[kSlots];
};

template <std::size_t kBytes, std::size_t kItemsPerPut>
class RawSpsc {
 public:
  using Item = bench::Item<kBytes>;
  static constexpr Parties kParties = Parties::processes;
  static constexpr std::size_t kBatch = kItemsPerPut;
  static constexpr std::uint64_t kSlots = Ring<Item>::kSlots;
  static_assert(kSlots % kBatch == 0);

  explicit RawSpsc(Shape) {}
  void attached() {}

  struct Producer {
    Ring<Item>& ring;
    std::uint64_t tail = 0;
    std::uint64_t seen_head = 0;

    bool put(std::span<const Item, kBatch> batch) {
      if (tail + kBatch - seen_head > kSlots) {
        seen_head = ring.head.load(std::memory_order_acquire);
        if (tail + kBatch - seen_head > kSlots) return false;
      }
      std::copy(batch.begin(), batch.end(), ring.slots + tail % kSlots);
      tail += kBatch;
      ring.tail.store(tail, std::memory_order_release);
      return true;
    }
  };

  struct Consumer {
    Ring<Item>& ring;

    // Takes all that is there at once, then lets the producer run ahead a little, as ours does.
    template <class Visit>
    [[gnu::always_inline]] void drain(Visit visit, const Arena& arena) {
      std::uint64_t head = 0;
      Backoff backoff;
      for (;;) {
        const bool gone = arena.producers_gone();
        const std::uint64_t tail = ring.tail.load(std::memory_order_acquire);
        if (head == tail) {
          if (gone) return;
          backoff.wait();
          continue;
        }
        if (tail - head >= 2) {
          for (int i = 0; i < 16; ++i) cpu_pause();
        }
        for (; head != tail; ++head) visit(std::as_const(ring.slots[head % kSlots]));
        ring.head.store(head, std::memory_order_release);
      }
    }
  };
  Producer producer(int) const { return {*ring_}; }
  Consumer consumer(int) const { return {*ring_}; }
  void finish() {}
  std::uint64_t take_overs() const { return 0; }

 private:
  SharedBlock<Ring<Item>> ring_;
};

}  // namespace

void add_raw_spsc(Entries& entries) {
  for_each_size([&]<std::size_t kBytes>() {
    for (Entry limit :
         {entry<RawSpsc<kBytes, 1>>("raw-spsc"), entry<RawSpsc<kBytes, kBulk>>("raw-spsc")}) {
      limit.limit = true;
      limit.most = {1, 1};
      entries.push_back(std::move(limit));
    }
  });
}

}  // namespace bench
