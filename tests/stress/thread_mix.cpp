// Everything that threads of one process can do to one queue at a time, over one mapping: a
// subject for ThreadSanitizer (./dev sanitize), and exact counts in any build.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <list>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "iq/inspect.hpp"
#include "iq/iq.hpp"
#include "shm/segment.hpp"
#include "support/process.hpp"

namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t kProducers = 3;
constexpr std::uint32_t kPerProducer = 4'000;
constexpr std::uint32_t kItems = kProducers * kPerProducer;

class Dice {
 public:
  explicit Dice(std::uint32_t seed) : random_(seed) {}
  /// Below `sides`.
  std::uint32_t operator()(std::uint32_t sides) {
    return static_cast<std::uint32_t>(random_() % sides);
  }

 private:
  std::mt19937 random_;
};

/// Each of its bytes follows from the id: an item that is torn is seen.
struct Wide {
  std::uint32_t id;
  std::array<std::uint32_t, 7> same;
};
struct Long {
  std::uint32_t id;
  std::string text;
};

void make(std::uint32_t id, Wide& item) {
  item.id = id;
  item.same.fill(id);
}
void make(std::uint32_t id, Long& item) { item = {id, std::string(id % 700, char('a' + id % 26))}; }
void make(std::uint32_t id, iq::Bytes& item) {
  std::vector<std::byte> bytes(4 + id % 300, static_cast<std::byte>(id));
  std::memcpy(bytes.data(), &id, sizeof id);
  item = iq::Bytes(std::move(bytes));
}
std::uint32_t id_of(const Wide& item) {
  return item.same == std::array{item.id, item.id, item.id, item.id, item.id, item.id, item.id}
             ? item.id
             : kItems;
}
std::uint32_t id_of(const Long& item) {
  return item.text == std::string(item.id % 700, char('a' + item.id % 26)) ? item.id : kItems;
}
std::uint32_t id_of(iq::BytesView item) {
  std::uint32_t id = kItems;
  if (item.size() >= 4) std::memcpy(&id, item.data(), sizeof id);
  const bool whole = item.size() == 4 + id % 300 && item.back() == item[item.size() > 4 ? 4 : 0];
  return whole || item.size() == 4 ? id : kItems;
}

/// Who has finished which item how often; the last counts those that were no item.
class Tally {
 public:
  void count(std::uint32_t id) { finished_[std::min(id, kItems)].fetch_add(1); }
  void check() const {
    std::uint64_t missing = 0, doubled = 0;
    for (std::uint32_t id = 0; id < kItems; ++id) {
      missing += finished_[id] == 0;
      doubled += finished_[id] > 1;
    }
    CHECK(missing == 0);
    CHECK(doubled == 0);
    CHECK(finished_[kItems] == 0);
  }

 private:
  std::vector<std::atomic<std::uint8_t>> finished_ =
      std::vector<std::atomic<std::uint8_t>>(kItems + 1);
};

/// Leases on their way to the threads that end them.
template <class T>
class Bag {
 public:
  void add(iq::Lease<T> lease) {
    const std::lock_guard lock(mutex_);
    leases_.push_back(std::move(lease));
  }
  std::optional<iq::Lease<T>> take() {
    const std::lock_guard lock(mutex_);
    if (leases_.empty()) return std::nullopt;
    iq::Lease<T> last = std::move(leases_.back());
    leases_.pop_back();
    return last;
  }

 private:
  std::mutex mutex_;
  std::vector<iq::Lease<T>> leases_;
};

template <class T>
class Mix {
 public:
  explicit Mix(const iq::Options& options)
      : name_(iqtest::temp_name("mix")), queue_(iq::create_only, name_, options) {}

  void run() {
    iqtest::limit_seconds(180);
    const iq::Consumer<T> idle = queue_.get_consumer();  // else there may be none for a moment
    {
      const std::jthread looking([this] { look(); });
      const std::jthread ending([this] { end_leases(); });
      std::list<std::jthread> threads;
      for (std::uint32_t p = 0; p < kProducers; ++p) {
        threads.emplace_back(
            [this, p, own = queue_.get_producer()]() mutable { produce(std::move(own), p); });
      }
      queue_.close();
      for (unsigned c = 0; c < 5; ++c) {
        threads.emplace_back([this, c] { consume(c); });
      }
      threads.clear();
      over_ = true;
    }
    tally_.check();
    const iq::Stats stats = queue_.stats();
    CHECK(stats.queued == 0);
    CHECK(stats.in_hand == 0);
    CHECK(stats.parked == 0);
    CHECK(stats.corrupt == 0);
  }

  /// As if this machine had no membarrier: wakers pay for the fence.
  void need_fence() {
    iq::detail::Segment::open_named(name_)->control().flags.fetch_or(iq::detail::kNeedFence);
  }

