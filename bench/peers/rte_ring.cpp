// The ring of DPDK in shared memory between processes, with items in its slots: its inline
// functions alone, without DPDK's own memory and start-up. mp/mc: any number on both ends, in bulk,
// where all wait for one that is preempted. hts: one at a time on each end.
#include <rte_config.h>
//
#include <rte_ring.h>
#include <rte_ring_elem.h>

#include <bit>
#include <cstddef>
#include <cstring>

#include "trips.hpp"

namespace bench {
namespace {

template <class Item>
struct alignas(kApart) RingBlock {
  static constexpr unsigned kSlots = static_cast<unsigned>(std::bit_floor(slots_for(sizeof(Item))));

  alignas(kApart) rte_ring ring;
  alignas(kApart) std::array<Item, kSlots> slots;  // where the inline functions look for them
};

// As rte_ring_init does it.
template <class Item>
void set_up(RingBlock<Item>& block, rte_ring_sync_type sync) {
  static_assert(offsetof(RingBlock<Item>, slots) == sizeof(rte_ring));
  rte_ring& ring = block.ring;
  std::memset(static_cast<void*>(&ring), 0, sizeof ring);
  ring.size = RingBlock<Item>::kSlots;
  ring.mask = RingBlock<Item>::kSlots - 1;
  ring.capacity = ring.mask;
  ring.prod.sync_type = sync;
  ring.cons.sync_type = sync;
}

template <std::size_t kBytes, std::size_t kItemsPerPut, rte_ring_sync_type kSync>
class RteRing {
 public:
  using Item = bench::Item<kBytes>;
  static constexpr Parties kParties = Parties::processes;
  static constexpr std::size_t kBatch = kItemsPerPut;

  explicit RteRing(Shape) { set_up(*block_, kSync); }
  void attached() {}

  struct Producer {
    rte_ring* ring;
    bool put(std::span<const Item, kBatch> batch) {
      return rte_ring_enqueue_bulk_elem(ring, batch.data(), sizeof(Item), kBatch, nullptr) != 0;
    }
  };
  struct Consumer {
    rte_ring* ring;
    template <class Visit>
    [[gnu::always_inline]] void drain(Visit visit, const Arena& arena) {
      std::array<Item, kBatch> items{};
      poll_until_over(
          items,
          [this](auto& to) {
            return std::size_t{
                rte_ring_dequeue_burst_elem(ring, to.data(), sizeof(Item), kBatch, nullptr)};
          },
          visit, arena);
    }
  };
  Producer producer(int) const { return {&block_->ring}; }
  Consumer consumer(int) const { return {&block_->ring}; }
  void finish() {}
  std::uint64_t take_overs() const { return 0; }

 private:
  SharedBlock<RingBlock<Item>> block_;
};

}  // namespace

// Larger items than these DPDK's users hand over as pointers.
void add_rte_ring(Entries& entries) {
  for_each_size<4096>([&]<std::size_t kBytes>() {
    entries.push_back(entry<RteRing<kBytes, 1, RTE_RING_SYNC_MT_HTS>>("rte-hts"));
    if constexpr (kBytes < kLarge) {
      entries.push_back(entry<RteRing<kBytes, kBulk, RTE_RING_SYNC_MT_HTS>>("rte-hts"));
      entries.push_back(entry<RteRing<kBytes, kBulk, RTE_RING_SYNC_MT>>("rte-mpmc"));
      Entry alone = entry<RteRing<kBytes, kBulk, RTE_RING_SYNC_ST>>("rte-spsc");
      alone.most = {1, 1};
      entries.push_back(std::move(alone));
    }
  });
  add_spinning<RteRing<kTripBytes, 1, RTE_RING_SYNC_MT_HTS>>(entries, "rte-hts");
}

}  // namespace bench
