// The stages that handle one item after the other: map, filter and for_each.
#pragma once

#include <concepts>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "iq/detail/pipeline_hooks.hpp"
#include "iq/detail/pipeline_order.hpp"
#include "iq/detail/pipeline_queue.hpp"
#include "iq/detail/pipeline_shape.hpp"
#include "iq/detail/pipeline_work.hpp"
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

  void begin_stage() override { call_step_initialize(work_.stored()); }
  void end_stage() override { call_step_shutdown(work_.stored()); }
  const WorkerLine* inline_line() const override { return &here_; }

  InlineNext make_inline(const InlineStage& stage, const InlineNext& next) override {
    const auto hooks = std::make_shared<std::optional<WorkerHooks<F>>>();
    return make_inline_step<In>(
        stage, next,
        [this, next, hooks](const In& item, std::uint64_t number) {
          if (!*hooks) hooks->emplace(work_.stored());
          bool is_empty = true;
          auto put = [&](Out&& result) {
            if (!is_empty && traits.ordered) refuse_second_result();
            is_empty = false;
            sink_of<Out>(next).put(std::move(result), number);
          };
          work_(work_.stored(), item, here_, put);
          here_.finish();
        },
        [hooks] {
          if (*hooks) (*hooks)->finish();
        });
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
    require_whole(place.lines[worker]);
    WorkerHooks<F> hooks(function);
    try {
      relay_all(place, function, in, out, worker, is_unwanted);
    } catch (const NoConsumers&) {
      if (!is_unwanted) throw;  // the user's own
    }
    hooks.finish();
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
        RelayLoop::put_in_parts(emit, result, [&] { line.is_partly_out.store(1); });
      } catch (const NoConsumers&) {
        is_unwanted = true;
        line.is_unwanted.store(1, std::memory_order_seq_cst);
        throw;
      }
    };
    const auto next = [&](HandOverCore& link) {
      line.is_partly_out.store(0, std::memory_order_relaxed);
      return next_item(link, function, traits.idle_after_ns);
    };
    auto step = [&](const WireIn& wire, Emit<WireOut>& emit) {
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
        if (!wire.is_gap())
          work_(function, wire.value(), line, put);
        else
          line.count(line.gaps);
      } else {
        work_(function, wire, line, put);
      }
      if constexpr (kIsNumbered<WireOut>) {
        running.stop();
        if (is_empty && place.keeps_order) pass_on(emit, WireOut::gap(number));
      }
      line.finish();
    };
    RelayLoop::run(in, out, step, next);
  }

  ItemWork<In, Out, F> work_;
  WorkerLine here_;  // of what runs in the caller
};

template <class In, class F>
class EachNode final : public PipeNode {
 public:
  EachNode(F function, const EachOptions<In>& options)
      : work_(std::move(function), options.on_error, options.retries) {
    describe_stage(traits, options, "for_each", options.stateful || kHasState<F, In>);
    traits.shares_state = traits.has_state && !std::copy_constructible<F>;
    traits.reads_numbers = true;
    traits.has_output = false;
  }

  std::shared_ptr<PipeQueue> make_output(bool, const Options&) const override { return nullptr; }

  void launch(const StagePlace& place) override {
    place.in->is_numbered ? launch_as<true>(place) : launch_as<false>(place);
  }
  void begin_stage() override { call_step_initialize(work_.stored()); }
  void end_stage() override { call_step_shutdown(work_.stored()); }
  const WorkerLine* inline_line() const override { return &here_; }

  InlineNext make_inline(const InlineStage& stage, const InlineNext& next) override {
    const auto hooks = std::make_shared<std::optional<WorkerHooks<F>>>();
    return make_inline_step<In>(
        stage, next,
        [this, hooks](const In& item, std::uint64_t) {
          if (!*hooks) hooks->emplace(work_.stored());
          work_(work_.stored(), item, here_);
          here_.finish();
        },
        [hooks] {
          if (*hooks) (*hooks)->finish();
        });
  }

 private:
  template <bool kIn>
  void launch_as(const StagePlace& place) {
    using WireIn = Wire<In, kIn>;
    const auto body = [this, place](Consumer<WireIn>& in, int worker) {
      with_own_copy(work_.stored(), place.launcher->in_threads(), [&](F& function) {
        WorkerHooks<F> hooks(function);
        run(place.lines[worker], function, in);
        hooks.finish();
      });
    };
    launch_workers<Consumer<WireIn>>(place, traits, body, PipeEnd<WireIn>(*place.in));
  }

  template <class WireIn>
  void run(WorkerLine& line, F& function, Consumer<WireIn>& in) {
    ItemTimer timer(traits.timeout_ns);
    const auto handle = [&](const WireIn& wire) {
      if constexpr (kIsNumbered<WireIn>) {
        line.begin(wire.number());
        if (wire.is_gap()) return line.count(line.gaps);
      } else {
        line.begin(place_in_lane(in.item_id()));
      }
      const ItemTimer::Running running(timer);
      work_(function, value_of<In>(wire), line);
      line.finish();
    };
    if constexpr (HasIdle<F>) {
      ConsumerCore& core = *EndpointAccess::core(in);
      while (next_item(core, function, traits.idle_after_ns) == Status::ok) {
        const WireIn& wire = EndpointAccess::in_hand(in);
        handle(wire);
      }
    } else {
      for (const WireIn& wire : in) handle(wire);
    }
  }

  EachWork<In, F> work_;
  WorkerLine here_;  // of what runs in the caller
};

}  // namespace iq::detail
