// Is the stream over? Decided by looking at everything, never by a counter that a death could skew.
//
// Producers first, items second: once no producer is registered and the queue is closed, tails no
// longer move, and DONE is for ever. The epochs make the look at the producers exact (P8).
#include "iq/detail/kill_point.hpp"
#include "ring/tend.hpp"
#include "ring/wait.hpp"
#include "ring/walk.hpp"
#include "shm/attachment.hpp"

namespace iq::detail {

bool close_queue(Segment& segment) noexcept {
  // T28, P8: ordered before every later scan for producers.
  const std::uint32_t before = segment.control().flags.fetch_or(kClosed, std::memory_order_seq_cst);
  IQ_KILL_POINT(close_after_flag);
  if ((before & kClosed) != 0) return false;
  wake_everybody(segment);
  return true;
}

bool is_closed(Segment& segment) noexcept {
  if ((segment.control().flags.load(std::memory_order_seq_cst) & kClosed) != 0) return true;
  if (!segment.anonymous() || any_registered(segment, Role::handle)) return false;
  close_queue(segment);  // nobody is left who could hand out a producer
  return true;
}

void handle_left(Segment& segment, std::uint32_t endpoint, std::uint32_t incarnation) noexcept {
  if (segment.anonymous()) {
    is_closed(segment);
    return;
  }
  const std::uint64_t creator = segment.control().creator.load(std::memory_order_acquire);
  if (segment.header().ends_with_creator != 0 &&
      creator == pack_lane_owner(endpoint, incarnation)) {
    close_queue(segment);
  }
}

bool stream_ended(Segment& segment) noexcept {
  if (!is_closed(segment) || any_registered(segment, Role::producer)) return false;
  for (std::uint32_t i = 0, n = segment.lanes_used(); i < n; ++i) {
    const LaneView lane = segment.lane(i);
    if (lane.control->owner.load(std::memory_order_acquire) != 0) return false;  // P9
    const Position tail = lane.control->tail.load(std::memory_order_acquire);
    Position position = walk_start(lane, tail);
    bool prefix = true;
    const Walked ended = walk(lane, position, tail, [&](const Boundary& b) {
      const bool done = b.stamp.state == StampState::done;
      prefix = prefix && done;
      if (prefix) advance_hint(lane, b.position + b.items);
      return done || b.stamp.state == StampState::parked ? Walk::on : Walk::stop;
    });
    if (ended != Walked::all) return false;
  }
  return true;
}

void unlink_if_finished(Segment& segment) noexcept {
  if (segment.anonymous() || !is_closed(segment)) return;
  if (probe_lock(segment.lock_file(), kLockBase, 2 * kMaxEndpoints) != Held::no) return;
  try {
    // Nobody is alive. The dead may still be registered: nobody had to wait for them so far.
    sweep(segment, 0, kMaxEndpoints);
    if (stream_ended(segment)) segment.unlink_if_unattached();
  } catch (...) {
    // The name stays; open_or_create on such a rest begins anew.
  }
}

bool consumers_gone(Segment& segment) noexcept {
  return segment.control().consumers_seen.load(std::memory_order_acquire) != 0 &&
         is_closed(segment) && !any_registered(segment, Role::consumer);
}

}  // namespace iq::detail
