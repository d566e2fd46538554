// Figures of a queue, read off its stamps and cursors.
//
// Nothing is counted while items move, so there is nothing that a death could skew. Counting may
// step over unstamped positions (I5): it takes nothing. The words may be garbage: each is loaded
// once, and a walk ends within the lane's size.
#include "ring/figures.hpp"

#include <algorithm>
#include <bit>

#include "ring/parking.hpp"
#include "ring/walk.hpp"
#include "shm/attachment.hpp"

namespace iq::detail {
namespace {

// How the items of a lease are spread over what is in hand and what waits behind it.
Holding spread_lease(const Segment& segment, const LaneView& lane, const Boundary& b,
                     std::uint32_t owner) {
  const EndpointLine& line = segment.endpoint(owner);
  const std::uint64_t cursor = line.cursor.load(std::memory_order_acquire);
  std::uint64_t done = (cursor & ~kInHand) - b.position;
  bool in_hand = (cursor & kInHand) != 0;
  if (line.lane.load(std::memory_order_acquire) != lane.index || done > b.items) {
    done = 0;
    in_hand = false;
  }
  std::uint64_t held = in_hand && done < b.items ? 1 : 0;
  // Sealed by its owner: get_some(), all of it is in hand.
  const std::uint64_t limit = line.limit.load(std::memory_order_acquire);
  if (held != 0 && limit_tag(limit) == b.stamp.owner) held = b.items - done;
  return {owner, lane.index, b.position + done, static_cast<std::uint32_t>(held),
          static_cast<std::uint32_t>(b.items - done - held)};
}

void count_boundary(const Segment& segment, const LaneView& lane, const Boundary& b,
                    LaneFigures& figures, const std::function<void(const Holding&)>& held) {
  const std::uint32_t owner = b.stamp.owner - 1;
  switch (b.stamp.state) {
    case StampState::leased: {
      if (owner >= kMaxEndpoints) return;
      const Holding holding = spread_lease(segment, lane, b, owner);
      figures.in_hand += holding.in_hand;
      figures.queued += holding.ahead;
      if (held) held(holding);
      return;
    }
    case StampState::held:
    case StampState::explicit_held:
      ++figures.in_hand;
      if (held && owner < kMaxEndpoints) held({owner, lane.index, b.position, 1, 0});
      return;
    case StampState::orphan: ++figures.queued; return;
    case StampState::parked: ++figures.parked; return;
    default: return;
  }
}

}  // namespace

LaneFigures count_lane(const Segment& segment, const LaneView& lane,
                       const std::function<void(const Holding&)>& held) {
  LaneFigures figures;
  const Position claim = lane.control->claim.load(std::memory_order_acquire);
  const Position tail = lane.control->tail.load(std::memory_order_acquire);
  figures.put = tail;
  const Position head = lane.control->head.load(std::memory_order_acquire);
  figures.sound = tail - claim <= lane.slot_count() && tail - head <= lane.slot_count();
  if (tail - claim <= lane.slot_count()) figures.queued += tail - claim;
  Position position = walk_start(lane, claim);
  while (position != claim) {
    const Walked ended = walk(lane, position, claim, [&](const Boundary& b) {
      count_boundary(segment, lane, b, figures, held);
      return Walk::on;
    });
    if (ended != Walked::unstamped) break;
    ++figures.queued;  // claimed and not yet stamped: in nobody's hands
    ++position;
  }
  return figures;
}

QueueWaits count_waits(const Segment& segment) noexcept {
  QueueWaits waits;
  for (const Shared<std::uint64_t>& word : segment.control().waiters) {
    waits.consumers +=
        static_cast<std::uint32_t>(std::popcount(word.load(std::memory_order_relaxed)));
  }
  for (std::uint32_t i = 0, lanes = segment.lanes_used(); i < lanes; ++i) {
    if (segment.lane(i).control->room_wait.load(std::memory_order_relaxed) != 0) ++waits.producers;
  }
  waits.capacity = segment.header().capacity;
  return waits;
}

Stats count_figures(const Segment& segment) {
  const Control& control = segment.control();
  Stats stats;
  stats.lanes = segment.lanes_used();
  for (std::uint32_t i = 0; i < stats.lanes; ++i) {
    const LaneFigures lane = count_lane(segment, segment.lane(i));
    stats.put += lane.put;
    stats.queued += lane.queued;
    stats.in_hand += lane.in_hand;
  }
  stats.parked = count_parked(segment);
  stats.stopped = (control.flags.load(std::memory_order_acquire) & kStopped) != 0;
  if (stats.stopped) stats.dropped = stats.queued;
  stats.redelivered = control.redelivered.load(std::memory_order_relaxed);
  stats.repaired = control.repaired.load(std::memory_order_relaxed);
  stats.taken_over = control.taken_over.load(std::memory_order_relaxed);
  stats.parked_total = control.parked_total.load(std::memory_order_acquire);  // P15
  stats.corrupt = control.corrupt.load(std::memory_order_relaxed);
  stats.producers = count_registered(segment, Role::producer);
  stats.consumers = count_registered(segment, Role::consumer);
  stats.last_death_pid =
      static_cast<std::int32_t>(control.last_death_pid.load(std::memory_order_relaxed));
  return stats;
}

}  // namespace iq::detail
