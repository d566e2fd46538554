// One lane as a process sees it: addresses and sizes from checked private copies.
#pragma once

#include <cstddef>
#include <cstdint>

#include "iq/detail/layout.hpp"
#include "iq/detail/stamp.hpp"

namespace iq::detail {

struct LaneView {
  LaneControl* control = nullptr;
  Shared<std::uint64_t>* stamps = nullptr;
  std::byte* slots = nullptr;
  std::byte* ring = nullptr;
  std::uint64_t capacity = 0;    ///< items that may be unacknowledged
  std::uint64_t ring_bytes = 0;  ///< a power of two, or 0
  std::uint32_t log2_slots = 0;
  std::uint32_t slot_bytes = 0;
  std::uint32_t index = 0;

  std::uint64_t mask() const noexcept { return (std::uint64_t{1} << log2_slots) - 1; }
  std::uint64_t slot_count() const noexcept { return std::uint64_t{1} << log2_slots; }
  std::byte* slot(Position position) const noexcept {
    return slots + (position & mask()) * slot_bytes;
  }
  Shared<std::uint64_t>& stamp(Position position) const noexcept {
    return stamps[position & mask()];
  }
  std::uint64_t lap(Position position) const noexcept { return lap_of(position, log2_slots); }
};

}  // namespace iq::detail
