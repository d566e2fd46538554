// The producer's private book of its byte ring.
#include "ring/byte_ring.hpp"

#include <doctest/doctest.h>

#include <deque>
#include <optional>
#include <random>

#include "ring/lane_fixture.hpp"
#include "ring/slot_payload.hpp"

using namespace iq::detail;
using iqtest::TestLane;

namespace {
constexpr std::uint64_t kRing = 256;
constexpr std::uint32_t kSlotBytes = 24;

std::optional<std::uint64_t> place(ByteRing& ring, std::uint64_t bytes) {
  std::uint64_t at = 0;
  if (!ring.find(bytes, at)) return std::nullopt;
  return at;
}

struct Fixture {
  TestLane lane{3, kSlotBytes, kRing};
  ByteRing ring;
  Position tail = 0;
  Fixture() { REQUIRE(ring.adopt(lane.view, 0, 0)); }

  /// Puts one payload of `bytes`; false when there is no room.
  bool put(std::uint32_t bytes) {
    const auto at = place(ring, bytes);
    if (!at) return false;
    ring.keep(tail, *at, bytes);
    lane.write_slot(tail++, bytes, true, *at);
    return true;
  }
};
}  // namespace

TEST_CASE("byte ring: a payload as large as the ring fits when it is empty, and only then") {
  Fixture f;
  for (int i = 0; i < 3; ++i) {
    CHECK(f.put(kRing));
    CHECK_FALSE(place(f.ring, 1).has_value());
    f.ring.free_until(f.tail);
  }
  CHECK(f.put(1));
  CHECK_FALSE(place(f.ring, kRing).has_value());
  f.ring.free_until(f.tail);
  CHECK(place(f.ring, kRing).has_value());
}

TEST_CASE("byte ring: no payload is torn in two at the end of the ring") {
  Fixture f;
  CHECK(f.put(100));
  CHECK(f.put(100));
  f.ring.free_until(1);
  const auto at = place(f.ring, 100);  // 32 bytes are left before the end: it begins anew
  REQUIRE(at.has_value());
  CHECK(*at % kRing == 0);
}

TEST_CASE("byte ring: slots without a payload in the ring hold nothing and free nothing") {
  Fixture f;
  CHECK(f.put(200));
  f.ring.keep_nothing(f.tail);
  f.lane.write_slot(f.tail++, 8, false, 0);
  f.ring.free_until(f.tail);
  CHECK(f.put(kRing));
}

TEST_CASE("byte ring: payloads never overlap and stay inside, over many laps") {
  std::mt19937 random(3);
  Fixture f;
  struct Piece {
    std::uint64_t begin, end;
  };
  std::deque<Piece> alive;
  Position head = 0;
  int put = 0;
  for (int i = 0; i < 20'000; ++i) {
    const std::uint32_t bytes = 1 + static_cast<std::uint32_t>(random() % kRing);
    if (f.tail - head == 8 || (head != f.tail && random() % 3 == 0)) {
      alive.pop_front();
      f.ring.free_until(++head);
      continue;
    }
    const auto at = place(f.ring, bytes);
    if (!at) {
      REQUIRE(head != f.tail);  // an empty ring has room for anything that may come
      continue;
    }
    const Piece piece{*at % kRing, *at % kRing + bytes};
    REQUIRE(piece.end <= kRing);
    for (const Piece& other : alive) {
      REQUIRE((piece.end <= other.begin || other.end <= piece.begin));
    }
    alive.push_back(piece);
    f.ring.keep(f.tail, *at, bytes);
    ++f.tail;
    ++put;
  }
  CHECK(put > 5000);
}

