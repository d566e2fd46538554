// The stages that do not handle items one by one: the source, and workers that read and write
// by themselves.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <ranges>
#include <type_traits>
#include <utility>

#include "iq/detail/kept_range.hpp"
#include "iq/detail/pipeline_queue.hpp"
#include "iq/detail/pipeline_shape.hpp"
#include "iq/detail/pipeline_stage.hpp"
#include "iq/pipeline_options.hpp"

namespace iq::detail {

/// A range that its process reads, from the first element on, only as fast as the stages take.
template <class View, class T>
class RangeNode final : public PipeNode {
 public:
  RangeNode(View view, const SourceOptions& options) : view_(std::move(view)) {
    traits.name = options.name.empty() ? "from" : options.name;
    traits.capacity = options.capacity;
    traits.bytes_per_worker = options.bytes_per_worker;
    traits.has_state = true;
    traits.has_input = false;
    traits.writes_numbers = true;
    traits.gives_order = true;
  }

  std::shared_ptr<PipeQueue> make_output(bool numbered, const Options& options) const override {
    if (numbered) return std::make_shared<TypedQueue<Wire<T, true>>>(options);
    return std::make_shared<TypedQueue<T>>(options);
  }

  void launch(const StagePlace& place) override {
    if constexpr (std::ranges::sized_range<View>) {
      traits.length = static_cast<std::uint64_t>(std::ranges::size(view_));
    }
    place.out->is_numbered ? launch_as<true>(place) : launch_as<false>(place);
  }

  std::unique_ptr<InlineSource> make_inline_source(const InlineStage& stage,
                                                   const InlineNext& next) override {
    return std::make_unique<InlineRange<View, T>>(stage, next, view_);
  }

 private:
  template <bool kOut>
  void launch_as(const StagePlace& place) {
    using WireOut = Wire<T, kOut>;
    const auto body = [this, place](Producer<WireOut>& out, int) {
      with_own_copy(view_, place.launcher->in_threads(),
                    [&](View& view) { run(place, view, out); });
    };
    launch_workers<Producer<WireOut>>(place, traits, body, PipeEnd<WireOut>(*place.out));
  }

  template <class WireOut>
  static void run(const StagePlace& place, View& view, Producer<WireOut>& out) {
    WorkerLine& line = *place.lines;
    std::uint64_t number = 0;
    line.begin(number);
    for (auto&& element : view) {
      if (place.enters != nullptr && !place.enters->await(number)) return;
      if (!put_numbered(out, number, static_cast<T>(std::forward<decltype(element)>(element)))) {
        return;
      }
      line.begin(++number);
    }
  }

  View view_;
};

/// A function that has the endpoints in its own hands.
template <class F>
class ChainNode final : public PipeNode {
  using Shape = RawShape<F>;
  using In = typename Shape::In;
  using Out = typename Shape::Out;

 public:
  ChainNode(F function, const ChainOptions<In, Out>& options) : function_(std::move(function)) {
    traits.name = options.name.empty() ? "chain" : options.name;
    traits.workers = options.workers;
    traits.restarts = options.restarts;
    traits.max_deliveries = options.max_deliveries;
    describe_ends(*this, options);
    traits.is_raw = true;
    traits.has_input = !std::is_void_v<In>;
    traits.has_output = !std::is_void_v<Out>;
  }

  std::shared_ptr<PipeQueue> make_output(bool, const Options& options) const override {
    if constexpr (std::is_void_v<Out>)
      return nullptr;
    else
      return std::make_shared<TypedQueue<Out>>(options);
  }

  InlineNext make_inline(const InlineStage& stage, const InlineNext& next) override {
    if constexpr (std::is_void_v<In>) {
      return nullptr;
    } else {
      return std::make_shared<InlineChain<In, Out>>(
          stage, next, [this](auto&... ends) { call(function_, 0, ends...); });
    }
  }
  std::unique_ptr<InlineSource> make_inline_source(const InlineStage& stage,
                                                   const InlineNext& next) override {
    if constexpr (!std::is_void_v<In>) {
      return nullptr;
    } else {
      return std::make_unique<InlineRawSource<Out>>(
          stage, next, [this](auto&... ends) { call(function_, 0, ends...); });
    }
  }

  void launch(const StagePlace& place) override {
    if constexpr (std::is_void_v<In>) {
      launch_as<Producer<Out>>(place, PipeEnd<Out>(*place.out));
    } else if constexpr (std::is_void_v<Out>) {
      launch_as<Consumer<In>>(place, PipeEnd<In>(*place.in));
    } else {
      launch_as<Consumer<In>, Producer<Out>>(place, PipeEnd<In>(*place.in),
                                             PipeEnd<Out>(*place.out));
    }
  }

 private:
  template <class... Endpoint>
  void launch_as(const StagePlace& place, EndOf<Endpoint>... ends) {
    const auto body = [this, place](Endpoint&... mine, int worker) {
      try {
        with_own_copy(function_, place.launcher->in_threads(),
                      [&](F& function) { call(function, worker, mine...); });
      } catch (const NoConsumers&) {
        // Who reads has left in order, and so does this stage; else it is a queue of the user's.
        if (place.out == nullptr || place.out->stats().consumers != 0) throw;
        place.lines[worker].is_unwanted.store(1, std::memory_order_seq_cst);
      }
    };
    launch_workers<Endpoint...>(place, traits, body, ends...);
  }

  template <class... Endpoint>
  static void call(F& function, int worker, Endpoint&... mine) {
    call_with(std::make_index_sequence<sizeof...(Endpoint)>{}, function, worker, mine...);
  }
  template <std::size_t... kIndex, class... Endpoint>
  static void call_with(std::index_sequence<kIndex...>, F& function, int worker,
                        Endpoint&... mine) {
    using Parameters = typename Shape::Parameters;
    if constexpr (Shape::kHasNumber) {
      function(pass_as<typename Parameters::template At<kIndex>>(mine)..., worker);
    } else {
      function(pass_as<typename Parameters::template At<kIndex>>(mine)...);
    }
  }

  F function_;
};

}  // namespace iq::detail
