// Sleeping and waking: a bit per sleeping consumer, a word per lane for its producer.
//
// Wakers pay one load; sleepers pay the fence (docs/protocol.md, "Why no wake is lost").
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>

#include "base/clock.hpp"
#include "iq/detail/lane_view.hpp"
#include "shm/segment.hpp"
#include "sys/process.hpp"

namespace iq::detail {

/// Sleeps are bounded by this: a killed waker or waiter costs at most so much.
inline constexpr std::int64_t kMaxSleepNs = 40'000'000;

/// Wakes one sleeping consumer, if there is one. T22.
void wake_one_consumer(Segment& segment) noexcept;
/// Wakes every sleeping consumer.
void wake_all_consumers(Segment& segment) noexcept;
/// Stands for "whatever its producer waits for" in wake_producer().
inline constexpr Position kAnyPosition = UINT64_MAX;
/// Wakes the lane's producer if it waits for the slot at `freed` to become DONE. T23.
void wake_producer(Segment& segment, const LaneView& lane, Position freed) noexcept;
/// After `freed` became DONE: wakes the lane's producer if it waits for that. P7.
void freed(Segment& segment, const LaneView& lane, Position freed) noexcept;
/// Wakes everybody: after repair, close, stop.
void wake_everybody(Segment& segment) noexcept;

/// Raises a lane's attention, then the queue's: an orphan is visible there. T24.
void raise_attention(Segment& segment, const LaneView& lane) noexcept;

/// Whether those of `role` could use all processors.
bool need_all_processors(const Segment& segment, Role role) noexcept;

/// The last look before a sleep, or more of them: to fall asleep and to be woken takes tens of
/// microseconds, of which whoever wakes pays a part. Not where those who are waited for need this
/// processor, nor where the last waits took longer than that.
class Patience {
 public:
  /// Yields the processor and looks, once or for a while. True as soon as `look()` is. Whoever then
  /// gets what it waited for says so: rewarded().
  template <class Look>
  bool wait(const Segment& segment, Role for_whom, DeadlineNs deadline, Look look) noexcept {
    if (std::exchange(is_hopeful_, false)) ++vain_;
    yield_processor();
    if (look()) return true;
    if ((vain_ >= kVainWaits && vain_ % kTryAgain != 0) || need_all_processors(segment, for_whom)) {
      ++vain_;
      return false;
    }
    const DeadlineNs until = std::min(now_ns() + kPatienceNs, deadline);
    do {
      yield_processor();
      if (look()) return is_hopeful_ = true;
    } while (now_ns() < until);
    ++vain_;
    return false;
  }
  void rewarded() noexcept {
    if (std::exchange(is_hopeful_, false)) vain_ = 0;
  }

 private:
  static constexpr std::int64_t kPatienceNs = 50'000;
  static constexpr std::uint32_t kVainWaits = 8;  ///< in a row: then one in so many only
  static constexpr std::uint32_t kTryAgain = 64;

  std::uint32_t vain_ = 0;
  bool is_hopeful_ = false;  ///< there was something to be had, in the last wait
};

/// A consumer about to sleep: announced by the constructor (with the heavy fence), withdrawn by the
/// destructor. Between the two the caller looks again, then sleeps.
class ConsumerSleep {
 public:
  ConsumerSleep(Segment& segment, std::uint32_t endpoint) noexcept;
  ~ConsumerSleep();
  ConsumerSleep(const ConsumerSleep&) = delete;
  ConsumerSleep& operator=(const ConsumerSleep&) = delete;

  /// Sleeps until woken, at most `at_most_ns`. True when the time passed without a wake.
  bool sleep(std::int64_t at_most_ns) noexcept;
  /// Whether no waker has chosen this consumer yet.
  bool is_announced() const noexcept;
  /// Withdraws now. True when a waker had chosen this consumer: whoever takes nothing then passes
  /// the wake on.
  bool withdraw() noexcept;

 private:
  Segment& segment_;
  std::uint32_t endpoint_;
  std::uint32_t ticket_;
  bool announced_ = true;
};

/// The time to sleep now: never past the deadline, never longer than `at_most_ns`.
std::int64_t sleep_slice(DeadlineNs deadline, std::int64_t now, std::int64_t at_most_ns) noexcept;

}  // namespace iq::detail
