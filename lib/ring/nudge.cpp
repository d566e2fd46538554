// Making consumers look up from their batches.
//
// A step looks at one word only, the limit of its batch. A nudge is a take-over that takes nothing:
// a pending limit before anything that is left, which its owner cancels when it meets it.
#include "ring/nudge.hpp"

#include "iq/detail/kill_point.hpp"
#include "iq/detail/limit.hpp"
#include "ring/walk.hpp"

namespace iq::detail {
namespace {

void nudge_owner(Segment& segment, const LaneView& lane, const Boundary& lease) noexcept {
  const std::uint32_t owner = lease.stamp.owner - 1;
  if (owner >= kMaxEndpoints) return;
  // As with any pending word, only where the stamp says where the batch ends (shrink_to). A batch
  // that a thief is just shortening ends early and is looked at then.
  std::uint64_t limit = settled_limit(lease.position + lease.items, lane.index);
  segment.endpoint(owner).limit.compare_exchange_strong(
      limit, pending_limit(lease.position + 1, kLimitTagMask, lane.index),
      std::memory_order_acq_rel);
  IQ_KILL_POINT(nudge_after_limit);
}

}  // namespace

void nudge_consumers(Segment& segment) noexcept {
  for (std::uint32_t i = 0, n = segment.lanes_used(); i < n; ++i) {
    const LaneView lane = segment.lane(i);
    const Position claim = lane.control->claim.load(std::memory_order_acquire);
    Position position = walk_start(lane, claim);
    for (int tries = 0; tries < 8 && position != claim;) {
      const Walked ended = walk(lane, position, claim, [&](const Boundary& b) {
        if (b.stamp.state == StampState::leased) nudge_owner(segment, lane, b);
        return Walk::on;
      });
      if (ended == Walked::unstamped) ++position;  // a late claimer looks at the flags itself
      if (ended != Walked::overtaken) continue;
      ++tries;
      position = walk_start(lane, claim);
    }
  }
}

}  // namespace iq::detail
