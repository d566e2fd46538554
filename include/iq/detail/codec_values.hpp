// One value to bytes and back: chooses between the value's own bytes, the user's Codec, the
// Format of a standard type, and member by member.
//
// Format, native byte order, nothing aligned: a flat value is its own bytes; a bool is one byte,
// 0 or 1; an aggregate is its members in order; every encoding has at least one byte, so a number
// of elements can always be checked against the bytes that are left.
#pragma once

#include <array>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <type_traits>
#include <utility>

#include "iq/detail/codec_bytes.hpp"
#include "iq/detail/type_storage.hpp"
#include "iq/error.hpp"

namespace iq::detail {

template <class T>
constexpr std::size_t least_bytes();

template <class... Part>
constexpr std::size_t least_bytes_of_all(Types<Part...>) {
  return (std::size_t{0} + ... + least_bytes<Part>());
}

/// The fewest bytes that an encoded T can have; at least 1.
template <class T>
constexpr std::size_t least_bytes() {
  if constexpr (UserCoded<T>) {
    return 1;
  } else if constexpr (Flat<T> || Scalar<T>) {
    return sizeof(T);
  } else if constexpr (Known<T>) {
    return Format<T>::least();
  } else {
    return std::max<std::size_t>(1, least_bytes_of_all(FieldsOf<T>{}));
  }
}

/// A T whose own bytes stand at `from`, at any alignment.
template <class T>
T copy_out(const std::byte* from) {
  if constexpr (std::is_trivially_default_constructible_v<T>) {
    T value;
    std::memcpy(static_cast<void*>(&value), from, sizeof(T));
    return value;
  } else {
    std::array<std::byte, sizeof(T)> bytes;
    std::memcpy(bytes.data(), from, sizeof(T));
    return std::bit_cast<T>(bytes);
  }
}

[[noreturn, gnu::noinline, gnu::cold]] inline void refuse_empty_encoding() {
  throw BadArgument("cannot encode an item: its iq::Codec wrote no bytes, at least one is needed");
}

template <class T>
void encode_value(const T& value, Encoder& out) {
  if constexpr (UserCoded<T>) {
    const std::size_t before = out.size();
    Codec<T>::encode(value, out);
    if (out.size() == before) refuse_empty_encoding();
  } else if constexpr (Flat<T> || Scalar<T>) {
    out.bytes(&value, sizeof(T));
  } else if constexpr (Known<T>) {
    Format<T>::encode(value, out);
  } else if constexpr (std::is_same_v<FieldsOf<T>, Types<>>) {
    out.bytes("", 1);
  } else {
    with_members(value, [&out](const auto&... member) { (encode_value(member, out), ...); });
  }
}

template <class T>
T decode_value(Decoder& in);
template <class T>
void decode_into(T& value, Decoder& in);
template <class T>
constexpr bool is_refillable();
/// A value that decode_into() can make another one.
template <class T>
concept Refillable = is_refillable<T>();

/// How a Format reads: a value that it makes, or into one that is there; some do both.
template <class T>
concept DecodesAnew = Known<T> && requires(Decoder& in) { Format<T>::decode(in); };
template <class T>
concept DecodesInto = Known<T> && requires(T& value, Decoder& in) {
  Format<T>::decode_into(value, in);
};

template <class T, class... Field>
T decode_members(Decoder& in, Types<Field...>) {
  return T{decode_value<Field>(in)...};  // braces: from left to right
}

template <class T>
T decode_bool(Decoder& in) {
  const auto byte = std::to_integer<unsigned>(in.bytes(1)[0]);
  if (byte > 1) in.refuse("a bool is " + std::to_string(byte));
  return static_cast<T>(byte == 1);
}

template <class T>
T decode_value(Decoder& in) {
  if constexpr (UserCoded<T>) {
    return Codec<T>::decode(in);
  } else if constexpr (Flat<T>) {
    return copy_out<T>(in.bytes(sizeof(T)).data());
  } else if constexpr (Scalar<T>) {
    return decode_bool<T>(in);
  } else if constexpr (DecodesAnew<T>) {
    return Format<T>::decode(in);
  } else if constexpr (Known<T>) {
    T value;
    Format<T>::decode_into(value, in);
    return value;
  } else if constexpr (std::is_same_v<FieldsOf<T>, Types<>>) {
    in.bytes(1);
    return T{};
  } else {
    return decode_members<T>(in, FieldsOf<T>{});
  }
}

struct AllRefillable {
  template <class... Member>
  std::bool_constant<(is_refillable<Member>() && ...)> operator()(Member&...) const;
};

// Read part by part, each in the memory that it has. Flat values have none.
template <class T>
constexpr bool fills_parts() {
  if constexpr (UserCoded<T> || Flat<T> || Scalar<T>) {
    return false;
  } else if constexpr (Known<T>) {
    return DecodesInto<T>;
  } else {
    return decltype(with_members(std::declval<T&>(), AllRefillable{}))::value;
  }
}

template <class T>
constexpr bool is_refillable() {
  if constexpr (std::is_const_v<T>) {
    return false;
  } else {
    return fills_parts<T>() || std::is_nothrow_move_constructible_v<T>;
  }
}

// Members marked [[no_unique_address]] may lie in the padding of others.
template <class... Member>
bool overlap(const Member&... member) {
  std::uintptr_t end = 0;
  bool found = false;
  const auto look = [&](const auto& one) {
    const auto at = reinterpret_cast<std::uintptr_t>(std::addressof(one));
    found = found || at < end;
    end = at + sizeof(one);
  };
  (look(member), ...);
  return found;
}

template <class T>
void replace(T& value, T made) noexcept(std::is_nothrow_move_constructible_v<T>) {
  std::destroy_at(std::addressof(value));
  std::construct_at(std::addressof(value), std::move(made));
}

/// As destroying `value` and making decode_value<T>(in) in its place, but that memory is used again
/// where it can be. Assignment is asked of no type. Requires: Refillable<T>. Where it throws,
/// `value` is any value.
template <class T>
void decode_into(T& value, Decoder& in) {
  if constexpr (std::is_empty_v<T>) {
    static_cast<void>(decode_value<T>(in));  // it may share its address with another member
  } else if constexpr (!fills_parts<T>()) {
    detail::replace(value, decode_value<T>(in));
  } else if constexpr (Known<T>) {
    Format<T>::decode_into(value, in);
  } else {
    with_members(value, [&](auto&... member) {
      if constexpr (std::is_nothrow_move_constructible_v<T>) {
        if (detail::overlap(member...)) return detail::replace(value, decode_value<T>(in));
      }
      (detail::decode_into(member, in), ...);
    });
  }
}

}  // namespace iq::detail
