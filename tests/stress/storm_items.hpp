// What is put in a storm: items that carry proof of being whole.
#pragma once

#include <array>
#include <cstdint>
#include <string>

namespace storm {

/// Stored in place.
struct Fixed {
  std::uint32_t id;
  std::uint32_t complement;
  std::array<std::uint32_t, 4> filler;
};

/// Encoded: inline, in the byte ring, and now and then a fifth of all that the ring holds.
struct Variable {
  std::uint32_t id;
  std::string text;
};

inline void make(std::uint32_t id, Fixed& item) { item = {id, ~id, {id, id, id, id}}; }
inline bool whole(const Fixed& item) {
  return item.complement == ~item.id &&
         item.filler == std::array{item.id, item.id, item.id, item.id};
}

inline void make(std::uint32_t id, Variable& item) {
  item.id = id;
  item.text.assign(id % 89 == 0 ? 3000 : id * 7 % 331, static_cast<char>('a' + id % 26));
}
inline bool whole(const Variable& item) {
  Variable expected;
  make(item.id, expected);
  return item.text == expected.text;
}

template <class T>
T make(std::uint32_t id) {
  T item;
  make(id, item);
  return item;
}

/// What a relay makes of input `id`: the parts of it, each with an id of its own.
inline constexpr std::uint32_t kMostParts = 3;
inline std::uint32_t parts_of(std::uint32_t id) { return id % 7 == 0 ? 0 : 1 + id % kMostParts; }
inline std::uint32_t part_id(std::uint32_t id, std::uint32_t part) {
  return id * kMostParts + part;
}

}  // namespace storm
