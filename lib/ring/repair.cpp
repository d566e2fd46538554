// Repair of a dead endpoint, by whoever would have waited for it.
//
// Holding both lock bytes of the endpoint makes the caller its only repairer (I1). Every step may
// be the last one of a repairer that is killed too: the lock goes with it and the next one does the
// same again. So a lease is rewritten from its last item to its first stamp, which goes last.
#include <algorithm>
#include <cstring>

#include "base/events.hpp"
#include "iq/detail/kill_point.hpp"
#include "iq/detail/limit.hpp"
#include "iq/options.hpp"
#include "ring/hand_over.hpp"
#include "ring/tend.hpp"
#include "ring/wait.hpp"
#include "ring/walk.hpp"
#include "shm/attachment.hpp"

namespace iq::detail {
namespace {

/// How far the dead consumer was, as far as its line speaks of the lease at hand.
struct Progress {
  Position cursor;
  bool in_hand;
};

class ConsumerRepair {
 public:
  ConsumerRepair(Segment& segment, std::uint32_t endpoint)
      : segment_(segment),
        line_(segment.endpoint(endpoint)),
        record_(segment, endpoint),
        dead_(endpoint + 1),
        at_most_once_(segment.header().delivery ==
                      static_cast<std::uint32_t>(Delivery::at_most_once)) {}

  /// False when a lane moved so fast that it could not be walked: to be tried again.
  bool repair_all() noexcept {
    bool complete = true;
    const std::uint64_t current = line_.lane.load(std::memory_order_acquire);
    const bool explicit_leases =
        segment_.extra(dead_ - 1).held.load(std::memory_order_acquire) != 0;
    for (std::uint32_t i = 0, n = segment_.lanes_used(); i < n; ++i) {
      if (i == current || explicit_leases) complete &= repair_lane(segment_.lane(i));
    }
    if (undecided_) return false;
    if (complete) record_.release_lane();
    return complete;
  }

 private:
  bool repair_lane(const LaneView& lane) noexcept {
    const Position claim = lane.control->claim.load(std::memory_order_acquire);
    bool complete = false;
    for (int tries = 0; tries < 8; ++tries) {
      Position position = walk_start(lane, claim);
      Walked ended = Walked::all;
      shrunk_ = false;
      do {
        ended = walk(lane, position, claim, [&](const Boundary& b) {
          if (b.stamp.owner == dead_) repair_stamp(lane, b);
          return Walk::on;
        });
        // Whoever claimed an unstamped position: it is free for all. A claimer that is only late
        // finds its stamp taken and goes round again. T7
        if (ended == Walked::unstamped) orphan_unstamped(lane, position);
      } while (ended == Walked::unstamped);
      // A lease that a thief had shortened has a tail of its own now: look again.
      complete = ended != Walked::overtaken && !shrunk_;
      if (complete) break;
    }
    raise_attention(segment_, lane);
    return complete;
  }

  void orphan_unstamped(const LaneView& lane, Position position) noexcept {
    std::uint64_t word = lane.stamp(position).load(std::memory_order_acquire);
    if (!is_unstamped(word, lane.lap(position))) return;
    lane.stamp(position).compare_exchange_strong(
        word, pack_stamp(lane.lap(position), 0, 0, StampState::orphan), std::memory_order_acq_rel);
    IQ_KILL_POINT(repair_after_unstamped);
  }

  void store(const LaneView& lane, Position at, std::uint64_t k, StampState state) noexcept {
    const std::uint32_t owner = state == StampState::done ? dead_ : 0;
    lane.stamp(at).store(pack_stamp(lane.lap(at), static_cast<std::uint32_t>(k), owner, state),
                         std::memory_order_release);  // T14, P10
    IQ_KILL_POINT(repair_after_stamp);
  }

  Progress progress(const LaneView& lane, Position begin, std::uint32_t items) noexcept {
    const std::uint64_t cursor = line_.cursor.load(std::memory_order_acquire);
    const Position at = cursor & ~kInHand;
    if (line_.lane.load(std::memory_order_acquire) != lane.index || at - begin > items) {
      return {begin, false};
    }
    if ((cursor & kInHand) == 0 || at == begin + items) return {at, false};
    switch (record_.outcome(item_id(lane.index, at))) {
      case HandedOver::yes: return {at + 1, false};
      case HandedOver::unknown: undecided_ = true; break;
      case HandedOver::no: break;
    }
    return {at, true};
  }

