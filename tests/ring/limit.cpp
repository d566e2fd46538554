// Arithmetic of the limit word.
#include "iq/detail/limit.hpp"

#include <doctest/doctest.h>

#include <initializer_list>
#include <utility>
#include <vector>

using namespace iq::detail;

namespace {
// Where 42 bits end: positions around it share their limit words with those around 0.
constexpr Position kWrap = Position{1} << 42;
constexpr std::initializer_list<Position> kEnds = {
    1,     2,         4096,      (Position{1} << 40) + 7, kWrap - 1,
    kWrap, kWrap + 1, 3 * kWrap, 3 * kWrap + 5,           (Position{1} << 62) + 1};
constexpr std::initializer_list<std::uint32_t> kTags = {1U, 2U, 1024U, 4094U, 4095U};
constexpr std::initializer_list<std::uint32_t> kLanes = {0U, 1U, 512U, 1023U};

std::vector<std::pair<Position, std::uint32_t>> ends_and_lanes() {
  std::vector<std::pair<Position, std::uint32_t>> all;
  for (const Position end : kEnds) {
    for (const std::uint32_t lane : kLanes) all.emplace_back(end, lane);
  }
  return all;
}
}  // namespace

TEST_CASE("limit: settled has no tag, pending has that of its thief") {
  for (const auto& [end, lane] : ends_and_lanes()) {
    CHECK(limit_tag(settled_limit(end, lane)) == 0);
    for (const std::uint32_t tag : kTags) CHECK(limit_tag(pending_limit(end, tag, lane)) == tag);
  }
}

TEST_CASE("limit: settled or pending, exactly the positions before the end are below it") {
  for (const auto& [end, lane] : ends_and_lanes()) {
    const auto check = [&](std::uint64_t word) {
      CHECK(below_limit(end - 1, word));
      CHECK_FALSE(below_limit(end, word));
      CHECK_FALSE(below_limit(end + 1, word));
      CHECK(below_limit(end - 4095, word));
      CHECK_FALSE(below_limit(end + 4095, word));
    };
    check(settled_limit(end, lane));
    for (const std::uint32_t tag : kTags) check(pending_limit(end, tag, lane));
  }
}

TEST_CASE("limit: the end is read back exactly, near any position of the batch") {
  for (const auto& [end, lane] : ends_and_lanes()) {
    for (const Position back : {Position{0}, Position{1}, Position{4095}, Position{1} << 24}) {
      if (back > end) continue;
      CHECK(limit_end(settled_limit(end, lane), end - back) == end);
      CHECK(limit_end(settled_limit(end, lane), end + back) == end);
      for (const std::uint32_t tag : kTags) {
        CHECK(limit_end(pending_limit(end, tag, lane), end - back) == end);
        CHECK(limit_end(pending_limit(end, tag, lane), end + back) == end);
      }
    }
  }
}

TEST_CASE("limit: two words are equal only when end, tag and lane are") {
  for (const auto& [end, lane] : ends_and_lanes()) {
    for (const std::uint32_t other : kLanes) {
      CHECK((settled_limit(end, other) == settled_limit(end, lane)) == (other == lane));
      CHECK((pending_limit(end, 7, other) == pending_limit(end, 7, lane)) == (other == lane));
      CHECK(settled_limit(end - 1, other) != settled_limit(end, lane));
    }
    for (const std::uint32_t tag : kTags) {
      CHECK(pending_limit(end, tag, lane) != settled_limit(end, lane));
      CHECK(pending_limit(end, tag, lane) != settled_limit(end - 1, lane));
      CHECK(pending_limit(end + 1, tag, lane) != pending_limit(end, tag, lane));
    }
    CHECK(pending_limit(end, 1, lane) != pending_limit(end, 2, lane));
    // The highest of tag and lane come as close to the settled word before it as a word can.
    CHECK(pending_limit(end, 4095, 1023) == settled_limit(end - 1, 0) + 1);
  }
}
