// Items that are just bytes, of any length: written and read where they lie in shared memory.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "iq/detail/codec_payload.hpp"

namespace iq {

/// Bytes of somebody else: what put() takes from. Converts from spans, texts and iq::Bytes.
class BytesView : public std::span<const std::byte> {
 public:
  using std::span<const std::byte>::span;
  /// The same bytes.
  BytesView(std::span<const std::byte> bytes) noexcept : span(bytes) {}
  /// The characters of a text.
  template <class Text>
    requires std::convertible_to<const Text&, std::string_view>
  BytesView(const Text& text) noexcept
      : span(std::as_bytes(std::span(static_cast<std::string_view>(text)))) {}
};

/// An item that is a run of bytes: `iq::IterableQueue<iq::Bytes>`.
///
/// put() copies from a BytesView and loan() writes in place; a loop and a lease give a
/// std::span<const std::byte> into the segment, valid as long as the item is in hand. An object of
/// this class owns its bytes: get() returns one.
///
/// Units: at most Options::bytes_per_producer per item; 0 bytes are an item too.
class Bytes {
 public:
  /// No bytes.
  Bytes() noexcept = default;
  /// A copy.
  explicit Bytes(BytesView bytes) : bytes_(bytes.begin(), bytes.end()) {}
  /// Takes the vector over.
  explicit Bytes(std::vector<std::byte> bytes) noexcept : bytes_(std::move(bytes)) {}

  /// @{
  /// As of a std::vector.
  std::byte* data() noexcept { return bytes_.data(); }
  const std::byte* data() const noexcept { return bytes_.data(); }
  std::size_t size() const noexcept { return bytes_.size(); }
  bool empty() const noexcept { return bytes_.empty(); }
  auto begin() const noexcept { return bytes_.begin(); }
  auto end() const noexcept { return bytes_.end(); }
  /// @}
  /// The same bytes as text, valid as long as this object.
  std::string_view text() const noexcept {
    return {reinterpret_cast<const char*>(data()), size()};
  }
  /// These bytes, valid as long as this object.
  operator BytesView() const noexcept { return std::span<const std::byte>(bytes_); }

  /// Whether the bytes are the same.
  friend bool operator==(const Bytes& a, const Bytes& b) = default;

 private:
  std::vector<std::byte> bytes_;
};

/// As a member of other items: a length, then the bytes.
template <>
struct Codec<Bytes> {
  /// Writes both.
  static void encode(const Bytes& bytes, Encoder& out) {
    out.count(bytes.size());
    out.bytes(bytes.data(), bytes.size());
  }
  /// Reads both; refuses a length beyond the item's end.
  static Bytes decode(Decoder& in) {
    return Bytes(std::span<const std::byte>(in.bytes(in.count(1))));
  }
};

namespace detail {

/// As the item itself: the bytes alone, which need no decoding to be read.
template <>
struct Payload<Bytes, true> {
  using Argument = BytesView;
  using View = std::span<const std::byte>;
  using Held = std::span<const std::byte>;
  static constexpr bool kInPlace = false;
  static constexpr std::size_t kFixedSize = 0;

  static std::size_t size(BytesView value) noexcept { return value.size(); }
  static void write(BytesView value, std::byte* to, std::size_t size) noexcept {
    if (size != 0) std::memcpy(to, value.data(), size);
  }
  static Held hold(std::span<const std::byte> bytes) noexcept { return bytes; }
  static void hold(std::span<const std::byte> bytes, std::optional<Held>& held) noexcept {
    held = bytes;
  }
  static View view(const Held& held) noexcept { return held; }
  static Bytes read(std::span<const std::byte> bytes) { return Bytes(BytesView(bytes)); }
};

}  // namespace detail
}  // namespace iq
