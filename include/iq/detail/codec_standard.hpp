// Formats of the other standard types: optional and variant lead with one checked number, pair,
// tuple and array are their parts in order, the rest are numbers or text.
#pragma once

#include <array>
#include <bitset>
#include <chrono>
#include <complex>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

#include "iq/detail/codec_containers.hpp"
#include "iq/detail/codec_values.hpp"

namespace iq::detail {

template <Storage kBest, class... Part>
struct ProductFormat {
  using Parts = Types<Part...>;
  static constexpr bool kKnown = true;
  static constexpr Storage kStorage = kBest;
  static constexpr std::size_t least() {
    return std::max<std::size_t>(1, least_bytes_of_all(Parts{}));
  }
};

template <class T>
struct Format<std::optional<T>> : ProductFormat<Storage::in_place, T> {
  static constexpr std::string_view kName = "std::optional";
  static constexpr std::size_t least() { return 1; }

  static void encode(const std::optional<T>& value, Encoder& out) {
    encode_value(value.has_value(), out);
    if (value) encode_value(*value, out);
  }
  static std::optional<T> decode(Decoder& in) {
    if (!decode_value<bool>(in)) return std::nullopt;
    return std::optional<T>(std::in_place, decode_value<T>(in));
  }
  static void decode_into(std::optional<T>& value, Decoder& in) requires Refillable<T> {
    if (!decode_value<bool>(in)) {
      value.reset();
    } else if (value) {
      detail::decode_into(*value, in);
    } else {
      value.emplace(decode_value<T>(in));
    }
  }
};

template <class T, std::size_t kLength>
struct Format<std::array<T, kLength>> : ProductFormat<Storage::flat, T> {
  using Array = std::array<T, kLength>;
  static constexpr std::string_view kName = "std::array";
  static constexpr std::size_t kExtent = kLength;
  static constexpr std::size_t least() {
    return std::max<std::size_t>(1, kLength * least_bytes<T>());
  }

  static void encode(const Array& values, Encoder& out) {
    if constexpr (kLength == 0) out.bytes("", 1);
    for (const T& value : values) encode_value(value, out);
  }
  static Array decode(Decoder& in) {
    if constexpr (kLength == 0) {
      in.bytes(1);
      return Array{};
    } else if constexpr (std::default_initializable<T> && std::is_move_assignable_v<T>) {
      Array values{};
      for (T& value : values) value = decode_value<T>(in);
      return values;
    } else {
      return [&in]<std::size_t... I>(std::index_sequence<I...>) {
        return Array{{(static_cast<void>(I), decode_value<T>(in))...}};
      }(std::make_index_sequence<kLength>{});
    }
  }
  static void decode_into(Array& values, Decoder& in) requires(kLength != 0 && Refillable<T>) {
    for (T& value : values) detail::decode_into(value, in);
  }
};

template <class A, class B>
struct Format<std::pair<A, B>> : ProductFormat<Storage::flat, A, B> {
  static constexpr std::string_view kName = "std::pair";

  static void encode(const std::pair<A, B>& both, Encoder& out) {
    encode_value(both.first, out);
    encode_value(both.second, out);
  }
  static std::pair<A, B> decode(Decoder& in) {
    return std::pair<A, B>{decode_value<A>(in), decode_value<B>(in)};
  }
  static void decode_into(std::pair<A, B>& both, Decoder& in) requires(
      Refillable<A>&& Refillable<B>) {
    detail::decode_into(both.first, in);
    detail::decode_into(both.second, in);
  }
};

template <class... T>
struct Format<std::tuple<T...>> : ProductFormat<Storage::flat, T...> {
  static constexpr std::string_view kName = "std::tuple";

  static void encode(const std::tuple<T...>& values, Encoder& out) {
    std::apply([&out](const T&... value) { (encode_value(value, out), ...); }, values);
  }
  static std::tuple<T...> decode(Decoder& in) { return std::tuple<T...>{decode_value<T>(in)...}; }
  static void decode_into(std::tuple<T...>& values, Decoder& in) requires(Refillable<T>&&...) {
    std::apply([&in](T&... value) { (detail::decode_into(value, in), ...); }, values);
  }
};

// Never read in place: a wrong alternative number would send std::visit astray, so it is checked.
template <class... T>
struct Format<std::variant<T...>> : ProductFormat<Storage::encoded, T...> {
  using Variant = std::variant<T...>;
  using Index = std::conditional_t<(sizeof...(T) > 255), std::uint32_t, std::uint8_t>;
  static constexpr std::string_view kName = "std::variant";
  static constexpr std::size_t least() { return sizeof(Index) + std::min({least_bytes<T>()...}); }

