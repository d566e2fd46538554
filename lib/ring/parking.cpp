// The parking area.
//
// A lane like the others, written only under a lock byte that the kernel drops with its holder. An
// entry carries where the item came from, so that a successor of a killed parker that finds the
// entry published does not publish it twice. T15: copy, publish, then DONE at the origin.
#include "ring/parking.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstring>
#include <vector>

#include "base/clock.hpp"
#include "base/events.hpp"
#include "iq/detail/kill_point.hpp"
#include "iq/error.hpp"
#include "ring/byte_ring.hpp"
#include "ring/slot_payload.hpp"
#include "ring/wait.hpp"
#include "ring/walk.hpp"
#include "sys/process.hpp"

namespace iq::detail {
namespace {

/// In front of the payload of every parked item.
struct Origin {
  std::uint64_t position;
  std::uint32_t lane;
  std::uint32_t deliveries;
};

/// What is counted without the lock is written and read by words, which do not tear.
using AreaWord = std::uint64_t;
static_assert(sizeof(SlotHeader) == sizeof(AreaWord) && sizeof(Origin) == 2 * sizeof(AreaWord));

std::atomic_ref<AreaWord> word_at(std::byte* place) noexcept {
  return std::atomic_ref<AreaWord>(*reinterpret_cast<AreaWord*>(place));
}

/// Where the entry's item came from, without the lock. Nonsense when it is just being written.
Origin glance(const LaneView& parking, Position position) noexcept {
  std::byte* const slot = parking.slot(position);
  const auto header = std::bit_cast<SlotHeader>(word_at(slot).load(std::memory_order_relaxed));
  const AreaWord at = word_at(slot + kSlotHeaderBytes).load(std::memory_order_relaxed);
  const AreaWord offset = at & (parking.ring_bytes - 1);
  if (header.in_ring == 0 || at % sizeof(Origin) != 0 ||
      offset > parking.ring_bytes - sizeof(Origin)) {
    return {0, kMaxLanes, 0};
  }
  const std::array words{
      word_at(parking.ring + offset).load(std::memory_order_relaxed),
      word_at(parking.ring + offset + sizeof(AreaWord)).load(std::memory_order_relaxed)};
  return std::bit_cast<Origin>(words);
}

bool is_parked_in_place(const Segment& segment, const Origin& origin) noexcept {
  if (origin.lane >= segment.lanes_used()) return false;
  const LaneView lane = segment.lane(origin.lane);
  const std::uint64_t word = lane.stamp(origin.position).load(std::memory_order_acquire);
  return compare_lap(word, lane.lap(origin.position)) == 0 &&
         Stamp::unpack(word).state == StampState::parked;
}

std::optional<PinnedLock> lock_parking(const Segment& segment, std::int64_t patience_ns) {
  const std::int64_t until = now_ns() + patience_ns;
  do {
    if (auto lock = PinnedLock::try_lock(segment.lock_file(), kParkingByte, 1)) return lock;
    yield_processor();
  } while (now_ns() < until);
  return std::nullopt;
}

std::span<const std::byte> item_bytes(const Segment& segment, const LaneView& lane,
                                      Position position) noexcept {
  if (segment.header().in_place != 0) return {lane.slot(position), lane.slot_bytes};
  return encoded_payload(lane, position).value_or(std::span<const std::byte>{});
}

bool is_done(const LaneView& lane, Position position) noexcept {
  const std::uint64_t word = lane.stamp(position).load(std::memory_order_acquire);
  const std::int64_t lap = compare_lap(word, lane.lap(position));
  return lap > 0 || (lap == 0 && Stamp::unpack(word).state == StampState::done);
}

/// The same; what lies below the head need not be looked at (I6).
bool is_finished(const LaneView& lane, Position position) noexcept {
  const Position head = lane.control->head.load(std::memory_order_acquire);
  return static_cast<std::int64_t>(head - position) > 0 || is_done(lane, position);
}

std::optional<ParkedBytes> parked_entry(const LaneView& parking, Position position) noexcept {
  if (is_done(parking, position)) return std::nullopt;
  const auto bytes = encoded_payload(parking, position);
  if (!bytes || bytes->size() < sizeof(Origin)) return std::nullopt;
  Origin origin;
  std::memcpy(&origin, bytes->data(), sizeof origin);
  return ParkedBytes{origin.lane, origin.position, origin.deliveries,
                     bytes->subspan(sizeof origin)};
}

/// The parking lane as its lock's holder works on it.
class ParkingLane {
 public:
  explicit ParkingLane(Segment& segment)
      : lane_(segment.parking()),
        item_bytes_(segment.header().in_place != 0 ? segment.header().slot_bytes : 0) {
    head_ = lane_.control->head.load(std::memory_order_acquire);
    tail_ = lane_.control->tail.load(std::memory_order_acquire);
    if (tail_ - head_ > lane_.slot_count()) head_ = tail_;  // overwritten by a stranger
    while (head_ != tail_ && is_done(lane_, head_)) ++head_;
    lane_.control->head.store(head_, std::memory_order_release);
    if (ring_.adopt(lane_, head_, tail_)) return;
    head_ = tail_;  // overwritten: what is there is lost, and the ring begins anew
    ring_.adopt(lane_, head_, tail_);
  }

