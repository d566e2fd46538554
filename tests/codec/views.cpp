// TextView and ArrayView: what was put is seen in the encoded bytes themselves, aligned for its
// type, and bytes that no encoder wrote end in iq::Corrupt.
#include <doctest/doctest.h>

#include <iq/iq.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <ranges>
#include <string>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "codec/items.hpp"

using iq::ArrayView;
using iq::TextView;
using items::decode;
using items::encode;

namespace {

struct Point {
  std::int16_t x = 0;
  double y = 0;
};
struct Line {
  std::uint8_t number = 0;
  TextView text;
  ArrayView<double> values;
  std::vector<TextView> tags;
  std::optional<ArrayView<Point>> path;
  std::map<TextView, int> counts;
};
struct Plain {
  int id = 0;
  std::vector<std::string> names;
};

class Kept {
 public:
  explicit Kept(TextView text) : text_(text) {}
  TextView text() const { return text_; }

 private:
  TextView text_;
};

bool lies_in(const std::vector<std::byte>& bytes, const void* from, std::size_t size) {
  const auto* first = static_cast<const std::byte*>(from);
  return bytes.data() <= first && first + size <= bytes.data() + bytes.size();
}

}  // namespace

template <>
struct iq::Codec<Kept> {
  static constexpr bool kView = true;
  static void encode(const Kept& kept, iq::Encoder& out) { out(kept.text()); }
  static Kept decode(iq::Decoder& in) { return Kept(in.get<TextView>()); }
};

static_assert(iq::detail::kHoldsView<TextView> && iq::detail::kHoldsView<Line>);
static_assert(iq::detail::kHoldsView<std::tuple<int, std::vector<ArrayView<char>>>>);
static_assert(!iq::detail::kHoldsView<Plain> && !iq::detail::kHoldsView<iq::Bytes>);
static_assert(std::ranges::view<TextView> && std::ranges::borrowed_range<TextView>);
static_assert(std::ranges::view<ArrayView<int>> && std::ranges::borrowed_range<ArrayView<int>>);
static_assert(!iq::detail::kHoldsView<std::string_view>);  // cannot be an item at all

TEST_CASE("Views: what was put comes back equal, seen in the item's own bytes") {
  const std::string text = "some characters";
  const std::vector<double> values{0.5, 1.5, 2.5};
  const std::array<Point, 2> path{{{1, 2.0}, {3, 4.0}}};
  const Line line{7, text, values, {"a", text}, path, {{"one", 1}, {"two", 2}}};
  const auto bytes = encode(line);
  const Line read = decode<Line>(bytes);
  CHECK(read.number == 7);
  CHECK(read.text == text);
  CHECK(std::ranges::equal(read.values, values));
  REQUIRE(read.tags.size() == 2);
  CHECK(read.tags[0] == "a");
  CHECK(read.tags[1] == text);
  REQUIRE(read.path.has_value());
  REQUIRE(read.path->size() == 2);
  CHECK((*read.path)[1].x == 3);
  CHECK((*read.path)[1].y == 4.0);
  CHECK(read.counts == line.counts);
  CHECK(lies_in(bytes, read.text.data(), read.text.size()));
  CHECK(lies_in(bytes, read.values.data(), read.values.size_bytes()));
  CHECK(lies_in(bytes, read.path->data(), read.path->size_bytes()));
}

TEST_CASE("Views: elements are aligned for their type, whatever stands before them") {
  for (std::size_t length = 0; length < 20; ++length) {
    const std::string text(length, 'x');
    const std::vector<double> values(length % 5, 1.25);
    const Line line{1, text, values, {}, {}, {}};
    const auto bytes = encode(line);
    const Line read = decode<Line>(bytes);
    CHECK(read.text == text);
    CHECK(std::ranges::equal(read.values, values));
    CHECK(reinterpret_cast<std::uintptr_t>(read.values.data()) % alignof(double) == 0);
  }
}

TEST_CASE("Views: empty ones come back empty") {
  const auto bytes = encode(Line{});
  const Line read = decode<Line>(bytes);
  CHECK(read.text.empty());
  CHECK(read.values.empty());
  CHECK(read.tags.empty());
  CHECK_FALSE(read.path.has_value());
}

TEST_CASE("Views: an item cut at any byte, and one that goes on, is corrupt") {
  const std::vector<double> values{1, 2};
  auto bytes = encode(Line{1, "text", values, {"tag"}, {}, {{"one", 1}}});
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const std::vector<std::byte> cut(bytes.begin(), bytes.begin() + static_cast<long>(size));
    CHECK_THROWS_AS(decode<Line>(cut), iq::Corrupt);
  }
  bytes.push_back(std::byte{0});
  CHECK_THROWS_AS(decode<Line>(bytes), iq::Corrupt);
}

TEST_CASE("Views: more elements than there are bytes are corrupt at once") {
  std::vector<std::byte> bytes(16, std::byte{0xff});
  CHECK_THROWS_AS(decode<TextView>(bytes), iq::Corrupt);
  CHECK_THROWS_AS(decode<ArrayView<double>>(bytes), iq::Corrupt);
  CHECK_THROWS_AS(decode<ArrayView<std::byte>>(bytes), iq::Corrupt);
}

TEST_CASE("Views: bytes that lie where an element must not are refused, not read") {
  const std::vector<double> values{1, 2};
  const auto bytes = encode(ArrayView<double>(values));
  alignas(8) std::array<std::byte, 64> place{};
  for (std::size_t shift = 0; shift < 8; ++shift) {
    std::ranges::copy(bytes, place.begin() + static_cast<long>(shift));
    const auto read = [&] {
      return iq::detail::Payload<ArrayView<double>>::read(
          std::span(place).subspan(shift, bytes.size()));
    };
    if (shift == 0) {
      CHECK(std::ranges::equal(read(), values));
    } else {
      CHECK_THROWS_AS(read(), iq::Corrupt);
    }
  }
}

TEST_CASE("Views: a type with a Codec that keeps a view says so") {
  CHECK(iq::detail::kHoldsView<Kept>);
  CHECK(decode<Kept>(encode(Kept{"text"})).text().empty() == false);
}

TEST_CASE("Views: texts are keys and views as std::string_view is") {
  const std::unordered_map<TextView, int> counts{{"one", 1}, {"two", 2}};
  CHECK(counts.at("two") == 2);
  const auto words = [](TextView text) { return text | std::views::split(' '); };
  CHECK(std::ranges::distance(words("three small words")) == 3);
}

TEST_CASE("Views: a text is written as a std::string is, and counts as the same type") {
  CHECK(encode(TextView("text")) == encode(std::string("text")));
  CHECK(iq::detail::type_fingerprint<TextView>() == iq::detail::type_fingerprint<std::string>());
  using iq::detail::type_fingerprint;
  CHECK_FALSE(type_fingerprint<ArrayView<int>>() == type_fingerprint<std::vector<int>>());
  CHECK_FALSE(type_fingerprint<ArrayView<int>>() == type_fingerprint<ArrayView<unsigned>>());
}
