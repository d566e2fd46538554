// Where everything lies in a segment.
//
// The file is sparse: only the header, the registry and the lanes that were handed out have pages.
// So the layout leaves room for every endpoint and lane from the start and never moves.
#include "shm/geometry.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "iq/error.hpp"

namespace iq::detail {
namespace {

constexpr std::uint64_t kLeastShrunkItems = 64;  // that lanes shrink to

constexpr std::uint64_t round_up(std::uint64_t value, std::uint64_t unit) {
  return (value + unit - 1) / unit * unit;
}

void require_range(const char* what, std::uint64_t value, std::uint64_t low, std::uint64_t high) {
  if (value >= low && value <= high) return;
  throw BadArgument(fmt::format("{} is {}: it must be {} to {}", what, value, low, high));
}

LaneGeometry lay_out_lane(std::uint64_t capacity, std::uint64_t slot_bytes,
                          std::uint64_t ring_bytes) {
  LaneGeometry lane;
  lane.capacity = capacity;
  lane.ring_bytes = ring_bytes;
  const std::uint64_t slots = std::bit_ceil(capacity);
  lane.log2_slots = static_cast<std::uint32_t>(std::countr_zero(slots));
  lane.slot_bytes = static_cast<std::uint32_t>(slot_bytes);
  lane.slots_offset = round_up(slots * sizeof(std::uint64_t), kPageBytes);
  lane.ring_offset = lane.slots_offset + round_up(slots * slot_bytes, kPageBytes);
  lane.block_bytes = lane.ring_offset + round_up(ring_bytes, kPageBytes);
  return lane;
}

// A quarter, an eighth and so on: from the second size on all lanes of a size take as much memory
// as one whole lane.
std::uint64_t capacity_of(std::uint32_t size, std::uint64_t capacity, Lanes lanes) {
  if (size == 0 || lanes == Lanes::alike) return capacity;
  return std::max(capacity >> (size + 1), std::min(capacity, kLeastShrunkItems));
}

}  // namespace

Geometry lay_out(const SegmentHeader& header) {
  return lay_out(header.capacity, header.slot_bytes, header.ring_bytes,
                 header.lanes_shrink != 0 ? Lanes::shrinking : Lanes::alike);
}

Geometry lay_out(std::uint64_t capacity, std::uint64_t slot_bytes, std::uint64_t ring_bytes,
                 Lanes lanes) {
  require_range("the capacity (items per producer)", capacity, 1, kMaxCapacity);
  require_range("the size of a slot in bytes", slot_bytes, 1, kMaxSlotBytes);
  require_range("the size of a byte ring", ring_bytes, 0, kMaxRingBytes);
  if (ring_bytes != 0 && !std::has_single_bit(ring_bytes)) {
    throw BadArgument(
        fmt::format("the size of a byte ring is {}: it must be a power of two", ring_bytes));
  }
  Geometry g;
  g.lane = lay_out_lane(capacity, slot_bytes, ring_bytes);
  for (std::uint32_t size = 0; size < kLaneSizes; ++size) {
    g.lanes[size] = lay_out_lane(capacity_of(size, capacity, lanes), slot_bytes, ring_bytes);
  }
  g.parking = lay_out_lane(kParkedItems, 64, kParkedBytes);
  g.control_offset = kPageBytes;
  g.life_offset = g.control_offset + kPageBytes;
  g.endpoints_offset = g.life_offset + kMaxEndpoints * sizeof(std::uint64_t);
  g.extras_offset = g.endpoints_offset + kMaxEndpoints * sizeof(EndpointLine);
  g.sleep_offset = g.extras_offset + kMaxEndpoints * sizeof(EndpointExtra);
  g.parking_control_offset = g.sleep_offset + kMaxEndpoints * sizeof(SleepWord);
  g.base_bytes = round_up(g.parking_control_offset + sizeof(LaneControl), kPageBytes);
  g.lane_controls_offset = g.base_bytes;
  g.outputs_offset = g.lane_controls_offset + round_up(kMaxLanes * sizeof(LaneControl), kPageBytes);
  g.parking_offset = g.outputs_offset + kMaxEndpoints * sizeof(OutputName);
  g.lanes_offset = g.parking_offset + g.parking.block_bytes;
  const std::uint64_t room = (std::uint64_t{1} << 46) - g.lanes_offset;
  if (g.lane.block_bytes > room / kMaxLanes) {
    throw BadArgument(
        fmt::format("a lane of {} items of {} bytes and {} ring bytes needs {} bytes: the limit is "
                    "{}; lower the capacity or the bytes per producer",
                    capacity, slot_bytes, ring_bytes, g.lane.block_bytes, room / kMaxLanes));
  }
  g.segment_bytes = g.lanes_offset + kMaxLanes * g.lane.block_bytes;
  return g;
}

}  // namespace iq::detail
