// Walking from boundary to boundary, over laps and over garbage.
#include "ring/walk.hpp"

#include <doctest/doctest.h>

#include <random>
#include <vector>

#include "ring/lane_fixture.hpp"

using namespace iq::detail;
using iqtest::TestLane;

namespace {

/// The positions that a walk visits, and how it ended.
struct Seen {
  std::vector<Position> positions;
  Walked ended;
  Position stands_at;
};

Seen walk_all(const LaneView& lane, Position begin, Position end) {
  Seen seen;
  seen.stands_at = begin;
  seen.ended = walk(lane, seen.stands_at, end, [&](const Boundary& b) {
    seen.positions.push_back(b.position);
    return Walk::on;
  });
  return seen;
}

}  // namespace

TEST_CASE("walk: steps over k items of leased and done, over one of everything else") {
  TestLane lane(4, 8, 0);
  lane.stamp(0, 3, StampState::done);
  lane.stamp(3, 4, StampState::leased);
  lane.stamp(7, 5, StampState::held);  // 5 earlier deliveries, one item
  lane.stamp(8, 2, StampState::orphan);
  lane.stamp(9, 7, StampState::parked);
  lane.stamp(10, 9, StampState::explicit_held);
  lane.stamp(11, 1, StampState::done);
  const Seen seen = walk_all(lane.view, 0, 12);
  CHECK(seen.positions == std::vector<Position>{0, 3, 7, 8, 9, 10, 11});
  CHECK(seen.ended == Walked::all);
}

TEST_CASE("walk: stops where the visitor says so, and tells where") {
  TestLane lane(3, 8, 0);
  lane.stamp(0, 2, StampState::done);
  lane.stamp(2, 1, StampState::orphan);
  lane.stamp(3, 5, StampState::leased);
  Position position = 0;
  CHECK(walk(lane.view, position, 8, [](const Boundary& b) {
          return b.stamp.state == StampState::orphan ? Walk::stop : Walk::on;
        }) == Walked::stopped);
  CHECK(position == 2);
}

TEST_CASE("walk: never steps over an unstamped position, of no lap or of an older one") {
  TestLane lane(2, 8, 0);
  lane.stamp(0, 2, StampState::done);
  CHECK(walk_all(lane.view, 0, 4).ended == Walked::unstamped);
  CHECK(walk_all(lane.view, 0, 4).stands_at == 2);

  lane.stamp(2, 2, StampState::done);
  CHECK(walk_all(lane.view, 0, 4).ended == Walked::all);
  CHECK(walk_all(lane.view, 4, 8).ended == Walked::unstamped);  // these are of the lap before
  CHECK(walk_all(lane.view, 4, 8).stands_at == 4);
}

TEST_CASE("walk: says overtaken when the lane was recycled under it") {
  TestLane lane(2, 8, 0);
  lane.stamp(4, 4, StampState::done);  // slot 0, second lap
  CHECK(walk_all(lane.view, 0, 4).ended == Walked::overtaken);
}

TEST_CASE("walk: crosses the end of the ring and the wrap of the lap") {
  TestLane lane(2, 8, 0);
  const Position wrap = (Position{1} << 38) - 4;  // the last lap before 2^36
  for (const Position start : {Position{2}, wrap, wrap + 2}) {
    lane.stamp(start, 1, StampState::done);
    lane.stamp(start + 1, 1, StampState::held);
    lane.stamp(start + 2, 2, StampState::leased);
    const Seen seen = walk_all(lane.view, start, start + 4);
    CHECK(seen.ended == Walked::all);
    CHECK(seen.positions == std::vector<Position>{start, start + 1, start + 2});
  }
}

TEST_CASE("walk: a batch size that cannot be true leads neither past the end nor nowhere") {
  TestLane lane(3, 8, 0);
  lane.stamp(0, 4095, StampState::leased);
  Seen seen = walk_all(lane.view, 0, 5);
  CHECK(seen.ended == Walked::all);
  CHECK(seen.stands_at == 5);
  lane.stamp(0, 0, StampState::done);
  lane.stamp(1, 1, StampState::done);
  seen = walk_all(lane.view, 0, 2);
  CHECK(seen.positions == std::vector<Position>{0, 1});
}

TEST_CASE("walk: over any garbage it ends within the lane's size") {
  std::mt19937_64 random(7);
  TestLane lane(4, 8, 0);
  for (int round = 0; round < 2000; ++round) {
    for (Position p = 0; p < 16; ++p) {
      std::uint64_t word = random();
      if (round % 2 == 0) word = (word & 0xfff'ffff) | lane.view.lap(p) << 28;  // of this lap
      lane.view.stamp(p).store(word);
    }
    const Seen seen = walk_all(lane.view, 0, 16);
    CHECK(seen.positions.size() <= 16);
    CHECK(seen.stands_at <= 16);
  }
}

TEST_CASE("walk_start: the hint when it lies between head and claim, otherwise the head") {
  TestLane lane(4, 8, 0);
  const auto start = [&](Position head, Position hint, Position claim) {
    lane.view.control->head.store(head);
    lane.view.control->done_hint.store(hint);
    return walk_start(lane.view, claim);
  };
  CHECK(start(0, 0, 0) == 0);
  CHECK(start(4, 10, 20) == 10);
  CHECK(start(10, 4, 20) == 10);   // it lags
  CHECK(start(4, 30, 20) == 4);    // beyond the claim: somebody wrote nonsense
  CHECK(start(100, 7, 20) == 20);  // nothing fits: nothing to walk
}

TEST_CASE("advance_hint: only forward") {
  TestLane lane(4, 8, 0);
  advance_hint(lane.view, 5);
  advance_hint(lane.view, 3);
  CHECK(lane.view.control->done_hint.load() == 5);
  advance_hint(lane.view, 6);
  CHECK(lane.view.control->done_hint.load() == 6);
}