 private:
  void produce(iq::Producer<T> producer, std::uint32_t p) {
    Dice random(p);
    std::uint32_t next = p * kPerProducer;
    const std::uint32_t end = next + kPerProducer;
    while (next != end) {
      const std::uint32_t some = std::min<std::uint32_t>(random(9), end - next);
      std::vector<T> items(some);
      for (T& item : items) make(next++, item);
      switch (random(3)) {
        case 0: producer.put_all(items); break;
        case 1:
          for (const T& item : items) producer.put(item);
          break;
        default:
          for (const T& item : items) put_by_loan(producer, item);
      }
      if (random(200) == 0) {  // goes on in another thread
        std::jthread([&] { producer = iq::Producer<T>(std::move(producer)); });
      }
    }
  }

  static void put_by_loan(iq::Producer<T>& producer, const T& item) {
    if constexpr (std::is_same_v<T, Wide>) {
      auto loan = producer.loan();
      *loan = item;
      loan.commit();
    } else if constexpr (std::is_same_v<T, iq::Bytes>) {
      auto loan = producer.loan(item.size());
      std::memcpy(loan.bytes().data(), item.data(), item.size());
      loan.commit();
    } else {
      while (producer.put_for(item, 50ms) != iq::Status::ok) {
      }
    }
  }

  // In turns, until the stream ends: a loop, single gets, several at once, leases; the endpoint is
  // given up in between.
  void consume(unsigned c) {
    Dice random(100 + c);
    for (bool more = true; more;) {
      iq::Consumer<T> consumer = queue_.get_consumer();
      switch (random(4)) {
        case 0: more = loop(consumer, random); break;
        case 1: more = get(consumer, random); break;
        case 2: more = get_some(consumer, random); break;
        default: more = lease(consumer, random); break;
      }
    }
  }

  bool loop(iq::Consumer<T>& consumer, Dice& random) {
    std::uint32_t left = 1 + random(300);
    for (const auto& item : consumer) {
      if (random(499) == 0 && consumer.deliveries() < 5) {
        consumer.give_back();
        return true;
      }
      if (random(299) == 0) dawdle();
      tally_.count(id_of(item));
      if (--left == 0) return true;
    }
    return false;
  }
  // Others are hungry meanwhile and may take what was claimed ahead.
  void dawdle() {
    const std::uint64_t before = queue_.stats().taken_over;
    (void)iqtest::wait_until([&] { return queue_.stats().taken_over != before; }, 0.02);
  }
  bool get(iq::Consumer<T>& consumer, Dice& random) {
    for (std::uint32_t left = random(50); left != 0; --left) {
      auto item = random(4) == 0 ? consumer.get_for(5ms) : to_result(consumer.get());
      if (item) tally_.count(id_of(*item));
      if (item.status() == iq::Status::done) return false;
    }
    return true;
  }
  static iq::Result<T> to_result(std::optional<T> item) {
    if (!item) return iq::Status::done;
    return *std::move(item);
  }
  bool get_some(iq::Consumer<T>& consumer, Dice& random) {
    for (int times = 0; times < 9; ++times) {
      const auto items = consumer.get_some(1 + random(30));
      for (const T& item : items) tally_.count(id_of(item));
      if (items.empty()) return false;
    }
    return true;
  }
  bool lease(iq::Consumer<T>& consumer, Dice& random) {
    for (std::uint32_t left = random(40); left != 0; --left) {
      auto taken = consumer.lease_for(20ms);
      if (taken.status() == iq::Status::done) return false;
      if (taken) bag_.add(*std::move(taken));
    }
    return true;
  }

  void end_leases() {
    Dice random(7);
    while (!over_) {
      auto lease = bag_.take();
      if (!lease) {
        std::this_thread::yield();
      } else if (random(9) == 0 && lease->deliveries() < 5) {
        lease->give_back();
      } else {
        tally_.count(id_of(**lease));
        lease->ack();
      }
    }
  }

  void look() {
    while (!over_) {
      (void)queue_.stats();
      (void)queue_.parked();
      (void)queue_.consumers();
      (void)iq::inspect(name_);
      std::this_thread::sleep_for(1ms);  // so that the others get on
    }
  }

  std::string name_;
  iq::IterableQueue<T> queue_;
  Tally tally_;
  Bag<T> bag_;
  std::atomic<bool> over_{false};
};

}  // namespace

TEST_CASE("Threads: in-place items, by every way to put and to get, arrive exactly once") {
  Mix<Wide>({.capacity = 64, .max_deliveries = 14}).run();
}

TEST_CASE("Threads: encoded items, by every way to put and to get, arrive exactly once") {
  Mix<Long>({.capacity = 64, .bytes_per_producer = 4096, .max_deliveries = 14}).run();
}

TEST_CASE("Threads: bytes, by every way to put and to get, arrive exactly once") {
  Mix<iq::Bytes>({.capacity = 32, .bytes_per_producer = 2048, .max_deliveries = 14}).run();
}

TEST_CASE("Threads: the same where publishers pay for the fence") {
  Mix<Wide> mix({.capacity = 64, .max_deliveries = 14});
  mix.need_fence();
  mix.run();
}