  bool contains(std::uint32_t lane, Position position) const noexcept {
    for (Position p = head_; p != tail_; ++p) {
      const auto entry = read(p);
      if (entry && entry->lane == lane && entry->position == position) return true;
    }
    return false;
  }

  bool append(const ParkedBytes& item) noexcept {
    const std::uint64_t bytes = sizeof(Origin) + item.payload.size();
    if (tail_ - head_ >= lane_.capacity || bytes > lane_.ring_bytes) return false;
    std::uint64_t at = 0;
    if (!ring_.find(bytes, at)) return false;
    const SlotHeader header{static_cast<std::uint32_t>(bytes), 1};
    std::byte* const slot = lane_.slot(tail_);
    word_at(slot).store(std::bit_cast<AreaWord>(header), std::memory_order_relaxed);
    word_at(slot + kSlotHeaderBytes).store(at, std::memory_order_relaxed);
    const auto origin =
        std::bit_cast<std::array<AreaWord, 2>>(Origin{item.position, item.lane, item.deliveries});
    std::byte* const to = lane_.ring + (at & (lane_.ring_bytes - 1));
    word_at(to).store(origin[0], std::memory_order_relaxed);
    word_at(to + sizeof(AreaWord)).store(origin[1], std::memory_order_relaxed);
    // Empty and null where the item's slot points outside its lane.
    std::ranges::copy(item.payload, to + sizeof origin);
    IQ_KILL_POINT(park_before_publish);
    lane_.control->tail.store(++tail_, std::memory_order_release);
    IQ_KILL_POINT(park_after_publish);
    return true;
  }

  std::optional<ParkedBytes> read(Position position) const noexcept {
    const auto item = parked_entry(lane_, position);
    // Overwritten, where all have one size.
    if (item && item_bytes_ != 0 && item->payload.size() != item_bytes_) return std::nullopt;
    return item;
  }

  void remove(Position position) noexcept {
    lane_.stamp(position).store(pack_stamp(lane_.lap(position), 1, 0, StampState::done),
                                std::memory_order_release);
  }

  Position head() const noexcept { return head_; }
  Position tail() const noexcept { return tail_; }

