// The ring behind ClosableQueue. A put writes its item into a free slot and then moves the tail,
// one store; a get reads and then moves the head, one store. So a holder of the lock that is killed
// has done its step or not, and the next holder goes on without repairing anything: the byte ring
// has no words of its own, they are read off the first and the last item.
//
// Who waits gives the lock back, says so in a word, looks once more and sleeps, at most 25 ms: a
// wake that died with somebody costs time only. The word is cleared when a wake found nobody
// asleep; so the dead are forgotten there.
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <new>

#include "base/clock.hpp"
#include "iq/detail/closable_core.hpp"
#include "iq/error.hpp"
#include "sys/futex.hpp"
#include "sys/mapping.hpp"
#include "sys/process.hpp"
#include "sys/robust_lock.hpp"

namespace iq::detail {
namespace {

constexpr std::int64_t kLongestSleepNs = 25'000'000;
constexpr int kLooks = 200;  // some microseconds
constexpr std::uint64_t kMostItems = std::uint64_t{1} << 32;
constexpr std::uint64_t kMostClosableBytes = std::uint64_t{1} << 40;

/// Where an encoded item lies: a position that only grows, modulo the size of the ring.
struct Place {
  std::uint64_t at = 0;
  std::uint64_t bytes = 0;
};

/// What one side waits for.
struct Bell {
  std::atomic<std::uint32_t> rings{0};
  std::atomic<std::uint32_t> arrivals{0};  // 0: nobody waits

  // Behind the unlock, so that who wakes finds the lock free. The word stays while it is rung:
  // another ring meanwhile is for another sleeper. Who has come since makes the exchange fail; who
  // had come and does not sleep yet finds that it rang.
  void ring(int sleepers) noexcept {
    std::uint32_t seen = arrivals.load(std::memory_order_seq_cst);
    if (seen == 0) return;
    rings.fetch_add(1, std::memory_order_seq_cst);
    if (futex_wake(rings, sleepers) == 0) {
      arrivals.compare_exchange_strong(seen, 0, std::memory_order_seq_cst);
    }
  }
};

}  // namespace

struct ClosableStore::Shared {
  RobustLock lock;
  alignas(64) std::atomic<std::uint64_t> head{0};
  std::atomic<std::uint64_t> tail{0};
  std::atomic<std::uint32_t> closed{0};
  Bell items;
  Bell room;
};

struct ClosableStore::Own {
  std::uint64_t capacity;
  std::uint64_t slot_bytes;
  std::uint64_t ring_bytes;  // 0: items are in the slots
  Mapping memory;
  Shared* shared = nullptr;
  std::byte* slots = nullptr;
  std::byte* ring = nullptr;

