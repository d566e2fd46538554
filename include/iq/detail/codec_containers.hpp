// Formats of the standard containers: a 32-bit number of elements, then the elements. Flat
// elements of a vector or string follow as one block; a vector<bool> follows as bits.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <list>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "iq/detail/codec_values.hpp"

namespace iq::detail {

/// An allocator, comparison or hash that a container can make by itself, without state.
template <class T>
concept Stateless = std::is_empty_v<T> && std::default_initializable<T>;

/// What every container's format shares.
template <class... Part>
struct ContainerFormat {
  using Parts = Types<Part...>;
  static constexpr bool kKnown = true;
  static constexpr Storage kStorage = Storage::encoded;
  static constexpr std::size_t least() { return sizeof(std::uint32_t); }
};

/// Elements to make room for at once: no more memory than eight times the bytes that are left,
/// however many are announced.
template <class T>
std::size_t room_for(std::size_t elements, const Decoder& in) {
  return std::min(elements, in.left() * 8 / sizeof(T) + 1);
}

template <class Container>
void encode_elements(const Container& values, Encoder& out) {
  out.count(values.size());
  for (const auto& value : values) encode_value(value, out);
}

/// Whether a string or vector of `capacity` elements keeps its memory for the next item, of which
/// it is to hold `elements`: one long item among short ones shall not hold its memory for ever.
template <class T>
constexpr bool keeps_room(std::size_t capacity, std::size_t elements) {
  return capacity <= 4 * elements + 256 / sizeof(T);
}

// Elements that are there already are filled anew, each in its memory.
template <class T, class Container>
void decode_elements_into(Container& values, Decoder& in) {
  const std::size_t elements = in.count(least_bytes<T>());
  if constexpr (Refillable<T>) {
    while (values.size() > elements) values.pop_back();
    for (T& value : values) detail::decode_into(value, in);
  } else {
    values.clear();
  }
  if constexpr (requires { values.capacity(); }) {
    if (!keeps_room<T>(values.capacity(), elements)) values.shrink_to_fit();
  }
  const std::size_t more = elements - values.size();
  if constexpr (requires { values.reserve(more); }) {
    values.reserve(values.size() + room_for<T>(more, in));
  }
  for (std::size_t i = 0; i < more; ++i) values.push_back(decode_value<T>(in));
}

/// Elements that a container is made of at once.
template <class T>
concept Character = Flat<T> && std::is_arithmetic_v<T> && sizeof(T) == 1;

template <class Container, Character T>
Container decode_characters(Decoder& in) {
  const std::size_t elements = in.count(1);
  const auto* first = reinterpret_cast<const T*>(in.bytes(elements).data());
  return Container(first, first + elements);
}

// Makes room for other elements than there are, which are overwritten.
template <class T, class Container>
[[gnu::noinline]] void resize_block(Container& values, std::size_t elements) {
  const bool keeps = keeps_room<T>(values.capacity(), elements);
  if (!keeps || values.capacity() < elements) values.clear();  // nothing to carry over
  if (!keeps) values.shrink_to_fit();
  values.resize(elements);
}

// A string or vector of flat elements. Inline, so that the decoder stays in registers.
template <class T, class Container>
[[gnu::always_inline]] inline void decode_block_into(Container& values, Decoder& in) {
  const std::size_t elements = in.count(sizeof(T));
  const std::byte* from = in.bytes(elements * sizeof(T)).data();
  if (values.size() != elements) resize_block<T>(values, elements);
  if (elements != 0) std::memcpy(static_cast<void*>(values.data()), from, elements * sizeof(T));
}

template <class C, class Traits, class Alloc>
  requires(Flat<C> && std::default_initializable<Alloc>)
struct Format<std::basic_string<C, Traits, Alloc>> : ContainerFormat<C> {
  using String = std::basic_string<C, Traits, Alloc>;
  static constexpr std::string_view kName = "std::basic_string";

  static void encode(const String& text, Encoder& out) {
    out.count(text.size());
    out.bytes(text.data(), text.size() * sizeof(C));
  }
  static String decode(Decoder& in) requires Character<C> {
    return decode_characters<String, C>(in);
  }
  [[gnu::always_inline]] static void decode_into(String& text, Decoder& in) {
    decode_block_into<C>(text, in);
  }
};

template <class T, class Alloc>
  requires(std::default_initializable<Alloc>)
struct Format<std::vector<T, Alloc>> : ContainerFormat<T> {
  using Vector = std::vector<T, Alloc>;
  static constexpr std::string_view kName = "std::vector";

