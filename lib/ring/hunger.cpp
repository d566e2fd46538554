// A consumer without anything to take: it spins a little, yields, looks whether the stream ended,
// looks behind others, then sleeps. Nobody else looks after the queue: who would wait repairs.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "iq/detail/kill_point.hpp"
#include "iq/error.hpp"
#include "iq/options.hpp"
#include "ring/consumer_ring.hpp"
#include "ring/producer_ring.hpp"
#include "ring/wait.hpp"
#include "sys/process.hpp"

namespace iq::detail {
namespace {
// Before the first yield, and behind it. Few before: on one core, or on busy ones, whoever makes
// the work has to run. None where that was so many times in a row, but for one time in so many.
constexpr int kFirstSpins = 16;
constexpr int kSpins = 84;
constexpr std::uint32_t kVainSpins = 8;
constexpr std::uint32_t kSpinAgain = 64;
constexpr std::uint32_t kRoundsOfHope = 16;
constexpr std::int64_t kFirstSleepNs = 1'000'000;
constexpr std::int64_t kAskAgainNs = 20'000;
constexpr std::uint32_t kAsksPerClock = 16;
}  // namespace

Status ConsumerRing::acquire(std::uint32_t want, DeadlineNs deadline) {
  if (ended_) return end_of_stream();
  const bool is_close = last_batch_ >= 2 && is_close_ && deadline != kAtOnce;
  const std::uint32_t finished = last_batch_;
  if (is_close) {
    for (std::uint32_t i = 0; i < head_start_.pauses(); ++i) pause_processor();
  } else {
    head_start_.interrupt();
  }
  std::uint32_t hopeless = 0;
  bool slept_out = false;
  for (std::uint32_t round = 0;; ++round) {
    const Status status = try_take(want);
    if (is_close && round == 0 &&
        head_start_.looked(finished, status == Status::ok ? available_ : 0)) {
      head_start_.tell(now_ns());
    }
    if (status == Status::ok) {
      if (round != 0) patience_.rewarded();
      return start_batch();
    }
    if (status == Status::stopped) return stopped();
    if (deadline == kAtOnce) return nothing_now();
    // Work that is visible and cannot be had (behind a stopped claimer) must not keep us here.
    // Who slept to the end of its time is not waiting for something that comes at once.
    hopeless = (slept_out ? visible_work() : spin_for_work(deadline)) ? hopeless + 1 : 0;
    if (hopeless % kRoundsOfHope != 0) continue;
    if (stream_ended(segment())) return end_of_stream();
    IQ_KILL_POINT(hunger_not_ended);
    const std::int64_t now = now_ns();
    if (look_behind(now)) return start_batch();
    if (now >= deadline) return pass_wake_on(Status::timeout);
    if (dismissed_.load(std::memory_order_relaxed)) return pass_wake_on(Status::stopped);
    if (deadline == kForever && has_one_thread()) require_others();
    slept_out = sleep_once(deadline, now, round, hopeless >= 4 * kRoundsOfHope);
  }
}

// P12: the batch is announced, so whoever stops the queue now either is seen here or sees it.
Status ConsumerRing::start_batch() {
  put_in_hand(1);
  if ((segment().control().flags.load(std::memory_order_seq_cst) & kStopped) == 0) {
    return Status::ok;
  }
  in_hand_count_ = 0;
  line_->cursor.store(begin_, std::memory_order_release);
  give_back_unstarted();
  return stopped();
}

Status ConsumerRing::nothing_now() {
  if (stream_ended(segment())) return end_of_stream();
  // Who asks again and again need not look behind the others each time, nor at the clock.
  if (asks_to_skip_ != 0) {
    --asks_to_skip_;
    return pass_wake_on(Status::empty);
  }
  const std::int64_t now = now_ns();
  close_asks_ = now - asked_ns_ < kAskAgainNs ? close_asks_ + 1 : 0;
  asked_ns_ = now;
  if (close_asks_ >= kAsksPerClock) asks_to_skip_ = kAsksPerClock - 1;
  if (now - looked_ns_ < kAskAgainNs) return pass_wake_on(Status::empty);
  looked_ns_ = now;
  fail_caught();
  tender_.tend(segment(), attachment_.index(), now);
  if (look_behind(now)) return start_batch();
  return pass_wake_on(Status::empty);
}

// A waker chose us and we leave without an item: somebody else must look at what it was for. W3.
Status ConsumerRing::pass_wake_on(Status status) noexcept {
  if (wake_owed_ && visible_work()) wake_one_consumer(segment());
  wake_owed_ = false;
  return status;
}

bool ConsumerRing::visible_work() noexcept {
  const Control& control = segment().control();
  if ((control.flags.load(std::memory_order_acquire) & kStopped) != 0) return true;
  const std::uint64_t attention = control.attention.load(std::memory_order_acquire);
  if ((attention >> 32) != (attention & 0xffff'ffff)) return true;
  if (control.lanes_used.load(std::memory_order_acquire) != lanes_.size()) return true;
  return std::ranges::any_of(lanes_, [](const LaneView& lane) {
    const Position claim = lane.control->claim.load(std::memory_order_acquire);
    return static_cast<std::int64_t>(lane.control->tail.load(std::memory_order_acquire) - claim) >
           0;
  });
}

bool ConsumerRing::nothing_to_do() noexcept {
  return !visible_work() && !stream_ended(segment()) && !dismissed_.load(std::memory_order_relaxed);
}

// Items are in somebody's hands: they may come back, so sleeps begin short.
bool ConsumerRing::work_in_flight() noexcept {
  return std::ranges::any_of(lanes_, [](const LaneView& lane) {
    return lane.control->claim.load(std::memory_order_relaxed) !=
           lane.control->done_hint.load(std::memory_order_relaxed);
  });
}

bool ConsumerRing::spin_for_work(DeadlineNs deadline) noexcept {
  const auto spin = [this](int looks) {
    for (int i = 0; i < looks; ++i) {
      if (visible_work()) return true;
      pause_processor();
    }
    return false;
  };
  if ((vain_spins_ < kVainSpins || vain_spins_ % kSpinAgain == 0) && spin(kFirstSpins)) {
    vain_spins_ = 0;
    return true;
  }
  yield_processor();
  if (visible_work()) {
    ++vain_spins_;
    return true;
  }
  if (spin(kSpins)) {
    vain_spins_ = 0;
    return true;
  }
  return patience_.wait(segment(), Role::producer, deadline, [this] { return visible_work(); });
}

// True when the time passed without a wake.
bool ConsumerRing::sleep_once(DeadlineNs deadline, std::int64_t now, std::uint32_t round,
                              bool hopeless) {
  std::int64_t longest = kMaxSleepNs;
  if (work_in_flight()) longest = std::min(kFirstSleepNs << std::min(round, 6u), kMaxSleepNs);
  if (hopeless) longest = kFirstSleepNs;
  fail_caught();
  tender_.tend(segment(), attachment_.index(), now);
  ConsumerSleep sleep(segment(), attachment_.index());
  // W1: announced, fenced, and only now looked at again.
  bool slept_out = false;
  if (hopeless || nothing_to_do()) {
    // W1: while its bit stands, one fence serves several sleeps. Items in somebody's hands need
    // more than that look, so then it goes round.
    do {
      slept_out = sleep.sleep(sleep_slice(deadline, now, longest));
      if (!slept_out || hopeless || work_in_flight()) break;
      now = now_ns();
      tender_.tend(segment(), attachment_.index(), now);
    } while (now < deadline && sleep.is_announced() && nothing_to_do());
  }
  IQ_KILL_POINT(sleep_after_wake);
  wake_owed_ = sleep.withdraw() || wake_owed_;
  tender_.tend(segment(), attachment_.index(), now_ns());
  return slept_out;
}

Status ConsumerRing::stopped() {
  const Control& control = segment().control();
  if (control.stop_text_state.load(std::memory_order_acquire) == 2) {
    const std::string_view text(control.stop_text,
                                ::strnlen(control.stop_text, sizeof control.stop_text));
    throw Stopped(fmt::format("{} was stopped: {}", segment().description(), text));
  }
  return Status::stopped;
}

Status ConsumerRing::end_of_stream() {
  if (!ended_) {
    ended_ = true;
    wake_all_consumers(segment());  // they would find out by themselves, only later
  }
  const Control& control = segment().control();
  const std::uint64_t failure = control.failure.load(std::memory_order_acquire);
  if (failure == 0 ||
      segment().header().on_producer_death == static_cast<std::uint32_t>(OnProducerDeath::end)) {
    return Status::done;
  }
  const int pid = static_cast<int>(failure & 0xffff'ffff);
  if ((failure >> 60) == kFailureDied) {
    throw ProducerDied(
        fmt::format("a producer of {} (pid {}) was killed or left without closing: everything that "
                    "it put was delivered, what it had still to put is missing",
                    segment().description(), pid),
        pid);
  }
  std::string why;
  if (control.failure_text_ready.load(std::memory_order_acquire) != 0) {
    why.assign(control.failure_text, ::strnlen(control.failure_text, sizeof control.failure_text));
  }
  throw ProducerFailed(
      fmt::format(
          "a producer of {} (pid {}) failed{}{}: everything that it put was delivered, what "
          "it had still to put is missing",
          segment().description(), pid, why.empty() ? "" : ": ", why),
      pid);
}

}  // namespace iq::detail