TEST_CASE("byte ring: a new owner reads from the slots where the former one stood") {
  std::mt19937 random(5);
  for (int round = 0; round < 500; ++round) {
    Fixture f;
    Position head = 0;
    for (int i = 0; i < 40; ++i) {
      if (f.tail - head == 8) f.ring.free_until(++head);
      if (random() % 4 == 0) {
        f.ring.keep_nothing(f.tail);
        f.lane.write_slot(f.tail++, 4, false, 0);
      } else {
        while (!f.put(1 + static_cast<std::uint32_t>(random() % 120))) f.ring.free_until(++head);
      }
    }
    ByteRing heir;
    REQUIRE(heir.adopt(f.lane.view, head, f.tail));
    for (std::uint32_t bytes = 1; bytes <= kRing; bytes += 17) {
      // What the former owner had room for the heir has too; what it finds is in nobody's use.
      const auto found = place(heir, bytes);
      if (place(f.ring, bytes)) REQUIRE(found.has_value());
      for (Position p = head; found && p != f.tail; ++p) {
        const auto used = encoded_payload(f.lane.view, p);
        if (used->data() < f.lane.view.ring || used->data() >= f.lane.view.ring + kRing) continue;
        const auto begin = static_cast<std::uint64_t>(used->data() - f.lane.view.ring);
        REQUIRE((*found % kRing + bytes <= begin || begin + used->size() <= *found % kRing));
      }
    }
    for (; head != f.tail; ++head) heir.free_until(head + 1);
    CHECK(place(heir, kRing).has_value());
  }
}

TEST_CASE("byte ring: slots that cannot be true are refused when a lane is taken over") {
  const auto adopts = [](auto write) {
    TestLane lane(3, kSlotBytes, kRing);
    write(lane);
    ByteRing ring;
    return ring.adopt(lane.view, 0, 2);
  };
  const auto second = [](std::uint32_t bytes, std::uint64_t at) {
    return [=](TestLane& lane) {
      lane.write_slot(0, 16, true, 0);
      lane.write_slot(1, bytes, true, at);
    };
  };
  CHECK(adopts(second(16, 16)));
  CHECK_FALSE(adopts(second(16, 8)));      // not where any payload begins, and inside the first
  CHECK_FALSE(adopts(second(kRing, 16)));  // together more than there is
  CHECK_FALSE(adopts(second(16, 10 * kRing)));
  CHECK_FALSE(adopts(second(0xffff'ffff, 16)));
  CHECK_FALSE(adopts(second(16, UINT64_MAX - 15)));
}

TEST_CASE("payload: a slot that points outside its lane is told, never followed") {
  TestLane lane(3, kSlotBytes, kRing);
  const auto at = [&](std::uint32_t bytes, bool in_ring, std::uint64_t where) {
    lane.write_slot(0, bytes, in_ring, where);
    return encoded_payload(lane.view, 0);
  };
  CHECK(at(kSlotBytes - kSlotHeaderBytes, false, 0).has_value());
  CHECK_FALSE(at(kSlotBytes - kSlotHeaderBytes + 1, false, 0).has_value());
  CHECK(at(kRing, true, 0).has_value());
  CHECK(at(16, true, kRing - 16).has_value());
  CHECK_FALSE(at(17, true, kRing - 16).has_value());
  CHECK_FALSE(at(kRing + 1, true, 0).has_value());
  CHECK_FALSE(at(0xffff'ffff, true, UINT64_MAX).has_value());
  CHECK(at(1, true, UINT64_MAX).has_value());  // the last byte of the ring

  TestLane without(3, kSlotBytes, 0);
  without.write_slot(0, 1, true, 0);
  CHECK_FALSE(encoded_payload(without.view, 0).has_value());
}

// The ring was empty and began anew while slots without payloads were still in use: what those
// remember is behind by then.
TEST_CASE("byte ring: freeing slots without payloads takes no room back") {
  Fixture f;
  CHECK(f.put(100));
  f.ring.free_until(1);
  f.ring.keep_nothing(f.tail);
  f.lane.write_slot(f.tail++, 8, false, 0);
  CHECK(f.put(200));  // from the ring's start again
  f.ring.free_until(2);
  CHECK(place(f.ring, 32).has_value());
}
