// A limit, not a queue: a ring for one producer and one consumer that does nothing but publish,
// each item or, in bulk, 32 at a time. No ownership, no acknowledgement, no end, no waiting. With
// large items it is what copying them in, and out again or not, costs at least: through the caches,
// or, streamed, past them.
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include <algorithm>
#include <atomic>
#include <memory>

#include "trips.hpp"

namespace bench {
namespace {

template <class Item, std::size_t kRingBytes>
struct Ring {
  static constexpr std::uint64_t kSlots = std::max<std::size_t>(kRingBytes / sizeof(Item), 4);

  alignas(kApart) std::atomic<std::uint64_t> tail{0};
  alignas(kApart) std::atomic<std::uint64_t> head{0};
  alignas(kApart) Item slots[kSlots];
};

enum class Way : unsigned char { single, bulk, copy, in_place, streamed };

#ifdef __SSE2__
template <class Item>
void copy_past_the_caches(const Item& from, Item& to) {
  const auto* source = reinterpret_cast<const __m128i*>(&from);
  auto* target = reinterpret_cast<__m128i*>(&to);
  for (std::size_t i = 0; i < sizeof(Item) / sizeof(__m128i); ++i) {
    _mm_stream_si128(target + i, _mm_loadu_si128(source + i));
  }
  _mm_sfence();
}
#endif

template <std::size_t kBytes, Way kWay, std::size_t kRingBytes>
class RawSpsc {
 public:
  using Item = bench::Item<kBytes>;
  using Ring = bench::Ring<Item, kRingBytes>;
  static constexpr Parties kParties = Parties::processes;
  static constexpr std::size_t kBatch = kWay == Way::bulk ? kBulk : 1;
  static constexpr std::uint64_t kSlots = Ring::kSlots;
  static_assert(kSlots % kBatch == 0);

  explicit RawSpsc(Shape) {}
  void attached() {}

  struct Producer {
    Ring& ring;
    std::uint64_t tail = 0;
    std::uint64_t seen_head = 0;

    bool put(std::span<const Item, kBatch> batch) {
      if (tail + kBatch - seen_head > kSlots) {
        seen_head = ring.head.load(std::memory_order_acquire);
        if (tail + kBatch - seen_head > kSlots) return false;
      }
#ifdef __SSE2__
      if constexpr (kWay == Way::streamed) {
        copy_past_the_caches(batch.front(), ring.slots[tail % kSlots]);
      } else
#endif
        std::copy(batch.begin(), batch.end(), ring.slots + tail % kSlots);
      tail += kBatch;
      ring.tail.store(tail, std::memory_order_release);
      return true;
    }
  };

  struct Consumer {
    Ring& ring;

    // Takes all that is there at once, then lets the producer run ahead a little, as ours does.
    template <class Visit>
    [[gnu::always_inline]] void drain(Visit visit, const Arena& arena) {
      std::uint64_t head = 0;
      const auto mine = std::make_unique<Item>();
      Backoff backoff;
      for (;;) {
        const bool gone = arena.producers_gone();
        const std::uint64_t tail = ring.tail.load(std::memory_order_acquire);
        if (head == tail) {
          if (gone) return;
          backoff.wait();
          continue;
        }
        const bool several = tail - head >= 2;
        for (; head != tail; ++head) {
          const Item& item = ring.slots[head % kSlots];
          if constexpr (kWay == Way::copy || kWay == Way::streamed) {
            *mine = item;
            visit(std::as_const(*mine));
          } else {
            visit(item);
          }
        }
        ring.head.store(head, std::memory_order_release);
        if (several) {
          for (int i = 0; i < 16; ++i) cpu_pause();
        }
      }
    }
  };
  Producer producer(int) const { return {*ring_}; }
  Consumer consumer(int) const { return {*ring_}; }
  void finish() {}
  std::uint64_t take_overs() const { return 0; }

 private:
  SharedBlock<Ring> ring_;
};

template <std::size_t kBytes, Way kWay, std::size_t kRingKiB>
void add_limit(Entries& entries, const char* name, const char* mode) {
  Entry limit = entry<RawSpsc<kBytes, kWay, kRingKiB * 1024>>(name, mode);
  limit.limit = true;
  limit.most = {1, 1};
  entries.push_back(std::move(limit));
}

// The first fits into a core's own cache, the second only into the one that cores share: from there
// lines come faster than out of another core's.
template <std::size_t kBytes, Way kWay>
void add_raw_spsc(Entries& entries, const char* mode) {
  if constexpr (kBytes < 1'048'576) add_limit<kBytes, kWay, 256>(entries, "raw-256K", mode);
  add_limit<kBytes, kWay, 4096>(entries, "raw-4M", mode);
}

}  // namespace

void add_raw_spsc(Entries& entries) {
  add_spinning<RawSpsc<kTripBytes, Way::single, 256 * 1024>>(entries, "raw-256K", /*limit=*/true);
  for_each(SmallSizes{}, [&]<std::size_t kBytes>() {
    add_raw_spsc<kBytes, Way::single>(entries, "single");
    add_raw_spsc<kBytes, Way::bulk>(entries, "bulk");
  });
  for_each(LargeSizes{}, [&]<std::size_t kBytes>() {
    add_raw_spsc<kBytes, Way::copy>(entries, "copy");
    add_raw_spsc<kBytes, Way::in_place>(entries, "in_place");
#ifdef __SSE2__
    add_limit<kBytes, Way::streamed, 4096>(entries, "raw-4M-streamed", "copy");
#endif
  });
}

}  // namespace bench
