// How items are put together into chunks and taken apart again: by generators and by steps.
#pragma once

#include <chrono>
#include <cstddef>
#include <ranges>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace iq {

template <class T>
class Generator;

/// The size of chunks, and how long one may wait for its last items: iq::chunk, iq::timed_chunk.
/// As a step, `chunk(range)`, it makes vectors of the items of a range: with iq/generator.hpp.
class Chunk {
 public:
  /// For iq::chunk and iq::timed_chunk, which check it. `most` of 0: no time.
  Chunk(std::size_t items, std::chrono::nanoseconds most) noexcept : items_(items), most_(most) {}

  /// How many items a chunk has; the last one of a range, and one whose time is over, has fewer.
  std::size_t items() const noexcept { return items_; }
  /// Whether a chunk has a time.
  bool is_timed() const noexcept { return most_ != std::chrono::nanoseconds::zero(); }
  /// How long after its first item a chunk is passed on at the latest. Requires: is_timed().
  std::chrono::nanoseconds duration() const noexcept { return most_; }

  /// The items of `range` in vectors, lazily: an rvalue is kept, an lvalue referred to. A chunk is
  /// there as soon as it is full; the one that follows reads on when it is asked for.
  ///
  /// With a time and an iq::Consumer, a chunk is there when its time is over, though nothing comes;
  /// with any other range, when the next item is there, since nothing else can interrupt one.
  /// What is in a chunk of a consumer's items is acknowledged, and its process has it alone.
  template <std::ranges::input_range R>
  Generator<std::vector<std::ranges::range_value_t<R>>> operator()(R&& range) const;

 private:
  std::size_t items_;
  std::chrono::nanoseconds most_;
};

/// Chunks of `items` items; the last one has what is left. Errors: std::invalid_argument for 0.
inline Chunk chunk(std::size_t items) {
  if (items == 0) {
    throw std::invalid_argument("iq::chunk: 0 items are no chunk: it must be 1 or more");
  }
  return {items, std::chrono::nanoseconds::zero()};
}

/// Chunks of `items` items, and of fewer when the first of them has waited for `most`: flushed by
/// size, by time, and at the end. Errors: std::invalid_argument for 0 items or no time.
inline Chunk timed_chunk(std::size_t items, std::chrono::nanoseconds most) {
  if (items == 0) {
    throw std::invalid_argument("iq::timed_chunk: 0 items are no chunk: it must be 1 or more");
  }
  if (most <= std::chrono::nanoseconds::zero()) {
    throw std::invalid_argument("iq::timed_chunk: the time is " + std::to_string(most.count()) +
                                " ns: it must be more than 0; without one, take iq::chunk");
  }
  return {items, most};
}

/// Takes containers apart: see iq::flatten.
struct Flatten {
  /// The elements of the elements of `range`, lazily, one level down: of chunks, their items. What
  /// the range hands over is moved from, what it refers to is referred to. With iq/generator.hpp.
  template <std::ranges::input_range R>
  auto operator()(R&& range) const;
};
/// As a step: the elements of each element. `iq::combine(lines, words_of, iq::flatten)`.
inline constexpr Flatten flatten{};

}  // namespace iq