  void repair_stamp(const LaneView& lane, const Boundary& b) noexcept {
    switch (b.stamp.state) {
      case StampState::leased: return repair_lease(lane, b);
      case StampState::held: {
        const Progress p = progress(lane, b.position, 1);
        if (undecided_) return;
        if (p.cursor != b.position || (p.in_hand && at_most_once_)) {
          return store(lane, b.position, 1, StampState::done);
        }
        if (p.in_hand) note_redelivery(lane, b.position, b.stamp.k + 1);
        return store(lane, b.position, b.stamp.k + p.in_hand, StampState::orphan);
      }
      case StampState::explicit_held:
        if (at_most_once_) return store(lane, b.position, 1, StampState::done);
        note_redelivery(lane, b.position, b.stamp.k + 1);
        return store(lane, b.position, b.stamp.k + 1, StampState::orphan);
      default: return;
    }
  }

  // I3: a thief may be at work on this lease. Sealing it with the dead's own tag decides it for
  // good: nobody opens it again before the endpoint is attached anew. Returns the items that are
  // left.
  std::uint32_t seal(const LaneView& lane, const Boundary& b) noexcept {
    if (line_.lane.load(std::memory_order_acquire) != lane.index) return b.items;
    Position end = 0;
    std::uint32_t items = 0;
    std::uint64_t word = line_.limit.load(std::memory_order_acquire);
    do {
      // As for the owner (shrink_to): a stranger's pending word leaves the stamp in force.
      items = look_at(lane, b.position, b.position + kMaxBatch).items;
      end = limit_end(word, b.position);
      const bool told = limit_tag(word) == 0 || limit_tag(word) == dead_;
      if (!told || end - b.position - 1 >= items) end = b.position + items;
    } while (!line_.limit.compare_exchange_weak(word, pending_limit(end, dead_, lane.index),
                                                std::memory_order_acq_rel));  // T12
    IQ_KILL_POINT(repair_after_seal);
    const auto kept = static_cast<std::uint32_t>(end - b.position);
    if (kept != b.items) shrunk_ = true;
    if (kept == items) return items;
    std::uint64_t leased = b.word;
    lane.stamp(b.position)
        .compare_exchange_strong(leased,
                                 pack_stamp(lane.lap(b.position), kept, dead_, StampState::leased),
                                 std::memory_order_acq_rel);  // T13
    IQ_KILL_POINT(repair_after_shrink);
    return kept;
  }

  void repair_lease(const LaneView& lane, const Boundary& b) noexcept {
    const std::uint32_t items = seal(lane, b);
    Progress p = progress(lane, b.position, items);
    if (undecided_) return;
    if (p.in_hand && at_most_once_) p = {p.cursor + 1, false};
    const Position end = b.position + items;
    for (Position q = end; q-- > p.cursor + 1;) store(lane, q, 0, StampState::orphan);
    if (p.cursor < end) {
      if (p.in_hand) note_redelivery(lane, p.cursor, 1);
      store(lane, p.cursor, p.in_hand, StampState::orphan);
    }
    if (p.cursor > b.position) store(lane, b.position, p.cursor - b.position, StampState::done);
  }

  void note_redelivery(const LaneView& lane, Position position, std::uint32_t deliveries) noexcept {
    segment_.control().redelivered.fetch_add(1, std::memory_order_relaxed);
    note_event({.kind = EventKind::redelivered,
                .deliveries = deliveries,
                .item_id = item_id(lane.index, position),
                .queue = segment_.name()});
  }

