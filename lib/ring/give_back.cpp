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
    if (line_->limit.compare_exchange_strong(word, pending_limit(end_, tag()),
                                             std::memory_order_acq_rel)) {
      return;
    }
  }
}

void ConsumerCore::release(Leave how) noexcept {
  auto& ring = static_cast<ConsumerRing&>(*this);
  steppable_generation_ = 0;
  if (!leased_ || closed_ || !ring.attachment().in_this_process()) return;
  if (how == Leave::give_back && in_hand_count_ != 0) {
    ring.give_back(how, false);
    return;
  }
  const Position position = this->position() + in_hand_count_;
  line_->cursor.store(position, std::memory_order_release);  // T4 without a next item in hand
  ring.unseal_limit();
  in_hand_count_ = 0;
  IQ_KILL_POINT(ack_after_cursor);
  std::atomic_signal_fence(std::memory_order_seq_cst);  // P5
  if (!below_limit(position, line_->limit.load(std::memory_order_relaxed)) &&
      !ring.resolve_limit(position)) {
    ring.finish_batch();
  }
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
    line_->limit.store(in_hand_count_ > 1 ? pending_limit(kept, tag()) : settled_limit(kept),
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

void ConsumerRing::give_back(Leave how, bool everything) noexcept {
  const EventHold hold;  // the handler runs when all is given back
  Position first = position();
  seal_limit(first);
  const bool at_most_once =
      segment().header().delivery == static_cast<std::uint32_t>(Delivery::at_most_once);
  if (how == Leave::acknowledge || at_most_once) {
    first += in_hand_count_;
    in_hand_count_ = 0;
    line_->cursor.store(first, std::memory_order_release);  // T4
    IQ_KILL_POINT(give_back_after_ack);
  }
  const Position kept = first + in_hand_count_;
  const bool rest_is_ours = !everything && kept < end_;
  if (first == end_ || (kept == first && rest_is_ours)) {  // nothing goes to others
    if (first == end_)
      finish_batch();
    else
      line_->limit.store(settled_limit(end_), std::memory_order_release);
    return;
  }
  if (rest_is_ours) {
    put_stamp(kept, end_ - kept, StampState::leased);
  } else {
    for (Position p = end_; p-- > kept;) put_stamp(p, attempts_, StampState::orphan);
  }
  for (Position p = kept; p-- > first;) put_stamp(p, attempts_ + 1, StampState::orphan);
  if (first > begin_) put_stamp(begin_, first - begin_, StampState::done);
  const bool poisoned = in_hand_count_ == 1 && attempts_ + 1 >= segment().header().max_deliveries;
  in_hand_count_ = 0;
  leased_ = rest_is_ours;
  begin_ = kept;
  attempts_ = 0;
  const LaneView lane = lane_;
  raise_attention(segment(), lane);
  if (poisoned) take_this_orphan(lane, look_at(lane, first, first + 1));  // parks it
  if (rest_is_ours) announce(lane, kept, end_);
  wake_one_consumer(segment());
  freed(lane, kAnyPosition);
}

void ConsumerCore::close(Leave how) noexcept {
  auto& ring = static_cast<ConsumerRing&>(*this);
  if (closed_) return;
  closed_ = true;
  steppable_generation_ = 0;
  if (ring.attachment().in_this_process()) {
    Segment& segment = ring.segment();
    if (leased_) ring.give_back(how, true);
    const std::shared_ptr<Segment> keep = ring.attachment().shared_segment();
    ring.forget();
    ring.attachment().detach();
    // The last one's leaving may be what others wait for: the end, or no consumers.
    if (is_closed(segment)) wake_everybody(segment);
    unlink_if_finished(segment);
    return;
  }
  ring.forget();
  ring.attachment().surrender();
}

}  // namespace iq::detail
