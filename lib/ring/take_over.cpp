// Taking what others cannot finish, while they may still be alive.
//
// Two cases. A claimer was stopped between its claim and its stamp: its positions are seized by
// CAS, one by one. A consumer is slow or stopped in the middle of a batch: what it has not started
// is taken by moving the limit of its batch. The owner stores its cursor, then looks at the limit;
// the thief stores the limit, issues the heavy fence, then looks at the cursor: one of the two sees
// the other. (The scheme is that of Cilk's THE queue, with the fence on the thief's side.)
#include "iq/detail/kill_point.hpp"
#include "ring/consumer_ring.hpp"
#include "ring/parking.hpp"
#include "ring/wait.hpp"
#include "sys/futex.hpp"

namespace iq::detail {

bool ConsumerRing::look_behind(std::int64_t now) {
  if (hungry_since_ns_ == 0) hungry_since_ns_ = now;
  refresh_lanes();
  for (const LaneView& lane : lanes_) {
    const Position claim = lane.control->claim.load(std::memory_order_acquire);
    Position position = walk_start(lane, claim);
    bool took = false;
    bool prefix = true;
    const Walked ended = walk(lane, position, claim, [&](const Boundary& b) {
      prefix = prefix && b.stamp.state == StampState::done;
      if (prefix) advance_hint(lane, b.position + b.items);
      if (b.stamp.state == StampState::orphan) took = take_this_orphan(lane, b);
      if (b.stamp.state == StampState::leased) took = take_over(lane, b, now);
      return took ? Walk::stop : Walk::on;
    });
    if (took) return true;
    if (ended == Walked::unstamped && now - hungry_since_ns_ >= kSeizeAfterNs &&
        seize(lane, position, claim)) {
      return true;
    }
  }
  return false;
}

bool ConsumerRing::seize(const LaneView& lane, Position position, Position claim) {
  const std::uint64_t lap = lane.lap(position);
  announce(lane, position, position + 1);  // so that our own repair visits this lane
  std::uint64_t old = lane.stamp(position).load(std::memory_order_acquire);
  if (!is_unstamped(old, lap)) return false;
  IQ_KILL_POINT(seize_before_cas);
  const std::uint64_t mine = pack_stamp(lap, 1, tag(), StampState::leased);
  if (!lane.stamp(position).compare_exchange_strong(old, mine, std::memory_order_acq_rel)) {  // T6
    return false;
  }
  IQ_KILL_POINT(seize_after_cas);
  // What follows was claimed by the same or by another late claimer: free it for everybody.
  bool freed_some = false;
  for (Position p = position + 1; static_cast<std::int64_t>(claim - p) > 0; ++p) {
    std::uint64_t word = lane.stamp(p).load(std::memory_order_acquire);
    if (!is_unstamped(word, lane.lap(p))) break;
    const std::uint64_t orphan = pack_stamp(lane.lap(p), 0, 0, StampState::orphan);
    if (!lane.stamp(p).compare_exchange_strong(word, orphan, std::memory_order_acq_rel))
      break;  // T7
    IQ_KILL_POINT(seize_after_orphan);
    freed_some = true;
  }
  accept(lane, position, position + 1, 0);
  if (freed_some) {
    raise_attention(segment(), lane);
    wake_one_consumer(segment());
  }
  segment().control().taken_over.fetch_add(1, std::memory_order_relaxed);
  return true;
}

bool ConsumerRing::take_over(const LaneView& lane, const Boundary& lease, std::int64_t now) {
  const std::uint32_t owner = lease.stamp.owner - 1;
  if (owner >= kMaxEndpoints || owner == attachment_.index()) return false;
  if ((segment().control().flags.load(std::memory_order_relaxed) & kNeedFence) != 0) return false;
  EndpointLine& line = segment().endpoint(owner);
  const Position begin = lease.position;
  const Position end = begin + lease.items;
  std::uint64_t limit = line.limit.load(std::memory_order_acquire);
  const std::uint64_t cursor = line.cursor.load(std::memory_order_acquire);
  const Position at = cursor & ~kInHand;
  if (line.lane.load(std::memory_order_acquire) != lane.index || at - begin >= lease.items) {
    return false;
  }
  const Position limit_at = limit_end(limit, begin);
  const bool told = limit_tag(limit) == 0 || limit_tag(limit) == owner + 1;
  if (told && limit_at - begin - 1 < std::uint64_t{lease.items} - 1) {
    // T13: a thief confirmed and was stopped before it shrank the stamp. Finish that; what it
    // wanted is then unstamped, and is seized like any other.
    std::uint64_t word = lease.word;
    const auto kept = static_cast<std::uint32_t>(limit_at - begin);
    lane.stamp(begin).compare_exchange_strong(
        word, pack_stamp(lane.lap(begin), kept, owner + 1, StampState::leased),
        std::memory_order_acq_rel);
    return false;
  }
  const std::uint64_t rest = end - at - 1;
  if (rest == 0) return false;
  if (suspects_.size() <= owner) suspects_.resize(owner + 1);
  Suspect& suspect = suspects_[owner];
  if (suspect.lane != lane.index || suspect.begin != begin || suspect.cursor != cursor ||
      suspect.limit != limit) {
    suspect = {lane.index, begin, cursor, limit, now};
    return false;
  }
  if (now - suspect.since_ns < kStealAfterNs) return false;
  // A thief that is pending and does not go on is replaced; a seal and a nudge are left alone.
  if (limit_tag(limit) == owner + 1 || limit_tag(limit) == kLimitTagMask) return false;
  const Position from = limit_tag(limit) == 0 ? end - (rest + 1) / 2 : limit_at;
  // A stale thief may have put a limit that is no place in this lease: its owner will mend it.
  if (from - begin - 1 >= lease.items - std::uint64_t{1}) return false;
  return steal(lane, lease, limit, from);
}

// Gives up a pending take-over. While it stands the batch cannot shrink, so its stamp, read now,
// says where it ends. T12
void ConsumerRing::cancel_steal(EndpointLine& line, const LaneView& lane, const Boundary& lease,
                                std::uint64_t pending) noexcept {
  const Boundary now = look_at(lane, lease.position, lease.position + kMaxBatch);
  const bool same =
      now.stamped && now.stamp.state == StampState::leased && now.stamp.owner == lease.stamp.owner;
  if (!same) return;  // another batch by now: its owner finds our word and knows better
  const Position end = lease.position + now.items;
  line.limit.compare_exchange_strong(pending, settled_limit(end, lane.index),
                                     std::memory_order_acq_rel);
}

// Takes [from, end) of a lease that has stood still, if its owner has not come so far.
bool ConsumerRing::steal(const LaneView& lane, const Boundary& lease, std::uint64_t limit,
                         Position from) {
  const std::uint32_t owner = lease.stamp.owner - 1;
  EndpointLine& line = segment().endpoint(owner);
  const Position begin = lease.position;
  const Position end = begin + lease.items;
  std::uint64_t wanted = pending_limit(from, tag(), lane.index);
  if (!line.limit.compare_exchange_strong(limit, wanted, std::memory_order_acq_rel)) {  // T10
    return false;
  }
  IQ_KILL_POINT(steal_after_pending);
  const bool fenced = heavy_fence();  // P5
  const Position at = line.cursor.load(std::memory_order_acquire) & ~kInHand;
  const bool here = line.lane.load(std::memory_order_acquire) == lane.index;
  // The lease must still be the one that was looked at: limits of two batches can read alike.
  const bool same = lane.stamp(begin).load(std::memory_order_acquire) == lease.word;
  if (!fenced || !here || !same || at - begin >= from - begin) {
    cancel_steal(line, lane, lease, wanted);
    return false;
  }
  IQ_KILL_POINT(steal_before_confirm);
  if (!line.limit.compare_exchange_strong(wanted, settled_limit(from, lane.index),
                                          std::memory_order_acq_rel)) {  // T11
    return false;
  }
  IQ_KILL_POINT(steal_after_confirm);
  std::uint64_t word = lease.word;
  const auto kept = static_cast<std::uint32_t>(from - begin);
  lane.stamp(begin).compare_exchange_strong(  // T13; fails when the owner finished: also fine
      word, pack_stamp(lane.lap(begin), kept, owner + 1, StampState::leased),
      std::memory_order_acq_rel);
  IQ_KILL_POINT(steal_after_shrink);
  // From here it is a claim like any other, between its claim and its stamp.
  announce(lane, from, end);
  std::uint64_t old = lane.stamp(from).load(std::memory_order_acquire);
  if (!is_unstamped(old, lane.lap(from))) return false;
  const auto taken = static_cast<std::uint32_t>(end - from);
  const std::uint64_t mine = pack_stamp(lane.lap(from), taken, tag(), StampState::leased);
  if (!lane.stamp(from).compare_exchange_strong(old, mine, std::memory_order_acq_rel)) {  // T3
    return false;
  }
  accept(lane, from, end, 0);
  segment().control().taken_over.fetch_add(1, std::memory_order_relaxed);
  return true;
}

}  // namespace iq::detail
