// Pipelines of one process: lazy ranges, each made from the one before by a step, which is a
// function from a range to a range, at best a coroutine.
#pragma once

#include <concepts>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>
#include <memory>
#include <ranges>
#include <type_traits>
#include <utility>

#include "iq/chunk.hpp"
#include "iq/detail/deadline.hpp"
#include "iq/detail/generator_promise.hpp"
#include "iq/detail/kept_range.hpp"

namespace iq {

namespace detail {
template <class R, class T>
concept GeneratedFrom =
    !std::same_as<std::remove_cvref_t<R>, Generator<T>> && std::ranges::input_range<R> &&
    std::convertible_to<std::ranges::range_reference_t<R>, T>;
}  // namespace detail

/// A coroutine that yields items of type T, as a range:
///
///     auto remove_odd = [](iq::Generator<int> numbers) -> iq::Generator<int> {
///       for (int n : numbers) {
///         if (n % 2 == 0) co_yield n;
///       }
///     };
///
/// Nothing runs before the first item is asked for, and then only as far as items are asked for.
/// The reader of a `Generator<T>` owns what it gets and may move from it; a `Generator<T&>` or
/// `Generator<const T&>` refers to what is the coroutine's. std::generator of C++23 is the same.
///
/// A loop that is left goes on where it was, with the next item, when another one begins.
///
/// Errors:  what the coroutine throws is thrown where the item is asked for, each time again.
/// Threads: one at a time. Processes: a copy of it goes on in a forked child.
/// Cost:    one allocation for the coroutine, none per item.
template <class T>
class [[nodiscard]] Generator : public std::ranges::view_base {
 public:
  using value_type = std::remove_cvref_t<T>;  ///< the items, without their reference
  /// What the iterator gives.
  using reference = std::conditional_t<std::is_reference_v<T>, T, T&&>;
  class promise_type;
  class Iterator;

  /// Any range of such items: so that a step can be a function that takes a Generator. An rvalue is
  /// kept, an lvalue referred to.
  template <class R>
    requires detail::GeneratedFrom<R, T> Generator(R&& range);

  /// Takes the coroutine over. `other` can only be assigned to and destroyed.
  Generator(Generator&& other) noexcept : coroutine_(std::exchange(other.coroutine_, {})) {}
  /// As the destructor, then as the constructor.
  Generator& operator=(Generator&& other) noexcept {
    Generator gone(std::move(*this));
    coroutine_ = std::exchange(other.coroutine_, {});
    return *this;
  }
  /// Ends the coroutine where it is: what it has is destroyed.
  ~Generator() {
    if (coroutine_) coroutine_.destroy();
  }

  /// Begins a loop, or goes on with the next item. Errors: Closed when it was moved from.
  Iterator begin() {
    if (!coroutine_) detail::refuse_moved_from("generator");
    coroutine_.promise().pass();
    return Iterator(coroutine_);
  }
  /// The end of every loop.
  std::default_sentinel_t end() const noexcept { return {}; }

 private:
  explicit Generator(std::coroutine_handle<promise_type> coroutine) noexcept
      : coroutine_(coroutine) {}

  std::coroutine_handle<promise_type> coroutine_;
};

/// What the language asks of a coroutine's return type.
template <class T>
class Generator<T>::promise_type : public detail::GeneratorState<reference> {
 public:
  /// Of the coroutine, before it runs.
  Generator get_return_object() noexcept {
    return Generator(std::coroutine_handle<promise_type>::from_promise(*this));
  }
};

/// The iterator of a generator. Move-only, single pass. A reference that it gave is valid until the
/// next item is asked for. Advancing it only says that the item was used: the next one is made when
/// it is asked for by a comparison with end() or by `*`, so that an adaptor that takes n items,
/// such as std::views::take, does not make another one.
template <class T>
class Generator<T>::Iterator {
 public:
  using iterator_concept = std::input_iterator_tag;    ///< single pass
  using value_type = std::remove_cvref_t<T>;           ///< as the generator's
  using difference_type = std::ptrdiff_t;              ///< asked for by std::input_iterator
  using reference = typename Generator<T>::reference;  ///< what operator*() gives

  /// Takes over the place. `other` can only be assigned to and destroyed.
  Iterator(Iterator&& other) noexcept : coroutine_(std::exchange(other.coroutine_, {})) {}
  /// The same.
  Iterator& operator=(Iterator&& other) noexcept {
    coroutine_ = std::exchange(other.coroutine_, {});
    return *this;
  }

  /// The item. Requires: not at the end. Errors: what the coroutine throws.
  reference operator*() const {
    coroutine_.promise().settle(coroutine_);
    return coroutine_.promise().value();
  }
  /// Passes the item. Errors: what the coroutine throws, if nobody has looked at that item.
  Iterator& operator++() {
    coroutine_.promise().settle(coroutine_);
    coroutine_.promise().pass();
    return *this;
  }
  /// The same, without a copy of where it was.
  void operator++(int) { ++*this; }
  /// Whether the coroutine has ended. Errors: what it throws.
  friend bool operator==(const Iterator& it, std::default_sentinel_t) {
    return !it.coroutine_.promise().settle(it.coroutine_);
  }

 private:
  friend class Generator;
  explicit Iterator(std::coroutine_handle<promise_type> coroutine) noexcept
      : coroutine_(coroutine) {}

  std::coroutine_handle<promise_type> coroutine_;
};

}  // namespace iq

#include "iq/detail/generator_steps.hpp"

namespace iq {

/// The range that comes out when each step is called with the range before it:
///
///     auto sent = iq::combine(users, only_active, iq::chunk(2048), send, iq::flatten);
///     iq::consume(sent);
///
/// A step is called once, with the whole range, and returns a range: a function that takes a
/// Generator, a lambda that takes `auto`, iq::chunk, an adaptor like std::views::filter(f). Nothing
/// is read before the result is, unless a step reads all by itself, as one that sorts does.
///
/// A range that is an rvalue is kept, an lvalue is referred to; steps are copied or moved. All live
/// as long as the result, so that a step which is a coroutine may take its range by reference and
/// be a lambda with captures. The result is a view that can be moved, not copied.
///
/// Threads: one at a time. Processes: as Generator: in a stage of an iq::pipeline, `in` of a chain
/// is such a range; the result can be given to from().
template <std::ranges::input_range R, class... Steps>
auto combine(R&& range, Steps&&... steps) {
  using Kept = detail::KeptRange<R>;
  if constexpr (detail::check_steps<Kept, std::decay_t<Steps>...>()) {
    return detail::Combined<Kept, std::decay_t<Steps>...>(Kept(std::forward<R>(range)),
                                                          std::forward<Steps>(steps)...);
  } else {
    return detail::RefusedRange();
  }
}

/// Reads `most` items of a range, all unless told, and drops them. How many there were. A loop over
/// a Generator, or what else is read once, goes on behind them; a container's starts anew.
template <std::ranges::input_range R>
std::uint64_t consume(R&& range, std::uint64_t most = std::numeric_limits<std::uint64_t>::max()) {
  std::uint64_t count = 0;
  if (most == 0) return count;
  const auto end = std::ranges::end(range);
  for (auto it = std::ranges::begin(range); it != end; ++it) {
    static_cast<void>(*it);
    if (++count == most) break;
  }
  return count;
}

}  // namespace iq
