// What the typed queue knows about its items: how long one is, how to write it, how to read it.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <type_traits>

#include "iq/detail/codec_bytes.hpp"
#include "iq/detail/codec_values.hpp"
#include "iq/detail/type_explain.hpp"
#include "iq/detail/type_name.hpp"
#include "iq/detail/type_verdict.hpp"
#include "iq/error.hpp"

namespace iq::detail {

/// Items of type T as bytes. The first use of a type that cannot be an item fails to compile with
/// one sentence that says why.
///
/// Threads: no state.
template <class T, bool kFine = Encodable<T>>
struct Payload {
  /// A slot holds the value's own bytes, and may be read in place as `const T&` when it is
  /// aligned for T. Bytes from an untrusted writer may then hold a bool or enum that is no value.
  static constexpr bool kInPlace = InPlace<T>;
  using Argument = const T&;  ///< what put() takes
  using View = const T&;      ///< what a loop and a lease give
  using Held = T;             ///< what is kept of an item in hand, where it cannot be read in place
  /// The bytes of every item, or 0 when they depend on the value.
  static constexpr std::size_t kFixedSize = kInPlace ? sizeof(T) : 0;

  /// The exact number of bytes that write() needs.
  ///
  /// Errors: TooLarge, BadArgument, as Encoder.
  static std::size_t size(const T& value) {
    if constexpr (kInPlace) {
      return sizeof(T);
    } else {
      Encoder counter;
      encode_value(value, counter);
      return counter.size();
    }
  }

  /// Writes the value to exactly `size` bytes, size(value) as asked just before.
  ///
  /// Errors: BadArgument when the value needs another size now; nothing beyond was touched.
  static void write(const T& value, std::byte* to, std::size_t size) {
    Encoder out(std::span<std::byte>(to, size));
    if constexpr (kInPlace) {
      out.bytes(&value, sizeof(T));
    } else {
      encode_value(value, out);
    }
    if (out.size() != size) refuse_short(out.size(), size);
  }

  /// What is kept of the item in hand. Errors: as read().
  static Held hold(std::span<const std::byte> bytes) { return read(bytes); }
  /// The same, in the memory of the item before. Errors: as read().
  static void hold(std::span<const std::byte> bytes, std::optional<Held>& held) {
    if constexpr (!kInPlace && Refillable<T>) {
      if (held) return refill(bytes, held);
    }
    held.emplace(read(bytes));
  }
  static View view(const Held& held) noexcept { return held; }

  /// The value that write() stored.
  ///
  /// Errors: Corrupt when the bytes are no T, or more than one.
  static T read(std::span<const std::byte> bytes) {
    Decoder in(bytes, type_name<T>());
    if constexpr (kInPlace) {
      if (bytes.size() != sizeof(T)) refuse_length(in, bytes.size());
      if constexpr (Scalar<T>) return decode_value<T>(in);  // a bool is checked
      else return copy_out<T>(bytes.data());
    } else {
      T value = decode_value<T>(in);
      in.finish();
      return value;
    }
  }

 private:
  static void refill(std::span<const std::byte> bytes, std::optional<Held>& held) try {
    Decoder in(bytes, type_name<T>());
    detail::decode_into(*held, in);
    in.finish();
  } catch (...) {
    held.reset();
    throw;
  }
  [[noreturn, gnu::noinline, gnu::cold]] static void refuse_short(std::size_t is,
                                                                  std::size_t was) {
    throw BadArgument("cannot encode a `" + std::string(type_name<T>()) + "`: " +
                      std::to_string(is) + " bytes written, " + std::to_string(was) +
                      " counted before. The value changed while it was put, or its iq::Codec "
                      "does not write the same bytes each time");
  }
  [[noreturn, gnu::noinline, gnu::cold]] static void refuse_length(const Decoder& in,
                                                                   std::size_t size) {
    in.refuse(std::to_string(sizeof(T)) + " bytes expected, the item has " +
              std::to_string(size));
  }
};

// Says why, and declares enough that no other error follows.
template <class T>
struct Payload<T, false> : ExplanationOf<T> {
  using Argument = const std::remove_cvref_t<T>&;
  using View = Argument;
  using Held = std::decay_t<T>;
  static constexpr bool kInPlace = false;
  static constexpr std::size_t kFixedSize = 0;
  static Held hold(std::span<const std::byte> bytes);
  static void hold(std::span<const std::byte> bytes, std::optional<Held>& held);
  static View view(const Held& held);
  static std::size_t size(const std::remove_cvref_t<T>& value);
  static void write(const std::remove_cvref_t<T>& value, std::byte* to, std::size_t size);
  static std::decay_t<T> read(std::span<const std::byte> bytes);
};

}  // namespace iq::detail
