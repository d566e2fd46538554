// Taking what is there: batches of published items, and orphans.
//
// A claim is two steps, the CAS of the lane's claim word and the CAS of the stamp. Between the two
// the positions belong to nobody that anyone could name, and that is sound: repair and hungry
// consumers may seize them, and a claimer that was late finds its stamp taken and goes round again.
#include <algorithm>

#include "base/events.hpp"
#include "iq/detail/kill_point.hpp"
#include "ring/consumer_ring.hpp"
#include "ring/parking.hpp"
#include "ring/wait.hpp"

namespace iq::detail {
namespace {
constexpr std::uint32_t kLaneBatches = 16;  // then another lane has its turn
constexpr int kClaimTries = 8;
constexpr std::uint64_t kFarBytes = 65'536;
constexpr std::uint64_t kEncodedBytes = 256;  // not known before they are read

// Whether its producer is far ahead of who takes the next one of `available`: further than any
// prefetcher looks, or as far as it will get.
bool is_far_ahead(const LaneView& lane, std::uint64_t available) noexcept {
  const std::uint64_t bytes = lane.ring_bytes != 0 ? kEncodedBytes : lane.slot_bytes;
  return available >= lane.capacity / 4 || available * bytes >= kFarBytes;
}
}  // namespace

void ConsumerRing::refresh_lanes() {
  const std::uint32_t used = segment().lanes_used();
  while (lanes_.size() < used) {
    lanes_.push_back(segment().lane(static_cast<std::uint32_t>(lanes_.size())));
  }
}

Status ConsumerRing::try_take(std::uint32_t want) {
  const Control& control = segment().control();
  if ((control.flags.load(std::memory_order_relaxed) & kStopped) != 0) return Status::stopped;
  if (control.lanes_used.load(std::memory_order_acquire) != lanes_.size()) refresh_lanes();
  if (take_any_orphan()) return Status::ok;
  const auto lanes = static_cast<std::uint32_t>(lanes_.size());
  if (lane_batches_ >= kLaneBatches) {
    lane_batches_ = 0;
    ++lane_turn_;
  }
  for (std::uint32_t i = 0; i < lanes; ++i) {
    if (lane_turn_ >= lanes) lane_turn_ = 0;
    if (claim_from(lanes_[lane_turn_], want)) {
      ++lane_batches_;
      return Status::ok;
    }
    lane_batches_ = 0;
    ++lane_turn_;
  }
  return Status::empty;
}

std::uint32_t ConsumerRing::claim_size(const LaneView& lane, std::uint64_t available,
                                       std::uint32_t want, Position at) noexcept {
  std::uint64_t size = want > 1 ? want : claim_one_ ? 1 : claim_limit_;
  // As many as can run at a time share what is there.
  const std::uint32_t sharers =
      std::min(segment().control().consumers_live.load(std::memory_order_relaxed), processors_);
  if (sharers > 1) {
    size = std::min(size, std::max<std::uint64_t>(available / (2 * std::uint64_t{sharers}), want));
  }
  size =
      std::min({size, available, std::uint64_t{kMaxBatch}, lane.slot_count() - (at & lane.mask())});
  return static_cast<std::uint32_t>(std::max<std::uint64_t>(size, 1));
}

void ConsumerRing::announce(const LaneView& lane, Position begin, Position end) noexcept {
  // In this order: a thief that meets the new limit also sees the lane and the cursor (P4).
  line_->lane.store(lane.index, std::memory_order_release);
  line_->cursor.store(begin, std::memory_order_release);
  line_->limit.store(settled_limit(end, lane.index), std::memory_order_release);
}

void ConsumerRing::accept(const LaneView& lane, Position begin, Position end,
                          std::uint32_t attempts) noexcept {
  lane_ = lane;
  begin_ = begin;
  end_ = end;
  attempts_ = attempts;
  leased_ = true;
  wake_owed_ = false;
  is_close_ = false;
  available_ = end - begin;
  hungry_since_ns_ = 0;
  // Measured only where it can change what is claimed next: a full batch, or more waiting.
  const bool telling = end - begin >= 2 || claim_limit_ == 1;
  batch_started_ns_ = telling ? now_ns() : 0;
}

void ConsumerRing::learn_batch_time() noexcept {
  if (batch_started_ns_ == 0) return;
  const std::int64_t spent = std::max<std::int64_t>(now_ns() - batch_started_ns_, 1);
  const std::int64_t fitting = kBatchWorkNs * last_batch_ / spent;
  const std::int64_t most = std::min<std::int64_t>(std::int64_t{claim_limit_} * 4, kMaxClaim);
  claim_limit_ = static_cast<std::uint32_t>(std::clamp<std::int64_t>(fitting, 1, most));
  batch_started_ns_ = 0;
}

bool ConsumerRing::claim_from(const LaneView& lane, std::uint32_t want) {
  for (int tries = 0; tries < kClaimTries; ++tries) {
    Position begin = lane.control->claim.load(std::memory_order_acquire);
    const Position tail = lane.control->tail.load(std::memory_order_acquire);  // P1
    const std::uint64_t available = tail - begin;
    if (static_cast<std::int64_t>(available) <= 0 || available > lane.slot_count()) return false;
    __builtin_prefetch(lane.slot(begin));  // comes while the two words below are written
    const std::uint32_t items = claim_size(lane, available, want, begin);
    const Position end = begin + items;
    announce(lane, begin, end);
    IQ_KILL_POINT(claim_before_cas);
    // T2, P2: whoever sees the claim also sees what the tail promised us.
    if (!lane.control->claim.compare_exchange_strong(begin, end, std::memory_order_acq_rel)) {
      continue;
    }
    IQ_KILL_POINT(claim_after_cas);
    std::uint64_t old = lane.stamp(begin).load(std::memory_order_acquire);
    if (!is_unstamped(old, lane.lap(begin))) continue;  // seized
    const std::uint64_t leased = pack_stamp(lane.lap(begin), items, tag(), StampState::leased);
    IQ_KILL_POINT(claim_before_stamp);
    // T3, P10, I2: never tried again when it fails, since then the batch was seized.
    if (!lane.stamp(begin).compare_exchange_strong(old, leased, std::memory_order_acq_rel)) {
      continue;
    }
    IQ_KILL_POINT(claim_after_stamp);
    accept(lane, begin, end, 0);
    available_ = available;
    is_close_ = !is_far_ahead(lane, available);
    if (end != tail && segment().control().waiters_summary.load(std::memory_order_relaxed) != 0) {
      wake_one_consumer(segment());  // the chain: each that takes wakes the next
    }
    return true;
  }
  return false;
}

bool ConsumerRing::take_any_orphan() {
  Control& control = segment().control();
  std::uint64_t word = control.attention.load(std::memory_order_acquire);
  if ((word >> 32) == (word & 0xffff'ffff)) return false;
  refresh_lanes();  // after the word: a lane that comes later raises it again
  bool clean = true;
  for (const LaneView& lane : lanes_) {
    std::uint64_t raised = lane.control->attention.load(std::memory_order_acquire);  // P11
    if ((raised >> 32) == (raised & 0xffff'ffff)) continue;
    const Orphans found = take_orphan(lane);
    if (found == Orphans::took) return true;
    if (found == Orphans::blocked ||
        !lane.control->attention.compare_exchange_strong(raised, (raised >> 32) * 0x1'0000'0001)) {
      clean = false;
    }
  }
  // Read before the scan, so a raise in between makes this CAS fail and keeps us looking.
  if (clean) control.attention.compare_exchange_strong(word, (word >> 32) * 0x1'0000'0001);
  return false;
}

ConsumerRing::Orphans ConsumerRing::take_orphan(const LaneView& lane) {
  const Position claim = lane.control->claim.load(std::memory_order_acquire);  // P2
  Position position = walk_start(lane, claim);
  bool took = false;
  bool prefix = true;
  const Walked ended = walk(lane, position, claim, [&](const Boundary& b) {
    prefix = prefix && b.stamp.state == StampState::done;
    if (prefix) advance_hint(lane, b.position + b.items);
    if (b.stamp.state != StampState::orphan) return Walk::on;
    took = take_this_orphan(lane, b);
    return took ? Walk::stop : Walk::on;
  });
  if (took) return Orphans::took;
  return ended == Walked::all ? Orphans::none : Orphans::blocked;
}

bool ConsumerRing::take_this_orphan(const LaneView& lane, const Boundary& orphan) {
  if (!orphan.stamped || orphan.stamp.state != StampState::orphan) return false;
  announce(lane, orphan.position, orphan.position + 1);
  std::uint64_t word = orphan.word;
  const std::uint64_t held =
      pack_stamp(lane.lap(orphan.position), orphan.stamp.k, tag(), StampState::held);
  IQ_KILL_POINT(orphan_before_cas);
  // T8, P10: one of many takers gets it.
  if (!lane.stamp(orphan.position).compare_exchange_strong(word, held, std::memory_order_acq_rel)) {
    return false;
  }
  IQ_KILL_POINT(orphan_after_cas);
  if (orphan.stamp.k >= segment().header().max_deliveries) {
    park(segment(), lane, orphan.position, orphan.stamp.k, tag());
    freed(segment(), lane, orphan.position);
    deliver_events();
    return false;
  }
  accept(lane, orphan.position, orphan.position + 1, orphan.stamp.k);
  if (segment().control().waiters_summary.load(std::memory_order_relaxed) != 0) {
    wake_one_consumer(segment());  // where one orphan was, others may be
  }
  return true;
}

}  // namespace iq::detail
