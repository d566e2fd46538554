// What the promises cost: one lane, rebuilt from nothing in steps, each of which adds what one
// promise needs on the way of every item, in the order and with the fences of the library's own.
// For one producer and one consumer; nothing is repaired here, only paid for. The library itself
// is the last step: what it has beyond these is the difference. All of it runs on one core, where
// nanoseconds are work; between cores the lines that travel hide some of it.
//
//   raw            publishes each put; room comes back with one word per drain. No queue
//   shared         any number of consumers: a batch is claimed by CAS, and freed by a stamp that
//                  the producer finds when it needs room
//   owned          crash safety: who holds which batch is written down before and after the claim
//   acknowledged   at least once, item by item: a cursor for repair, a limit for take-over
//   waiting        sleepers are looked for after each put and each batch; batches fit 50 us
//   object         no promise: the producer is an object that is handed around, so what it counts
//                  by comes out of memory for each put; a loop of its own had it in a register
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>
#include <system_error>

#include "iq/inspect.hpp"
#include "iq/iq.hpp"
#include "workload.hpp"

namespace bench {
namespace {

enum class Step : unsigned char { raw, shared, owned, acknowledged, waiting, object };

struct Words {
  alignas(kApart) std::atomic<std::uint64_t> claim{0};
  alignas(kApart) std::atomic<std::uint64_t> tail{0};
  alignas(kApart) std::atomic<std::uint64_t> head{0};
  alignas(kApart) std::atomic<std::uint32_t> flags{0};
  alignas(kApart) std::atomic<std::uint64_t> waiters{0};
  alignas(kApart) std::atomic<std::uint64_t> room_wait{0};
  alignas(kApart) std::atomic<std::uint64_t> lane{0};
  std::atomic<std::uint64_t> cursor{0};
  std::atomic<std::uint64_t> limit{0};
};

// As many slots as the library gives a producer, and their stamps.
template <class Item>
class Lane {
 public:
  explicit Lane(std::uint64_t slots) : slots_(slots) {
    void* pages = ::mmap(nullptr, bytes(), PROT_READ | PROT_WRITE,
                         MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (pages == MAP_FAILED) throw std::system_error(errno, std::generic_category(), "mmap");
    words_ = ::new (pages) Words();
  }
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;
  ~Lane() { ::munmap(words_, bytes()); }

  Words& words() const noexcept { return *words_; }
  std::uint64_t mask() const noexcept { return slots_ - 1; }
  std::atomic<std::uint64_t>* stamps() const noexcept {
    return reinterpret_cast<std::atomic<std::uint64_t>*>(words_ + 1);
  }
  Item* items() const noexcept { return reinterpret_cast<Item*>(stamps() + slots_); }
  std::uint64_t lap(std::uint64_t at) const noexcept { return at / slots_ + 1; }

 private:
  std::size_t bytes() const noexcept {
    return sizeof(Words) + slots_ * (sizeof(std::atomic<std::uint64_t>) + sizeof(Item));
  }

  std::uint64_t slots_;
  Words* words_ = nullptr;
};

// lap:36 | k:12 | owner:12 | state:4
constexpr std::uint64_t kLeased = 1, kDone = 4, kOwner = 7 << 4;
constexpr std::uint64_t stamp_word(std::uint64_t lap, std::uint64_t items, std::uint64_t state) {
  return lap << 28 | items << 16 | kOwner | state;
}

template <class Item>
std::uint64_t slots_of_ours() {
  const std::string name = "bench-price-" + std::to_string(getpid());
  const iq::IterableQueue<Item> queue(iq::create_only, name);
  const std::uint64_t capacity = iq::inspect(name).options.capacity;
  iq::remove(name);
  return std::bit_ceil(capacity);
}

template <std::size_t kBytes, std::size_t kItemsPerPut, Step kStep>
class Priced {
 public:
  using Item = bench::Item<kBytes>;
  static constexpr Parties kParties = Parties::processes;
  static constexpr std::size_t kBatch = kItemsPerPut;

  explicit Priced(Shape) : lane_(slots_of_ours<Item>()) {}
  void attached() {}

  class Producer {
   public:
    explicit Producer(const Lane<Item>& lane) : lane_(lane), words_(lane.words()) {}

    bool put(std::span<const Item, kBatch> batch) {
      if constexpr (kStep >= Step::object) asm volatile("" : "+m"(tail_));
      if (tail_ + kBatch - head_ > lane_.mask() + 1) [[unlikely]] {
        refresh();
        if (tail_ + kBatch - head_ > lane_.mask() + 1) return false;
      }
      std::memcpy(lane_.items() + (tail_ & lane_.mask()), batch.data(), batch.size_bytes());
      tail_ += kBatch;
      words_.tail.store(tail_, std::memory_order_release);
      if constexpr (kStep >= Step::waiting) {
        std::atomic_signal_fence(std::memory_order_seq_cst);
        if (words_.flags.load(std::memory_order_relaxed) != 0) {
          std::atomic_thread_fence(std::memory_order_seq_cst);
        }
        if (words_.waiters.load(std::memory_order_relaxed) != 0)
          std::abort();  // nobody sleeps here
      }
      return true;
    }

   private:
    void refresh() noexcept {
      if constexpr (kStep == Step::raw) {
        head_ = words_.head.load(std::memory_order_acquire);
        return;
      }
      while (head_ != tail_) {
        const std::uint64_t word =
            lane_.stamps()[head_ & lane_.mask()].load(std::memory_order_acquire);
        if (word >> 28 != lane_.lap(head_) || (word & 0xf) != kDone) break;
        head_ += (word >> 16) & 0xfff;
      }
      words_.head.store(head_, std::memory_order_release);
      std::atomic_thread_fence(std::memory_order_release);
    }

