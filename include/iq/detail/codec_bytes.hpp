// Encoder and Decoder: the bytes of one item, written and read with every bound checked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

#include "iq/error.hpp"

namespace iq {

/// Writes values one after another; used by specialisations of iq::Codec.
///
/// An encoder without a target only counts. An item is encoded twice, first to learn its size and
/// then into its place, so a codec must write the same bytes both times.
///
/// Cost: no allocation, one comparison per value or per run of plain values.
class Encoder {
 public:
  /// Counts bytes and writes nothing.
  Encoder() noexcept = default;
  /// Writes to `target`, which must outlive the encoder.
  explicit Encoder(std::span<std::byte> target) noexcept
      : begin_(target.data()), at_(begin_), end_(begin_ + target.size()) {}

  /// Appends values of any encodable type: `out(name, age);`
  ///
  /// Errors: TooLarge when a string or container has 2^32 or more elements; BadArgument for a
  ///         variant that lost its value, or when the target is too small.
  template <class... T>
  void operator()(const T&... values);

  /// Appends `size` bytes as they are, without a length.
  ///
  /// Errors: BadArgument when the target is too small.
  void bytes(const void* from, std::size_t size) {
    if (begin_ == nullptr) {
      counted_ += size;
    } else if (size > static_cast<std::size_t>(end_ - at_)) {
      refuse_size(size, end_ - at_);
    } else if (size != 0) {
      std::memcpy(at_, from, size);
      at_ += size;
    }
  }

  /// Appends a number of elements, as decoded by Decoder::count().
  ///
  /// Errors: TooLarge when it does not fit in 32 bits.
  void count(std::size_t elements) {
    if (elements > std::numeric_limits<std::uint32_t>::max()) refuse_count(elements);
    const auto narrow = static_cast<std::uint32_t>(elements);
    bytes(&narrow, sizeof narrow);
  }

  /// Appends zeros until size() is a multiple of `alignment`, a power of two up to 8.
  ///
  /// Errors: BadArgument when the target is too small.
  void align(std::size_t alignment) {
    constexpr std::uint64_t kZeros = 0;
    bytes(&kZeros, (0 - size()) & (alignment - 1));
  }

  /// Bytes appended so far.
  std::size_t size() const noexcept { return counted_ + static_cast<std::size_t>(at_ - begin_); }

 private:
  // None of these gets `this`: an address that goes anywhere keeps the encoder out of registers.
  [[noreturn, gnu::noinline, gnu::cold]] static void refuse_size(std::size_t size,
                                                                 std::ptrdiff_t left) {
    throw BadArgument("cannot encode an item: " + std::to_string(size) + " more bytes, but only " +
                      std::to_string(left) +
                      " were counted before. The value changed while it was put, or its "
                      "iq::Codec does not write the same bytes each time");
  }
  [[noreturn, gnu::noinline, gnu::cold]] static void refuse_count(std::size_t elements) {
    throw TooLarge("cannot encode an item: a container has " + std::to_string(elements) +
                   " elements, at most 4294967295 fit. Split it into several items");
  }

  std::byte* begin_ = nullptr;
  std::byte* at_ = nullptr;
  std::byte* end_ = nullptr;
  std::size_t counted_ = 0;
};

/// Reads values in the order in which an Encoder wrote them; used by specialisations of iq::Codec.
///
/// The bytes are not trusted: whatever they hold, nothing outside them is read, and no more is
/// allocated than what they can justify.
class Decoder {
 public:
  /// Reads from `bytes`, which must outlive the decoder. `type` is for messages.
  explicit Decoder(std::span<const std::byte> bytes, std::string_view type = "value") noexcept
      : begin_(bytes.data()), at_(begin_), end_(begin_ + bytes.size()), type_(type) {}

  /// The next value: `auto name = in.get<std::string>();`
  ///
  /// Errors: Corrupt when the bytes are no encoding of a T.
  template <class T>
  T get();

  /// The next `size` bytes, valid as long as what the decoder reads from.
  ///
  /// Errors: Corrupt when fewer are left.
  std::span<const std::byte> bytes(std::size_t size) { return {take(size), size}; }

  /// Passes what Encoder::align() appended. Errors: Corrupt when fewer bytes are left.
  void align(std::size_t alignment) {
    take((0 - static_cast<std::size_t>(at_ - begin_)) & (alignment - 1));
  }

  /// The next number of elements, each of at least `least_bytes` (at least 1) encoded bytes.
  ///
  /// Errors: Corrupt when the bytes left cannot hold that many.
  std::size_t count(std::size_t least_bytes) {
    std::uint32_t elements = 0;
    std::memcpy(&elements, take(sizeof elements), sizeof elements);
    if (elements > left() / least_bytes) refuse_count(elements, least_bytes, left(), type_);
    return elements;
  }

  /// Bytes not read yet.
  std::size_t left() const noexcept { return static_cast<std::size_t>(end_ - at_); }

  /// Errors: Corrupt unless everything was read.
  void finish() const {
    if (at_ != end_) refuse_rest(left(), type_);
  }

  /// Throws Corrupt; `why` completes the sentence "cannot decode a `Job`: ...".
  [[noreturn]] void refuse(const std::string& why) const { refuse(why, type_); }

 private:
  const std::byte* take(std::size_t size) {
    if (size > left()) refuse_size(size, left(), type_);
    const std::byte* taken = at_;
    at_ += size;
    return taken;
  }
  // As above: none of these gets `this`.
  [[noreturn, gnu::noinline, gnu::cold]] static void refuse(const std::string& why,
                                                            std::string_view type) {
    throw Corrupt("cannot decode a `" + std::string(type) + "`: " + why);
  }
  [[noreturn, gnu::noinline, gnu::cold]] static void refuse_size(std::size_t size, std::size_t left,
                                                                 std::string_view type) {
    refuse(std::to_string(size) + " bytes expected, " + std::to_string(left) + " left", type);
  }
  [[noreturn, gnu::noinline, gnu::cold]] static void refuse_rest(std::size_t left,
                                                                 std::string_view type) {
    refuse(std::to_string(left) + " bytes follow its end", type);
  }
  [[noreturn, gnu::noinline, gnu::cold]] static void refuse_count(std::size_t elements,
                                                                  std::size_t least_bytes,
                                                                  std::size_t left,
                                                                  std::string_view type) {
    refuse(std::to_string(elements) + " elements of at least " + std::to_string(least_bytes) +
               " bytes announced, " + std::to_string(left) + " bytes left",
           type);
  }

  const std::byte* begin_;
  const std::byte* at_;
  const std::byte* end_;
  std::string_view type_;
};

}  // namespace iq
