// Reads from types alone what a stage's function takes and gives, or says what is wrong.
#pragma once

#include <concepts>
#include <functional>
#include <optional>
#include <ranges>
#include <type_traits>

#include "iq/consumer.hpp"
#include "iq/detail/worker_shape.hpp"
#include "iq/producer.hpp"

namespace iq::detail {

/// The type of what comes behind a stage that was refused: whatever is added to it says nothing
/// more, so that the one message stays the only one.
struct Refused {
  /// What a loop over it names.
  template <class T>
  operator T() const;
};

/// Any value at all.
struct Anything {
  Anything() = default;
  template <class T>
  Anything(const T&) {}
};

/// The options of whatever stage is added behind one that was refused, in braces.
struct AnyOptions {
  Anything workers{}, capacity{}, on_error{}, ordered{}, name{}, retries{}, restarts{}, timeout{},
      in{}, out{}, stateful{}, max_deliveries{}, combine{}, bytes_per_worker{};
};

template <class T>
inline constexpr bool kIsOptional = false;
template <class T>
inline constexpr bool kIsOptional<std::optional<T>> = true;

template <class T>
struct WithoutOptional {
  using Type = T;
};
template <class T>
struct WithoutOptional<std::optional<T>> {
  using Type = T;
};

/// What a pipeline can carry.
template <class T>
concept PipelineItem = Encodable<T> && !std::same_as<T, Bytes> && !kHoldsView<T>;

template <class F, class In>
concept TakesItem = std::invocable<F&, const In&>;

/// Whether a function keeps something from item to item, as far as its type tells.
template <class F, class In>
consteval bool keeps_state() {
  if constexpr (requires { F::kKeepsState; })
    return F::kKeepsState;
  else
    return !std::invocable<const F&, const In&>;
}
template <class F, class In>
inline constexpr bool kHasState = keeps_state<F, In>();

/// The results of map's function; Refused when it cannot be one.
template <class F, class In>
consteval auto map_result() {
  if constexpr (std::same_as<In, Refused>) {
    return std::type_identity<Refused>{};
  } else if constexpr (!TakesItem<F, In>) {
    return std::type_identity<Refused>{};
  } else {
    using Result = std::remove_cvref_t<std::invoke_result_t<F&, const In&>>;
    using Out = typename WithoutOptional<Result>::Type;
    if constexpr (std::is_void_v<Result>)
      return std::type_identity<Refused>{};
    else if constexpr (!PipelineItem<Out>)
      return std::type_identity<Refused>{};
    else
      return std::type_identity<Out>{};
  }
}
template <class F, class In>
using MapResult = typename decltype(map_result<F, In>())::type;

/// Says that the items of a pipeline outlive what a view shows; true when T has none.
template <class T>
consteval bool check_viewless() {
  static_assert(!kHoldsView<T>,
                "iq::Pipeline: an item with an iq::TextView or iq::ArrayView is no item of a "
                "pipeline: it would outlive what these show. Use std::string or std::vector.");
  return !kHoldsView<T>;
}

/// Says what is wrong with a type that shall travel through a pipeline; true when nothing is.
template <class T>
consteval bool check_item() {
  static_assert(!std::same_as<T, Bytes>,
                "iq::Pipeline: an iq::Bytes is no item of a pipeline: use std::string or "
                "std::vector<std::byte>, or a chain with queues of your own.");
  static_cast<void>(check_viewless<T>());
  ExplanationOf<T>();
  return PipelineItem<T>;
}

/// The items of a source; Refused when they cannot travel.
template <class T>
using SourceItem = std::conditional_t<PipelineItem<T>, T, Refused>;

/// Refused, known only with F.
template <class F>
using RefusedBy = std::conditional_t<std::is_void_v<F>, void, Refused>;

/// What is said of a stage that is added to a pipeline with a name.
template <class F>
consteval void refuse_named() {
  static_assert(std::is_void_v<F>,  // never
                "iq::Pipeline: a stage is added to a pipeline that is given away by that: write "
                "std::move(pipeline).map(…), or the stages in one expression.");
}

template <class F, class In>
consteval bool check_map() {
  if constexpr (!std::same_as<In, Refused>) {
    static_assert(TakesItem<F, In>,
                  "iq::Pipeline: the function of map cannot be called with `const In&`, an item of "
                  "the stage before.");
    if constexpr (TakesItem<F, In>) {
      using Result = std::remove_cvref_t<std::invoke_result_t<F&, const In&>>;
      static_assert(!std::is_void_v<Result>,
                    "iq::Pipeline: the function of map returns nothing. It returns its result, or "
                    "a std::optional of it; for_each takes functions that return nothing.");
      if constexpr (!std::is_void_v<Result>) {
        return check_item<typename WithoutOptional<Result>::Type>();
      }
    }
  }
  return false;
}

template <class F, class In>
consteval bool check_filter() {
  if constexpr (std::same_as<In, Refused>) {
    return false;
  } else {
    constexpr bool kFits = std::predicate<F&, const In&>;
    static_assert(kFits,
                  "iq::Pipeline: the function of filter cannot be called with `const In&`, an item "
                  "of the stage before, or its result is no bool.");
    return kFits;
  }
}

template <class F, class In>
consteval bool check_each() {
  if constexpr (std::same_as<In, Refused>) {
    return false;
  } else {
    static_assert(TakesItem<F, In>,
                  "iq::Pipeline: the function of for_each cannot be called with `const In&`, an "
                  "item of the stage before.");
    return TakesItem<F, In>;
  }
}

template <class F, class Acc, class In>
consteval bool check_fold() {
  if constexpr (std::same_as<In, Refused>) {
    return false;
  } else {
    constexpr bool kFits = std::is_invocable_r_v<Acc, F&, Acc, const In&>;
    static_assert(kFits,
                  "iq::Pipeline: the function of fold cannot be called with the start value and a "
                  "`const In&`, an item of the stage before, or its result is no such value.");
    if constexpr (kFits) return check_item<Acc>();
    return kFits;
  }
}

template <class Less, class In>
consteval bool check_sort() {
  if constexpr (std::same_as<In, Refused>) {
    return false;
  } else {
    constexpr bool kFits = std::predicate<Less&, const In&, const In&>;
    static_assert(kFits,
                  "iq::Pipeline: the function of sort cannot be called with two `const In&`, items "
                  "of the stage before, or its result is no bool.");
    return kFits;
  }
}

// ---- chain ----

/// The T of an Endpoint<T>; void for anything else.
template <template <class> class Endpoint, class Parameter>
struct ItemOf {
  using Type = void;
};
template <template <class> class Endpoint, class T>
struct ItemOf<Endpoint, Endpoint<T>> {
  using Type = T;
};

/// What a raw worker takes and gives: `(Consumer<In>, Producer<Out>)`, one of them alone, and then,
/// if it wants it, its number. In or Out is void for an end that it does not have.
template <class F>
struct RawShape {
  using Named = decltype(worker_parameters<std::remove_const_t<F>>());
  static constexpr bool kKnown = !std::is_void_v<Named>;
  using Parameters = std::conditional_t<kKnown, Named, TypeList<>>;

