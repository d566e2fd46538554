// Encodable: which types can be items, and which of them are read in place.
#include <doctest/doctest.h>

#include <any>
#include <atomic>
#include <functional>
#include <memory>
#include <memory_resource>
#include <mutex>
#include <span>
#include <string_view>

#include "codec/items.hpp"

namespace {

template <class... T>
constexpr bool all_encodable() {
  return (iq::Encodable<T> && ...);
}

template <class T>
constexpr bool in_place = iq::detail::Payload<T>::kInPlace;

struct NoDefault {
  explicit NoDefault(int) {}
};
struct Large {
  std::array<char, 4096> page;
  items::Money money;  // no default constructor
};
struct Hundred {
  template <int>
  using Int = int;
#define IQ_TEN(p) int p##0, p##1, p##2, p##3, p##4, p##5, p##6, p##7, p##8, p##9;
  IQ_TEN(a) IQ_TEN(b) IQ_TEN(c) IQ_TEN(d) IQ_TEN(e)
  IQ_TEN(f) IQ_TEN(g) IQ_TEN(h) IQ_TEN(i) IQ_TEN(j)
#undef IQ_TEN
};
struct Reversed {
  bool operator()(int a, int b) const { return a > b; }
};
struct Destroyed {
  ~Destroyed() {}
};
struct Nested {
  struct {
    int a;
    std::string b;
  } unnamed;
  items::Point points[1];
};
struct FirstIsReferenceTaker {
  std::function<void()>* pointer;
};

}  // namespace

TEST_CASE("Encodable: everything that the tests carry") {
  CHECK(all_encodable<IQ_TEST_ITEMS>());
  CHECK(all_encodable<Large, Hundred, std::pmr::string, std::pmr::vector<int>, Destroyed,
                      std::map<int, int, Reversed>, std::map<int, int, std::less<>>>());
}

TEST_CASE("Encodable: asking about a type that cannot be an item is no error") {
  CHECK_FALSE(iq::Encodable<int*>);
  CHECK_FALSE(iq::Encodable<int&>);
  CHECK_FALSE(iq::Encodable<const int>);
  CHECK_FALSE(iq::Encodable<int[2]>);
  CHECK_FALSE(iq::Encodable<void>);
  CHECK_FALSE(iq::Encodable<void()>);
  CHECK_FALSE(iq::Encodable<std::nullptr_t>);
  CHECK_FALSE(iq::Encodable<std::string_view>);
  CHECK_FALSE(iq::Encodable<std::span<int>>);
  CHECK_FALSE(iq::Encodable<std::unique_ptr<int>>);
  CHECK_FALSE(iq::Encodable<std::function<void()>>);
  CHECK_FALSE(iq::Encodable<std::any>);
  CHECK_FALSE(iq::Encodable<std::mutex>);
  CHECK_FALSE(iq::Encodable<std::atomic<int>>);
  CHECK_FALSE(iq::Encodable<NoDefault>);
  CHECK_FALSE(iq::Encodable<Nested>);
  CHECK_FALSE(iq::Encodable<FirstIsReferenceTaker>);
  CHECK_FALSE(iq::Encodable<std::map<int, int, bool (*)(int, int)>>);
  CHECK_FALSE(iq::Encodable<std::vector<std::optional<std::pair<int, char*>>>>);
}

TEST_CASE("Encodable: plain values without strings or containers are read in place") {
  CHECK(in_place<int>);
  CHECK(in_place<bool>);
  CHECK(in_place<items::Point>);
  CHECK(in_place<items::Flags>);
  CHECK(in_place<items::Celsius>);
  CHECK(in_place<Hundred>);
  CHECK(in_place<std::array<items::Point, 4>>);
  CHECK(in_place<std::chrono::nanoseconds>);
  CHECK_FALSE(in_place<std::string>);
  CHECK_FALSE(in_place<items::Job>);
  CHECK_FALSE(in_place<items::Money>);
  CHECK_FALSE(in_place<std::variant<int, char>>);
  CHECK_FALSE(in_place<std::optional<std::string>>);
}

TEST_CASE("Encodable: an in-place type has a fixed size, an encoded one does not") {
  CHECK(iq::detail::Payload<items::Point>::kFixedSize == sizeof(items::Point));
  CHECK(iq::detail::Payload<std::string>::kFixedSize == 0);
}

TEST_CASE("Encodable: a struct of 100 members and one around a page go through") {
  Hundred hundred{};
  hundred.a0 = 1;
  hundred.j9 = 2;
  const auto back = items::decode<Hundred>(items::encode(hundred));
  CHECK(back.a0 == 1);
  CHECK(back.j9 == 2);
  const Large large{{'p'}, items::Money(5, "EUR")};
  const auto large_back = items::decode<Large>(items::encode(large));
  CHECK(large_back.page[0] == 'p');
  CHECK(large_back.money == large.money);
  items::decode<Destroyed>(items::encode(Destroyed{}));
}
