// The stages that handle one item after the other: map, filter and for_each.
#pragma once

#include <concepts>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "iq/detail/pipeline_order.hpp"
#include "iq/detail/pipeline_queue.hpp"
#include "iq/detail/pipeline_shape.hpp"
#include "iq/pipeline_options.hpp"
#include "iq/relay.hpp"

namespace iq::detail {

inline constexpr int kUsualRestarts = 3;

/// A function that several threads must not share is copied for each of them; a process has a
/// copy of its own anyway.
template <class F, class Use>
void with_own_copy(F& function, bool in_threads, Use&& use) {
  if constexpr (std::copy_constructible<F>) {
    if (in_threads) {
      F mine(function);
      return use(mine);
    }
  }
  use(function);
}

template <class Options>
void describe_stage(StageTraits& traits, const Options& options, const char* kind, bool has_state) {
  traits.name = options.name.empty() ? kind : options.name;
  traits.workers = options.workers;
  traits.has_state = has_state;
  traits.restarts = options.restarts.value_or(has_state ? 0 : kUsualRestarts);
  traits.max_deliveries = options.max_deliveries;
  traits.timeout_ns = options.timeout.count();
  traits.retries = options.retries;
}

template <class Options>
void describe_ends(PipeNode& node, const Options& options) {
  node.traits.capacity = options.capacity;
  node.traits.bytes_per_worker = options.bytes_per_worker;
  node.users_input = users_queue(options.in);
  node.users_output = users_queue(options.out);
}

/// Calls `function(item, pass)` until it does not throw, `retries` times more at most.
template <class Call, class Fail>
void attempt(int retries, Call&& call, Fail&& fail) {
  for (;; --retries) {
    try {
      return call();
    } catch (...) {
      if (retries > 0) continue;
      fail(std::current_exception());
      return;
    }
  }
}

/// From an item to at most one result.
template <class In, class Out, class F>
class ItemWork {
 public:
  ItemWork(F f, OnError<In, Out> on_error, int retries)
      : function_(std::move(f)), on_error_(std::move(on_error)), retries_(retries) {}

  F& stored() noexcept { return function_; }

  /// Passes the results of `item` to `put(Out)`.
  template <class Put>
  void operator()(F& function, const In& item, Put& put) const {
    std::optional<Out> result;
    bool is_failed = false;
    if (on_error_.raises() && retries_ == 0) {
      result = call(function, item);
    } else {
      attempt(
          retries_, [&] { result = call(function, item); },
          [&](const std::exception_ptr& error) {
            is_failed = true;
            handle(item, error, put);
          });
    }
    if (result && !is_failed) put(*std::move(result));
  }

 private:
  static std::optional<Out> call(F& function, const In& item) {
    return std::optional<Out>(function(item));
  }
  template <class Put>
  void handle(const In& item, const std::exception_ptr& error, Put& put) const {
    if (on_error_.raises()) std::rethrow_exception(error);
    Output<Out> output(put);
    on_error_.handler()(item, error, output);
  }

  F function_;
  OnError<In, Out> on_error_;
  int retries_;
};

/// What filter makes of its predicate.
template <class T, class F>
struct Keep {
  F predicate;
  std::optional<T> operator()(const T& item) {
    return predicate(item) ? std::optional<T>(item) : std::nullopt;
  }
  std::optional<T> operator()(const T& item) const requires std::predicate<const F&, const T&> {
    return predicate(item) ? std::optional<T>(item) : std::nullopt;
  }
};

/// Refuses what an ordered stage cannot pass on: more than one result for one number.
[[noreturn]] IQ_API void refuse_second_result();

template <class In, class Out, class F>
class MapNode final : public PipeNode {
 public:
  MapNode(F function, const StageOptions<In, Out>& options, const char* kind)
      : work_(std::move(function), options.on_error, options.retries) {
    describe_stage(traits, options, kind, options.stateful || kHasState<F, In>);
    traits.shares_state = traits.has_state && !std::copy_constructible<F>;
    describe_ends(*this, options);
    traits.ordered = options.ordered;
    traits.reads_numbers = true;
    traits.writes_numbers = true;
  }

  std::shared_ptr<PipeQueue> make_output(bool numbered, const Options& options) const override {
    if (numbered) return std::make_shared<TypedQueue<Wire<Out, true>>>(options);
    return std::make_shared<TypedQueue<Out>>(options);
  }

  void launch(const StagePlace& place) override {
    if (place.in->is_numbered) {
      place.out->is_numbered ? launch_as<true, true>(place) : launch_as<true, false>(place);
    } else {
      place.out->is_numbered ? launch_as<false, true>(place) : launch_as<false, false>(place);
    }
  }

  InlineNext make_inline(const InlineStage& stage, const InlineNext& next) override {
    return make_inline_step<In>(
        stage, next,
        [this, next](const In& item, std::uint64_t number) {
          bool is_empty = true;
          auto put = [&](Out&& result) {
            if (!is_empty && traits.ordered) refuse_second_result();
            is_empty = false;
            sink_of<Out>(next).put(std::move(result), number);
          };
          work_(work_.stored(), item, put);
        },
        [] {});
  }

