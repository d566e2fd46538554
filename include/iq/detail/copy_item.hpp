// An item's bytes into its slot, number by number where it has few of them.
//
// Whoever fills a struct and puts it writes its members one by one just before. One wide load over
// several narrow stores is not served out of the store buffer: it waits until these, and all
// stores before them, have left the core, the lines of the items before among them. A load of what
// one store wrote does not wait (docs/performance.md, "A wide load behind narrow stores").
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <tuple>
#include <type_traits>
#include <utility>

#include "iq/detail/codec_standard.hpp"
#include "iq/detail/type_shape.hpp"
#include "iq/detail/type_storage.hpp"

namespace iq::detail {

template <class T>
constexpr std::size_t count_numbers();

template <class... Part>
constexpr std::size_t count_numbers_of_all(Types<Part...>) {
  return (std::size_t{0} + ... + count_numbers<Part>());
}

template <class T>
inline constexpr bool kIsArray = false;
template <class T, std::size_t kLength>
inline constexpr bool kIsArray<std::array<T, kLength>> = true;

/// A struct whose members can be told apart.
template <class T>
concept Members = !is_shareable<T> && !Scalar<T> && !Known<T>;

inline constexpr std::size_t kManyNumbers = 1000;  ///< or what cannot be taken apart

/// How many numbers an item stored in place is made of.
template <class T>
constexpr std::size_t count_numbers() {
  if constexpr (Scalar<T>) {
    return sizeof(T) <= sizeof(std::uint64_t) ? 1 : kManyNumbers;
  } else if constexpr (is_shareable<T>) {
    return kManyNumbers;
  } else if constexpr (kIsArray<T>) {
    // A text is written and read as a block.
    return sizeof(typename T::value_type) == 1
               ? kManyNumbers
               : std::tuple_size_v<T> * count_numbers<typename T::value_type>();
  } else if constexpr (Members<T>) {
    return count_numbers_of_all(FieldsOf<T>{});
  } else {
    return kManyNumbers;
  }
}

/// More, or a whole line and more, take as long one by one as the wait that they save.
template <class T>
inline constexpr bool kFewNumbers = sizeof(T) < 64 && count_numbers<T>() <= 8;

// Of a struct that was filled in part, the rest is copied as it is, as with memcpy.
#ifndef __clang__
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
template <class Number>
[[gnu::always_inline]] inline void copy_number(std::byte* to, const Number& number) noexcept {
  using Bits = std::conditional_t<
      sizeof(Number) == 8, std::uint64_t,
      std::conditional_t<sizeof(Number) == 4, std::uint32_t,
                         std::conditional_t<sizeof(Number) == 2, std::uint16_t, std::uint8_t>>>;
  Bits bits;
  static_assert(sizeof bits == sizeof number);
  std::memcpy(&bits, &number, sizeof bits);
  asm("" : "+r"(bits));  // not together with its neighbours
  std::memcpy(to, &bits, sizeof bits);
}
#ifndef __clang__
#pragma GCC diagnostic pop
#endif

template <class T, class M>
[[gnu::always_inline]] inline std::ptrdiff_t offset_in(const T& item, const volatile M& member) {
  return reinterpret_cast<const volatile std::byte*>(std::addressof(member)) -
         reinterpret_cast<const volatile std::byte*>(std::addressof(item));
}

/// Requires: T is stored in place, kFewNumbers<T>. Bytes between the members stay as they are.
template <class T>
[[gnu::always_inline]] inline void copy_item(std::byte* to, const T& item) noexcept {
  if constexpr (Scalar<T>) {
    copy_number(to, item);
  } else if constexpr (kIsArray<T>) {
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      (copy_item(to + I * sizeof(typename T::value_type), item[I]), ...);
    }(std::make_index_sequence<std::tuple_size_v<T>>());
  } else {
    with_members(item, [&]<class... M>(const volatile M&... member) {
      (copy_item(to + offset_in(item, member), const_cast<const M&>(member)), ...);
    });
  }
}

}  // namespace iq::detail
