// A consumer's steps through its batch, and the end of a batch.
//
// The batch is [begin_, end_) of lane_; the shared cursor tells how far it is, so that repair and
// thieves can see it. end_ may shrink under us: somebody took over the tail of the batch, which we
// learn from the limit word at the first step that meets it.
#include "ring/consumer_ring.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/events.hpp"
#include "iq/detail/kill_point.hpp"
#include "iq/error.hpp"
#include "ring/slot_payload.hpp"
#include "ring/wait.hpp"
#include "sys/process.hpp"

namespace iq::detail {

ConsumerRing::ConsumerRing(Attachment attachment) : attachment_(std::move(attachment)) { rebind(); }

void ConsumerRing::rebind() noexcept {
  line_ = &segment().endpoint(attachment_.index());
  generation_ = process_generation();
  generation_word_ = generation_word.load(std::memory_order_acquire);
  local().consumer.store(this, std::memory_order_relaxed);
}

void ConsumerRing::forget() noexcept {
  local().consumer.store(nullptr, std::memory_order_relaxed);
  local().thread_tag.store(0, std::memory_order_relaxed);
  line_ = &nobodys_line_;
}

Segment::LocalConsumer& ConsumerRing::local() noexcept {
  return segment().local_consumer(attachment_.index());
}

ConsumerRing::~ConsumerRing() { close(Leave::acknowledge); }

void ConsumerRing::surrender() noexcept {
  closed_ = true;
  forget();
  attachment_.surrender();
}

void ConsumerCore::require_usable() const {
  const auto& ring = static_cast<const ConsumerRing&>(*this);
  if (closed_) {
    throw Closed("this consumer is closed: get another one from the queue");
  }
  if (!ring.attachment().in_this_process()) {
    throw WrongProcess(
        fmt::format("this consumer of {} was inherited through fork(): it belongs to the parent. "
                    "Hand endpoints to children with WorkerGroup::fork, or adopt() them",
                    ring.segment().description()));
  }
}

// Whatever a stranger wrote into the cursor, what is in hand lies within the batch.
Position ConsumerCore::position() const noexcept {
  const Position seen = line_->cursor.load(std::memory_order_relaxed) & ~kInHand;
  const Position last = std::max(begin_ + in_hand_count_, end_) - in_hand_count_;
  return std::clamp(seen, begin_, last);
}

Status ConsumerCore::next(std::int64_t deadline_ns) {
  auto& ring = static_cast<ConsumerRing&>(*this);
  require_usable();
  steppable_generation_ = 0;
  if (!leased_) return ring.acquire(ring.want_, deadline_ns);
  const Position position = this->position() + in_hand_count_;
  line_->cursor.store(kInHand | position, std::memory_order_release);  // T4
  ring.unseal_limit();
  std::atomic_signal_fence(std::memory_order_seq_cst);  // P5
  return ring.after_step(position, deadline_ns);
}

// After next_some(): only now that the cursor is past what was in hand may thieves come again.
void ConsumerRing::unseal_limit() noexcept {
  if (in_hand_count_ <= 1) return;
  line_->limit.store(settled_limit(end_, lane_.index), std::memory_order_release);
}

Status ConsumerCore::next_some(std::uint32_t most, std::int64_t deadline_ns, std::uint32_t& count) {
  count = 0;
  auto& ring = static_cast<ConsumerRing&>(*this);
  const Status status = ring.next_for(std::min(most, kMaxBatch), deadline_ns);
  if (status != Status::ok) return status;
  count = in_hand_count_;
  if (most > 1) {
    const Position first = position();
    ring.seal_limit(first);
    count = static_cast<std::uint32_t>(std::min<std::uint64_t>(most, end_ - first));
    in_hand_count_ = count;
    // The rest of a larger batch could not be taken over behind the seal.
    if (count < end_ - first) ring.give_back_unstarted();
  }
  return status;
}

Status ConsumerRing::next_for(std::uint32_t want, DeadlineNs deadline) {
  want_ = want;
  const Status status = next(deadline);
  want_ = 1;
  return status;
}

Status ConsumerCore::continue_after(Position position, std::int64_t deadline_ns) {
  auto& ring = static_cast<ConsumerRing&>(*this);
  require_usable();
  // Somebody called get(), ack() or the like in between: the iterator's position is history.
  const bool inside = leased_ && position - begin_ <= end_ - begin_;
  if (steppable_generation_ == 0 || !inside) return next(deadline_ns);
  ring.claim_one_ = false;  // a loop that goes on
  return ring.after_step(position, deadline_ns);
}

Status ConsumerRing::after_step(Position position, DeadlineNs deadline) {
  in_hand_count_ = 0;
  steppable_generation_ = 0;
  IQ_KILL_POINT(step_after_cursor);
  if (below_limit(position, line_->limit.load(std::memory_order_relaxed)) ||
      resolve_limit(position)) {
    if ((segment().control().flags.load(std::memory_order_relaxed) & kStopped) != 0) {
      give_back_unstarted();
      return stopped();
    }
    in_hand_count_ = 1;
    local().thread_tag.store(current_thread_tag(), std::memory_order_relaxed);
    return Status::ok;
  }
  finish_batch();
  return acquire(want_, deadline);
}

bool ConsumerRing::resolve_limit(Position position) noexcept {
  std::uint64_t word = line_->limit.load(std::memory_order_acquire);
  for (;;) {
    shrink_to(position, word);
    if (limit_tag(word) == 0) return position < end_;
    // T12: whoever is pending has not been confirmed: cancel it. Opens our own seal again, too.
    IQ_KILL_POINT(limit_before_cancel);
    if (line_->limit.compare_exchange_strong(word, settled_limit(end_, lane_.index),
                                             std::memory_order_acq_rel)) {
      return position < end_;
    }
  }
}

// I3: learns from a limit word where the batch ends by now. A settled word and our own seal say it.
// A stranger's pending word does not, but it was put there when the stamp said where the batch
// ends, and the stamp cannot change before it is decided: so the stamp says it.
void ConsumerRing::shrink_to(Position position, std::uint64_t word) noexcept {
  Position end = limit_end(word, position);
  if (limit_tag(word) != 0 && limit_tag(word) != tag() && end_ - begin_ > 1) {
    end = begin_ + Stamp::unpack(lane_.stamp(begin_).load(std::memory_order_acquire)).k;
  }
  const Position least = std::max(position + in_hand_count_, begin_ + 1);
  end_ = std::clamp(end, least, std::max(end_, least));
}

void ConsumerRing::finish_batch() noexcept {
  IQ_KILL_POINT(finish_before_done);
  const auto items = static_cast<std::uint32_t>(end_ - begin_);
  // T5, I2, P3: our reads of the slots come before their reuse by the producer.
  lane_.stamp(begin_).store(pack_stamp(lane_.lap(begin_), items, tag(), StampState::done),
                            std::memory_order_release);
  IQ_KILL_POINT(finish_after_done);
  leased_ = false;
  in_hand_count_ = 0;
  last_batch_ = items;
  learn_batch_time();
  freed(segment(), lane_, begin_);
}

void ConsumerRing::put_in_hand(std::uint32_t count) noexcept {
  line_->cursor.store(kInHand | begin_, std::memory_order_release);  // T4
  IQ_KILL_POINT(claim_in_hand);
  in_hand_count_ = count;
  local().thread_tag.store(current_thread_tag(), std::memory_order_relaxed);
}

namespace {
[[noreturn, gnu::noinline, gnu::cold]] void refuse_place(const LaneView& lane, Position position) {
  throw Corrupt(
      fmt::format("item {} of lane {} points outside its lane: somebody has overwritten "
                  "shared memory. Remove the queue",
                  position, lane.index));
}
}  // namespace

std::span<const std::byte> ConsumerCore::payload(const LaneView& lane, Position position) {
  const auto bytes = encoded_payload(lane, position);
  if (!bytes) refuse_place(lane, position);
  return *bytes;
}

void ConsumerCore::tell_corrupt(std::uint64_t item_id) noexcept {
  Segment& segment = static_cast<ConsumerRing&>(*this).segment();
  segment.control().corrupt.fetch_add(1, std::memory_order_relaxed);
  note_event({.kind = EventKind::corrupt, .item_id = item_id, .queue = segment.name()});
  deliver_events();
}

}  // namespace iq::detail