  std::byte* slot(std::uint64_t position) const noexcept {
    return slots + position % capacity * slot_bytes;
  }
  Place place(std::uint64_t position) const noexcept {
    return *reinterpret_cast<const Place*>(slot(position));
  }
  /// Where `bytes` bytes fit, next to each other. False: not now.
  bool find_room(std::uint64_t head, std::uint64_t tail, std::uint64_t bytes, Place& found) const {
    if (tail - head >= capacity) return false;
    found = {0, bytes};
    if (ring_bytes == 0 || head == tail) return true;
    const Place last = place(tail - 1);
    found.at = last.at + last.bytes;
    const std::uint64_t offset = found.at % ring_bytes;
    if (offset + bytes > ring_bytes) found.at += ring_bytes - offset;
    return found.at + bytes - place(head).at <= ring_bytes;
  }
};

ClosableStore::ClosableStore(std::uint64_t capacity, std::uint64_t slot_bytes,
                             std::uint64_t ring_bytes) {
  if (capacity < 1 || capacity > kMostItems || ring_bytes > kMostClosableBytes) {
    throw BadArgument(
        fmt::format("cannot make a ClosableQueue of {} items and {} bytes: it holds 1 "
                    "to {} items, and at most {} bytes",
                    capacity, ring_bytes, kMostItems, kMostClosableBytes));
  }
  constexpr std::uint64_t kHead = (sizeof(Shared) + 63) / 64 * 64;
  const bool is_encoded = slot_bytes == 0;
  const std::uint64_t slot = is_encoded ? sizeof(Place) : (slot_bytes + 15) / 16 * 16;
  const std::uint64_t ring = is_encoded ? ring_bytes : 0;
  own_ = std::make_unique<Own>(
      Own{capacity, slot, ring, Mapping::inherited(kHead + capacity * slot + ring)});
  own_->shared = new (own_->memory.data()) Shared;
  own_->slots = own_->memory.data() + kHead;
  own_->ring = own_->slots + capacity * slot;
}

ClosableStore::~ClosableStore() = default;
ClosableStore::Shared& ClosableStore::shared() const noexcept { return *own_->shared; }

namespace {

/// Waits for the bell; the lock is given back meanwhile. First it looks for what the other side is
/// about to do, since that often takes less time than to fall asleep. False: the deadline has
/// passed.
template <class Look>
bool wait_for(RobustLock& lock, Bell& bell, DeadlineNs deadline_ns, Look look) {
  const std::int64_t now = now_ns();
  if (deadline_ns <= now) return false;  // kAtOnce has always passed
  const std::int64_t left_ns = deadline_ns == kForever ? kLongestSleepNs : deadline_ns - now;
  bool is_there = false;
  lock.unlock();
  for (int i = 0; i < kLooks && !is_there; ++i) {
    pause_processor();
    is_there = look();
  }
  if (!is_there) {
    const std::uint32_t seen = bell.rings.load(std::memory_order_seq_cst);
    bell.arrivals.fetch_add(1, std::memory_order_seq_cst);
    if (!look()) futex_wait(bell.rings, seen, std::min(left_ns, kLongestSleepNs));
  }
  lock.lock();
  return true;
}

}  // namespace

Status ClosableStore::begin_put(std::uint64_t bytes, std::int64_t deadline_ns, std::byte*& to) {
  if (own_->ring_bytes != 0 && bytes > own_->ring_bytes) {
    throw TooLarge(
        fmt::format("put on a ClosableQueue: the item has {} bytes encoded, the limit is "
                    "{}: make it with more bytes. Nothing was appended",
                    bytes, own_->ring_bytes));
  }
  Shared& shared = this->shared();
  shared.lock.lock();
  for (;;) {
    if (shared.closed.load(std::memory_order_relaxed) != 0) {
      shared.lock.unlock();
      return Status::closed;
    }
    const std::uint64_t head = shared.head.load(std::memory_order_relaxed);
    const std::uint64_t tail = shared.tail.load(std::memory_order_relaxed);
    Place found;
    if (own_->find_room(head, tail, bytes, found)) {
      to = own_->slot(tail);
      if (own_->ring_bytes != 0) {
        new (to) Place(found);
        to = own_->ring + found.at % own_->ring_bytes;
      }
      return Status::ok;
    }
    const auto look = [&shared, head] {
      return shared.head.load(std::memory_order_seq_cst) != head ||
             shared.closed.load(std::memory_order_relaxed) != 0;
    };
    if (!wait_for(shared.lock, shared.room, deadline_ns, look)) {
      shared.lock.unlock();
      return deadline_ns == kAtOnce ? Status::full : Status::timeout;
    }
  }
}

void ClosableStore::commit_put() noexcept {
  Shared& shared = this->shared();
  shared.tail.store(shared.tail.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  shared.lock.unlock();
  shared.items.ring(1);
}

Status ClosableStore::begin_get(std::int64_t deadline_ns, std::span<const std::byte>& item) {
  Shared& shared = this->shared();
  shared.lock.lock();
  for (;;) {
    const std::uint64_t head = shared.head.load(std::memory_order_relaxed);
    if (head != shared.tail.load(std::memory_order_relaxed)) {
      if (own_->ring_bytes == 0) {
        item = {own_->slot(head), own_->slot_bytes};
      } else {
        const Place place = own_->place(head);
        item = {own_->ring + place.at % own_->ring_bytes, place.bytes};
      }
      return Status::ok;
    }
    if (shared.closed.load(std::memory_order_relaxed) != 0) {
      shared.lock.unlock();
      return Status::done;
    }
    const auto look = [&shared, head] {
      return shared.tail.load(std::memory_order_seq_cst) != head ||
             shared.closed.load(std::memory_order_relaxed) != 0;
    };
    if (!wait_for(shared.lock, shared.items, deadline_ns, look)) {
      shared.lock.unlock();
      return deadline_ns == kAtOnce ? Status::empty : Status::timeout;
    }
  }
}

void ClosableStore::commit_get() noexcept {
  Shared& shared = this->shared();
  shared.head.store(shared.head.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  shared.lock.unlock();
  // Room in bytes may be enough for none, or for several.
  shared.room.ring(own_->ring_bytes == 0 ? 1 : INT32_MAX);
}

void ClosableStore::give_up() noexcept { shared().lock.unlock(); }

bool ClosableStore::close() noexcept {
  Shared& shared = this->shared();
  shared.lock.lock();
  const bool is_first = shared.closed.exchange(1, std::memory_order_relaxed) == 0;
  shared.lock.unlock();
  shared.items.ring(INT32_MAX);
  shared.room.ring(INT32_MAX);
  return is_first;
}

bool ClosableStore::is_closed() const noexcept {
  return shared().closed.load(std::memory_order_acquire) != 0;
}

// What is put while it looks would count, what is taken would not.
std::uint64_t ClosableStore::size() const noexcept {
  const std::uint64_t head = shared().head.load(std::memory_order_acquire);
  const std::uint64_t tail = shared().tail.load(std::memory_order_acquire);
  return std::min(tail - head, own_->capacity);
}

std::uint64_t ClosableStore::capacity() const noexcept { return own_->capacity; }

void refuse_closed_put() {
  throw Closed("put on a ClosableQueue: it is closed. Nothing was appended");
}

void refuse_second_close() {
  throw Closed("close a ClosableQueue: it is closed already. close(/*once=*/false) does not mind");
}

}  // namespace iq::detail
