// Where the bytes of a payload are. Checked against the lane's sizes on every read.
#pragma once

#include <cstring>
#include <optional>
#include <span>

#include "iq/detail/lane_view.hpp"

namespace iq::detail {

/// The bytes of an encoded payload; nullopt when its slot points outside the lane.
inline std::optional<std::span<const std::byte>> encoded_payload(const LaneView& lane,
                                                                 Position position) noexcept {
  const std::byte* slot = lane.slot(position);
  SlotHeader header;
  std::memcpy(&header, slot, sizeof header);
  if (header.in_ring == 0) {
    if (header.bytes > lane.slot_bytes - kSlotHeaderBytes) return std::nullopt;
    return std::span(slot + kSlotHeaderBytes, header.bytes);
  }
  std::uint64_t at;
  std::memcpy(&at, slot + kSlotHeaderBytes, sizeof at);
  const std::uint64_t offset = lane.ring_bytes == 0 ? 0 : at & (lane.ring_bytes - 1);
  if (header.bytes > lane.ring_bytes || offset > lane.ring_bytes - header.bytes) {
    return std::nullopt;
  }
  return std::span<const std::byte>(lane.ring + offset, header.bytes);
}

}  // namespace iq::detail