    const Lane<Item>& lane_;
    Words& words_;
    std::uint64_t tail_ = 0, head_ = 0;
  };

  class Consumer {
   public:
    explicit Consumer(const Lane<Item>& lane) : lane_(lane), words_(lane.words()) {}

    template <class Visit>
    [[gnu::always_inline]] void drain(Visit visit, const Arena& arena) {
      Backoff backoff;
      for (std::uint64_t begin = 0;;) {
        const bool gone = arena.producers_gone();
        const std::uint64_t end = take(begin);
        if (end == begin) {
          if (gone) return;
          backoff.wait();
          continue;
        }
        const Item* item = &lane_.items()[begin & lane_.mask()];  // a batch lies in a row
        for (std::uint64_t at = kInHand | begin; at != (kInHand | end); ++at, ++item) {
          if constexpr (kStep >= Step::acknowledged) {
            words_.cursor.store(at, std::memory_order_release);
            std::atomic_signal_fence(std::memory_order_seq_cst);
            if (words_.limit.load(std::memory_order_relaxed) <= at) std::abort();  // no thieves
          }
          visit(*item);
        }
        finish(begin, end);
        begin = end;
      }
    }

   private:
    static constexpr std::uint64_t kInHand = std::uint64_t{1} << 63;
    static constexpr std::uint64_t kMostAtOnce = 1024;

    // Where the batch that begins here ends: here, when there is none.
    std::uint64_t take(std::uint64_t begin) noexcept {
      if constexpr (kStep >= Step::shared) begin = words_.claim.load(std::memory_order_acquire);
      const std::uint64_t tail = words_.tail.load(std::memory_order_acquire);
      const std::uint64_t to_end = lane_.mask() + 1 - (begin & lane_.mask());
      if constexpr (kStep == Step::raw) return begin + std::min(tail - begin, to_end);
      if (tail == begin) return begin;
      const std::uint64_t end = begin + std::min({tail - begin, kMostAtOnce, to_end});
      if constexpr (kStep >= Step::owned) {
        words_.lane.store(1, std::memory_order_release);
        words_.cursor.store(begin, std::memory_order_release);
        words_.limit.store(kInHand | end, std::memory_order_release);
      }
      if (!words_.claim.compare_exchange_strong(begin, end, std::memory_order_acq_rel)) {
        return begin;
      }
      if constexpr (kStep >= Step::owned) {
        auto& stamp = lane_.stamps()[begin & lane_.mask()];
        std::uint64_t old = stamp.load(std::memory_order_acquire);
        const std::uint64_t leased = stamp_word(lane_.lap(begin), end - begin, kLeased);
        if (!stamp.compare_exchange_strong(old, leased, std::memory_order_acq_rel)) std::abort();
      }
      if constexpr (kStep >= Step::waiting) {
        if (words_.waiters.load(std::memory_order_relaxed) != 0) std::abort();
        began_ns_ = now_ns();
      }
      return end;
    }

    void finish(std::uint64_t begin, std::uint64_t end) noexcept {
      if constexpr (kStep == Step::raw) {
        words_.head.store(end, std::memory_order_release);
        return;
      }
      lane_.stamps()[begin & lane_.mask()].store(stamp_word(lane_.lap(begin), end - begin, kDone),
                                                 std::memory_order_release);
      if constexpr (kStep >= Step::waiting) {
        spent_ns_ += now_ns() - began_ns_;
        std::atomic_signal_fence(std::memory_order_seq_cst);
        if (words_.room_wait.load(std::memory_order_relaxed) != 0) std::abort();
      }
    }

    const Lane<Item>& lane_;
    Words& words_;
    std::int64_t began_ns_ = 0, spent_ns_ = 0;
  };

  Producer producer(int) const { return Producer(lane_); }
  Consumer consumer(int) const { return Consumer(lane_); }
  void finish() {}
  std::uint64_t take_overs() const { return 0; }

 private:
  Lane<Item> lane_;
};

template <std::size_t kBytes, std::size_t kItemsPerPut, Step kStep>
void add_priced(Entries& entries, const char* name) {
  Entry step = entry<Priced<kBytes, kItemsPerPut, kStep>>(
      name, kItemsPerPut == 1 ? kSingleOnOneCore : kBulkOnOneCore);
  step.limit = true;
  step.one_core = true;
  step.most = {1, 1};
  entries.push_back(std::move(step));
}

template <std::size_t kBytes, std::size_t kItemsPerPut>
void add_steps(Entries& entries) {
  add_priced<kBytes, kItemsPerPut, Step::raw>(entries, "price-raw");
  add_priced<kBytes, kItemsPerPut, Step::shared>(entries, "price-shared");
  add_priced<kBytes, kItemsPerPut, Step::owned>(entries, "price-owned");
  add_priced<kBytes, kItemsPerPut, Step::acknowledged>(entries, "price-acknowledged");
  add_priced<kBytes, kItemsPerPut, Step::waiting>(entries, "price-waiting");
  add_priced<kBytes, kItemsPerPut, Step::object>(entries, "price-object");
}

}  // namespace

void add_price(Entries& entries) {
  for_each(PriceSizes{}, [&]<std::size_t kBytes>() {
    add_steps<kBytes, 1>(entries);
    add_steps<kBytes, kBulk>(entries);
  });
}

}  // namespace bench
