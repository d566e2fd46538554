// Reads from types alone what a step takes and gives, follows a table of steps from row to row, or
// says what does not fit.
#pragma once

#include <concepts>
#include <functional>
#include <optional>
#include <ranges>
#include <type_traits>
#include <utility>
#include <vector>

#include "iq/chunk.hpp"
#include "iq/detail/pipeline_shape.hpp"
#include "iq/detail/worker_shape.hpp"
#include "iq/step.hpp"

namespace iq::detail {

// ---- what a function or process() declares ----

template <class S>
consteval auto process_parameters() {
  if constexpr (requires { typename ParametersOf<decltype(&S::process)>::Type; }) {
    return typename ParametersOf<decltype(&S::process)>::Type{};
  }
}
template <class Entry>
consteval auto entry_parameters() {
  if constexpr (Entry::kKind == StepKind::process) {
    return process_parameters<typename Entry::Function>();
  } else {
    return worker_parameters<typename Entry::Function>();
  }
}

template <class Parameter>
struct PutsInto {
  using Type = void;
};
template <class T>
struct PutsInto<Output<T>> {
  using Type = T;
};

/// The type that stands at a place of a parameter list; void when there is none, or no list.
template <class List, std::size_t kIndex>
consteval auto parameter_at() {
  if constexpr (!std::is_void_v<List>) {
    if constexpr (kIndex < List::kSize) {
      return std::type_identity<std::remove_cvref_t<typename List::template At<kIndex>>>{};
    } else {
      return std::type_identity<void>{};
    }
  } else {
    return std::type_identity<void>{};
  }
}
template <class Entry>
using Declared = decltype(entry_parameters<Entry>());
template <class Entry, std::size_t kIndex>
using ParameterOf = typename decltype(parameter_at<Declared<Entry>, kIndex>())::type;

// ---- the call of a step, with its hooks ----

/// What the engine calls: the user's object and its hooks.
template <class S>
struct StepObject {
  static constexpr bool kKeepsState = false;  // the options of the step say it

  void step_initialize() requires requires(S& s) { s.step_initialize(); }
  { step.step_initialize(); }
  void step_shutdown() requires requires(S& s) { s.step_shutdown(); }
  { step.step_shutdown(); }
  void worker_initialize() requires requires(S& s) { s.worker_initialize(); }
  { step.worker_initialize(); }
  void worker_shutdown() requires requires(S& s) { s.worker_shutdown(); }
  { step.worker_shutdown(); }
  void idle() requires requires(S& s) { s.idle(); }
  { step.idle(); }

  S step;
};

/// Calls whichever of the two it is.
template <StepKind kKind, class S, class... Args>
auto call_entry(S& s, Args&... args) -> std::invoke_result_t<S&, Args&...>
  requires(kKind != StepKind::process)
{ return std::invoke(s, args...); }
template <StepKind kKind, class S, class... Args>
auto call_entry(S& s, Args&... args)
    -> decltype(s.process(args...)) requires(kKind == StepKind::process) {
  return s.process(args...);
}

template <StepKind kKind, class S, class... Args>
concept CallsEntry = requires(S& s, Args&... args) {
  call_entry<kKind>(s, args...);
};
template <StepKind kKind, class S, class... Args>
using EntryResult =
    std::remove_cvref_t<decltype(call_entry<kKind>(std::declval<S&>(), std::declval<Args&>()...))>;

/// One result, none, or nothing.
template <StepKind kKind, class S>
struct SingleCall : StepObject<S> {
  template <class In>
  auto operator()(const In& item) -> decltype(call_entry<kKind>(std::declval<S&>(), item)) {
    return call_entry<kKind>(this->step, item);
  }
};
/// Puts by itself.
template <StepKind kKind, class S, class Out>
struct PuttingCall : StepObject<S> {
  template <class In>
    requires CallsEntry<kKind, S, const In, Output<Out>>
  void operator()(const In& item, Output<Out>& out) {
    static_cast<void>(call_entry<kKind>(this->step, item, out));
  }
};
/// Returns a range of results.
template <StepKind kKind, class S, class Out>
struct RangeCall : StepObject<S> {
  template <class In>
    requires CallsEntry<kKind, S, const In>
  void operator()(const In& item, Output<Out>& out) {
    for (auto&& result : call_entry<kKind>(this->step, item)) {
      out.put(static_cast<Out>(std::forward<decltype(result)>(result)));
    }
  }
};
/// iq::flatten.
template <class Out>
struct FlattenCall {
  static constexpr bool kKeepsState = false;
  template <std::ranges::input_range In>
  void operator()(const In& item, Output<Out>& out) const {
    for (const auto& element : item) out.put(Out(element));
  }
};

// ---- from row to row ----

/// What a row makes of entries of type In: Out is Refused when it cannot take them; it is void when
/// nothing comes out. Call is how the engine calls it.
template <class Entry, class In>
struct StepFlow;

template <StepKind kKind, class S, class In>
struct StepFlow<StepEntry<kKind, S>, In> {
  using Entry = StepEntry<kKind, S>;
  using Named = typename PutsInto<ParameterOf<Entry, 1>>::Type;
  static constexpr bool kPuts = !std::is_void_v<Named>;

