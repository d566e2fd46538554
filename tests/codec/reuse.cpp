// Codec: an item that is read into the memory of another one is as if read anew.
#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <vector>

#include "codec/items.hpp"

using items::encode;

namespace {

// Reads `bytes` into what `held` has, from a copy of exactly their size.
template <class T>
void hold(std::span<const std::byte> bytes, std::optional<T>& held) {
  const std::vector<std::byte> exact(bytes.begin(), bytes.end());
  iq::detail::Payload<T>::hold(exact, held);
}

struct Named {
  std::string name;
  std::vector<std::uint64_t> numbers;
  std::vector<std::string> words;
};

// Its assignment leaves a part as it is.
class Numbered {
 public:
  Numbered(int number, std::string text) : number_(number), text_(std::move(text)) {}
  Numbered(const Numbered&) = default;
  Numbered(Numbered&&) = default;
  Numbered& operator=(const Numbered& other) {
    text_ = other.text_;
    return *this;
  }
  int number() const { return number_; }
  const std::string& text() const { return text_; }

 private:
  int number_;
  std::string text_;
};

// The second lies within the first.
struct Packed {
  [[no_unique_address]] std::variant<int, char> choice;
  [[no_unique_address]] std::optional<char> letter;
  std::string text;
};

// Members that may share an address.
struct Dense {
  std::uint32_t number;
  [[no_unique_address]] items::Empty empty;
  std::string text;
};

}  // namespace

template <>
struct iq::Codec<Numbered> {
  static void encode(const Numbered& value, iq::Encoder& out) { out(value.number(), value.text()); }
  static Numbered decode(iq::Decoder& in) {
    const int number = in.get<int>();
    return Numbered(number, in.get<std::string>());
  }
};

TEST_CASE_TEMPLATE("Codec: whatever was read before, the next item comes back equal", T,
                   IQ_TEST_ITEMS) {
  items::Random random(23);
  std::optional<T> held;
  for (int i = 0; i < 300; ++i) {
    const T value = items::make<T>(random);
    hold<T>(encode(value), held);
    REQUIRE((*held == value));
  }
}

TEST_CASE_TEMPLATE("Codec: a corrupt item leaves nothing in the place of the one before", T,
                   IQ_TEST_ITEMS) {
  items::Random random(29);
  for (int i = 0; i < 20; ++i) {
    const auto bytes = encode(items::make<T>(random));
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      std::optional<T> held;
      hold<T>(encode(items::make<T>(random)), held);
      REQUIRE_THROWS_AS(hold<T>(std::span(bytes).first(size), held), iq::Corrupt);
      if constexpr (!iq::detail::Payload<T>::kInPlace && iq::detail::Refillable<T>) {
        REQUIRE_FALSE(held.has_value());
      }
    }
    auto longer = bytes;
    longer.push_back(std::byte{0});
    std::optional<T> held;
    hold<T>(encode(items::make<T>(random)), held);
    REQUIRE_THROWS_AS(hold<T>(longer, held), iq::Corrupt);
  }
}

TEST_CASE("Codec: items of like size use the same memory again") {
  const auto named = [](char letter) {
    return Named{std::string(100, letter),
                 std::vector<std::uint64_t>(30, letter),
                 {std::string(50, letter), std::string(60, letter)}};
  };
  std::optional<Named> held;
  hold<Named>(encode(named('a')), held);
  const void* const places[] = {held->name.data(), held->numbers.data(), held->words.data(),
                                held->words[1].data()};
  for (const char letter : {'b', 'c', 'd'}) {
    hold<Named>(encode(named(letter)), held);
    const void* const now[] = {held->name.data(), held->numbers.data(), held->words.data(),
                               held->words[1].data()};
    CHECK(std::equal(std::begin(places), std::end(places), std::begin(now)));
    CHECK(held->name.front() == letter);
    CHECK(held->words[1].back() == letter);
  }
}

TEST_CASE("Codec: one huge item among small ones does not hold its memory for ever") {
  const auto named = [](std::size_t size) {
    return Named{std::string(size, 'x'), std::vector<std::uint64_t>(size),
                 std::vector<std::string>(3, std::string(size, 'y'))};
  };
  std::optional<Named> held;
  hold<Named>(encode(named(1'000'000)), held);
  hold<Named>(encode(named(20)), held);
  CHECK(held->name.capacity() < 1000);
  CHECK(held->numbers.capacity() < 1000);
  for (const std::string& word : held->words) CHECK(word.capacity() < 1000);

  std::optional<std::vector<std::string>> list;
  hold<std::vector<std::string>>(encode(std::vector<std::string>(100'000)), list);
  hold<std::vector<std::string>>(encode(std::vector<std::string>(3)), list);
  CHECK(list->capacity() < 1000);
}

TEST_CASE("Codec: what a type's assignment leaves as it is comes from the next item all the same") {
  std::optional<Numbered> held;
  std::optional<std::vector<Numbered>> list;
  for (const int i : {1, 2, 3}) {
    hold<Numbered>(encode(Numbered{i, "text"}), held);
    CHECK(held->number() == i);
    std::vector<Numbered> numbered;
    for (int k = 0; k < i; ++k) numbered.emplace_back(10 * i + k, "text");
    hold<std::vector<Numbered>>(encode(numbered), list);
    REQUIRE(list->size() == numbered.size());
    for (int k = 0; k < i; ++k) CHECK((*list)[static_cast<std::size_t>(k)].number() == 10 * i + k);
  }
}

TEST_CASE("Codec: members that lie in the padding of others come back equal") {
  std::optional<Packed> held;
  for (int i = 0; i < 20; ++i) {
    Packed packed{i, std::nullopt, std::string(static_cast<std::size_t>(i), 's')};
    if (i % 3 != 0) packed.letter = 'x';
    hold<Packed>(encode(packed), held);
    CHECK(held->choice == packed.choice);
    CHECK(held->letter == packed.letter);
    CHECK(held->text == packed.text);
  }
}

TEST_CASE("Codec: an empty member that shares another's address leaves that alone") {
  std::optional<Dense> held;
  for (const std::uint32_t i : {0x01020304u, 0xffffffffu, 0x0a0b0c0du}) {
    hold<Dense>(encode(Dense{i, {}, std::string(i % 100, 'x')}), held);
    CHECK(held->number == i);
    CHECK(held->text.size() == i % 100);
  }
}