  static void encode(const Variant& value, Encoder& out) {
    if (value.valueless_by_exception()) {
      throw BadArgument("cannot encode an item: a std::variant in it has lost its value");
    }
    encode_value(static_cast<Index>(value.index()), out);
    std::visit([&out](const auto& chosen) { encode_value(chosen, out); }, value);
  }
  static Variant decode(Decoder& in) {
    const Index index = decode_value<Index>(in);
    if (index >= sizeof...(T)) in.refuse("a variant's alternative is " + std::to_string(index));
    return decode_alternative(index, in, std::index_sequence_for<T...>{});
  }

 private:
  template <std::size_t kAt>
  static Variant make(Decoder& in) {
    return Variant(std::in_place_index<kAt>,
                   decode_value<std::variant_alternative_t<kAt, Variant>>(in));
  }
  template <std::size_t... I>
  static Variant decode_alternative(std::size_t index, Decoder& in, std::index_sequence<I...>) {
    constexpr std::array<Variant (*)(Decoder&), sizeof...(T)> kMake{&make<I>...};
    return kMake[index](in);
  }
};

template <class T>
struct Format<std::complex<T>> : ProductFormat<Storage::flat, T> {
  static constexpr std::string_view kName = "std::complex";
  static void encode(const std::complex<T>& value, Encoder& out) {
    encode_value(value.real(), out);
    encode_value(value.imag(), out);
  }
  static std::complex<T> decode(Decoder& in) {
    const T real = decode_value<T>(in);
    return {real, decode_value<T>(in)};
  }
};

template <std::size_t kBits>
struct Format<std::bitset<kBits>> : ProductFormat<Storage::in_place> {
  static constexpr std::string_view kName = "std::bitset";
  static constexpr std::size_t kExtent = kBits;
  static constexpr std::size_t least() { return sizeof(std::bitset<kBits>); }

  static void encode(const std::bitset<kBits>& bits, Encoder& out) {
    out.bytes(&bits, sizeof bits);
  }
  static std::bitset<kBits> decode(Decoder& in) {
    const auto bits = copy_out<std::bitset<kBits>>(in.bytes(least()).data());
    if ((bits & std::bitset<kBits>().set()) != bits) in.refuse("bits past the end of a bitset");
    return bits;
  }
};

template <>
struct Format<std::monostate> : ProductFormat<Storage::flat> {
  static constexpr std::string_view kName = "std::monostate";
};

template <class Rep, class Period>
struct Format<std::chrono::duration<Rep, Period>> : ProductFormat<Storage::flat, Rep> {
  using Duration = std::chrono::duration<Rep, Period>;
  static constexpr std::string_view kName = "std::chrono::duration";
  using Salt = Types<std::integral_constant<std::intmax_t, Period::num>,
                     std::integral_constant<std::intmax_t, Period::den>>;
  static void encode(const Duration& value, Encoder& out) { encode_value(value.count(), out); }
  static Duration decode(Decoder& in) { return Duration(decode_value<Rep>(in)); }
};

template <class Clock, class Duration>
struct Format<std::chrono::time_point<Clock, Duration>>
    : ProductFormat<Storage::flat, Duration> {
  using Point = std::chrono::time_point<Clock, Duration>;
  using Tag = Clock;
  static constexpr std::string_view kName = "std::chrono::time_point";
  static void encode(const Point& value, Encoder& out) {
    encode_value(value.time_since_epoch(), out);
  }
  static Point decode(Decoder& in) { return Point(decode_value<Duration>(in)); }
};

template <>
struct Format<std::filesystem::path> : ContainerFormat<std::filesystem::path::value_type> {
  static constexpr std::string_view kName = "std::filesystem::path";
  static void encode(const std::filesystem::path& path, Encoder& out) {
    encode_value(path.native(), out);
  }
  static std::filesystem::path decode(Decoder& in) {
    return decode_value<std::filesystem::path::string_type>(in);
  }
};

}  // namespace iq::detail