  Segment& segment_;
  EndpointLine& line_;
  HandOverRecord record_;
  const std::uint32_t dead_;
  const bool at_most_once_;
  bool shrunk_ = false;
  bool undecided_ = false;  ///< an item of a hand-over whose output queue cannot be reached
};

// A dead relay's input goes to another relay from the same queue, if there is one: then the stream
// is whole. Of several dead ones that are repaired at a time one is the last: each says that it is
// leaving before it looks at the others.
bool is_succeeded(const Segment& segment, std::uint32_t endpoint) noexcept {
  Shared<std::uint64_t>& relay = segment.extra(endpoint).relay_from;
  const std::uint64_t from =
      relay.fetch_or(kRelayLeaving, std::memory_order_seq_cst) & ~kRelayFlags;
  if (from == 0) return false;
  for (std::uint32_t i = 0, n = segment.endpoints_used(); i < n; ++i) {
    const Life life = Life::unpack(segment.life(i).load(std::memory_order_acquire));
    if (i == endpoint || !life.live || life.role != Role::producer) continue;
    const std::uint64_t other = segment.extra(i).relay_from.load(std::memory_order_seq_cst);
    if ((other & kRelayLeaving) == 0 && (other & ~kRelayFlags) == from) return true;
  }
  // Last, since who finished the input says so before it leaves.
  return (relay.load(std::memory_order_seq_cst) & kRelayPassedOn) != 0;
}

void repair_producer(Segment& segment, std::uint32_t endpoint, std::uint32_t incarnation) noexcept {
  const std::int32_t pid = segment.extra(endpoint).pid.load(std::memory_order_relaxed);
  if (!is_succeeded(segment, endpoint)) record_failure(segment, kFailureDied, pid, nullptr, 0);
  const std::uint64_t owner = pack_lane_owner(endpoint, incarnation);
  for (std::uint32_t i = 0, n = segment.lanes_used(); i < n; ++i) {
    const LaneView lane = segment.lane(i);
    if (lane.control->owner.load(std::memory_order_acquire) != owner) continue;
    lane.control->room_wait.store(0, std::memory_order_relaxed);
    raise_attention(segment, lane);  // it may have made an orphan while it waited (T7)
    lane.control->owner.store(0, std::memory_order_release);  // T18, P9
    IQ_KILL_POINT(repair_after_owner);
  }
}

void note_death(Segment& segment, std::uint32_t endpoint, Role role) noexcept {
  Control& control = segment.control();
  const std::int32_t pid = segment.extra(endpoint).pid.load(std::memory_order_relaxed);
  control.last_death_pid.store(static_cast<std::uint64_t>(pid), std::memory_order_relaxed);
  const std::uint64_t nth = control.repaired.fetch_add(1, std::memory_order_relaxed);
  control.deaths[nth % kDeathsKept].store(
      static_cast<std::uint64_t>(role) << 60 | static_cast<std::uint32_t>(pid),
      std::memory_order_relaxed);
  note_event({.kind = EventKind::repaired,
              .role = static_cast<EndpointRole>(role),
              .pid = pid,
              .queue = segment.name()});
}

// The caller holds both bytes of the endpoint.
bool repair_locked(Segment& segment, std::uint32_t endpoint) noexcept {
  const Life life = Life::unpack(segment.life(endpoint).load(std::memory_order_acquire));
  if (!life.live) return false;  // it left in order, or another repairer was faster
  Control& control = segment.control();
  IQ_KILL_POINT(repair_begin);
  if (life.role == Role::consumer && !ConsumerRepair(segment, endpoint).repair_all()) return false;
  if (life.role == Role::producer) repair_producer(segment, endpoint, life.incarnation);
  control.waiters[endpoint / 64].fetch_and(~(std::uint64_t{1} << (endpoint % 64)),
                                           std::memory_order_seq_cst);
  note_death(segment, endpoint, life.role);
  IQ_KILL_POINT(repair_before_free);
  segment.life(endpoint).store(Life{false, Role::none, life.incarnation}.pack(),
                               std::memory_order_seq_cst);  // T21, P8
  IQ_KILL_POINT(repair_after_free);
  if (life.role == Role::consumer) {
    control.consumers_live.store(count_registered(segment, Role::consumer),
                                 std::memory_order_relaxed);
  }
  is_closed(segment);  // a handle that was the last, or the creator's, closes the queue
  wake_everybody(segment);
  return true;
}

}  // namespace

bool repair_endpoint(Segment& segment, std::uint32_t endpoint) {
  bool repaired = false;
  if (const std::optional<PinnedLock> verdict =
          PinnedLock::try_lock(segment.lock_file(), endpoint_byte(endpoint), 2)) {
    repaired = repair_locked(segment, endpoint);
  }
  deliver_events();  // only now that the lock is given up
  return repaired;
}

bool repair_predecessor(Segment& segment, std::uint32_t endpoint) noexcept {
  IQ_KILL_POINT(repair_begin);
  return ConsumerRepair(segment, endpoint).repair_all();
}

void record_failure(Segment& segment, std::uint64_t kind, int pid, const char* text,
                    std::size_t text_bytes) noexcept {
  Control& control = segment.control();
  std::uint64_t none = 0;
  const std::uint64_t word = kind << 60 | static_cast<std::uint32_t>(pid);
  if (!control.failure.compare_exchange_strong(none, word, std::memory_order_seq_cst)) return;
  IQ_KILL_POINT(failure_recorded);  // T27: kind and pid are there, the text may be missing
  if (text == nullptr) return;
  const std::size_t bytes = std::min(text_bytes, sizeof control.failure_text - 1);
  std::memcpy(control.failure_text, text, bytes);
  control.failure_text[bytes] = '\0';
  control.failure_text_ready.store(1, std::memory_order_release);
}

}  // namespace iq::detail
