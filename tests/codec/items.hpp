// Types that the codec tests carry, and random values of them.
#pragma once

#include <array>
#include <bitset>
#include <chrono>
#include <complex>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <iq/codec.hpp>
#include <list>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

namespace items {

enum class Color : std::uint8_t { red, green, blue };
enum class Switch : bool { off, on };

struct Empty {
  bool operator==(const Empty&) const = default;
};

struct Point {
  std::int32_t x = 0;
  double y = 0;
  bool operator==(const Point&) const = default;
};

struct Flags {
  bool a = false;
  Switch b = Switch::off;
  std::array<Color, 3> colors{};
  std::optional<int> number;
  bool operator==(const Flags&) const = default;
};

struct Job {
  std::uint64_t id = 0;
  std::string name;
  Point at;
  std::vector<std::optional<Flags>> flags;
  std::variant<std::monostate, int, std::string> extra;
  bool operator==(const Job&) const = default;
};

/// No default constructor and private members: carried by its Codec.
class Money {
 public:
  Money(std::int64_t cents, std::string currency) : cents_(cents), currency_(std::move(currency)) {}
  std::int64_t cents() const { return cents_; }
  const std::string& currency() const { return currency_; }
  bool operator==(const Money&) const = default;

 private:
  std::int64_t cents_;
  std::string currency_;
};

/// Trivially copyable with private members: declared shareable.
class Celsius {
 public:
  explicit Celsius(float degrees) : degrees_(degrees) {}
  bool operator==(const Celsius&) const = default;

 private:
  float degrees_;
};

struct Invoice {
  const int number;
  Money total;
  Celsius outside;
  std::vector<Money> items;
  std::vector<Celsius> days;
  std::array<Money, 2> both;
  bool operator==(const Invoice&) const = default;
};

using Deep = std::map<std::string, std::vector<std::optional<Job>>>;

#define IQ_TEST_ITEMS                                                                             \
  bool, char, std::int8_t, std::uint64_t, float, double, items::Color, items::Switch, std::byte,  \
      std::string, std::u16string, std::vector<int>, std::vector<bool>, std::vector<std::string>, \
      std::vector<std::byte>, std::vector<items::Point>, std::vector<items::Flags>,               \
      std::vector<items::Empty>, std::deque<int>, std::list<char>, std::array<short, 4>,          \
      std::array<std::string, 3>, std::array<std::string, 0>, std::optional<int>,                 \
      std::optional<std::string>, std::variant<std::monostate, bool, std::string>,                \
      std::pair<int, std::string>, std::tuple<>, std::tuple<bool, std::string, double>,           \
      std::map<std::string, int>, std::multimap<char, char>, std::set<int>,                       \
      std::multiset<std::string>, std::unordered_map<int, std::string>,                           \
      std::unordered_multimap<char, int>, std::unordered_set<std::string>,                        \
      std::unordered_multiset<char>, std::chrono::milliseconds,                                   \
      std::chrono::system_clock::time_point, std::monostate, std::filesystem::path,               \
      std::complex<double>, std::bitset<9>, items::Empty, items::Point, items::Flags, items::Job, \
      items::Money, items::Celsius, items::Invoice, items::Deep

}  // namespace items

template <>
struct iq::Codec<items::Money> {
  static constexpr std::uint32_t kVersion = 3;
  static void encode(const items::Money& money, iq::Encoder& out) {
    out(money.cents(), money.currency());
  }
  static items::Money decode(iq::Decoder& in) {
    const auto cents = in.get<std::int64_t>();
    return items::Money(cents, in.get<std::string>());
  }
};

template <>
inline constexpr bool iq::is_shareable<items::Celsius> = true;