 private:
  LaneView lane_;
  std::size_t item_bytes_;  ///< of every item, 0 where they differ
  ByteRing ring_;
  Position head_ = 0;
  Position tail_ = 0;
};

bool park_in_area(Segment& segment, const ParkedBytes& item) noexcept {
  try {
    const auto lock = lock_parking(segment, 100'000'000);
    if (!lock || !segment.reserve_parking()) return false;
    ParkingLane parking(segment);
    return parking.contains(item.lane, item.position) || parking.append(item);
  } catch (...) {
    return false;  // no memory or no lock to be had: the item stays where it is
  }
}

}  // namespace

void park(Segment& segment, const LaneView& lane, Position position, std::uint32_t deliveries,
          std::uint32_t tag) noexcept {
  const ParkedBytes item{lane.index, position, deliveries, item_bytes(segment, lane, position)};
  const bool moved = park_in_area(segment, item);
  lane.stamp(position).store(pack_stamp(lane.lap(position), moved ? 1 : deliveries, tag,
                                        moved ? StampState::done : StampState::parked),
                             std::memory_order_release);
  IQ_KILL_POINT(park_after_origin);
  segment.control().parked_total.fetch_add(1, std::memory_order_release);  // P15
  note_event({.kind = EventKind::parked,
              .in_place = !moved,
              .deliveries = deliveries,
              .item_id = item_id(lane.index, position),
              .queue = segment.name()});
}

namespace {

// T15 of a parker that was killed behind its copy, when the next one parked the item in place
// because it did not get the lock. Whoever holds the lock finishes the move.
void finish_move(Segment& segment, const ParkedBytes& item) noexcept {
  if (!is_parked_in_place(segment, {item.position, item.lane, item.deliveries})) return;
  const LaneView lane = segment.lane(item.lane);
  lane.stamp(item.position)
      .store(pack_stamp(lane.lap(item.position), 1, 0, StampState::done),
             std::memory_order_release);
  wake_producer(segment, lane, kAnyPosition);
}

std::uint32_t visit_area(Segment& segment, const std::function<bool(const ParkedBytes&)>& visit) {
  if (segment.parking().control->tail.load(std::memory_order_acquire) == 0) return 0;
  ParkingLane parking(segment);
  std::uint32_t removed = 0;
  for (Position p = parking.head(); p != parking.tail(); ++p) {
    const auto item = parking.read(p);
    if (!item || item->lane >= segment.lanes_used()) continue;
    finish_move(segment, *item);
    // Its parker is about to finish the original, or is dead and repair will: not yet ours.
    if (!is_finished(segment.lane(item->lane), item->position)) continue;
    if (!visit(*item)) continue;
    parking.remove(p);
    ++removed;
  }
  return removed;
}

ParkedBytes parked_in_place(const Segment& segment, const LaneView& lane, const Boundary& b) {
  return {lane.index, b.position, b.stamp.k, item_bytes(segment, lane, b.position)};
}

template <class Visit>
void walk_in_place(const Segment& segment, Visit&& visit) {
  for (std::uint32_t i = 0, n = segment.lanes_used(); i < n; ++i) {
    const LaneView lane = segment.lane(i);
    const Position claim = lane.control->claim.load(std::memory_order_acquire);
    Position position = walk_start(lane, claim);
    walk(lane, position, claim, [&](const Boundary& b) {
      if (b.stamp.state == StampState::parked) visit(lane, b);
      return Walk::on;
    });
  }
}

std::uint32_t visit_in_place(Segment& segment,
                             const std::function<bool(const ParkedBytes&)>& visit) {
  std::uint32_t removed = 0;
  walk_in_place(segment, [&](const LaneView& lane, const Boundary& b) {
    if (!visit(parked_in_place(segment, lane, b))) return;
    std::uint64_t word = b.word;
    const std::uint64_t done = pack_stamp(lane.lap(b.position), 1, 0, StampState::done);
    if (lane.stamp(b.position).compare_exchange_strong(word, done, std::memory_order_acq_rel)) {
      ++removed;
      wake_producer(segment, lane, kAnyPosition);
    }
  });
  return removed;
}

}  // namespace

std::uint64_t count_parked(const Segment& segment) noexcept {
  std::uint64_t count = 0;
  const LaneView parking = segment.parking();
  const Position tail = parking.control->tail.load(std::memory_order_acquire);
  const Position head = parking.control->head.load(std::memory_order_acquire);
  if (tail - head <= parking.slot_count()) {  // the area has pages only once something was parked
    for (Position p = head; p != tail; ++p) {
      count += !is_done(parking, p) && !is_parked_in_place(segment, glance(parking, p));
    }
  }
  walk_in_place(segment, [&](const LaneView&, const Boundary&) { ++count; });
  return count;
}

void glance_at_parked(const Segment& segment,
                      const std::function<void(const ParkedBytes&)>& visit) {
  const LaneView area = segment.parking();
  const Position tail = area.control->tail.load(std::memory_order_acquire);  // P16
  Position at = area.control->head.load(std::memory_order_acquire);
  if (tail - at > area.slot_count()) at = tail;
  for (; at != tail; ++at) {
    // Published, so it will never be handed out again, though its original may not be DONE yet.
    const auto item = parked_entry(area, at);
    if (item) visit(*item);
  }
  walk_in_place(segment, [&](const LaneView& lane, const Boundary& b) {
    visit(parked_in_place(segment, lane, b));
  });
}

void visit_parked_copy(Segment& copy,
                       const std::function<void(const ParkedBytes&, bool in_place)>& visit) {
  for (const bool in_place : {false, true}) {
    const auto keep = [&](const ParkedBytes& item) {
      visit(item, in_place);
      return false;
    };
    in_place ? visit_in_place(copy, keep) : visit_area(copy, keep);
  }
}

std::uint32_t visit_parked(Segment& segment, const std::function<bool(const ParkedBytes&)>& visit) {
  const auto lock = lock_parking(segment, 1'000'000'000);
  if (!lock) {
    throw Busy(
        fmt::format("{}: another process has been at the parked items for a second. Try again",
                    segment.description()));
  }
  return visit_area(segment, visit) + visit_in_place(segment, visit);
}

}  // namespace iq::detail
