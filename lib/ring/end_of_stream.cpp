// Is the stream over? Decided by looking at everything, never by a counter that a death could skew.
//
// Producers first, items second: once no producer is registered and the queue is closed, tails no
// longer move, and DONE is for ever. The epochs make the look at the producers exact (P8).
#include "iq/detail/kill_point.hpp"
#include "ring/parking.hpp"
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

void drain_queue(Segment& segment) noexcept {
  segment.control().flags.fetch_or(kClosed | kDraining, std::memory_order_seq_cst);  // T42, P8
  IQ_KILL_POINT(drain_after_flag);
  wake_everybody(segment);
}

void reopen_queue(Segment& segment) noexcept {
  Control& control = segment.control();
  // A producer's death stays noted: the stream goes on, and it is not whole.
  control.consumers_seen.store(0, std::memory_order_relaxed);
  control.creator.store(0, std::memory_order_relaxed);  // who opens it now is no creator
  control.flags.fetch_and(~std::uint32_t{kClosed | kDraining}, std::memory_order_seq_cst);
}

// A fact that anybody can see at any time, not an event that a death could swallow.
bool has_keeper(const Segment& segment) noexcept {
  if (segment.anonymous()) return any_registered(segment, Role::handle);
  if (segment.header().ends_with_creator == 0) return true;
  const std::uint64_t creator = segment.control().creator.load(std::memory_order_acquire);
  const std::uint64_t endpoint = (creator >> 32) - 1;
  if (endpoint >= kMaxEndpoints) return true;  // it is just being created
  const Life life = Life::unpack(
      segment.life(static_cast<std::uint32_t>(endpoint)).load(std::memory_order_seq_cst));
  return life.live && life.incarnation == static_cast<std::uint32_t>(creator);
}

bool is_closed(Segment& segment) noexcept {
  if ((segment.control().flags.load(std::memory_order_seq_cst) & kClosed) != 0) return true;
  if (has_keeper(segment)) return false;
  close_queue(segment);
  return true;
}

bool stream_ended(Segment& segment, std::uint32_t but_for) noexcept {
  return is_closed(segment) && drained(segment, but_for);
}

bool only_we_hold(const Segment& segment) noexcept {
  return segment.anonymous() && segment.has_uncopied_handle() &&
         count_registered(segment, Role::handle) == 1;
}

bool only_we_could_read(const Segment& segment) noexcept {
  // The queue first, its consumers second: who gets one and leaves was seen with one of the two.
  return only_we_hold(segment) &&
         !any_registered(segment, Role::consumer, [](const Segment& of, std::uint32_t endpoint) {
           return of.local_consumer(endpoint).consumer.load(std::memory_order_relaxed) == nullptr;
         });
}

bool drained(Segment& segment, std::uint32_t but_for) noexcept {
  if (any_registered(segment, Role::producer)) return false;
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
      const bool excepted = b.stamp.state == StampState::explicit_held && b.stamp.owner == but_for;
      return done || excepted || b.stamp.state == StampState::parked ? Walk::on : Walk::stop;
    });
    if (ended != Walked::all) return false;
  }
  return true;
}

bool is_finished(Segment& segment) noexcept {
  if ((segment.control().flags.load(std::memory_order_acquire) & kStopped) != 0) return true;
  return stream_ended(segment) && count_parked(segment) == 0;
}

void unlink_if_finished(Segment& segment) noexcept {
  if (segment.anonymous() || !is_closed(segment)) return;
  if (probe_lock(segment.lock_file(), kLockBase, 2 * kMaxEndpoints) != Held::no) return;
  try {
    // Nobody is alive. The dead may still be registered: nobody had to wait for them so far.
    sweep(segment, 0, kMaxEndpoints);
    if (is_finished(segment)) segment.unlink_if_unattached([&] { return is_finished(segment); });
  } catch (...) {
    // The name stays; open_or_create on such a rest begins anew.
  }
}

bool consumers_gone(Segment& segment) noexcept {
  return segment.control().consumers_seen.load(std::memory_order_acquire) != 0 &&
         is_closed(segment) && !any_registered(segment, Role::consumer);
}

}  // namespace iq::detail
