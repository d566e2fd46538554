// Walking a lane from boundary to boundary.
//
// Stamps partition the claimed part of a lane: the next boundary after a stamp at p that covers k
// items is p + k. Partitions are only ever refined, so a walker that read a coarse stamp lands on a
// boundary of the finer one too (I4). It never steps over an unstamped position (I5).
#pragma once

#include <algorithm>
#include <cstdint>

#include "iq/detail/lane_view.hpp"
#include "iq/detail/limit.hpp"

namespace iq::detail {

/// What a walker sees at a boundary.
struct Boundary {
  Position position;
  std::uint64_t word;  ///< as loaded, for a CAS
  Stamp stamp;
  bool stamped;         ///< the word is of this position's lap
  std::uint32_t items;  ///< how far the next boundary is, at least 1
};

enum class Walk : unsigned char {
  on,    ///< go on to the next boundary
  stop,  ///< seen enough
};

/// How a walk ended.
enum class Walked : unsigned char {
  all,        ///< reached the end, the last position below `end`
  stopped,    ///< the visitor said stop
  unstamped,  ///< stands before a position that nobody has stamped
  overtaken,  ///< the lane was recycled under the walker: what it saw is history
};

/// Where walks may begin: everything below is DONE. Kept within [head, claim].
inline Position walk_start(const LaneView& lane, Position claim) noexcept {
  const Position head = lane.control->head.load(std::memory_order_acquire);
  const Position hint = lane.control->done_hint.load(std::memory_order_acquire);
  const std::uint64_t window = lane.slot_count();
  if (claim - hint <= window && hint - head <= window) return hint;
  return claim - head <= window ? head : claim;
}

/// Remembers for other walkers that everything below `position` is DONE (I6).
inline void advance_hint(const LaneView& lane, Position position) noexcept {
  Shared<std::uint64_t>& hint = lane.control->done_hint;
  const Position old = hint.load(std::memory_order_relaxed);
  if (static_cast<std::int64_t>(position - old) > 0) {
    hint.store(position, std::memory_order_release);
  }
}

/// Whether nobody has stamped the position: the word is of an older lap, or garbage of this one.
inline bool is_unstamped(std::uint64_t word, std::uint64_t lap) noexcept {
  const StampState state = Stamp::unpack(word).state;
  const bool known = state >= StampState::leased && state <= StampState::parked;
  const std::int64_t age = compare_lap(word, lap);
  return age < 0 || (age == 0 && !known);
}

inline Boundary look_at(const LaneView& lane, Position position, Position end) noexcept {
  Boundary b;
  b.position = position;
  b.word = lane.stamp(position).load(std::memory_order_acquire);
  b.stamp = Stamp::unpack(b.word);
  b.stamped =
      compare_lap(b.word, lane.lap(position)) == 0 && !is_unstamped(b.word, lane.lap(position));
  const bool wide = b.stamp.state == StampState::leased || b.stamp.state == StampState::done;
  const std::uint64_t left = end - position;
  b.items = wide ? static_cast<std::uint32_t>(
                       std::clamp<std::uint64_t>(b.stamp.k, 1, std::max<std::uint64_t>(left, 1)))
                 : 1;
  return b;
}

/// Visits the stamped boundaries in [begin, end), `end` being the lane's claim. The visitor takes a
/// Boundary and returns Walk. At an unstamped position the walk ends; `position` tells where.
template <class Visitor>
Walked walk(const LaneView& lane, Position& position, Position end, Visitor&& visit) {
  while (static_cast<std::int64_t>(end - position) > 0) {
    const Boundary b = look_at(lane, position, end);
    if (!b.stamped) {
      return compare_lap(b.word, lane.lap(position)) > 0 ? Walked::overtaken : Walked::unstamped;
    }
    if (visit(b) == Walk::stop) return Walked::stopped;
    position += b.items;
  }
  return Walked::all;
}

}  // namespace iq::detail
