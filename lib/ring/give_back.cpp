// Giving up items: acknowledging what is in hand, or handing it and the rest to others.
//
// A live owner splits its batch in a fixed order, so that a walker always sees either the old
// coarse stamp or a complete finer partition, and a repairer of the killed owner finds enough to
// finish: what comes last in the lane is written first, the first stamp last (T9).
#include "base/events.hpp"
#include "iq/detail/kill_point.hpp"
#include "iq/options.hpp"
#include "ring/consumer_ring.hpp"
#include "ring/parking.hpp"
#include "ring/wait.hpp"

namespace iq::detail {

void ConsumerRing::seal_limit(Position position) noexcept {
  std::uint64_t word = line_->limit.load(std::memory_order_acquire);
  for (;;) {
    shrink_to(position, word);
    // T12 with the owner's tag: who is pending is cancelled, and nobody new may begin.
    if (line_->limit.compare_exchange_strong(word, pending_limit(end_, tag(), lane_.index),
                                             std::memory_order_acq_rel)) {
      return;
    }
  }
}

void ConsumerCore::release(Leave how) noexcept {
  auto& ring = static_cast<ConsumerRing&>(*this);
  steppable_generation_ = 0;
  if (!leased_ || closed_ || !ring.attachment().in_this_process()) return;
  if (how == Leave::acknowledge && this->position() + in_hand_count_ == end_) {
    line_->cursor.store(end_, std::memory_order_release);  // T4 without a next item in hand
    IQ_KILL_POINT(ack_after_cursor);
    ring.finish_batch();
    return;
  }
  // Nobody knows when this consumer is called again: what is left must not wait for that, neither
  // the items nor the room of those that are done. It claims no more ahead than it loops over.
  ring.claim_one_ = true;
  ring.give_back(how);
}

void ConsumerCore::give_back_one(Position position) noexcept {
  auto& ring = static_cast<ConsumerRing&>(*this);
  ring.blamed_ = position;
  release(Leave::give_back);
  ring.blamed_ = ConsumerRing::kAll;
}

void ConsumerRing::put_stamp(Position at, std::uint64_t k, StampState state) noexcept {
  const std::uint32_t owner = state == StampState::orphan ? 0 : tag();
  lane_.stamp(at).store(pack_stamp(lane_.lap(at), static_cast<std::uint32_t>(k), owner, state),
                        std::memory_order_release);  // P10
  IQ_KILL_POINT(split_after_stamp);
}

void ConsumerRing::give_back_unstarted() noexcept {
  if (!leased_ || closed_ || !attachment_.in_this_process()) return;
  const Position first = position();
  seal_limit(first);
  const Position kept = first + in_hand_count_;
  const bool any = kept < end_;
  for (Position p = end_; p-- > kept;) put_stamp(p, attempts_, StampState::orphan);
  end_ = kept;
  if (in_hand_count_ != 0) {
    if (any) put_stamp(begin_, kept - begin_, StampState::leased);
    // Several in hand (next_some) stay sealed: no thief may come between them.
    line_->limit.store(in_hand_count_ > 1 ? pending_limit(kept, tag(), lane_.index)
                                          : settled_limit(kept, lane_.index),
                       std::memory_order_release);
  } else if (kept > begin_) {
    finish_batch();
  } else {
    leased_ = false;
  }
  if (!leased_) steppable_generation_ = 0;
  if (!any) return;
  raise_attention(segment(), lane_);
  wake_one_consumer(segment());
}

void ConsumerRing::give_back(Leave how) noexcept {
  const EventHold hold;  // the handler runs when all is given back
  Position first = position();
  seal_limit(first);
  const bool at_most_once =
      segment().header().delivery == static_cast<std::uint32_t>(Delivery::at_most_once);
  const bool was_seen = how != Leave::unseen;
  if (how == Leave::acknowledge || (at_most_once && was_seen)) {
    first += in_hand_count_;
    in_hand_count_ = 0;
    line_->cursor.store(first, std::memory_order_release);  // T4
    IQ_KILL_POINT(give_back_after_ack);
  }
  if (first == end_) {  // nothing goes to others
    finish_batch();
    return;
  }
  const Position kept = first + in_hand_count_;
  for (Position p = end_; p-- > kept;) put_stamp(p, attempts_, StampState::orphan);
  for (Position p = kept; p-- > first;)
    put_stamp(p, attempts_ + (was_seen && counts(p) ? 1 : 0), StampState::orphan);
  if (first > begin_) put_stamp(begin_, first - begin_, StampState::done);
  const bool poisoned =
      was_seen && in_hand_count_ == 1 && attempts_ + 1 >= segment().header().max_deliveries;
  in_hand_count_ = 0;
  leased_ = false;
  attempts_ = 0;
  const LaneView lane = lane_;
  raise_attention(segment(), lane);
  if (poisoned) take_this_orphan(lane, look_at(lane, first, first + 1));  // parks it
  wake_one_consumer(segment());
  freed(segment(), lane, kAnyPosition);
}

void ConsumerCore::close(Leave how) noexcept {
  auto& ring = static_cast<ConsumerRing&>(*this);
  if (closed_) return;
  closed_ = true;
  steppable_generation_ = 0;
  if (!ring.attachment().in_this_process()) {
    ring.forget();
    ring.attachment().surrender();
    return;
  }
  if (leased_) ring.give_back(how);
  ring.forget();
  ring.drop_hold();
}

// The endpoint goes with the last of its user and its explicit leases.
void ConsumerRing::drop_hold() noexcept {
  if (holds_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  const std::shared_ptr<Segment> segment = attachment_.shared_segment();
  attachment_.detach();
  // The last one's leaving may be what others wait for: the end, or no consumers.
  if (is_closed(*segment)) wake_everybody(*segment);
  unlink_if_finished(*segment);
}

}  // namespace iq::detail
