// moodycamel::ConcurrentQueue between threads of one process: one by one without tokens, and with
// tokens in bulk. It grows without bound: only what was allocated at first is used (try_enqueue).
#if __has_include(<concurrentqueue/moodycamel/concurrentqueue.h>)
#include <concurrentqueue/moodycamel/concurrentqueue.h>
#elif __has_include(<concurrentqueue/concurrentqueue.h>)
#include <concurrentqueue/concurrentqueue.h>
#else
#include <concurrentqueue.h>
#endif

#include <algorithm>
#include <bit>
#include <string>

#include "workload.hpp"

namespace bench {
namespace {

// Blocks of about 64 KiB: with its usual 32 items per block large items would need gigabytes.
template <std::size_t kBytes>
struct Traits : moodycamel::ConcurrentQueueDefaultTraits {
  static constexpr std::size_t BLOCK_SIZE =
      std::clamp<std::size_t>(65'536 / std::bit_ceil(kBytes), 2, 32);
};

template <std::size_t kBytes, std::size_t kItemsPerPut>
class Moodycamel {
 public:
  using Item = bench::Item<kBytes>;
  using Queue = moodycamel::ConcurrentQueue<Item, Traits<kBytes>>;
  static constexpr Parties kParties = Parties::threads;
  static constexpr std::size_t kBatch = kItemsPerPut;

  explicit Moodycamel(Shape shape)
      : queue_(slots_for(kBytes) * static_cast<std::size_t>(shape.producers),
               kBatch == 1 ? 0 : static_cast<std::size_t>(shape.producers),
               kBatch == 1 ? static_cast<std::size_t>(shape.producers) : 0) {}
  void attached() {}

  struct SingleProducer {
    Queue& queue;
    bool put(std::span<const Item, kBatch> item) { return queue.try_enqueue(item.front()); }
  };
  struct SingleConsumer {
    Queue& queue;
    template <class Visit>
    [[gnu::always_inline]] void drain(Visit visit, const Arena& arena) {
      std::array<Item, 1> item{};
      poll_until_over(
          item, [this](auto& to) { return std::size_t{queue.try_dequeue(to.front()) ? 1u : 0u}; },
          visit, arena);
    }
  };

  struct BulkProducer {
    Queue& queue;
    moodycamel::ProducerToken token{queue};
    bool put(std::span<const Item, kBatch> batch) {
      return queue.try_enqueue_bulk(token, batch.data(), kBatch);
    }
  };
  struct BulkConsumer {
    Queue& queue;
    moodycamel::ConsumerToken token{queue};
    template <class Visit>
    [[gnu::always_inline]] void drain(Visit visit, const Arena& arena) {
      std::array<Item, kBatch> items{};
      poll_until_over(
          items, [this](auto& to) { return queue.try_dequeue_bulk(token, to.data(), kBatch); },
          visit, arena);
    }
  };

  auto producer(int) {
    if constexpr (kBatch == 1) {
      return SingleProducer{queue_};
    } else {
      return BulkProducer{queue_};
    }
  }
  auto consumer(int) {
    if constexpr (kBatch == 1) {
      return SingleConsumer{queue_};
    } else {
      return BulkConsumer{queue_};
    }
  }
  void finish() {}
  std::uint64_t take_overs() const { return 0; }

 private:
  Queue queue_;
};

}  // namespace

void add_moodycamel(Entries& entries) {
  for_each_size([&]<std::size_t kBytes>() {
    entries.push_back(entry<Moodycamel<kBytes, 1>>("moodycamel"));
    if constexpr (kBytes < kLarge) {
      entries.push_back(entry<Moodycamel<kBytes, kBulk>>("moodycamel"));
    }
  });
}

}  // namespace bench
