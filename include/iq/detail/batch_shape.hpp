// Reads from types alone whether a function serves batches, or says what is wrong with it.
#pragma once

#include <concepts>
#include <ranges>
#include <span>
#include <type_traits>

#include "iq/codec.hpp"
#include "iq/detail/type_explain.hpp"

namespace iq {
template <class R>
class Outcome;
}  // namespace iq

namespace iq::detail {

template <class T>
inline constexpr bool kTravels = Encodable<T> && !kHoldsView<T>;
template <>
inline constexpr bool kTravels<void> = true;  // as a result

/// Whether calls with that argument and result can travel; said is why not by
/// explain_batch_types().
template <class R, class Argument>
inline constexpr bool kCallsTravel = kTravels<R>&& kTravels<Argument>;

/// Says what is wrong with what shall travel.
template <class R, class Argument>
consteval bool explain_batch_types() {
  static_assert(!kHoldsView<Argument> && !kHoldsView<R>,
                "iq::batched: an argument or result must not contain an iq::TextView or "
                "iq::ArrayView: it would outlive what these show. Use std::string or std::vector.");
  if constexpr (!kTravels<Argument>) {
    ExplanationOf<Argument>();
  } else if constexpr (!kTravels<R>) {
    ExplanationOf<R>();
  }
  return true;
}

template <class R, class Results>
consteval bool check_batch_results() {
  if constexpr (std::is_void_v<Results>) {
    static_assert(std::is_void_v<R>,
                  "iq::batched: the function returns nothing, but R is not void: it returns a "
                  "range with one result per call, such as a std::vector<R>.");
    return std::is_void_v<R>;
  } else {
    constexpr bool kIsRange = std::ranges::forward_range<std::remove_reference_t<Results>>;
    static_assert(kIsRange,
                  "iq::batched: the function returns no range: it is given a whole batch and "
                  "returns one result per call, in their order, such as a std::vector<R>.");
    if constexpr (kIsRange) {
      using Element = std::ranges::range_value_t<Results>;
      constexpr bool kFits = std::same_as<Element, Outcome<R>> || std::convertible_to<Element, R>;
      static_assert(kFits,
                    "iq::batched: the function returns a range of something else: its elements "
                    "are R, what converts to R, or iq::Outcome<R>.");
      return kFits;
    } else {
      return false;
    }
  }
}

/// Whether F serves batches; says so if not.
template <class R, class Argument, class F>
consteval bool check_batch_function() {
  constexpr bool kFits = std::invocable<F&, std::span<const Argument>>;
  static_assert(kFits,
                "iq::batched: the function cannot be called with a batch: its parameter is a "
                "std::span<const T>, where T is the argument of a call, or a std::tuple of its "
                "arguments if there are several.");
  if constexpr (kFits) {
    return check_batch_results<R, std::invoke_result_t<F&, std::span<const Argument>>>();
  } else {
    return false;
  }
}

/// The same of a method of Self.
template <class R, class Self, class Argument, class F>
consteval bool check_batch_method() {
  constexpr bool kFits = std::invocable<F&, const Self&, std::span<const Argument>>;
  static_assert(kFits,
                "iq::batched_method: the function cannot be called with an object and a batch: its "
                "parameters are a `const Object&` and a std::span<const T>, where T is the "
                "argument of a call, or a std::tuple of its arguments if there are several.");
  if constexpr (kFits) {
    return check_batch_results<R,
                               std::invoke_result_t<F&, const Self&, std::span<const Argument>>>();
  } else {
    return false;
  }
}

}  // namespace iq::detail
