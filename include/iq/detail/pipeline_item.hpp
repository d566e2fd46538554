// How an item travels between two stages: as itself, or with its number.
//
// The number is the item's place in the source, so that a failure can be told with it and an order
// restored. A gap is the number of an item that has no result: whoever restores the order waits for
// each number.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <type_traits>
#include <utility>

#include "iq/codec.hpp"

namespace iq::detail {

inline constexpr std::uint64_t kGap = std::uint64_t{1} << 63;

/// An item whose own bytes are in the slot, behind the number.
template <class T>
struct NumberedBytes {
  std::uint64_t mark = 0;
  alignas(T) std::array<std::byte, sizeof(T)> bytes{};

  template <class U>
  static NumberedBytes make(std::uint64_t number, U&& value) {
    NumberedBytes item;
    item.mark = number;
    const T& made = value;
    std::memcpy(item.bytes.data(), &made, sizeof(T));
    return item;
  }
  static NumberedBytes gap(std::uint64_t number) noexcept {
    NumberedBytes item;
    item.mark = number | kGap;
    return item;
  }
  const T& value() const noexcept { return *reinterpret_cast<const T*>(bytes.data()); }
  T take() noexcept { return value(); }
  std::uint64_t number() const noexcept { return mark & ~kGap; }
  bool is_gap() const noexcept { return (mark & kGap) != 0; }
};

/// An item that is encoded, behind the number.
template <class T>
struct NumberedValue {
  std::uint64_t mark = 0;
  std::optional<T> held;

  template <class U>
  static NumberedValue make(std::uint64_t number, U&& value) {
    return {number, std::optional<T>(std::forward<U>(value))};
  }
  static NumberedValue gap(std::uint64_t number) { return {number | kGap, std::nullopt}; }
  const T& value() const noexcept { return *held; }
  T take() noexcept { return std::move(*held); }
  std::uint64_t number() const noexcept { return mark & ~kGap; }
  bool is_gap() const noexcept { return !held.has_value(); }
};

template <class T>
struct NumberedOf {
  using Type = NumberedValue<T>;
};
template <InPlace T>
struct NumberedOf<T> {
  using Type = NumberedBytes<T>;
};

/// What a queue between two stages carries.
template <class T, bool kNumbered>
struct WireOf {
  using Type = T;
};
template <class T>
struct WireOf<T, true> : NumberedOf<T> {};
template <class T, bool kNumbered>
using Wire = typename WireOf<T, kNumbered>::Type;

template <class W>
inline constexpr bool kIsNumbered = false;
template <class T>
inline constexpr bool kIsNumbered<NumberedBytes<T>> = true;
template <class T>
inline constexpr bool kIsNumbered<NumberedValue<T>> = true;

/// The item, whichever way it travels.
template <class T, class W>
const T& value_of(const W& wire) noexcept {
  if constexpr (kIsNumbered<W>)
    return wire.value();
  else
    return wire;
}

}  // namespace iq::detail

namespace iq {
template <class T>
inline constexpr bool is_shareable<detail::NumberedBytes<T>> = true;
}  // namespace iq
