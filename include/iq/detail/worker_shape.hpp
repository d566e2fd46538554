// Reads from types alone what WorkerGroup::fork(n, f, arguments...) means, or says what is wrong.
//
// The direction of each endpoint is read from the function's declared parameters, not found by
// trial calls: a generic lambda would have its body compiled for the wrong end of the queue.
#pragma once

#include <cstddef>
#include <tuple>
#include <type_traits>
#include <utility>

namespace iq::detail {

template <class... T>
struct TypeList {
  static constexpr std::size_t kSize = sizeof...(T);
  template <std::size_t kIndex>
  using At = std::tuple_element_t<kIndex, std::tuple<T...>>;
};

// The parameters of a function pointer or of a pointer to operator().
template <class F>
struct ParametersOf;
#define IQ_WORKER_FUNCTION(qualifiers)                      \
  template <class R, class C, class... A>                   \
  struct ParametersOf<R (C::*)(A...) qualifiers> {          \
    using Type = TypeList<A...>;                            \
  };                                                        \
  template <class R, class C, class... A>                   \
  struct ParametersOf<R (C::*)(A...) qualifiers noexcept> { \
    using Type = TypeList<A...>;                            \
  };
IQ_WORKER_FUNCTION()
IQ_WORKER_FUNCTION(const)
IQ_WORKER_FUNCTION(&)
IQ_WORKER_FUNCTION(const&)
#undef IQ_WORKER_FUNCTION
template <class R, class... A>
struct ParametersOf<R (*)(A...)> {
  using Type = TypeList<A...>;
};
template <class R, class... A>
struct ParametersOf<R (*)(A...) noexcept> {
  using Type = TypeList<A...>;
};

/// The parameter types of F as a TypeList; void when F does not name them.
template <class F>
consteval auto worker_parameters() {
  if constexpr (requires { typename ParametersOf<decltype(&F::operator())>::Type; }) {
    return typename ParametersOf<decltype(&F::operator())>::Type{};
  } else if constexpr (requires { typename ParametersOf<std::decay_t<F>>::Type; }) {
    return typename ParametersOf<std::decay_t<F>>::Type{};
  }
}

template <class Q>
concept WorkerQueue = requires(Q& queue) {
  queue.get_producer();
  queue.get_consumer();
  queue.is_anonymous();
};

template <class... Args>
consteval std::size_t leading_queues() {
  std::size_t count = 0;
  bool leading = true;
  ((leading = leading && WorkerQueue<std::remove_reference_t<Args>>, count += leading ? 1 : 0),
   ...);
  return count;
}

template <class Q>
using ProducerOf = decltype(std::declval<Q&>().get_producer());
template <class Q>
using ConsumerOf = decltype(std::declval<Q&>().get_consumer());

template <class Endpoint, class Q>
inline constexpr bool kIsEndpointOf =
    std::is_same_v<Endpoint, ProducerOf<Q>> || std::is_same_v<Endpoint, ConsumerOf<Q>>;

/// Passes `value` to a parameter declared as Parameter: as itself to T&, as an rvalue otherwise.
template <class Parameter, class T>
constexpr decltype(auto) pass_as(T& value) noexcept {
  if constexpr (std::is_lvalue_reference_v<Parameter> &&
                !std::is_const_v<std::remove_reference_t<Parameter>>) {
    return static_cast<T&>(value);
  } else {
    return static_cast<T&&>(value);
  }
}

/// What fork(n, f, args...) means, all of it known from types.
template <class F, class... Args>
struct WorkerShape {
  using Function = std::remove_reference_t<F>;
  using Arguments = TypeList<Args...>;
  using Named = decltype(worker_parameters<std::remove_const_t<Function>>());
  static constexpr bool kKnown = !std::is_void_v<Named>;
  using Parameters = std::conditional_t<kKnown, Named, TypeList<>>;
  static constexpr std::size_t kQueues = leading_queues<Args...>();
  static constexpr std::size_t kExtras = sizeof...(Args) - kQueues;

