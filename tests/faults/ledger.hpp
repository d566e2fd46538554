// Items that carry their own checksum, and the book in which every process of a test writes down
// what happened to them, where no death can take it back.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string>

#include "support/process.hpp"

namespace faults {

inline constexpr std::uint32_t kMaxItems = 2048;
inline constexpr int kMaxSlots = 12;  // processes of one test that may have an item in hand

/// Stored in place.
struct Fixed {
  std::uint32_t id;
  std::uint32_t complement;
  std::array<std::uint32_t, 6> filler;
};

/// Encoded: every third one inline, the others in the byte ring.
struct Text {
  std::uint32_t id;
  std::string text;
};

inline void make(std::uint32_t id, Fixed& item) {
  item.id = id;
  item.complement = ~id;
  item.filler.fill(id * 2654435761U);
}
inline bool whole(const Fixed& item) {
  Fixed expected;
  make(item.id, expected);
  return item.complement == expected.complement && item.filler == expected.filler;
}

inline void make(std::uint32_t id, Text& item) {
  item.id = id;
  item.text.assign(id % 3 == 0 ? 5 : 60 + id * 97 % 240, static_cast<char>('a' + id % 26));
}
inline bool whole(const Text& item) {
  Text expected;
  make(item.id, expected);
  return item.text == expected.text;
}

template <class T>
T make(std::uint32_t id) {
  T item;
  make(id, item);
  return item;
}

enum class Outcome : unsigned char { running, ended, producer_died, producer_failed, stopped };

struct Ledger {
  std::array<std::atomic<std::uint8_t>, kMaxItems> returned{};    ///< its put returned
  std::array<std::atomic<std::uint8_t>, kMaxItems> delivered{};   ///< how often
  std::array<std::atomic<std::uint8_t>, kMaxItems> blamed{};      ///< highest deliveries() - 1
  std::array<std::atomic<std::uint8_t>, kMaxItems> given_back{};  ///< by a live consumer
  std::array<std::atomic<std::uint32_t>, kMaxSlots> in_hand{};    ///< id + 1
  std::array<std::atomic<Outcome>, kMaxSlots> outcome{};

  template <class T>
  void receive(int slot, const T& item, std::uint32_t deliveries) {
    iqtest::require(item.id < kMaxItems && whole(item), "an item is not torn");
    in_hand[static_cast<std::size_t>(slot)] = item.id + 1;
    delivered[item.id].fetch_add(1);
    const auto blame = static_cast<std::uint8_t>(deliveries - 1);
    if (blamed[item.id] < blame) blamed[item.id] = blame;
  }
  void giving_back(std::uint32_t id) { given_back[id].fetch_add(1); }

  std::uint32_t count_delivered() const {
    std::uint32_t count = 0;
    for (const auto& item : delivered) count += item != 0;
    return count;
  }
};

}  // namespace faults
