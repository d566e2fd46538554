// Room in a lane: freeing what is DONE, waiting for more.
//
// Slots are freed in order, so a producer that is stuck is stuck at one position: the head. It
// publishes that position, and the consumer that finishes exactly there wakes it.
#include <algorithm>
#include <cstring>

#include "iq/detail/kill_point.hpp"
#include "ring/consumer_ring.hpp"
#include "ring/producer_ring.hpp"
#include "ring/wait.hpp"
#include "sys/futex.hpp"
#include "sys/process.hpp"

namespace iq::detail {
namespace {
constexpr int kRoomSpins = 100;
}  // namespace

// T16. True when anything was freed.
bool ProducerRing::refresh_room() noexcept {
  const Position before = head_;
  while (head_ != tail_) {
    const std::uint64_t word = lane_.stamp(head_).load(std::memory_order_acquire);  // P3
    const Stamp stamp = Stamp::unpack(word);
    if (compare_lap(word, lane_.lap(head_)) != 0 || stamp.state != StampState::done) break;
    head_ += std::clamp<std::uint64_t>(stamp.k, 1, tail_ - head_);
  }
  if (head_ == before) return false;
  if (lane_.ring_bytes != 0) ring_.free_until(head_);
  lane_.control->head.store(head_, std::memory_order_release);
  std::atomic_thread_fence(std::memory_order_release);  // P13: before the slots are written anew
  IQ_KILL_POINT(room_after_head);
  return true;
}

// From here on puts find what is free now, up to the ring's end; while a stage is open, or in a
// relay, they find nothing and are refused. Encoded items are placed one by one.
void ProducerRing::begin_run() noexcept {
  const auto room = static_cast<std::int64_t>(head_ + lane_.capacity - tail_);
  const bool one_by_one = segment().header().in_place == 0;
  if (room <= 0 || one_by_one || staged_ != 0 || relaying_) return end_run();
  const std::uint64_t to_end = lane_.slot_count() - (tail_ & lane_.mask());
  const std::uint64_t count = std::min(static_cast<std::uint64_t>(room), to_end);
  run_end_ = tail_ + count;
  run_limit_ = lane_.slot(tail_) + count * lane_.slot_bytes;
}

bool ProducerRing::room_for(std::uint64_t ring_need, std::uint64_t& at) noexcept {
  const Position end = head_ + lane_.capacity;
  if (static_cast<std::int64_t>(end - tail_ - staged_) <= 0) return false;
  return ring_need == kNoRingNeed || ring_.find(ring_need, at);
}

// T42: a queue that is drained takes no more, but from those who work between two queues.
Status ProducerRing::refusal() noexcept {
  const std::uint32_t flags = control_->flags.load(std::memory_order_relaxed);
  if ((flags & kStopped) != 0 || dismissed_.load(std::memory_order_relaxed)) return Status::stopped;
  if ((flags & kDraining) == 0) return Status::ok;
  if (segment().extra(attachment_.index()).goes_on.load(std::memory_order_relaxed) != 0) {
    return Status::ok;
  }
  told_to_end_ = true;
  return Status::closed;
}

Status ProducerRing::outcome() noexcept {
  // In this order: consumers that a stop has sent away are no reason of their own.
  const bool nobody_reads = consumers_gone(segment());
  const Status refused = refusal();
  if (refused != Status::ok) return refused;
  return nobody_reads ? Status::no_consumers : Status::ok;
}

Status ProducerRing::wait_until_free(DeadlineNs deadline, std::uint64_t ring_need,
                                     std::uint64_t& at) {
  for (int round = 0;; ++round) {
    // A producer that was stopped has no room, whatever the lane says.
    Status status = refusal();
    if (status != Status::ok) return status;
    refresh_room();
    if (room_for(ring_need, at)) {
      if (round == 1) patience_.rewarded();
      return Status::ok;
    }
    if (staged_ != 0 && head_ == tail_) refuse_stage();
    status = outcome();
    if (status != Status::ok) return status;
    const std::int64_t now = now_ns();
    const bool is_claimed = watch_head(now);
    if (deadline == kAtOnce || now >= deadline) {
      tender_.tend(segment(), attachment_.index(), now);
      refresh_room();
      if (room_for(ring_need, at)) return Status::ok;
      return deadline == kAtOnce ? Status::full : Status::timeout;
    }
    if (round == 0) {
      bool freed = false;
      for (int i = 0; i < kRoomSpins && !freed; ++i) {
        pause_processor();
        freed = refresh_room();
      }
      if (!freed) {
        patience_.wait(segment(), Role::consumer, deadline, [this] { return refresh_room(); });
      }
      continue;  // the time may be up
    }
    release_own_batch();
    IQ_KILL_POINT(room_none);
    if (deadline == kForever && has_one_thread() && only_we_could_read(segment())) {
      // Who has left since we looked may have made room, or have been the last of a closed queue.
      if (refresh_room() || outcome() != Status::ok) continue;
      refuse_without_readers();
    }
    sleep_for_room(deadline, now, is_claimed ? kSeizeAfterNs : kMaxSleepNs);
  }
}

// A claimer was stopped before it stamped the very slot that we wait for, and all consumers are too
// busy elsewhere to look: after a while whoever is free may have the item. T7. True while there is
// such a slot, also for one who asks again and again without waiting.
bool ProducerRing::watch_head(std::int64_t now) noexcept {
  if (stuck_at_ != head_) {
    stuck_at_ = head_;
    stuck_since_ns_ = now;
  }
  const Position claim = lane_.control->claim.load(std::memory_order_acquire);
  std::uint64_t word = lane_.stamp(head_).load(std::memory_order_acquire);
  if (static_cast<std::int64_t>(claim - head_) <= 0 || !is_unstamped(word, lane_.lap(head_)))
    return false;
  if (now - stuck_since_ns_ < kSeizeAfterNs) return true;
  const std::uint64_t orphan = pack_stamp(lane_.lap(head_), 0, 0, StampState::orphan);
  if (!lane_.stamp(head_).compare_exchange_strong(word, orphan, std::memory_order_acq_rel)) {
    return true;
  }
  IQ_KILL_POINT(room_after_orphan);
  raise_attention(segment(), lane_);
  wake_one_consumer(segment());
  return false;
}

// The slots that we wait for may be leased by a consumer of our own thread: what it has not
// started goes to others, what it has in hand will not be acknowledged while we wait.
void ProducerRing::release_own_batch() {
  const std::uint64_t word = lane_.stamp(head_).load(std::memory_order_acquire);
  const Stamp stamp = Stamp::unpack(word);
  const bool explicit_lease = stamp.state == StampState::explicit_held;
  const bool leased =
      stamp.state == StampState::leased || stamp.state == StampState::held || explicit_lease;
  if (compare_lap(word, lane_.lap(head_)) != 0 || !leased || stamp.owner - 1 >= kMaxEndpoints)
    return;
  Segment::LocalConsumer& local = segment().local_consumer(stamp.owner - 1);
  if (local.thread_tag.load(std::memory_order_relaxed) != current_thread_tag()) return;
  if (explicit_lease) {
    if (!has_one_thread()) return;  // another thread may end the lease
  } else {
    auto* consumer = static_cast<ConsumerRing*>(local.consumer.load(std::memory_order_relaxed));
    if (consumer == nullptr) return;
    consumer->give_back_unstarted();
    if (!consumer->in_hand()) return;
  }
  refuse_own_item();
}

void ProducerRing::sleep_for_room(DeadlineNs deadline, std::int64_t now, std::int64_t longest) {
  fail_caught();
  tender_.tend(segment(), attachment_.index(), now);
  const std::uint32_t ticket =
      segment().sleep_word(attachment_.index()).word.load(std::memory_order_seq_cst);
  Shared<std::uint64_t>& room_wait = lane_.control->room_wait;
  IQ_KILL_POINT(room_before_announce);
  // W2: announced, fenced, and only then looked at again.
  room_wait.store(head_ + 1, std::memory_order_seq_cst);
  IQ_KILL_POINT(room_after_announce);
  heavy_fence();  // P7
  if (!refresh_room() && outcome() == Status::ok) {
    futex_wait(segment().sleep_word(attachment_.index()).word, ticket,
               sleep_slice(deadline, now, longest));
  }
  room_wait.store(0, std::memory_order_seq_cst);
  tender_.tend(segment(), attachment_.index(), now_ns());
}

Status ProducerCore::wait_for_room(std::int64_t deadline_ns) {
  auto& ring = static_cast<ProducerRing&>(*this);
  require_usable();
  require_no_stage();
  std::uint64_t at = 0;
  const Status status = ring.wait_until_free(deadline_ns, kNoRingNeed, at);
  ring.begin_run();
  return status;
}

Status ProducerCore::next_slot(std::int64_t deadline_ns, std::byte*& to) {
  const Status status = wait_for_room(deadline_ns);
  static_cast<ProducerRing&>(*this).end_run();
  to = lane_.slot(tail_);
  return status;
}

Status ProducerCore::begin_encoded(std::uint64_t bytes, std::int64_t deadline_ns, std::byte*& to) {
  auto& ring = static_cast<ProducerRing&>(*this);
  const bool is_ours = generation_word_->load(std::memory_order_relaxed) == generation_;
  if (closed_ || !is_ours || staged_ != 0 || ring.relaying_) [[unlikely]] {
    require_usable();
    require_no_stage();
  }
  if (bytes > max_bytes()) [[unlikely]]
    ring.refuse_size(bytes);
  if (lane_.ring_bytes != 0) ring.ring_.restart(tail_);
  return ring.place(tail_, bytes, deadline_ns, to);
}

// Room for an encoded payload, and its slot filled in but for the payload.
Status ProducerRing::place(Position position, std::uint64_t bytes, DeadlineNs deadline,
                           std::byte*& to) {
  const bool inline_payload = bytes <= lane_.slot_bytes - kSlotHeaderBytes;
  std::uint64_t at = 0;
  const bool refused = (control_->flags.load(std::memory_order_relaxed) & kPutsRefused) != 0;
  const std::uint64_t need = inline_payload ? kNoRingNeed : bytes;
  if (refused || !room_for(need, at)) {
    const Status status = wait_until_free(deadline, need, at);
    if (status != Status::ok) return status;
  }
  const SlotHeader header{static_cast<std::uint32_t>(bytes), inline_payload ? 0u : 1u};
  std::byte* slot = lane_.slot(position);
  std::memcpy(slot, &header, sizeof header);
  if (inline_payload) {
    if (lane_.ring_bytes != 0) ring_.keep_nothing(position);
    to = slot + kSlotHeaderBytes;
  } else {
    std::memcpy(slot + kSlotHeaderBytes, &at, sizeof at);
    ring_.keep(position, at, bytes);
    to = lane_.ring + (at & (lane_.ring_bytes - 1));
  }
  return Status::ok;
}

}  // namespace iq::detail
