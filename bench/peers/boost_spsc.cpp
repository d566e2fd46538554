// boost::lockfree::spsc_queue, which holds its items itself, in shared memory between processes:
// for one producer and one consumer only.
#include <boost/lockfree/spsc_queue.hpp>

#include "trips.hpp"

namespace bench {
namespace {

template <std::size_t kBytes, std::size_t kItemsPerPut>
class BoostSpsc {
 public:
  using Item = bench::Item<kBytes>;
  static constexpr Parties kParties = Parties::processes;
  static constexpr std::size_t kBatch = kItemsPerPut;

  explicit BoostSpsc(Shape) {}
  void attached() {}

 private:
  using Queue = boost::lockfree::spsc_queue<Item, boost::lockfree::capacity<slots_for(kBytes)>>;
  // Never destroyed: it owns nothing but its pages.
  struct Place {
    Place() { ::new (static_cast<void*>(bytes)) Queue(); }
    Queue& queue() noexcept { return *std::launder(reinterpret_cast<Queue*>(bytes)); }
    alignas(Queue) std::byte bytes[sizeof(Queue)];
  };

 public:
  struct Producer {
    Queue& queue;
    bool put(std::span<const Item, kBatch> batch) {
      if constexpr (kBatch == 1) {
        return queue.push(batch.front());
      } else {
        return queue.write_available() >= kBatch && queue.push(batch.data(), kBatch) == kBatch;
      }
    }
  };
  struct Consumer {
    Queue& queue;
    template <class Visit>
    [[gnu::always_inline]] void drain(Visit visit, const Arena& arena) {
      std::array<Item, kBatch> items{};
      poll_until_over(
          items, [this](auto& to) { return queue.pop(to.data(), kBatch); }, visit, arena);
    }
  };
  Producer producer(int) const { return {place_->queue()}; }
  Consumer consumer(int) const { return {place_->queue()}; }
  void finish() {}
  std::uint64_t take_overs() const { return 0; }

 private:
  SharedBlock<Place> place_;
};

template <std::size_t kBytes, std::size_t kItemsPerPut>
void add_boost_spsc(Entries& entries) {
  Entry queue = entry<BoostSpsc<kBytes, kItemsPerPut>>("boost-spsc");
  queue.most = {1, 1};
  entries.push_back(std::move(queue));
}

}  // namespace

void add_boost_spsc(Entries& entries) {
  for_each_size([&]<std::size_t kBytes>() {
    add_boost_spsc<kBytes, 1>(entries);
    if constexpr (kBytes < kLarge) add_boost_spsc<kBytes, kBulk>(entries);
  });
  for_each(FreshSizes{}, [&]<std::size_t kBytes>() {
    Entry fresh = entry<Fresh<BoostSpsc<kBytes, 1>>>("boost-spsc", kFreshMode);
    fresh.most = {1, 1};
    entries.push_back(std::move(fresh));
  });
  add_spinning<BoostSpsc<kTripBytes, 1>>(entries, "boost-spsc");
}

}  // namespace bench
