// boost::lockfree::queue with a capacity known when it is compiled: it refers to its nodes by index
// and holds them itself, so it works in shared memory, between processes.
#include <boost/lockfree/queue.hpp>

#include "trips.hpp"

namespace bench {
namespace {

template <std::size_t kBytes>
class BoostLockfree {
 public:
  using Item = bench::Item<kBytes>;
  static constexpr Parties kParties = Parties::processes;
  static constexpr std::size_t kBatch = 1;

  explicit BoostLockfree(Shape) {}
  void attached() {}

 private:
  using Queue = boost::lockfree::queue<Item, boost::lockfree::capacity<slots_for(kBytes)>>;
  // Never destroyed: it owns nothing but its pages.
  struct Place {
    Place() { ::new (static_cast<void*>(bytes)) Queue(); }
    Queue& queue() noexcept { return *std::launder(reinterpret_cast<Queue*>(bytes)); }
    alignas(Queue) std::byte bytes[sizeof(Queue)];
  };

 public:
  struct Producer {
    Queue& queue;
    bool put(std::span<const Item, 1> item) { return queue.bounded_push(item.front()); }
  };
  struct Consumer {
    Queue& queue;
    template <class Visit>
    [[gnu::always_inline]] void drain(Visit visit, const Arena& arena) {
      std::array<Item, 1> item{};
      poll_until_over(
          item, [this](auto& to) { return std::size_t{queue.pop(to.front()) ? 1u : 0u}; }, visit,
          arena);
    }
  };
  Producer producer(int) const { return {place_->queue()}; }
  Consumer consumer(int) const { return {place_->queue()}; }
  void finish() {}
  std::uint64_t take_overs() const { return 0; }

 private:
  SharedBlock<Place> place_;
};

}  // namespace

void add_boost_lockfree(Entries& entries) {
  for_each_size([&]<std::size_t kBytes>() {
    entries.push_back(entry<BoostLockfree<kBytes>>("boost-lockfree"));
  });
  add_spinning<BoostLockfree<kTripBytes>>(entries, "boost-lockfree");
}

}  // namespace bench
