// The steps between generators, and the chain that they are hung on; included in iq/generator.hpp.
#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <functional>
#include <memory>
#include <ranges>
#include <type_traits>
#include <utility>
#include <vector>

#include "iq/bytes.hpp"
#include "iq/generator.hpp"
#include "iq/status.hpp"

namespace iq::detail {

template <class T, class R>
Generator<T> generate_from(R range) {
  for (auto&& item : range) {
    if constexpr (std::is_reference_v<T>) {
      co_yield static_cast<T>(item);
    } else if constexpr (std::same_as<std::remove_cvref_t<decltype(item)>, T>) {
      co_yield std::forward<decltype(item)>(item);
    } else {
      co_yield static_cast<T>(std::forward<decltype(item)>(item));
    }
  }
}

// ---- chunks ----

/// The end of a queue that a range is, or refers to: it alone can wait for a limited time.
template <class R>
concept Awaitable = requires(R& range, std::chrono::steady_clock::time_point deadline) {
  { range.get_until(deadline).status() } -> std::same_as<Status>;
};
template <class R>
R& endpoint_of(R& range) {
  return range;
}
template <class R>
R& endpoint_of(ReferredRange<R>& range) {
  return range.referred();
}

/// A vector that is filled, handed over, and filled again: in the same memory, unless the reader
/// has taken that.
template <class T>
class Filling {
 public:
  explicit Filling(std::size_t full) : full_(full) {}
  template <class Item>
  void add(Item&& item) {
    items_.push_back(std::forward<Item>(item));
  }
  bool is_full() const noexcept { return items_.size() == full_; }
  bool is_empty() const noexcept { return items_.empty(); }
  std::vector<T>&& items() noexcept { return std::move(items_); }
  void begin_anew() {
    items_.clear();
    items_.reserve(full_);  // so many have come once: more than that is never asked for
  }
  void clear() noexcept { items_.clear(); }

 private:
  std::size_t full_;
  std::vector<T> items_;
};

template <class T, class R>
Generator<std::vector<T>> chunked(R range, std::size_t size) {
  Filling<T> chunk(size);
  for (auto&& item : range) {
    chunk.add(std::forward<decltype(item)>(item));
    if (chunk.is_full()) {
      co_yield chunk.items();
      chunk.begin_anew();
    }
  }
  if (!chunk.is_empty()) co_yield chunk.items();
}

/// The time is looked at when an item comes.
template <class T, class R>
Generator<std::vector<T>> chunked_on_arrival(R range, std::size_t size,
                                             std::chrono::nanoseconds most) {
  using Steady = std::chrono::steady_clock;
  Filling<T> chunk(size);
  Steady::time_point began;
  for (auto&& item : range) {
    const Steady::time_point now = Steady::now();
    if (chunk.is_empty()) began = now;
    chunk.add(std::forward<decltype(item)>(item));
    if (chunk.is_full() || now - began >= most) {
      co_yield chunk.items();
      chunk.clear();
    }
  }
  if (!chunk.is_empty()) co_yield chunk.items();
}

/// From a queue: the time is over though nothing comes.
template <class T, class R>
Generator<std::vector<T>> chunked_in_time(R range, std::size_t size,
                                          std::chrono::nanoseconds most) {
  using Steady = std::chrono::steady_clock;
  Filling<T> chunk(size);
  Steady::time_point deadline = Steady::time_point::max();
  for (;;) {
    auto item = endpoint_of(range).get_until(deadline);
    const bool is_over = item.status() == Status::timeout;
    if (!item && !is_over) break;
    const Steady::time_point now = Steady::now();
    if (chunk.is_empty())
      deadline = most < Steady::time_point::max() - now ? now + most : Steady::time_point::max();
    if (item) chunk.add(*std::move(item));
    if (is_over || chunk.is_full() || now >= deadline) {
      co_yield chunk.items();
      chunk.clear();
      deadline = Steady::time_point::max();
    }
  }
  if (!chunk.is_empty()) co_yield chunk.items();
}

// ---- flatten ----

/// How the elements of an element are passed on: what the range hands over may be moved from,
/// unless it only refers to its elements itself.
template <class R>
struct FlattenedBy {
  using Outer = std::ranges::range_reference_t<R>;
  using Inner = std::remove_reference_t<Outer>;
  using Element = std::ranges::range_reference_t<Inner&>;
  static constexpr bool kOwns =
      !std::is_lvalue_reference_v<Outer> && !std::ranges::view<std::remove_cvref_t<Outer>> &&
      std::is_lvalue_reference_v<Element> && !std::is_const_v<std::remove_reference_t<Element>>;
  using Type = std::conditional_t<kOwns, std::remove_reference_t<Element>, Element>;
};

template <class R>
Generator<typename FlattenedBy<R>::Type> flattened(R range) {
  for (auto&& inner : range) {
    for (auto&& element : inner) {
      if constexpr (FlattenedBy<R>::kOwns) {
        co_yield std::move(element);
      } else {
        co_yield std::forward<decltype(element)>(element);
      }
    }
  }
}

// ---- combine ----

/// What a chain that was refused gives, so that the one message stays the only one.
struct RefusedRange {
  const RefusedRange* begin() const { return nullptr; }
  const RefusedRange* end() const { return nullptr; }
};

/// An rvalue where the step takes one, as most do.
template <class Step, class R>
  requires std::invocable<Step&, R> || std::invocable<Step&, R&>
decltype(auto) call_step(Step& step, R& range) {
  if constexpr (std::invocable<Step&, R>) {
    return std::invoke(step, std::move(range));
  } else {
    return std::invoke(step, range);
  }
}
template <class Step, class R>
using StepResult =
    std::remove_cvref_t<decltype(call_step(std::declval<Step&>(), std::declval<R&>()))>;

/// Says which step does not fit, and why; true when all do.
template <class R>
consteval bool check_steps() {
  return true;
}
template <class R, class Step, class... Steps>
consteval bool check_steps() {
  constexpr bool kTakes = std::invocable<Step&, R> || std::invocable<Step&, R&>;
  static_assert(
      kTakes,
      "iq::combine: a step cannot be called with the range that the one before it "
      "returns. It takes a whole range, not an item of it: a lambda that takes `auto`, or "
      "a function that takes an iq::Generator<T>.");
  if constexpr (kTakes) {
    constexpr bool kGives = std::ranges::input_range<StepResult<Step, R>>;
    static_assert(kGives,
                  "iq::combine: a step returns no range. It is called once, with the whole range, "
                  "and returns the range of its results: a coroutine, or what std::views make.");
    if constexpr (kGives) return check_steps<StepResult<Step, R>, Steps...>();
  }
  return false;
}

/// A range, the step that makes the next one of it, and so on. Each has its place until all end,
/// the last one first.
template <class R, class... Steps>
struct RangeChain {
  explicit RangeChain(R&& made) : range(std::move(made)) {}
  R& last() noexcept { return range; }

