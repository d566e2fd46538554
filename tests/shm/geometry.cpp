// Where everything lies: no two parts overlap, nothing overflows, everything is aligned.
#include "shm/geometry.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "iq/error.hpp"

using namespace iq::detail;

namespace {

struct Part {
  const char* name;
  std::uint64_t begin, bytes, alignment;
};

void check_parts(const std::vector<Part>& parts, std::uint64_t all) {
  std::uint64_t end = 0;
  for (const Part& part : parts) {
    INFO(part.name);
    CHECK(part.begin >= end);
    CHECK(part.begin % part.alignment == 0);
    end = part.begin + part.bytes;
  }
  CHECK(end <= all);
}

void check_lane(const LaneGeometry& lane) {
  const std::uint64_t slots = std::uint64_t{1} << lane.log2_slots;
  CHECK(slots >= lane.capacity);
  CHECK(slots < 2 * lane.capacity);
  check_parts({{"stamps", 0, slots * 8, 8},
               {"slots", lane.slots_offset, slots * lane.slot_bytes, kPageBytes},
               {"byte ring", lane.ring_offset, lane.ring_bytes, kPageBytes}},
              lane.block_bytes);
  CHECK(lane.block_bytes % kPageBytes == 0);
}

void check_all(const Geometry& g) {
  check_lane(g.lane);
  check_lane(g.parking);
  check_parts(
      {{"header", 0, sizeof(SegmentHeader), kPageBytes},
       {"control", g.control_offset, sizeof(Control), kLineBytes},
       {"life", g.life_offset, kMaxEndpoints * 8, 8},
       {"endpoints", g.endpoints_offset, kMaxEndpoints * sizeof(EndpointLine), kLineBytes},
       {"extras", g.extras_offset, kMaxEndpoints * sizeof(EndpointExtra), kLineBytes},
       {"sleep words", g.sleep_offset, kMaxEndpoints * sizeof(SleepWord), 64},
       {"parking control", g.parking_control_offset, sizeof(LaneControl), kLineBytes},
       {"lane controls", g.lane_controls_offset, kMaxLanes * sizeof(LaneControl), kLineBytes},
       {"outputs", g.outputs_offset, kMaxEndpoints * sizeof(OutputName), kPageBytes},
       {"parking", g.parking_offset, g.parking.block_bytes, kPageBytes},
       {"lanes", g.lanes_offset, kMaxLanes * g.lane.block_bytes, kPageBytes}},
      g.segment_bytes);
  CHECK(g.base_bytes <= g.lane_controls_offset);
  CHECK(g.parking_control_offset + sizeof(LaneControl) <= g.base_bytes);
  CHECK(g.segment_bytes <= std::uint64_t{1} << 46);
}

}  // namespace

TEST_CASE("geometry: for every size that is allowed no two parts overlap") {
  for (const std::uint64_t capacity : {1U, 2U, 3U, 4U, 5U, 1000U, 4096U, 4097U, 100'000U}) {
    for (const std::uint64_t slot : {1U, 7U, 8U, 64U, 4095U, 4096U, 4097U}) {
      for (const std::uint64_t ring : {0U, 16U, 4096U, 1U << 20}) {
        INFO(capacity, " items of ", slot, " bytes, ring of ", ring);
        check_all(lay_out(capacity, slot, ring));
      }
    }
  }
}

TEST_CASE("geometry: four lanes are whole, later ones smaller, each in a whole one's place") {
  CHECK(size_of_lane(0) == 0);
  CHECK(size_of_lane(3) == 0);
  CHECK(size_of_lane(4) == 1);
  CHECK(size_of_lane(7) == 1);
  CHECK(size_of_lane(8) == 2);
  CHECK(size_of_lane(kMaxLanes - 1) == kLaneSizes - 1);
  for (const std::uint64_t capacity : {1U, 4U, 64U, 100U, 1000U, 65'536U, 262'144U}) {
    CAPTURE(capacity);
    const Geometry alike = lay_out(capacity, 8, 0);
    const Geometry g = lay_out(capacity, 8, 0, Lanes::shrinking);
    CHECK(g.segment_bytes == alike.segment_bytes);
    CHECK(g.lane.capacity == capacity);
    CHECK(g.lane_of(0).capacity == capacity);
    CHECK(g.lane_of(4).capacity == std::max<std::uint64_t>(capacity / 4, std::min(capacity, 64ul)));
    for (std::uint32_t i = 0; i < kMaxLanes; ++i) {
      CHECK(alike.lane_of(i).capacity == capacity);
      check_lane(g.lane_of(i));
      CHECK(g.lane_of(i).block_bytes <= g.lane.block_bytes);
      CHECK(g.lane_of(i).capacity >= std::min<std::uint64_t>(capacity, 64));
      if (i > 0) CHECK(g.lane_of(i).capacity <= g.lane_of(i - 1).capacity);
    }
  }
}

TEST_CASE("geometry: the largest of each alone is laid out, all together are refused") {
  check_all(lay_out(kMaxCapacity, 1, 0));
  check_all(lay_out(1, kMaxSlotBytes, 0));
  check_all(lay_out(1, 1, kMaxRingBytes));
  CHECK_THROWS_AS(lay_out(kMaxCapacity, kMaxSlotBytes, kMaxRingBytes), iq::BadArgument);
  CHECK_THROWS_AS(lay_out(kMaxCapacity, 1 << 20, 0), iq::BadArgument);
}

TEST_CASE("geometry: out of range is refused with the value and the range") {
  const auto text_of = [](std::uint64_t capacity, std::uint64_t slot, std::uint64_t ring) {
    try {
      lay_out(capacity, slot, ring);
    } catch (const iq::BadArgument& error) {
      return std::string(error.what());
    }
    return std::string("accepted");
  };
  CHECK(text_of(0, 8, 0).find("is 0: it must be 1 to 16777216") != std::string::npos);
  CHECK(text_of(kMaxCapacity + 1, 8, 0).find("16777217") != std::string::npos);
  CHECK(text_of(UINT64_MAX, 8, 0).find("18446744073709551615") != std::string::npos);
  CHECK(text_of(1, 0, 0) != "accepted");
  CHECK(text_of(1, kMaxSlotBytes + 1, 0) != "accepted");
  CHECK(text_of(1, UINT64_MAX, 0) != "accepted");
  CHECK(text_of(1, 8, kMaxRingBytes + 1) != "accepted");
  CHECK(text_of(1, 8, 4097).find("power of two") != std::string::npos);
  CHECK(text_of(1, 8, UINT64_MAX) != "accepted");
}
