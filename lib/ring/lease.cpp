// Explicit leases: items that a consumer holds one by one, to be ended in any order.
//
// Such an item is under a stamp of its own that no cursor speaks of, so it does not move with the
// batch it came from, and it may be ended by any thread of the process: all that is needed is one
// store by its holder. While there are any, `held` in the endpoint's extra line sends a repairer
// through all lanes.
#include <fmt/format.h>

#include "base/events.hpp"
#include "iq/detail/kill_point.hpp"
#include "iq/error.hpp"
#include "iq/options.hpp"
#include "ring/consumer_ring.hpp"
#include "ring/parking.hpp"
#include "ring/wait.hpp"
#include "sys/process.hpp"

namespace iq::detail {

Status ConsumerCore::lease(std::int64_t deadline_ns, HeldItem& item) {
  auto& ring = static_cast<ConsumerRing&>(*this);
  ring.claim_one_ = true;
  const Status status = next(deadline_ns);
  if (status == Status::ok) ring.hold(item);
  return status;
}

void ConsumerRing::hold(HeldItem& item) noexcept {
  const Position at = position();
  seal_limit(at);
  if (at + 1 < end_) give_back_unstarted();
  segment().extra(attachment_.index()).held.fetch_add(1, std::memory_order_release);
  holds_.fetch_add(1, std::memory_order_relaxed);
  IQ_KILL_POINT(lease_after_count);
  item = {lane_, at, attempts_};
  put_stamp(at, attempts_, StampState::explicit_held);  // T33
  if (at > begin_) put_stamp(begin_, at - begin_, StampState::done);
  line_->cursor.store(end_, std::memory_order_release);
  in_hand_count_ = 0;
  leased_ = false;
  if (at > begin_) freed(segment(), lane_, begin_);
}

void ConsumerCore::finish(const HeldItem& item, Leave how) noexcept {
  auto& ring = static_cast<ConsumerRing&>(*this);
  if (!ring.attachment() || !ring.attachment().in_this_process()) return;
  const EventHold hold;
  Segment& segment = ring.segment();
  const LaneView& lane = item.lane;
  const std::uint64_t lap = lane.lap(item.position);
  const std::uint32_t deliveries = item.attempts + 1;
  const bool at_most_once =
      segment.header().delivery == static_cast<std::uint32_t>(Delivery::at_most_once);
  const bool again = how == Leave::give_back && !at_most_once;
  if (again && deliveries >= segment.header().max_deliveries) {
    park(segment, lane, item.position, deliveries, ring.tag());
  } else {
    // T34, P3, P10: done with, or anybody's; in both cases no longer ours.
    lane.stamp(item.position)
        .store(again ? pack_stamp(lap, deliveries, 0, StampState::orphan)
                     : pack_stamp(lap, 1, ring.tag(), StampState::done),
               std::memory_order_release);
  }
  IQ_KILL_POINT(lease_after_end);
  if (again) raise_attention(segment, lane);
  segment.extra(ring.attachment().index()).held.fetch_sub(1, std::memory_order_release);
  freed(segment, lane, item.position);
  // Work again, or perhaps the end of the stream: somebody has to look.
  const std::uint32_t flags = segment.control().flags.load(std::memory_order_relaxed);
  if (again || (flags & kClosed) != 0) wake_one_consumer(segment);
  ring.drop_hold();
}

// In a process of one thread: a get that could only end by what its own caller would do next.
void ConsumerRing::require_others() const {
  const std::uint32_t leases = holds_.load(std::memory_order_relaxed) - 1;
  if (leases != 0 && stream_ended(segment(), tag())) {
    throw WouldDeadlock(fmt::format(
        "get from {}: nothing is left but the {} that this consumer itself holds under "
        "leases, and this process has no other thread. ack() or give_back() first",
        segment().description(), leases == 1 ? "item" : fmt::format("{} items", leases)));
  }
  // Closed: the last producer has left since we looked, and the next look finds the end.
  if (is_closed(segment())) return;
  if (only_we_hold(segment()) && drained(segment(), tag())) {
    throw WouldDeadlock(
        fmt::format("get from {}: it is empty, no producer is open, only this process could add "
                    "one or close() it, and it has one thread. close() the queue before its "
                    "consumer's loop",
                    segment().description()));
  }
}

}  // namespace iq::detail
