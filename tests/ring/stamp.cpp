// Arithmetic of the stamp word.
#include "iq/detail/stamp.hpp"

#include <doctest/doctest.h>

#include <initializer_list>

using namespace iq::detail;

TEST_CASE("stamp: what is packed comes out again, at both ends of every field") {
  for (const std::uint64_t lap : {std::uint64_t{0}, std::uint64_t{1}, kLapMask - 1, kLapMask}) {
    for (const std::uint32_t k : {0U, 1U, 2048U, kMaxBatch}) {
      for (const std::uint32_t owner : {0U, 1U, 1024U, 4095U}) {
        for (unsigned state = 0; state <= 6; ++state) {
          const auto word = pack_stamp(lap, k, owner, static_cast<StampState>(state));
          const Stamp stamp = Stamp::unpack(word);
          CHECK(stamp.lap == lap);
          CHECK(stamp.k == k);
          CHECK(stamp.owner == owner);
          CHECK(stamp.state == static_cast<StampState>(state));
        }
      }
    }
  }
}

TEST_CASE("stamp: values too wide for their field do not spill into the next") {
  const Stamp stamp = Stamp::unpack(pack_stamp(5, 0x1001, 0x2002, StampState::done));
  CHECK(stamp.lap == 5);
  CHECK(stamp.k == 1);
  CHECK(stamp.owner == 2);
  CHECK(stamp.state == StampState::done);
}

TEST_CASE("stamp: the lap begins with 1, so a word of zeros is of an older lap") {
  for (const std::uint32_t log2_slots : {0U, 1U, 2U, 13U, 24U}) {
    const Position slots = Position{1} << log2_slots;
    CHECK(lap_of(0, log2_slots) == 1);
    CHECK(lap_of(slots - 1, log2_slots) == 1);
    CHECK(lap_of(slots, log2_slots) == 2);
    CHECK(lap_of(7 * slots, log2_slots) == 8);
    CHECK(compare_lap(0, lap_of(0, log2_slots)) < 0);
  }
}

TEST_CASE("compare_lap: older is below, the same is 0, newer is above") {
  const auto word = [](std::uint64_t lap) { return pack_stamp(lap, 4095, 4095, StampState::done); };
  CHECK(compare_lap(word(4), 5) < 0);
  CHECK(compare_lap(word(5), 5) == 0);
  CHECK(compare_lap(word(6), 5) > 0);
  CHECK(compare_lap(word(5), 5 + 1000) == -1000);
  CHECK(compare_lap(word(5 + 1000), 5) == 1000);
}

TEST_CASE("compare_lap: goes on over the wrap of 36 bits") {
  const auto word = [](std::uint64_t lap) { return pack_stamp(lap, 1, 1, StampState::leased); };
  CHECK(compare_lap(word(kLapMask), 0) == -1);
  CHECK(compare_lap(word(0), kLapMask) == 1);
  CHECK(compare_lap(word(kLapMask - 2), 3) == -6);
  CHECK(compare_lap(word(3), kLapMask - 2) == 6);
  // Positions pass the wrap in a lane of one slot after 2^36 items.
  const Position wrap = kLapMask;  // its lap is 2^36 = 0
  CHECK(lap_of(wrap, 0) == 0);
  CHECK(compare_lap(word(lap_of(wrap - 1, 0)), lap_of(wrap, 0)) == -1);
  CHECK(compare_lap(word(lap_of(wrap + 1, 0)), lap_of(wrap, 0)) == 1);
}

TEST_CASE("compare_lap: the middle of the circle belongs to one side, never to both") {
  const std::uint64_t half = std::uint64_t{1} << 35;
  const auto word = [](std::uint64_t lap) { return pack_stamp(lap, 0, 0, StampState::done); };
  CHECK(compare_lap(word(half - 1), 0) > 0);
  CHECK(compare_lap(word(half), 0) < 0);
  CHECK(compare_lap(word(half + 1), 0) < 0);
}