  template <std::size_t kIndex>
  using QueueAt = std::remove_reference_t<typename Arguments::template At<kIndex>>;
  template <std::size_t kIndex>
  using ExtraAt = typename Arguments::template At<kQueues + kIndex>;
  template <std::size_t kIndex>
  using ParameterAt = typename Parameters::template At<kIndex>;
  template <std::size_t kIndex>
  using EndpointAt = std::remove_cvref_t<ParameterAt<kIndex>>;

  static constexpr bool counts_fit() {
    return Parameters::kSize == sizeof...(Args) || Parameters::kSize == sizeof...(Args) + 1;
  }
  static constexpr bool has_id() { return Parameters::kSize == sizeof...(Args) + 1; }
  static constexpr bool id_fits() {
    if constexpr (has_id()) {
      return std::is_same_v<std::remove_cvref_t<ParameterAt<kQueues>>, int>;
    }
    return true;
  }
  template <std::size_t... kIndex>
  static constexpr bool endpoints_fit(std::index_sequence<kIndex...>) {
    return (kIsEndpointOf<EndpointAt<kIndex>, QueueAt<kIndex>> && ...);
  }
  template <std::size_t... kIndex>
  static constexpr bool consumes(std::index_sequence<kIndex...>) {
    return (std::is_same_v<EndpointAt<kIndex>, ConsumerOf<QueueAt<kIndex>>> || ...);
  }
  template <std::size_t kIndex>
  static constexpr bool extra_fits() {
    using Parameter = ParameterAt<kQueues + (has_id() ? 1 : 0) + kIndex>;
    using Copy = std::decay_t<ExtraAt<kIndex>>;
    return std::is_convertible_v<decltype(pass_as<Parameter>(std::declval<Copy&>())), Parameter> &&
           std::is_constructible_v<Copy, ExtraAt<kIndex>>;
  }
  template <std::size_t... kIndex>
  static constexpr bool extras_fit(std::index_sequence<kIndex...>) {
    return (extra_fits<kIndex>() && ...);
  }

  /// Explains at compile time what does not fit; true when everything does.
  static consteval bool check() {
    static_assert(kKnown,
        "WorkerGroup::fork: the worker function must name the types of its parameters, they say "
        "which end of each queue it gets. Write [](iq::Producer<T> out) or [](iq::Consumer<T> in) "
        "instead of auto; wrap an overloaded or bound function in such a lambda.");
    if constexpr (kKnown) {
      static_assert(counts_fit(),
          "WorkerGroup::fork: the number of parameters does not fit. The worker function takes one "
          "iq::Producer<T> or iq::Consumer<T> per queue, in the order of the queues, then an int "
          "if it wants its number, then one parameter per further argument of fork.");
      if constexpr (counts_fit()) return check_each();
    }
    return false;
  }

 private:
  static consteval bool check_each() {
    constexpr bool kEndpointsFit = endpoints_fit(std::make_index_sequence<kQueues>{});
    static_assert(kEndpointsFit,
        "WorkerGroup::fork: for each queue of items T, in the order of the queues, the worker "
        "function takes an iq::Producer<T> or an iq::Consumer<T> of the same T: by value, & or "
        "&&.");
    static_assert(id_fits(),
        "WorkerGroup::fork: the parameter between the endpoints and the further arguments is the "
        "worker's number: declare it as int.");
    if constexpr (kEndpointsFit && id_fits()) {
      constexpr bool kExtrasFit = extras_fit(std::make_index_sequence<kExtras>{});
      static_assert(kExtrasFit,
          "WorkerGroup::fork: a further argument cannot be copied into the worker or does not "
          "convert to the parameter in its place. Queues come first, right after the function.");
      return kExtrasFit;
    }
    return false;
  }
};

}  // namespace iq::detail
