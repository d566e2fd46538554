// Codec: bytes that no encoder wrote end in iq::Corrupt, never in a crash or a huge allocation.
#include <doctest/doctest.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string>

#include "codec/items.hpp"

using items::decode;
using items::encode;

namespace {

thread_local std::size_t allocated = 0;

// Whether `bytes` decode; anything else than iq::Corrupt fails the test.
template <class T>
bool decodes(std::span<const std::byte> bytes) {
  // A copy of exactly this size, so that a sanitizer sees one byte too many.
  const std::vector<std::byte> exact(bytes.begin(), bytes.end());
  const std::size_t before = allocated;
  bool good = true;
  try {
    static_cast<void>(decode<T>(exact));
  } catch (const iq::Corrupt&) {
    good = false;
  }
  REQUIRE(allocated - before <= 128 * exact.size() + 4096);
  return good;
}

template <class T>
std::vector<std::byte> bytes_of(std::initializer_list<T> numbers) {
  std::vector<std::byte> bytes(numbers.size() * sizeof(T));
  std::memcpy(bytes.data(), std::data(numbers), bytes.size());
  return bytes;
}

}  // namespace

// Not inlined, or the compiler takes free() here for the partner of the built-in operator new.
[[gnu::noinline]] void* operator new(std::size_t size) {
  allocated += size;
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

TEST_CASE_TEMPLATE("Codec: an item cut at any byte is corrupt", T, IQ_TEST_ITEMS) {
  items::Random random(11);
  for (int i = 0; i < 20; ++i) {
    const auto bytes = encode(items::make<T>(random));
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      REQUIRE_FALSE(decodes<T>(std::span(bytes).first(size)));
    }
  }
}

TEST_CASE_TEMPLATE("Codec: a byte after the item is corrupt", T, IQ_TEST_ITEMS) {
  items::Random random(12);
  for (int i = 0; i < 20; ++i) {
    auto bytes = encode(items::make<T>(random));
    bytes.push_back(std::byte{0});
    REQUIRE_FALSE(decodes<T>(bytes));
  }
}

TEST_CASE_TEMPLATE("Codec: flipped bits never crash nor allocate out of proportion", T,
                   IQ_TEST_ITEMS) {
  items::Random random(13);
  for (int i = 0; i < 20; ++i) {
    const auto bytes = encode(items::make<T>(random));
    for (std::size_t bit = 0; bit < std::min<std::size_t>(bytes.size() * 8, 400); ++bit) {
      auto flipped = bytes;
      flipped[bit / 8] ^= std::byte{1} << (bit % 8);
      decodes<T>(flipped);
    }
  }
}

TEST_CASE_TEMPLATE("Codec: random bytes never crash nor allocate out of proportion", T,
                   IQ_TEST_ITEMS) {
  items::Random random(14);
  for (int i = 0; i < 500; ++i) {
    std::vector<std::byte> bytes(random() % 200);
    for (std::byte& byte : bytes) byte = static_cast<std::byte>(random() % (i % 2 ? 4 : 256));
    decodes<T>(bytes);
  }
}

TEST_CASE("Codec: a number of elements that the bytes cannot hold is corrupt at once") {
  const auto huge = bytes_of<std::uint32_t>({0xffffffff, 0});
  CHECK_FALSE(decodes<std::string>(huge));
  CHECK_FALSE(decodes<std::vector<double>>(huge));
  CHECK_FALSE(decodes<std::vector<items::Empty>>(huge));
  CHECK_FALSE(decodes<std::vector<bool>>(huge));
  CHECK_FALSE(decodes<std::vector<std::tuple<>>>(huge));
  CHECK_FALSE(decodes<std::vector<std::array<std::string, 0>>>(huge));
  CHECK_FALSE(decodes<std::vector<items::Money>>(huge));
  CHECK_FALSE(decodes<std::map<std::string, items::Job>>(huge));
}

TEST_CASE("Codec: many announced optionals of large arrays do not reserve their size") {
  using Page = std::optional<std::array<std::vector<int>, 1000>>;
  std::vector<std::byte> bytes = bytes_of<std::uint32_t>({1000});
  bytes.resize(1004, std::byte{2});  // not one of them is good
  CHECK_FALSE(decodes<std::vector<Page>>(bytes));
}

TEST_CASE("Codec: a bool is 0 or 1, an alternative exists, a key is there once") {
  CHECK(decodes<bool>(bytes_of<char>({1})));
  CHECK_FALSE(decodes<bool>(bytes_of<char>({2})));

  using Pair = std::pair<bool, std::string>;
  auto pair = encode(Pair{true, "x"});
  pair[0] = std::byte{2};
  CHECK_FALSE(decodes<Pair>(pair));

  using Either = std::variant<int, std::string>;
  auto either = encode(Either{7});
  either[0] = std::byte{2};
  CHECK_FALSE(decodes<Either>(either));

  CHECK(decodes<std::set<int>>(bytes_of<std::uint32_t>({2, 5, 6})));
  CHECK_FALSE(decodes<std::set<int>>(bytes_of<std::uint32_t>({2, 5, 5})));
  CHECK_FALSE(decodes<std::map<int, int>>(bytes_of<std::uint32_t>({2, 5, 0, 5, 0})));
}

TEST_CASE("Codec: the message names the type and both sizes") {
  const auto text_of = [](auto&& act) -> std::string {
    try {
      act();
    } catch (const iq::Corrupt& error) {
      return error.what();
    }
    return "";
  };
  CHECK(text_of([] { decode<items::Point>(std::vector<std::byte>(3)); }) ==
        "cannot decode a `items::Point`: 16 bytes expected, the item has 3");
  CHECK(text_of([] { decode<std::string>(bytes_of<std::uint32_t>({9, 1})); }) ==
        "cannot decode a `std::string`: 9 elements of at least 1 bytes announced, 4 bytes left");
  CHECK(text_of([] { decode<std::string>(bytes_of<std::uint32_t>({1, 1})); }) ==
        "cannot decode a `std::string`: 3 bytes follow its end");
}
