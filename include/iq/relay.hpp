// The exact hand-over: a worker between two queues that passes each item on exactly once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>

#include "iq/consumer.hpp"
#include "iq/detail/endpoint_access.hpp"
#include "iq/detail/hand_over_core.hpp"
#include "iq/producer.hpp"

namespace iq {

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
    const Status status = core_.stage(bytes, detail::kNoDeadline, to);
    if (status != Status::ok) core_.raise(status);
    try {
      Payload::write(item, to, bytes);
    } catch (...) {
      core_.unstage();
      throw;
    }
  }
  /// As put().
  void operator()(Argument item) { put(item); }

 private:
  template <class In, class Out, class F>
  friend std::uint64_t relay(Consumer<In>& in, Producer<Out>& out, F&& function);
  explicit Emit(detail::ProducerCore& core) noexcept : core_(core) {}
  detail::ProducerCore& core_;
};

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
  using View = typename detail::Payload<In>::View;
  detail::HandOverCore link(detail::EndpointAccess::core(in), detail::EndpointAccess::core(out));
  Emit<Out> emit(link.out());
  std::uint64_t finished = 0;
  for (; link.next() == Status::ok; ++finished) {
    try {
      decltype(auto) held = detail::EndpointAccess::in_hand(in);
      if constexpr (std::is_invocable_v<F&, View, Emit<Out>&>) {
        function(detail::Payload<In>::view(held), emit);
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
        decltype(auto) result = function(detail::Payload<In>::view(held));
        if constexpr (std::is_same_v<Result, std::optional<Out>>) {
          if (result) emit(*result);
        } else {
          emit(result);
        }
      }
      link.commit();
    } catch (...) {
      link.give_up();
      throw;
    }
  }
  return finished;
}

}  // namespace iq
