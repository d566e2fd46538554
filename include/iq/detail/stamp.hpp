// The stamp: one word per slot that says who has the item, in which lap of the lane.
//
//   lap:36 | k:12 | owner:12 | state:4
//
// lap = (position >> log2(slots)) + 1. A stamp of an older lap means that nobody has stamped this
// position yet; of a newer one, that the lane was recycled and the walker is late. Stamps are
// written by consumers and repair, never by producers. docs/protocol.md, "Stamps".
#pragma once

#include <cstdint>

namespace iq::detail {

using Position = std::uint64_t;  ///< index of an item in its lane, never reset

enum class StampState : std::uint8_t {
  none = 0,           ///< never used
  leased = 1,         ///< k items from here belong to `owner`, progress is in its cursor
  held = 2,           ///< one item belongs to `owner`; k = earlier deliveries
  explicit_held = 3,  ///< as held, but the cursor never applies (explicit leases)
  orphan = 4,         ///< one item that anybody may take; k = earlier deliveries
  done = 5,           ///< k items from here are finished, their slots may be reused
  parked = 6,         ///< one item that stays here because the parking area is full; k = deliveries
};

inline constexpr std::uint64_t kLapMask = (std::uint64_t{1} << 36) - 1;
inline constexpr std::uint32_t kMaxBatch = 4095;  ///< items under one stamp (12 bits)

/// A stamp taken apart. `owner` is an endpoint index + 1, 0 where nobody owns it.
struct Stamp {
  std::uint64_t lap;
  std::uint32_t k;
  std::uint32_t owner;
  StampState state;

  static constexpr Stamp unpack(std::uint64_t word) noexcept {
    return {word >> 28, static_cast<std::uint32_t>(word >> 16) & 0xfff,
            static_cast<std::uint32_t>(word >> 4) & 0xfff, static_cast<StampState>(word & 0xf)};
  }
};

/// Names an item for its whole life in a queue.
constexpr std::uint64_t item_id(std::uint32_t lane, Position position) noexcept {
  return std::uint64_t{lane} << 52 | (position & ((std::uint64_t{1} << 52) - 1));
}

constexpr std::uint64_t lap_of(Position position, std::uint32_t log2_slots) noexcept {
  return ((position >> log2_slots) + 1) & kLapMask;
}

constexpr std::uint64_t pack_stamp(std::uint64_t lap, std::uint32_t k, std::uint32_t owner,
                                   StampState state) noexcept {
  return lap << 28 | std::uint64_t{k & 0xfff} << 16 | std::uint64_t{owner & 0xfff} << 4 |
         static_cast<std::uint64_t>(state);
}

/// Below 0: `word` is of an older lap than `lap`; 0: of this lap; above 0: of a newer one.
/// Laps are compared modulo 2^36.
constexpr std::int64_t compare_lap(std::uint64_t word, std::uint64_t lap) noexcept {
  const std::uint64_t difference = ((word >> 28) - lap) & kLapMask;
  return static_cast<std::int64_t>(difference << 28) >> 28;
}

}  // namespace iq::detail