  template <std::size_t kIndex>
  static consteval auto at() {
    if constexpr (kIndex < Parameters::kSize) {
      return std::type_identity<std::remove_cvref_t<typename Parameters::template At<kIndex>>>{};
    } else {
      return std::type_identity<void>{};
    }
  }
  template <std::size_t kIndex>
  using At = typename decltype(at<kIndex>())::type;

  using In = typename ItemOf<Consumer, At<0>>::Type;
  static constexpr std::size_t kFirst = std::is_void_v<In> ? 0 : 1;
  using Out = typename ItemOf<Producer, At<kFirst>>::Type;
  static constexpr std::size_t kEndpoints = kFirst + (std::is_void_v<Out> ? 0 : 1);
  static constexpr bool kHasNumber =
      Parameters::kSize == kEndpoints + 1 && std::is_same_v<At<kEndpoints>, int>;
  static constexpr bool kFits = kKnown && kEndpoints > 0 &&
                                (kHasNumber || Parameters::kSize == kEndpoints);
};

template <class F>
consteval bool check_raw() {
  using Raw = RawShape<F>;
  static_assert(Raw::kKnown,
                "iq::Pipeline: the worker of chain must name the types of its parameters: write "
                "[](iq::Consumer<In>& in, iq::Producer<Out>& out) instead of auto.");
  if constexpr (Raw::kKnown) {
    static_assert(Raw::kFits,
                  "iq::Pipeline: the worker of chain takes an iq::Consumer<In>, then an "
                  "iq::Producer<Out>, or one of them, then, if it wants it, an int.");
  }
  if constexpr (Raw::kFits && !std::is_void_v<typename Raw::Out>) {
    return check_viewless<typename Raw::Out>();
  }
  return Raw::kFits;
}

template <class F, class In>
consteval bool check_chain() {
  if constexpr (std::same_as<In, Refused>) {
    return false;
  } else if constexpr (check_raw<F>()) {
    constexpr bool kFits = std::same_as<typename RawShape<F>::In, In>;
    static_assert(kFits,
                  "iq::Pipeline: the worker of chain does not take what comes: its iq::Consumer<T> "
                  "has another T than the stage before.");
    return kFits;
  } else {
    return false;
  }
}

template <class F>
using RawResult = typename RawShape<F>::Out;

}  // namespace iq::detail
