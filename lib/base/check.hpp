// Checks of our own invariants. A broken one is a bug of this library: it aborts, with the values.
// Never for what comes from outside (arguments, a segment that others may have written): that is
// an error, see iq/error.hpp.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <type_traits>

namespace iq::detail {

/// An integer, enum, bool or pointer, on its way into a message.
struct CheckValue {
  unsigned long long bits;
  enum Kind : unsigned char { kSigned, kUnsigned, kPointer } kind;

  template <class T>
    requires(std::is_integral_v<T> || std::is_enum_v<T>)
  constexpr CheckValue(T value) noexcept
      : bits(static_cast<unsigned long long>(value)), kind(kUnsigned) {
    if constexpr (std::is_signed_v<T>) kind = kSigned;
  }
  CheckValue(const void* value) noexcept
      : bits(reinterpret_cast<std::uintptr_t>(value)), kind(kPointer) {}
};

/// Writes `file:line: broken invariant: condition (names = values)` to stderr and aborts.
[[noreturn]] void check_failed(const char* file, int line, const char* condition, const char* names,
                               std::initializer_list<CheckValue> values) noexcept;

}  // namespace iq::detail

/// IQ_CHECK(head <= tail, head, tail): always compiled in; the values after the condition are for
/// the message and are evaluated only when it is needed.
#define IQ_CHECK(condition, ...)                                                               \
  do {                                                                                         \
    if (!(condition)) [[unlikely]] {                                                           \
      ::iq::detail::check_failed(__FILE__, __LINE__, #condition, #__VA_ARGS__, {__VA_ARGS__}); \
    }                                                                                          \
  } while (false)
