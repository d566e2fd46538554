// Codec: what is put comes out.
#include <doctest/doctest.h>

#include <limits>
#include <string>

#include "codec/items.hpp"

using items::decode;
using items::encode;

TEST_CASE_TEMPLATE("Codec: random values come back equal, into a buffer of exactly their size", T,
                   IQ_TEST_ITEMS) {
  items::Random random(7);
  for (int i = 0; i < 300; ++i) {
    const T value = items::make<T>(random);
    const std::size_t size = iq::detail::Payload<T>::size(value);
    REQUIRE(size > 0);
    std::vector<std::byte> bytes(size + 8, std::byte{0xa5});
    iq::detail::Payload<T>::write(value, bytes.data(), size);
    for (std::size_t at = size; at < bytes.size(); ++at) REQUIRE(bytes[at] == std::byte{0xa5});
    bytes.resize(size);
    REQUIRE((decode<T>(bytes) == value));
  }
}

TEST_CASE("Codec: a map of vectors of optional structs comes back equal") {
  items::Deep deep;
  deep["empty"];
  deep["some"] = {std::nullopt, items::Job{1, "first", {2, 3.5}, {std::nullopt}, 4}};
  deep["text"] = {items::Job{2, std::string(1000, 'x'), {}, {}, std::string("extra")}};
  CHECK(decode<items::Deep>(encode(deep)) == deep);
}

TEST_CASE("Codec: a string of 10 MB comes back equal") {
  std::string huge(10'000'000, '?');
  for (std::size_t i = 0; i < huge.size(); i += 997) huge[i] = static_cast<char>('a' + i % 26);
  const auto bytes = encode(huge);
  CHECK(bytes.size() == huge.size() + 4);
  CHECK((decode<std::string>(bytes) == huge));
}

TEST_CASE("Codec: strings keep their zero bytes") {
  const std::string text("a\0b\0", 4);
  CHECK(decode<std::string>(encode(text)) == text);
}

TEST_CASE("Codec: a string costs four bytes more than its text, a bool in a vector one bit") {
  CHECK(encode(std::string("hello")).size() == 9);
  CHECK(encode(std::vector<int>(10)).size() == 44);
  CHECK(encode(std::vector<bool>(17)).size() == 7);
  CHECK(encode(std::optional<std::string>()).size() == 1);
  CHECK(encode(items::Point{}).size() == sizeof(items::Point));
}

TEST_CASE("Codec: in-place types are their own bytes, at any alignment") {
  const items::Point point{5, 6.5};
  std::vector<std::byte> bytes(sizeof point + 1);
  iq::detail::Payload<items::Point>::write(point, bytes.data() + 1, sizeof point);
  const auto back = iq::detail::Payload<items::Point>::read(std::span(bytes).subspan(1));
  CHECK(back == point);
}

TEST_CASE("Codec: extreme numbers come back equal") {
  using Numbers = std::vector<double>;
  const Numbers numbers{0.0, std::numeric_limits<double>::infinity(),
                        std::numeric_limits<double>::denorm_min(),
                        std::numeric_limits<double>::lowest()};
  CHECK(decode<Numbers>(encode(numbers)) == numbers);
  const std::vector<std::int64_t> whole{std::numeric_limits<std::int64_t>::min(), -1, 0,
                                        std::numeric_limits<std::int64_t>::max()};
  CHECK(decode<std::vector<std::int64_t>>(encode(whole)) == whole);
}

namespace {
struct Counted {
  std::string a;
  mutable std::size_t size = 3;
};
}  // namespace

template <>
struct iq::Codec<Counted> {
  static void encode(const Counted& value, iq::Encoder& out) {
    out.bytes(value.a.data(), value.size++);
  }
  static Counted decode(iq::Decoder& in) {
    return {std::string(in.left(), 'x'), (in.bytes(in.left()), std::size_t{0})};
  }
};

TEST_CASE("Codec: a codec that writes more than it counted is stopped at the end of its place") {
  const Counted value{"abcdefgh"};
  const std::size_t size = iq::detail::Payload<Counted>::size(value);
  std::vector<std::byte> bytes(size + 1, std::byte{0xa5});
  CHECK_THROWS_AS(iq::detail::Payload<Counted>::write(value, bytes.data(), size), iq::BadArgument);
  CHECK(bytes[size] == std::byte{0xa5});
  value.size = 1;
  CHECK_THROWS_AS(iq::detail::Payload<Counted>::write(value, bytes.data(), 3), iq::BadArgument);
  value.size = 0;
  CHECK_THROWS_AS(iq::detail::Payload<Counted>::size(value), iq::BadArgument);
}

namespace {
struct Fragile {
  Fragile() = default;
  Fragile(const Fragile&) { throw 1; }
  Fragile& operator=(const Fragile&) = default;
  bool operator==(const Fragile&) const = default;
};
}  // namespace

template <>
struct iq::Codec<Fragile> {
  static void encode(const Fragile&, iq::Encoder& out) { out('f'); }
  static Fragile decode(iq::Decoder& in) { return in.get<char>(), Fragile(); }
};

TEST_CASE("Codec: a variant that lost its value is refused in words") {
  std::variant<int, Fragile> value = 1;
  const Fragile fragile;
  CHECK_THROWS_AS((value.emplace<Fragile>(fragile)), int);
  REQUIRE(value.valueless_by_exception());
  using Item = std::variant<int, Fragile>;
  CHECK_THROWS_AS(iq::detail::Payload<Item>::size(value), iq::BadArgument);
}