  static void encode(const Vector& values, Encoder& out) {
    if constexpr (Flat<T>) {
      out.count(values.size());
      out.bytes(values.data(), values.size() * sizeof(T));
    } else {
      encode_elements(values, out);
    }
  }
  static Vector decode(Decoder& in) requires Character<T> {
    return decode_characters<Vector, T>(in);
  }
  [[gnu::always_inline]] static void decode_into(Vector& values, Decoder& in) {
    if constexpr (Flat<T> && std::default_initializable<T>) {
      decode_block_into<T>(values, in);
    } else {
      decode_elements_into<T>(values, in);
    }
  }
};

template <class Alloc>
  requires(std::default_initializable<Alloc>)
struct Format<std::vector<bool, Alloc>> : ContainerFormat<bool> {
  using Vector = std::vector<bool, Alloc>;
  static constexpr std::string_view kName = "std::vector";

  static void encode(const Vector& bits, Encoder& out) {
    out.count(bits.size());
    for (std::size_t i = 0; i < bits.size(); i += 8) {
      unsigned byte = 0;
      for (std::size_t j = i; j < std::min(i + 8, bits.size()); ++j) {
        byte |= static_cast<unsigned>(bits[j]) << (j - i);
      }
      const auto narrow = static_cast<unsigned char>(byte);
      out.bytes(&narrow, 1);
    }
  }
  static Vector decode(Decoder& in) {
    const std::size_t size = decode_value<std::uint32_t>(in);
    const auto bytes = in.bytes((size + 7) / 8);
    Vector bits(size);
    for (std::size_t i = 0; i < size; ++i) {
      bits[i] = (std::to_integer<unsigned>(bytes[i / 8]) >> (i % 8) & 1U) != 0;
    }
    if (size % 8 != 0 && std::to_integer<unsigned>(bytes[size / 8]) >> (size % 8) != 0) {
      in.refuse("bits are set past the end of a std::vector<bool>");
    }
    return bits;
  }
};

template <class Sequence, class T>
struct SequenceFormat : ContainerFormat<T> {
  static void encode(const Sequence& values, Encoder& out) { encode_elements(values, out); }
  static void decode_into(Sequence& values, Decoder& in) { decode_elements_into<T>(values, in); }
};

template <class T, class Alloc>
  requires(std::default_initializable<Alloc>)
struct Format<std::deque<T, Alloc>> : SequenceFormat<std::deque<T, Alloc>, T> {
  static constexpr std::string_view kName = "std::deque";
};

template <class T, class Alloc>
  requires(std::default_initializable<Alloc>)
struct Format<std::list<T, Alloc>> : SequenceFormat<std::list<T, Alloc>, T> {
  static constexpr std::string_view kName = "std::list";
};

template <class Set, class K>
struct SetFormat : ContainerFormat<K> {
  static void encode(const Set& keys, Encoder& out) { encode_elements(keys, out); }
  static Set decode(Decoder& in) {
    const std::size_t elements = in.count(least_bytes<K>());
    Set keys;
    for (std::size_t i = 0; i < elements; ++i) keys.emplace_hint(keys.end(), decode_value<K>(in));
    if (keys.size() != elements) in.refuse("a set holds the same key twice");
    return keys;
  }
};

template <class Map, class K, class V>
struct MapFormat : ContainerFormat<K, V> {
  static void encode(const Map& entries, Encoder& out) {
    out.count(entries.size());
    for (const auto& [key, value] : entries) {
      encode_value(key, out);
      encode_value(value, out);
    }
  }
  static Map decode(Decoder& in) {
    const std::size_t elements = in.count(least_bytes<K>() + least_bytes<V>());
    Map entries;
    for (std::size_t i = 0; i < elements; ++i) {
      K key = decode_value<K>(in);
      entries.emplace_hint(entries.end(), std::move(key), decode_value<V>(in));
    }
    if (entries.size() != elements) in.refuse("a map holds the same key twice");
    return entries;
  }
};

#define IQ_SET_FORMAT(set)                                                               \
  template <class K, Stateless... Rest>                                                  \
  struct Format<std::set<K, Rest...>> : SetFormat<std::set<K, Rest...>, K> {             \
    static constexpr std::string_view kName = "std::" #set;                              \
  }
#define IQ_MAP_FORMAT(map)                                                               \
  template <class K, class V, Stateless... Rest>                                         \
  struct Format<std::map<K, V, Rest...>> : MapFormat<std::map<K, V, Rest...>, K, V> {    \
    static constexpr std::string_view kName = "std::" #map;                              \
  }

IQ_SET_FORMAT(set);
IQ_SET_FORMAT(multiset);
IQ_SET_FORMAT(unordered_set);
IQ_SET_FORMAT(unordered_multiset);
IQ_MAP_FORMAT(map);
IQ_MAP_FORMAT(multimap);
IQ_MAP_FORMAT(unordered_map);
IQ_MAP_FORMAT(unordered_multimap);

#undef IQ_SET_FORMAT
#undef IQ_MAP_FORMAT

}  // namespace iq::detail
