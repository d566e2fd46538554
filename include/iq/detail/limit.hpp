// The limit word of a consumer's batch: where it ends now, and who is about to move that end.
//
//   settled(m)     = (m << 22) - (lane << 12)        the batch ends before position m
//   pending(m, t)  = (m << 22) - (lane << 12 | t)    endpoint t - 1 wants all from m on; undecided
//   sealed(m, me)  = pending with the owner's own tag: nobody may take anything over
//
// In each form `position << 22 < word` holds exactly for the positions before m, so the owner's
// step is one load and one compare. Positions are compared modulo 2^42. The lane is in the word so
// that the limits of batches in two lanes never read alike: the CAS of a thief that is late would
// hit the wrong batch. docs/protocol.md, "Take-over".
#pragma once

#include <cstdint>

#include "iq/detail/stamp.hpp"

namespace iq::detail {

inline constexpr std::uint32_t kLimitTagBits = 12;
inline constexpr std::uint32_t kLimitShift = 22;  ///< tag and lane lie below the position
inline constexpr std::uint64_t kLimitLowMask = (std::uint64_t{1} << kLimitShift) - 1;
inline constexpr std::uint64_t kLimitTagMask = (std::uint64_t{1} << kLimitTagBits) - 1;

constexpr std::uint64_t settled_limit(Position end, std::uint32_t lane) noexcept {
  return (end << kLimitShift) - (std::uint64_t{lane} << kLimitTagBits);
}

constexpr std::uint64_t pending_limit(Position end, std::uint32_t tag,
                                      std::uint32_t lane) noexcept {
  return settled_limit(end, lane) - tag;
}

/// The tag of a limit word, 0 when it is settled.
constexpr std::uint32_t limit_tag(std::uint64_t word) noexcept {
  return static_cast<std::uint32_t>((0 - word) & kLimitTagMask);
}

/// Whether `position` may still be started by the batch's owner.
constexpr bool below_limit(Position position, std::uint64_t word) noexcept {
  return static_cast<std::int64_t>((position << kLimitShift) - word) < 0;
}

/// The end that the word speaks of, near `reference` (positions are kept modulo 2^42 only).
constexpr Position limit_end(std::uint64_t word, Position reference) noexcept {
  const std::uint64_t end = word + ((0 - word) & kLimitLowMask);
  const auto distance = static_cast<std::int64_t>(end - (reference << kLimitShift));
  return reference + static_cast<std::uint64_t>(distance >> kLimitShift);
}

}  // namespace iq::detail
