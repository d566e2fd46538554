// atomic_queue::AtomicQueue2 in shared memory between processes, by try_push and try_pop. It does
// not keep the items of one producer in order: what came out of order is counted, not refused.
#include <atomic_queue/atomic_queue.h>

#include "trips.hpp"

namespace bench {
namespace {

template <std::size_t kBytes>
class AtomicQueue {
 public:
  using Item = bench::Item<kBytes>;
  using Queue = atomic_queue::AtomicQueue2<Item, slots_for(kBytes)>;
  static constexpr Parties kParties = Parties::processes;
  static constexpr std::size_t kBatch = 1;

  explicit AtomicQueue(Shape) {}
  void attached() {}

  struct Producer {
    Queue& queue;
    bool put(std::span<const Item, 1> item) { return queue.try_push(item.front()); }
  };
  struct Consumer {
    Queue& queue;
    template <class Visit>
    [[gnu::always_inline]] void drain(Visit visit, const Arena& arena) {
      std::array<Item, 1> item{};
      poll_until_over(
          item, [this](auto& to) { return std::size_t{queue.try_pop(to.front()) ? 1u : 0u}; },
          visit, arena);
    }
  };
  Producer producer(int) const { return {*queue_}; }
  Consumer consumer(int) const { return {*queue_}; }
  void finish() {}
  std::uint64_t take_overs() const { return 0; }

 private:
  SharedBlock<Queue> queue_;
};

}  // namespace

void add_atomic_queue(Entries& entries) {
  for_each_size<4096>([&]<std::size_t kBytes>() {
    Entry queue = entry<AtomicQueue<kBytes>>("atomic-queue");
    queue.ordered = false;
    entries.push_back(std::move(queue));
  });
  add_spinning<AtomicQueue<kTripBytes>>(entries, "atomic-queue");
}

}  // namespace bench