  static constexpr bool fits() {
    if constexpr (kPuts)
      return CallsEntry<kKind, S, const In, Output<Named>>;
    else
      return CallsEntry<kKind, S, const In>;
  }
  static constexpr bool gives_range() {  // not consteval: clang 14 asks for it too early
    if constexpr (kKind == StepKind::many && !kPuts && fits())
      return std::ranges::input_range<EntryResult<kKind, S, const In>>;
    else
      return false;
  }
  static consteval auto flow() {
    if constexpr (!fits()) {
      return std::type_identity<Refused>{};
    } else if constexpr (kPuts) {
      return std::type_identity<Named>{};
    } else if constexpr (gives_range()) {
      return std::type_identity<std::ranges::range_value_t<EntryResult<kKind, S, const In>>>{};
    } else if constexpr (kKind == StepKind::many) {
      return std::type_identity<Refused>{};
    } else {
      return std::type_identity<typename WithoutOptional<EntryResult<kKind, S, const In>>::Type>{};
    }
  }
  using Made = typename decltype(flow())::type;
  static consteval auto out() {
    if constexpr (std::is_void_v<Made> || std::same_as<Made, Refused>)
      return std::type_identity<Made>{};
    else if constexpr (PipelineItem<Made>)
      return std::type_identity<Made>{};
    else
      return std::type_identity<Refused>{};
  }
  using Out = typename decltype(out())::type;
  using Call = std::conditional_t<
      kPuts, PuttingCall<kKind, S, Made>,
      std::conditional_t<gives_range(), RangeCall<kKind, S, Made>, SingleCall<kKind, S>>>;
  static constexpr bool kMany = kPuts || gives_range();
  /// Whether it keeps a state, as far as its type tells.
  static consteval bool keeps_state() {
    if constexpr (requires(S & s) { s.worker_initialize(); }) {
      return false;
    } else if constexpr (kPuts) {
      return !CallsEntry<kKind, const S, const In, Output<Named>>;
    } else {
      return !CallsEntry<kKind, const S, const In>;
    }
  }
};

template <class In>
struct StepFlow<Chunk, In> {
  using Out = std::vector<In>;
};
template <class In>
struct StepFlow<Flatten, In> {
  using Out = Refused;
};
template <std::ranges::input_range In>
struct StepFlow<Flatten, In> {
  using Out = std::ranges::range_value_t<In>;
};

/// Says what is wrong with a row for entries of type In; true when nothing is.
template <class Entry, class In, bool kIsLast>
struct StepCheck {
  static consteval bool check() {
    using Flow = StepFlow<Entry, In>;
    static_assert(Flow::fits(),
                  "iq::Steps: a step cannot take what the step before it gives: its function, or "
                  "its process(), cannot be called with `const In&`.");
    if constexpr (Flow::fits()) {
      constexpr bool kRange = Entry::kKind != StepKind::many || Flow::kMany;
      static_assert(kRange,
                    "iq::Steps: the function of an iterstep neither returns a range nor takes, "
                    "behind the entry, an iq::Output<Out>& with Out named.");
      if constexpr (kRange) {
        if constexpr (std::is_void_v<typename Flow::Made>) {
          static_assert(kIsLast,
                        "iq::Steps: a step returns nothing and is not the last one: nothing would "
                        "come to the step behind it.");
          return kIsLast;
        } else {
          return check_item<typename Flow::Made>();
        }
      }
    }
    return false;
  }
};
template <class In, bool kIsLast>
struct StepCheck<Chunk, In, kIsLast> {
  static consteval bool check() { return true; }
};
template <class In, bool kIsLast>
struct StepCheck<Flatten, In, kIsLast> {
  static consteval bool check() {
    static_assert(
        std::ranges::input_range<In>,
        "iq::Steps: iq::flatten gets entries from the step before it that are no ranges.");
    return std::ranges::input_range<In>;
  }
};

/// What comes into a table: what its first row says.
template <class First>
struct TableStart {
  static consteval auto find() {
    if constexpr (requires { First::kKind; }) {
      if constexpr (std::is_void_v<ParameterOf<First, 0>>)
        return std::type_identity<Refused>{};
      else
        return std::type_identity<ParameterOf<First, 0>>{};
    } else {
      return std::type_identity<Refused>{};
    }
  }
  using In = typename decltype(find())::type;
  static constexpr bool kIsRow = true;
};
template <class T>
struct TableStart<Entries<T>> {
  using In = T;
  static constexpr bool kIsRow = false;
};

/// Follows the rows.
template <class In, class... Rows>
struct TableFlow {
  using Out = In;
};
template <class In, class Row, class... Rest>
struct TableFlow<In, Row, Rest...> {
  static consteval auto find() {
    using Next = typename StepFlow<Row, In>::Out;
    if constexpr (std::same_as<Next, Refused> || (std::is_void_v<Next> && sizeof...(Rest) > 0))
      return std::type_identity<Refused>{};
    else
      return std::type_identity<typename TableFlow<Next, Rest...>::Out>{};
  }
  using Out = typename decltype(find())::type;
};
template <class Row, class... Rest>
struct TableFlow<Refused, Row, Rest...> {
  using Out = Refused;
};

template <class... Rows>
struct Table {
  using In = Refused;
  using Out = Refused;
};
template <class First, class... Rest>
struct Table<First, Rest...> {
  using Start = typename TableStart<First>::In;
  static consteval auto find() {
    if constexpr (TableStart<First>::kIsRow)
      return std::type_identity<typename TableFlow<Start, First, Rest...>::Out>{};
    else
      return std::type_identity<typename TableFlow<Start, Rest...>::Out>{};
  }
  using Out = std::conditional_t<PipelineItem<Start>, typename decltype(find())::type, Refused>;
  using In = std::conditional_t<std::same_as<Out, Refused>, Refused, Start>;
};

/// Says what is wrong with a table that was refused, in one message.
template <class In, class... Rows>
struct TableCheck {
  static consteval bool check() { return true; }
};
template <class In, class Row, class... Rest>
struct TableCheck<In, Row, Rest...> {
  static consteval bool check() {
    if constexpr (StepCheck<Row, In, sizeof...(Rest) == 0>::check()) {
      return TableCheck<typename StepFlow<Row, In>::Out, Rest...>::check();
    }
    return false;
  }
};
template <class S>
concept HasProcess = requires {
  &S::process;
};
template <class S>
concept HasCall = requires {
  &S::operator();
};

/// A class with process() given as a function.
template <class Row>
inline constexpr bool kIsMisplaced = false;
template <StepKind kKind, class S>
  requires(kKind != StepKind::process && std::is_class_v<S>)
inline constexpr bool kIsMisplaced<StepEntry<kKind, S>> = HasProcess<S> && !HasCall<S>;

template <class First, class... Rest>
consteval bool check_table() {
  using In = typename TableStart<First>::In;
  constexpr bool kCalled = !(kIsMisplaced<First> || ... || kIsMisplaced<Rest>);
  static_assert(kCalled,
                "iq::Steps: iq::funcstep and iq::iterstep take what can be called. A class with "
                "process() is an iq::step<Class>(workers), also where it puts many results.");
  constexpr bool kKnown = !kCalled || !std::same_as<In, Refused>;
  static_assert(kKnown,
                "iq::Steps: the first step does not name the type of what it takes: name it as its "
                "parameter's, or write iq::entries<T> before it.");
  if constexpr (kCalled && kKnown) {
    if constexpr (check_item<In>()) {
      if constexpr (TableStart<First>::kIsRow)
        return TableCheck<In, First, Rest...>::check();
      else
        return TableCheck<In, Rest...>::check();
    }
  }
  return false;
}

}  // namespace iq::detail
