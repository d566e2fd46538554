// This library with items that it encodes: strings, and structs with a vector. Their rows are
// compared with as many raw bytes (iq::Bytes).
#include <unistd.h>

#include <cstring>
#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

#include "iq/iq.hpp"
#include "workload.hpp"

namespace bench {
namespace {

inline constexpr std::size_t kTypedBytes = 256;

using Words = Item<kTypedBytes>;

struct SeenBytes {
  const void* data;

  template <class Bytes>
  static SeenBytes of(const Bytes& bytes) {
    if (bytes.size() != kTypedBytes) throw std::runtime_error("an item of another size");
    return {bytes.data()};
  }
  std::uint64_t word(std::size_t i) const noexcept {
    std::uint64_t word = 0;
    std::memcpy(&word, static_cast<const std::byte*>(data) + i * sizeof word, sizeof word);
    return word;
  }
  Tag tag() const noexcept { return word(0); }
  std::uint64_t sum() const noexcept {
    std::uint64_t all = 0;
    for (std::size_t i = 0; i < Words::kWords; ++i) all += word(i);
    return all;
  }
};

// How an Item is made a value, once, how the value gets another tag, and what is checked of one
// that was received, where it lies.
struct Text {
  using Value = std::string;

  static Value make(const Words& item) {
    return {reinterpret_cast<const char*>(&item), sizeof item};
  }
  static void set(Value& text, Tag tag) {
    std::memcpy(text.data(), &tag, sizeof tag);
    std::memcpy(text.data() + kTypedBytes - sizeof tag, &tag, sizeof tag);
  }
  static SeenBytes seen(const Value& text) { return SeenBytes::of(text); }
};

// The words as members of a struct, 30 of 32 in a vector.
struct Order {
  std::uint64_t first = 0;
  std::vector<std::uint64_t> parts;
  std::uint64_t last = 0;
};
struct SeenOrder {
  const Order& order;

  Tag tag() const noexcept { return order.first; }
  std::uint64_t sum() const noexcept {
    return std::accumulate(order.parts.begin(), order.parts.end(), order.first + order.last);
  }
};

struct Aggregate {
  using Value = Order;

  static Value make(const Words& item) {
    return {item.words.front(), {item.words.begin() + 1, item.words.end() - 1}, item.words.back()};
  }
  static void set(Value& order, Tag tag) { order.first = order.last = tag; }
  static SeenOrder seen(const Order& order) {
    if (order.parts.size() != Words::kWords - 2) throw std::runtime_error("other parts");
    return {order};
  }
};

// As many bytes without a type: what the others are compared with.
struct Raw {
  using Value = iq::Bytes;

  static Value make(const Words& item) {
    return iq::Bytes(iq::BytesView(std::as_bytes(std::span(&item, 1))));
  }
  static void set(Value& bytes, Tag tag) {
    std::memcpy(bytes.data(), &tag, sizeof tag);
    std::memcpy(bytes.data() + kTypedBytes - sizeof tag, &tag, sizeof tag);
  }
  static SeenBytes seen(std::span<const std::byte> bytes) { return SeenBytes::of(bytes); }
};

// The same, copied out by who reads them: no object of a reader's own can be had for less.
struct Copied : Raw {
  static Words seen(std::span<const std::byte> bytes) {
    Words words;
    std::memcpy(&words, SeenBytes::of(bytes).data, sizeof words);
    asm volatile("" : : "r"(&words) : "memory");  // all of it
    return words;
  }
};