  R range;
};
template <class R, class Step, class... Steps>
struct RangeChain<R, Step, Steps...> {
  template <class First, class... Others>
  explicit RangeChain(R&& made, First&& first, Others&&... others)
      : range(std::move(made)),
        step(std::forward<First>(first)),
        next(call_step(step, range), std::forward<Others>(others)...) {}
  auto& last() noexcept { return next.last(); }

  R range;
  Step step;
  RangeChain<StepResult<Step, R>, Steps...> next;
};

template <class R, class... Steps>
class Combined : public std::ranges::view_base {
  using Chain = RangeChain<R, Steps...>;

 public:
  template <class... Given>
  explicit Combined(R&& range, Given&&... steps)
      : chain_(std::make_unique<Chain>(std::move(range), std::forward<Given>(steps)...)) {}

  auto begin() { return std::ranges::begin(chain().last()); }
  auto end() { return std::ranges::end(chain().last()); }

 private:
  Chain& chain() const {
    if (!chain_) refuse_moved_from("combined range");
    return *chain_;
  }

  std::unique_ptr<Chain> chain_;
};

}  // namespace iq::detail

namespace iq {

template <class T>
template <class R>
  requires detail::GeneratedFrom<R, T> Generator<T>::Generator(R&& range)
      : Generator(detail::generate_from<T>(detail::KeptRange<R>(std::forward<R>(range)))) {}

  template <std::ranges::input_range R>
  Generator<std::vector<std::ranges::range_value_t<R>>> Chunk::operator()(R&& range) const {
    using T = std::ranges::range_value_t<R>;
    using Kept = detail::KeptRange<R>;
    static_assert(!std::same_as<T, BytesView>,
                  "iq::chunk: the items of a consumer of iq::Bytes are views, which end with the "
                  "next item: make values of them first.");
    Kept kept(std::forward<R>(range));
    if (!is_timed()) return detail::chunked<T>(std::move(kept), items_);
    using Endpoint = std::remove_cvref_t<decltype(detail::endpoint_of(kept))>;
    if constexpr (detail::Awaitable<Endpoint>) {
      return detail::chunked_in_time<T>(std::move(kept), items_, most_);
    } else {
      return detail::chunked_on_arrival<T>(std::move(kept), items_, most_);
    }
  }

  template <std::ranges::input_range R>
  auto Flatten::operator()(R&& range) const {
    using Kept = detail::KeptRange<R>;
    return detail::flattened<Kept>(Kept(std::forward<R>(range)));
  }

}  // namespace iq
