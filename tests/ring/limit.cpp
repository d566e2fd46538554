// Arithmetic of the limit word.
#include "iq/detail/limit.hpp"

#include <doctest/doctest.h>

#include <initializer_list>

using namespace iq::detail;

namespace {
// Where 52 bits end: positions around it share their limit words with those around 0.
constexpr Position kWrap = Position{1} << 52;
constexpr std::initializer_list<Position> kEnds = {
    1,     2,         4096,      (Position{1} << 40) + 7, kWrap - 1,
    kWrap, kWrap + 1, 3 * kWrap, 3 * kWrap + 5,           (Position{1} << 62) + 1};
constexpr std::initializer_list<std::uint32_t> kTags = {1U, 2U, 1024U, 4094U, 4095U};
}  // namespace

TEST_CASE("limit: settled has no tag, pending has that of its thief") {
  for (const Position end : kEnds) {
    CHECK(limit_tag(settled_limit(end)) == 0);
    for (const std::uint32_t tag : kTags) CHECK(limit_tag(pending_limit(end, tag)) == tag);
  }
}

TEST_CASE("limit: settled or pending, exactly the positions before the end are below it") {
  for (const Position end : kEnds) {
    const auto check = [&](std::uint64_t word) {
      CHECK(below_limit(end - 1, word));
      CHECK_FALSE(below_limit(end, word));
      CHECK_FALSE(below_limit(end + 1, word));
      CHECK(below_limit(end - 4095, word));
      CHECK_FALSE(below_limit(end + 4095, word));
    };
    check(settled_limit(end));
    for (const std::uint32_t tag : kTags) check(pending_limit(end, tag));
  }
}

TEST_CASE("limit: the end is read back exactly, near any position of the batch") {
  for (const Position end : kEnds) {
    for (const Position back : {Position{0}, Position{1}, Position{4095}, Position{1} << 24}) {
      if (back > end) continue;
      CHECK(limit_end(settled_limit(end), end - back) == end);
      CHECK(limit_end(settled_limit(end), end + back) == end);
      for (const std::uint32_t tag : kTags) {
        CHECK(limit_end(pending_limit(end, tag), end - back) == end);
        CHECK(limit_end(pending_limit(end, tag), end + back) == end);
      }
    }
  }
}

TEST_CASE("limit: two words are equal only when end and tag are") {
  for (const Position end : {Position{5}, kWrap - 1}) {
    for (const std::uint32_t tag : kTags) {
      CHECK(pending_limit(end, tag) != settled_limit(end));
      CHECK(pending_limit(end, tag) != settled_limit(end - 1));
      CHECK(pending_limit(end + 1, tag) != pending_limit(end, tag));
    }
    CHECK(pending_limit(end, 1) != pending_limit(end, 2));
    // The highest tag comes as close to the settled word before it as a word can.
    CHECK(pending_limit(end, 4095) == settled_limit(end - 1) + 1);
  }
}
