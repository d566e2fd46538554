// How a type is stored: as its own bytes, readable in place, or encoded; and what it is made of.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "iq/detail/type_shape.hpp"

namespace iq {

class Encoder;
class Decoder;

/// Teaches the queue a type that it cannot take apart by itself.
///
///     template <>
///     struct iq::Codec<Money> {
///       static constexpr std::uint32_t kVersion = 1;  // optional; raise it with the format
///       static void encode(const Money& money, iq::Encoder& out) {
///         out(money.cents(), money.currency());
///       }
///       static Money decode(iq::Decoder& in) {
///         const auto cents = in.get<std::int64_t>();
///         return Money(cents, in.get<std::string>());
///       }
///     };
///
/// Requires: encode writes at least one byte, and the same bytes for the same value; decode reads
///           exactly those; the specialisation is visible wherever the type is put or got.
/// Errors:   decode may call in.refuse(why) for bytes that are no value; whatever either throws
///           reaches the caller of put or get.
template <class T>
struct Codec;

/// Says that a trivially copyable class with private members holds no pointer, reference or view,
/// so that its bytes mean the same in every process:
///
///     template <>
///     inline constexpr bool iq::is_shareable<geo::Point> = true;
template <class T>
inline constexpr bool is_shareable = false;

namespace detail {

/// One specialisation per family of standard types that can be stored: see codec_standard.hpp.
///
/// `Parts` lists the types it is made of, `kName` is its name, `kStorage` the best storage that
/// the family allows; encode and decode are used only when the storage is `encoded`.
template <class T>
struct Format {
  static constexpr bool kKnown = false;
};

/// How the bytes of a value are stored, best last.
enum class Storage : unsigned char {
  encoded,   ///< written piece by piece
  in_place,  ///< its own bytes, but some bit patterns are no value (a bool that is 7)
  flat,      ///< its own bytes, and every bit pattern is a value
};

template <class T>
concept Scalar = std::is_arithmetic_v<T> || std::is_enum_v<T>;

template <class T>
concept Known = Format<T>::kKnown;

/// A specialisation of Codec exists; whether it is complete is asked by type_verdict.hpp.
template <class T>
concept UserCoded = requires { sizeof(Codec<T>); };

template <class T>
constexpr bool holds_bool() {
  if constexpr (std::is_enum_v<T>) {
    return std::is_same_v<std::underlying_type_t<T>, bool>;
  } else {
    return std::is_same_v<T, bool>;
  }
}

template <class T>
constexpr Storage storage_of();

template <class... Part>
constexpr Storage worst_of(Storage best, Types<Part...>) {
  ((best = std::min(best, storage_of<Part>())), ...);
  return best;
}

// Requires: T was found encodable. Others may not even compile here.
template <class T>
constexpr Storage storage_of() {
  if constexpr (UserCoded<T> || !std::is_trivially_copyable_v<T>) {
    return Storage::encoded;
  } else if constexpr (is_shareable<T>) {
    return Storage::flat;
  } else if constexpr (Scalar<T>) {
    return holds_bool<T>() ? Storage::in_place : Storage::flat;
  } else if constexpr (Known<T>) {
    return worst_of(Format<T>::kStorage, typename Format<T>::Parts{});
  } else {
    return worst_of(Storage::flat, FieldsOf<T>{});
  }
}

template <class T>
inline constexpr Storage kStorageOf = storage_of<T>();

/// Its own bytes may be copied in and out without looking at them.
template <class T>
concept Flat = kStorageOf<T> == Storage::flat;

/// Its own bytes are what a slot holds, so it can be read there as `const T&`.
template <class T>
concept InPlace = kStorageOf<T> != Storage::encoded;

}  // namespace detail
}  // namespace iq
