// The item that every peer carries: 8 to any number of bytes, all of which can be checked.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace bench {

inline constexpr int kMaxParties = 64;
inline constexpr int kSequenceBits = 48;
inline constexpr std::uint64_t kFiller = 3;

/// Who put it and as which one: producer:16 | sequence:48, the sequence from 1.
using Tag = std::uint64_t;

constexpr Tag first_tag(int producer) noexcept {
  return (static_cast<Tag>(producer) << kSequenceBits) + 1;
}
constexpr std::size_t producer_of(Tag tag) noexcept {
  return static_cast<std::size_t>(tag >> kSequenceBits) % kMaxParties;
}

/// The first and the last word are the tag, those between are constant.
template <std::size_t kBytes>
struct Item {
  static_assert(kBytes >= 8 && kBytes % 8 == 0);
  static constexpr std::uint64_t kWords = kBytes / 8;

  std::array<std::uint64_t, kWords> words;

  void set(Tag tag) noexcept {
    words.front() = tag;
    words.back() = tag;
  }
  /// The same, and every word by a store of its own, as one that was just made.
  void make(Tag tag) noexcept {
    for (std::uint64_t& word : words) {
      word = kFiller;
      asm volatile("" : "+m"(word));
    }
    set(tag);
  }
  Tag tag() const noexcept { return words.front(); }
  std::uint64_t sum() const noexcept {
    std::uint64_t all = 0;
    for (const std::uint64_t word : words) all += word;
    return all;
  }
};

/// The sum of the first `count` items of `producer`, modulo 2^64.
template <class I>
constexpr std::uint64_t expected_sum(int producer, std::uint64_t count) noexcept {
  const std::uint64_t tags = count * (first_tag(producer) - 1) +
                             (count % 2 == 0 ? count / 2 * (count + 1) : (count + 1) / 2 * count);
  return I::kWords == 1 ? tags : 2 * tags + count * (I::kWords - 2) * kFiller;
}

}  // namespace bench