namespace items {

using Random = std::mt19937_64;
template <class T>
struct Make;
/// A random value of T, small enough to try thousands.
template <class T>
T make(Random& random) {
  return Make<T>::make(random);
}

inline std::size_t few(Random& random) { return random() % 5; }
template <class T>
struct Make {
  static T make(Random& random) {
    if constexpr (std::is_same_v<T, bool> || std::is_same_v<T, Switch>) {
      return static_cast<T>(random() % 2);
    } else if constexpr (std::is_enum_v<T> || std::is_arithmetic_v<T>) {
      return static_cast<T>(random() % 100);
    } else if constexpr (requires { typename T::mapped_type; }) {
      T map;
      for (std::size_t i = few(random); i > 0; --i) {
        auto key = items::make<typename T::key_type>(random);
        map.emplace(std::move(key), items::make<typename T::mapped_type>(random));
      }
      return map;
    } else if constexpr (requires { typename T::key_type; }) {
      T set;
      for (std::size_t i = few(random); i > 0; --i) {
        set.insert(items::make<typename T::key_type>(random));
      }
      return set;
    } else {
      T list;
      for (std::size_t i = few(random) * few(random); i > 0; --i) {
        list.push_back(items::make<typename T::value_type>(random));
      }
      return list;
    }
  }
};

template <class T, std::size_t kSize>
struct Make<std::array<T, kSize>> {
  static std::array<T, kSize> make([[maybe_unused]] Random& random) {
    return [&]<std::size_t... I>(std::index_sequence<I...>) {
      return std::array<T, kSize>{(static_cast<void>(I), items::make<T>(random))...};
    }(std::make_index_sequence<kSize>{});
  }
};
template <class T>
struct Make<std::optional<T>> {
  static std::optional<T> make(Random& random) {
    if (random() % 2 == 0) return std::nullopt;
    return items::make<T>(random);
  }
};
template <class... T>
struct Make<std::variant<T...>> {
  static std::variant<T...> make(Random& random) {
    const std::size_t chosen = random() % sizeof...(T);
    std::variant<T...> value;
    std::size_t at = 0;
    ((at++ == chosen ? void(value = items::make<T>(random)) : void()), ...);
    return value;
  }
};
template <class A, class B>
struct Make<std::pair<A, B>> {
  static std::pair<A, B> make(Random& random) {
    return {items::make<A>(random), items::make<B>(random)};
  }
};
template <class... T>
struct Make<std::tuple<T...>> {
  static std::tuple<T...> make([[maybe_unused]] Random& random) {
    return std::tuple<T...>{items::make<T>(random)...};
  }
};
template <class Rep, class Period>
struct Make<std::chrono::duration<Rep, Period>> {
  static auto make(Random& random) {
    return std::chrono::duration<Rep, Period>(static_cast<Rep>(random() >> 2));
  }
};
template <class Clock, class D>
struct Make<std::chrono::time_point<Clock, D>> {
  static auto make(Random& random) {
    return std::chrono::time_point<Clock, D>(items::make<D>(random));
  }
};
template <>
struct Make<std::monostate> {
  static std::monostate make(Random&) { return {}; }
};
template <>
struct Make<std::filesystem::path> {
  static std::filesystem::path make(Random& random) { return items::make<std::string>(random); }
};
template <>
struct Make<std::complex<double>> {
  static std::complex<double> make(Random& random) {
    const auto real = items::make<double>(random);
    return {real, items::make<double>(random)};
  }
};
template <std::size_t kBits>
struct Make<std::bitset<kBits>> {
  static std::bitset<kBits> make(Random& random) { return std::bitset<kBits>(random()); }
};
template <>
struct Make<Empty> {
  static Empty make(Random&) { return {}; }
};
template <>
struct Make<Point> {
  static Point make(Random& random) {
    return {items::make<std::int32_t>(random), items::make<double>(random)};
  }
};
template <>
struct Make<Flags> {
  static Flags make(Random& random) {
    return {items::make<bool>(random), items::make<Switch>(random),
            items::make<std::array<Color, 3>>(random), items::make<std::optional<int>>(random)};
  }
};
template <>
struct Make<Job> {
  static Job make(Random& random) {
    return {random(), items::make<std::string>(random), items::make<Point>(random),
            items::make<decltype(Job::flags)>(random), items::make<decltype(Job::extra)>(random)};
  }
};
template <>
struct Make<Money> {
  static Money make(Random& random) {
    return Money(items::make<std::int64_t>(random), items::make<std::string>(random));
  }
};
template <>
struct Make<Celsius> {
  static Celsius make(Random& random) { return Celsius(items::make<float>(random)); }
};
template <>
struct Make<Invoice> {
  static Invoice make(Random& random) {
    return {items::make<int>(random),
            items::make<Money>(random),
            items::make<Celsius>(random),
            items::make<std::vector<Money>>(random),
            items::make<std::vector<Celsius>>(random),
            {items::make<Money>(random), items::make<Money>(random)}};
  }
};

// Not inlined: as in a queue, the compiler must not see how the place was made.
[[gnu::noinline]] inline std::vector<std::byte> place(std::size_t size) {
  return std::vector<std::byte>(size);
}

/// The bytes that a queue would carry.
template <class T>
std::vector<std::byte> encode(const T& value) {
  std::vector<std::byte> bytes = place(iq::detail::Payload<T>::size(value));
  iq::detail::Payload<T>::write(value, bytes.data(), bytes.size());
  return bytes;
}

template <class T>
T decode(const std::vector<std::byte>& bytes) {
  return iq::detail::Payload<T>::read(bytes);
}

}  // namespace items
