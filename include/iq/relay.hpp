// The exact hand-over: a worker between two queues that passes each item on exactly once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>

#include "iq/consumer.hpp"
#include "iq/detail/deadline.hpp"
#include "iq/detail/endpoint_access.hpp"
#include "iq/detail/hand_over_core.hpp"
#include "iq/producer.hpp"

namespace iq {

namespace detail {
struct RelayLoop;
}

/// Where a relay's function puts its outputs, any number per input: they appear together, once the
/// function has returned.
template <class T>
class Emit {
  using Payload = detail::Payload<T>;

 public:
  /// What put() takes: `const T&`, or BytesView for iq::Bytes.
  using Argument = typename Payload::Argument;
  Emit(const Emit&) = delete;
  Emit& operator=(const Emit&) = delete;

  /// Adds an output, waiting for room. Errors: as Producer::put(); TooLarge when the outputs of one
  /// input do not fit into a lane together.
  void put(Argument item) {
    std::byte* to = nullptr;
    const std::size_t bytes = Payload::size(item);
    detail::ProducerCore& core = link_.out();
    const Status status = core.stage(bytes, detail::kNoDeadline, to);
    if (status != Status::ok) core.raise(status);
    try {
      Payload::write(item, to, bytes);
    } catch (...) {
      core.unstage();
      throw;
    }
  }
  /// As put().
  void operator()(Argument item) { put(item); }

 private:
  friend struct detail::RelayLoop;
  explicit Emit(detail::HandOverCore& link) noexcept : link_(link) {}
  detail::HandOverCore& link_;
};

namespace detail {

/// What iq::relay and the stages of pipelines have in common.
struct RelayLoop {
  /// As iq::relay, with `next(link)` in place of link.next(): it may do something while nothing
  /// comes.
  template <class In, class Out, class F, class Next>
  static std::uint64_t run(Consumer<In>& in, Producer<Out>& out, F& function, Next next) {
    HandOverCore link(EndpointAccess::core(in), EndpointAccess::core(out));
    Emit<Out> emit(link);
    std::uint64_t finished = 0;
    for (; next(link) == Status::ok; ++finished) {
      try {
        decltype(auto) held = EndpointAccess::in_hand(in);
        pass_on(function, Payload<In>::view(held), emit);
        link.commit();
      } catch (...) {
        link.give_up();
        throw;
      }
    }
    return finished;
  }

  /// As emit(item). Outputs of one input that do not fit into the lane together go out in parts,
  /// `before_part()` before each: from then on the input is not done again, see commit_part().
  template <class Out, class Before>
  static void put_in_parts(Emit<Out>& emit, typename Emit<Out>::Argument item, Before before_part) {
    try {
      return emit.put(item);
    } catch (const TooLarge&) {
      if (emit.link_.out().staged() == 0) throw;  // it alone is too large
    }
    before_part();
    emit.link_.commit_part();
    emit.put(item);
  }

 private:
  template <class F, class View, class Out>
  static void pass_on(F& function, View&& item, Emit<Out>& emit) {
    if constexpr (std::is_invocable_v<F&, View, Emit<Out>&>) {
      function(std::forward<View>(item), emit);
    } else {
      static_assert(std::is_invocable_v<F&, View>,
                    "iq::relay: the function takes an item of the input queue, or an item and an "
                    "iq::Emit<Out>&, where Out is the output queue's type");
      using Result = std::remove_cvref_t<std::invoke_result_t<F&, View>>;
      static_assert(!std::is_void_v<Result>,
                    "iq::relay: a function that takes only the item returns its output, or a "
                    "std::optional of it; to put several, take an iq::Emit<Out>& too");
      static_assert(std::is_same_v<Result, std::optional<Out>> ||
                        std::is_convertible_v<Result, typename Emit<Out>::Argument>,
                    "iq::relay: the function returns something else than an item of the output "
                    "queue or a std::optional of exactly that type");
      decltype(auto) result = function(std::forward<View>(item));
      if constexpr (std::is_same_v<Result, std::optional<Out>>) {
        if (result) emit(*result);
      } else {
        emit(result);
      }
    }
  }
};

}  // namespace detail

/// Passes every item of `in` through `function` into `out`, until the stream ends. Returns how many
/// inputs were finished.
///
/// `function(item)` returns one output, or std::optional of one, empty for none;
/// `function(item, emit)` calls `emit(output)` as often as it likes. `item` is what a loop over
/// the consumer gives.
///
/// Exactly once: the outputs of an input and its acknowledgement are one commit. A worker that is
/// killed at any moment has either done both, or neither: then the input goes to another worker
/// and nobody saw an output of it. (A loop that puts by itself is at least once.) What the function
/// does besides may happen twice.
///
/// Errors: what the function throws: its outputs are dropped, the input is given back and counts a
///         delivery more; what get and put throw.
/// Threads: one at a time; `in` and `out` are the relay's until it returns: a put on `out` is
///          refused, and the function must not touch `in`.
/// If killed: as above. Consumers of `out` are told ProducerDied only when no other producer that
///         relays from the same queue is left to go on.
/// Cost:   five stores per input more than a loop.
template <class In, class Out, class F>
std::uint64_t relay(Consumer<In>& in, Producer<Out>& out, F&& function) {
  return detail::RelayLoop::run(
      in, out, function, [](detail::HandOverCore& link) { return link.next(detail::kNoDeadline); });
}

}  // namespace iq
