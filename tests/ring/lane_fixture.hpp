// A lane in ordinary memory, for tests of what needs no segment.
#pragma once

#include <cstring>
#include <memory>
#include <vector>

#include "iq/detail/lane_view.hpp"

namespace iqtest {

class TestLane {
 public:
  TestLane(std::uint32_t log2_slots, std::uint32_t slot_bytes, std::uint64_t ring_bytes)
      : control_(std::make_unique<iq::detail::LaneControl>()),
        stamps_(
            std::make_unique<iq::detail::Shared<std::uint64_t>[]>(std::size_t{1} << log2_slots)),
        slots_((std::size_t{1} << log2_slots) * slot_bytes),
        ring_(ring_bytes) {
    view.control = control_.get();
    view.stamps = stamps_.get();
    view.slots = slots_.data();
    view.ring = ring_.data();
    view.capacity = std::uint64_t{1} << log2_slots;
    view.ring_bytes = ring_bytes;
    view.log2_slots = log2_slots;
    view.slot_bytes = slot_bytes;
  }

  void stamp(iq::detail::Position at, std::uint32_t k, iq::detail::StampState state,
             std::uint32_t owner = 1) {
    view.stamp(at).store(iq::detail::pack_stamp(view.lap(at), k, owner, state));
  }
  /// Writes a slot as a producer would: `bytes` of payload, in the ring at `at` or inline.
  void write_slot(iq::detail::Position position, std::uint32_t bytes, bool in_ring,
                  std::uint64_t at) {
    const iq::detail::SlotHeader header{bytes, in_ring ? 1U : 0U};
    std::memcpy(view.slot(position), &header, sizeof header);
    std::memcpy(view.slot(position) + iq::detail::kSlotHeaderBytes, &at, sizeof at);
  }

  iq::detail::LaneView view;

 private:
  std::unique_ptr<iq::detail::LaneControl> control_;
  std::unique_ptr<iq::detail::Shared<std::uint64_t>[]> stamps_;
  std::vector<std::byte> slots_;
  std::vector<std::byte> ring_;
};

}  // namespace iqtest
