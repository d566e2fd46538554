// Texts and arrays that are read where they lie in shared memory: as items, or as members of them.
//
//     struct Line {
//       std::uint64_t number = 0;
//       iq::TextView text;
//       iq::ArrayView<float> values;
//     };
//     const std::string name = "north";
//     const std::vector<float> values{0.5F, 1.5F};
//     iq::IterableQueue<Line> lines;
//     lines.get_producer().put({1, name, values});  // copied once, into the queue
//     lines.close();
//     auto reader = lines.get_consumer();
//     for (const Line& line : reader) std::cout << line.text << '\n';  // seen where it lies
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <ranges>
#include <span>
#include <string>
#include <string_view>

#include "iq/codec.hpp"

namespace iq {

/// A text of somebody else: put() copies its characters into the queue, who takes the item sees
/// them there. Everything else is as with std::string_view; assign it to a std::string to keep it.
///
/// A view that was read is valid as long as its item is in hand: until the loop goes on, the next
/// get, ack(), close() or the end of the lease. A copy of it, or of the item, does not extend that:
/// the memory is written again, and unmapped with the last endpoint. A queue of std::string can be
/// opened as one of TextView, and the other way round: they are written alike.
///
/// Where items live on without their place in a queue, views are refused: in pipelines, batched
/// calls, ClosableQueue, and by IterableQueue::parked(). A Codec of a class that keeps one says so:
/// `static constexpr bool kView = true;`.
///
/// Errors:    put: TooLarge, as any encoded item. Reading: Corrupt when it does not lie within its
///            item; who may write to the queue can still change the characters while they are read.
/// Threads:   as std::string_view.
/// If killed: the item of a dead consumer goes to another one, characters and all.
/// Cost:      put copies the characters, reading them copies nothing. Neither allocates.
class TextView : public std::string_view {
 public:
  using std::string_view::string_view;
  /// The same characters.
  constexpr TextView(std::string_view text) noexcept : std::string_view(text) {}
  /// Its characters, valid as long as they stay where they are.
  template <class Alloc>
  constexpr TextView(const std::basic_string<char, std::char_traits<char>, Alloc>& text) noexcept
      : std::string_view(text) {}
};

/// Elements of somebody else: as TextView, for std::vector, std::array and whatever else lies in a
/// row. Everything else is as with std::span<const T>. Up to 7 bytes more are written so that it
/// lies aligned; hence a queue of std::vector<T> is of another type.
///
/// Requires: every bit pattern of a T is a value: numbers and structs of them, no bool, nothing
///           encoded; alignof(T) is at most 8.
template <class T>
class ArrayView : public std::span<const T> {
 public:
  using std::span<const T>::span;
  /// The same elements.
  constexpr ArrayView(std::span<const T> values) noexcept : std::span<const T>(values) {}
};

}  // namespace iq

/// @cond
// As those of std::string_view and std::span.
template <>
inline constexpr bool std::ranges::enable_view<iq::TextView> = true;
template <>
inline constexpr bool std::ranges::enable_borrowed_range<iq::TextView> = true;
template <class T>
inline constexpr bool std::ranges::enable_view<iq::ArrayView<T>> = true;
template <class T>
inline constexpr bool std::ranges::enable_borrowed_range<iq::ArrayView<T>> = true;
template <>
struct std::hash<iq::TextView> : std::hash<std::string_view> {};
/// @endcond

namespace iq::detail {

/// Payloads begin at multiples of this in a lane, and so do copies of them.
inline constexpr std::size_t kPayloadAlignment = 8;

template <>
struct Format<TextView> : ContainerFormat<char> {
  static constexpr bool kView = true;
  static constexpr std::string_view kName = Format<std::string>::kName;  // read and written alike

  static void encode(const TextView& text, Encoder& out) {
    out.count(text.size());
    out.bytes(text.data(), text.size());
  }
  [[gnu::always_inline]] static TextView decode(Decoder& in) {
    const std::span<const std::byte> bytes = in.bytes(in.count(1));
    return std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
};

template <class T>
struct Format<ArrayView<T>> : ContainerFormat<T> {
  static constexpr bool kView = true;
  static constexpr std::string_view kName = "iq::ArrayView";

  static void encode(const ArrayView<T>& values, Encoder& out) {
    check();
    out.count(values.size());
    out.align(alignof(T));
    out.bytes(values.data(), values.size_bytes());
  }
  [[gnu::always_inline]] static ArrayView<T> decode(Decoder& in) {
    check();
    const std::size_t elements = in.count(sizeof(T));
    in.align(alignof(T));
    const std::byte* from = in.bytes(elements * sizeof(T)).data();
    if (reinterpret_cast<std::uintptr_t>(from) % alignof(T) != 0) refuse_place(in);
    return std::span<const T>(reinterpret_cast<const T*>(from), elements);
  }

 private:
  static constexpr void check() {
    static_assert(Flat<T>,
                  "iq: the elements of an iq::ArrayView must be their own bytes, and every bit "
                  "pattern a value: numbers and plain structs of them, no bool. Use std::vector.");
    static_assert(alignof(T) <= kPayloadAlignment,
                  "iq: the elements of an iq::ArrayView must not be aligned to more than 8 bytes. "
                  "Use std::vector.");
  }
  [[noreturn, gnu::noinline, gnu::cold]] static void refuse_place(const Decoder& in) {
    in.refuse("an iq::ArrayView is read from bytes that are not aligned for it");
  }
};

}  // namespace iq::detail
