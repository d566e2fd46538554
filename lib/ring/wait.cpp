// Sleeping and waking.
//
// A count of waiters drifts when a waker and a time-out both lower it; a bit per waiter cannot.
// Who clears a bit owes its owner the wake. A waiter that was killed after its bit was cleared
// swallowed a wake: so sleeps are bounded, and repair and close wake everybody.
#include "ring/wait.hpp"

#include <algorithm>
#include <bit>

#include "iq/detail/kill_point.hpp"
#include "shm/attachment.hpp"
#include "sys/futex.hpp"

namespace iq::detail {
namespace {

void wake_endpoint(Segment& segment, std::uint32_t endpoint) noexcept {
  Shared<std::uint32_t>& word = segment.sleep_word(endpoint).word;
  word.fetch_add(1, std::memory_order_seq_cst);
  IQ_KILL_POINT(wake_before_futex);
  futex_wake(word, 1);
}

// Clears one bit of word `w` and wakes its owner; false when the word was empty.
bool wake_from_word(Segment& segment, std::uint32_t w) noexcept {
  Shared<std::uint64_t>& word = segment.control().waiters[w];
  std::uint64_t bits = word.load(std::memory_order_seq_cst);
  while (bits != 0) {
    const auto bit = static_cast<std::uint32_t>(std::countr_zero(bits));
    const std::uint64_t mask = std::uint64_t{1} << bit;
    bits = word.fetch_and(~mask, std::memory_order_seq_cst);
    if ((bits & mask) != 0) {
      IQ_KILL_POINT(wake_after_bit);
      wake_endpoint(segment, w * 64 + bit);
      return true;
    }
  }
  return false;
}

}  // namespace

void wake_one_consumer(Segment& segment) noexcept {
  Control& control = segment.control();
  for (;;) {
    const std::uint64_t summary = control.waiters_summary.load(std::memory_order_seq_cst);
    if (summary == 0) return;
    const auto w = static_cast<std::uint32_t>(std::countr_zero(summary));
    const std::uint64_t mask = std::uint64_t{1} << w;
    if (w < kWaiterWords && wake_from_word(segment, w)) return;
    // The word was empty: take its summary bit away, then look again, since a sleeper may have
    // set the word in between and found the summary bit still standing.
    control.waiters_summary.fetch_and(~mask, std::memory_order_seq_cst);
    if (w < kWaiterWords && control.waiters[w].load(std::memory_order_seq_cst) != 0) {
      control.waiters_summary.fetch_or(mask, std::memory_order_seq_cst);
    }
  }
}

void wake_all_consumers(Segment& segment) noexcept {
  for (std::uint32_t w = 0; w < kWaiterWords; ++w) {
    while (wake_from_word(segment, w)) {
    }
  }
}

void wake_producer(Segment& segment, const LaneView& lane, Position freed) noexcept {
  Shared<std::uint64_t>& room = lane.control->room_wait;
  std::uint64_t waiting = room.load(std::memory_order_seq_cst);
  if (waiting == 0 || (freed != kAnyPosition && waiting != freed + 1)) return;
  if (!room.compare_exchange_strong(waiting, 0, std::memory_order_seq_cst)) return;
  const std::uint64_t owner = lane.control->owner.load(std::memory_order_acquire) >> 32;
  if (owner >= 1 && owner <= kMaxEndpoints) {
    wake_endpoint(segment, static_cast<std::uint32_t>(owner - 1));
  }
}

void freed(Segment& segment, const LaneView& lane, Position freed) noexcept {
  std::atomic_signal_fence(std::memory_order_seq_cst);  // P7: the sleeper brings the real fence
  if ((segment.control().flags.load(std::memory_order_relaxed) & kNeedFence) != 0) {
    std::atomic_thread_fence(std::memory_order_seq_cst);
  }
  if (lane.control->room_wait.load(std::memory_order_relaxed) != 0) {
    wake_producer(segment, lane, freed);
  }
}

bool need_all_processors(const Segment& segment, Role role) noexcept {
  return count_registered(segment, role) >= processors();
}

void wake_everybody(Segment& segment) noexcept {
  wake_all_consumers(segment);
  for (std::uint32_t i = 0, n = segment.lanes_used(); i < n; ++i) {
    wake_producer(segment, segment.lane(i), kAnyPosition);
  }
}

namespace {
void raise(Shared<std::uint64_t>& word) noexcept {
  std::uint64_t seen = word.load(std::memory_order_relaxed);
  std::uint64_t raised;
  do {
    raised = (seen & 0xffff'ffff) | ((seen >> 32) + 1) << 32;
  } while (!word.compare_exchange_weak(seen, raised, std::memory_order_seq_cst));
}
}  // namespace

void raise_attention(Segment& segment, const LaneView& lane) noexcept {
  IQ_KILL_POINT(attention_before);
  raise(lane.control->attention);  // P11: after the orphan, before the queue's word
  IQ_KILL_POINT(attention_between);
  raise(segment.control().attention);
}

ConsumerSleep::ConsumerSleep(Segment& segment, std::uint32_t endpoint) noexcept
    : segment_(segment), endpoint_(endpoint) {
  Control& control = segment.control();
  ticket_ = segment.sleep_word(endpoint).word.load(std::memory_order_seq_cst);
  const std::uint32_t w = endpoint / 64;
  control.waiters[w].fetch_or(std::uint64_t{1} << (endpoint % 64), std::memory_order_seq_cst);
  IQ_KILL_POINT(sleep_after_bit);
  control.waiters_summary.fetch_or(std::uint64_t{1} << w, std::memory_order_seq_cst);
  // P6. Refused by now (a filter that came later): from here on wakers pay, see kNeedFence.
  if (!heavy_fence()) control.flags.fetch_or(kNeedFence, std::memory_order_seq_cst);  // T25
}

ConsumerSleep::~ConsumerSleep() { withdraw(); }

bool ConsumerSleep::sleep(std::int64_t at_most_ns) noexcept {
  if (at_most_ns <= 0) return true;
  return futex_wait(segment_.sleep_word(endpoint_).word, ticket_, at_most_ns);
}

bool ConsumerSleep::is_announced() const noexcept {
  const std::uint64_t mask = std::uint64_t{1} << (endpoint_ % 64);
  const Shared<std::uint64_t>& word = segment_.control().waiters[endpoint_ / 64];
  return announced_ && (word.load(std::memory_order_seq_cst) & mask) != 0;
}

bool ConsumerSleep::withdraw() noexcept {
  if (!announced_) return false;
  announced_ = false;
  const std::uint64_t mask = std::uint64_t{1} << (endpoint_ % 64);
  Shared<std::uint64_t>& word = segment_.control().waiters[endpoint_ / 64];
  return (word.fetch_and(~mask, std::memory_order_seq_cst) & mask) == 0;
}

std::int64_t sleep_slice(DeadlineNs deadline, std::int64_t now, std::int64_t at_most_ns) noexcept {
  if (deadline == kForever) return at_most_ns;
  return std::min(at_most_ns, deadline - now);
}

}  // namespace iq::detail