  std::shared_ptr<PipeNode> make_sequencer() const override {
    return std::make_shared<SequencerNode<In>>();
  }
  std::shared_ptr<PipeNode> make_restorer() const override {
    return std::make_shared<RestorerNode<Out>>();
  }

 private:
  template <bool kIn, bool kOut>
  void launch_as(const StagePlace& place) {
    using WireIn = Wire<In, kIn>;
    using WireOut = Wire<Out, kOut>;
    const auto body = [this, place](Consumer<WireIn>& in, Producer<WireOut>& out, int worker) {
      with_own_copy(work_.stored(), place.launcher->in_threads(),
                    [&](F& function) { run(place, function, in, out, worker); });
    };
    launch_workers<Consumer<WireIn>, Producer<WireOut>>(
        place, traits, body, PipeEnd<WireIn>(*place.in), PipeEnd<WireOut>(*place.out));
  }

  template <class WireIn, class WireOut>
  void run(const StagePlace& place, F& function, Consumer<WireIn>& in, Producer<WireOut>& out,
           int worker) {
    bool is_unwanted = false;
    try {
      relay_all(place, function, in, out, worker, is_unwanted);
    } catch (const NoConsumers&) {
      if (!is_unwanted) throw;  // the user's own
    }
  }

  template <class WireIn, class WireOut>
  void relay_all(const StagePlace& place, F& function, Consumer<WireIn>& in, Producer<WireOut>& out,
                 int worker, bool& is_unwanted) {
    WorkerLine& line = place.lines[worker];
    ItemTimer timer(traits.timeout_ns);
    // Who reads has left in order, and wants no more: neither does this stage then. The board says
    // so before the item goes back, where it may be given up: nobody misses it.
    const auto pass_on = [&](Emit<WireOut>& emit, const WireOut& result) {
      try {
        emit(result);
      } catch (const NoConsumers&) {
        is_unwanted = true;
        line.is_unwanted.store(1, std::memory_order_seq_cst);
        throw;
      }
    };
    relay(in, out, [&](const WireIn& wire, Emit<WireOut>& emit) {
      std::uint64_t number = 0;
      if constexpr (kIsNumbered<WireIn>)
        number = wire.number();
      else
        number = place_in_lane(in.item_id());
      line.begin(number);
      ItemTimer::Running running(timer);
      bool is_empty = true;
      auto put = [&](Out&& result) {
        running.stop();
        if constexpr (kIsNumbered<WireOut>) {
          if (!is_empty && place.keeps_order) refuse_second_result();
          is_empty = false;
          pass_on(emit, WireOut::make(number, std::move(result)));
        } else {
          pass_on(emit, result);
        }
      };
      if constexpr (kIsNumbered<WireIn>) {
        if (!wire.is_gap()) work_(function, wire.value(), put);
      } else {
        work_(function, wire, put);
      }
      if constexpr (kIsNumbered<WireOut>) {
        running.stop();
        if (is_empty && place.keeps_order) pass_on(emit, WireOut::gap(number));
      }
    });
  }

  ItemWork<In, Out, F> work_;
};

template <class In, class F>
class EachNode final : public PipeNode {
 public:
  EachNode(F function, const EachOptions<In>& options)
      : function_(std::move(function)), on_error_(options.on_error), retries_(options.retries) {
    describe_stage(traits, options, "for_each", options.stateful || kHasState<F, In>);
    traits.shares_state = traits.has_state && !std::copy_constructible<F>;
    traits.reads_numbers = true;
    traits.has_output = false;
  }

  std::shared_ptr<PipeQueue> make_output(bool, const Options&) const override { return nullptr; }

  void launch(const StagePlace& place) override {
    place.in->is_numbered ? launch_as<true>(place) : launch_as<false>(place);
  }

  InlineNext make_inline(const InlineStage& stage, const InlineNext& next) override {
    return make_inline_step<In>(
        stage, next, [this](const In& item, std::uint64_t) { handle(function_, item); }, [] {});
  }

 private:
  template <bool kIn>
  void launch_as(const StagePlace& place) {
    using WireIn = Wire<In, kIn>;
    const auto body = [this, place](Consumer<WireIn>& in, int worker) {
      with_own_copy(function_, place.launcher->in_threads(),
                    [&](F& function) { run(place.lines[worker], function, in); });
    };
    launch_workers<Consumer<WireIn>>(place, traits, body, PipeEnd<WireIn>(*place.in));
  }

  template <class WireIn>
  void run(WorkerLine& line, F& function, Consumer<WireIn>& in) {
    ItemTimer timer(traits.timeout_ns);
    for (const WireIn& wire : in) {
      if constexpr (kIsNumbered<WireIn>) {
        line.begin(wire.number());
        if (wire.is_gap()) continue;
      } else {
        line.begin(place_in_lane(in.item_id()));
      }
      const In& item = value_of<In>(wire);
      const ItemTimer::Running running(timer);
      handle(function, item);
    }
  }

  void handle(F& function, const In& item) const {
    attempt(
        retries_, [&] { static_cast<void>(function(item)); },
        [&](const std::exception_ptr& error) {
          if (on_error_.raises()) std::rethrow_exception(error);
          on_error_.handler()(item, error);
        });
  }

  F function_;
  OnError<In, void> on_error_;
  int retries_;
};

}  // namespace iq::detail
