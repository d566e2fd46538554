// Compared is what can have changed, not everything: a segment has megabytes, a stage's part of it
// some kilobytes, and it is looked at after each instruction.
#include "steps/shared_state.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "support/process.hpp"

namespace steps {
namespace {

constexpr std::uint32_t kEndpoints = 16;
constexpr std::uint32_t kLanes = 4;
constexpr std::uint64_t kSlots = 32;
constexpr std::uint64_t kRingBytes = 4096;

}  // namespace

void SharedState::add(const void* memory, std::size_t bytes) {
  if (bytes == 0) return;
  const auto* begin = static_cast<const std::byte*>(memory);
  ranges_.push_back({begin, {begin, begin + bytes}, {begin, begin + bytes}});
}

void SharedState::add_lane(const iq::detail::LaneView& lane) {
  add(lane.control, sizeof *lane.control);
  const std::uint64_t slots = std::min(lane.slot_count(), kSlots);
  add(lane.stamps, slots * sizeof *lane.stamps);
  add(lane.slots, slots * lane.slot_bytes);
  add(lane.ring, std::min(lane.ring_bytes, kRingBytes));
}

void SharedState::watch(std::shared_ptr<iq::detail::Segment> segment) {
  iqtest::require(segment->endpoints_used() < kEndpoints && segment->lanes_used() < kLanes,
                  "the watched part of a segment has what is used of it");
  add(&segment->control(), sizeof(iq::detail::Control));
  add(&segment->life(0), kEndpoints * sizeof(segment->life(0)));
  add(&segment->endpoint(0), kEndpoints * sizeof(iq::detail::EndpointLine));
  add(&segment->extra(0), kEndpoints * sizeof(iq::detail::EndpointExtra));
  add(&segment->sleep_word(0), kEndpoints * sizeof(iq::detail::SleepWord));
  add(&segment->output(0), kEndpoints * sizeof(iq::detail::OutputName));
  for (std::uint32_t i = 0; i < kLanes; ++i) add_lane(segment->lane(i));
  add_lane(segment->parking());
  segments_.push_back(std::move(segment));
}

void SharedState::look_for_names() {
  std::erase_if(names_, [this](const std::string& name) {
    auto segment = iq::detail::Segment::open_named(name);
    if (segment == nullptr) return false;
    watch(std::move(segment));
    return true;
  });
}

void SharedState::begin() {
  changed();
  for (Range& range : ranges_) range.first = range.copy;
}

std::uint64_t SharedState::pattern() const {
  std::uint64_t hash = 0xcbf2'9ce4'8422'2325;
  std::uint64_t word = 0;
  for (const Range& range : ranges_) {
    for (std::size_t i = 0; i + 8 <= range.first.size(); i += 8, ++word) {
      if (std::memcmp(range.memory + i, range.first.data() + i, 8) == 0) continue;
      hash = (hash ^ word) * 0x100'0000'01b3;
    }
  }
  return hash;
}

bool SharedState::changed() {
  bool any = false;
  for (Range& range : ranges_) {
    if (std::memcmp(range.memory, range.copy.data(), range.copy.size()) == 0) continue;
    std::memcpy(range.copy.data(), range.memory, range.copy.size());
    any = true;
  }
  return any;
}

}  // namespace steps
