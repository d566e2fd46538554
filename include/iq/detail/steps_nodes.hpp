// The stages that the rows of a table become.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "iq/chunk.hpp"
#include "iq/detail/deadline.hpp"
#include "iq/detail/pipeline_fold.hpp"
#include "iq/detail/pipeline_stage.hpp"
#include "iq/detail/steps_shape.hpp"
#include "iq/detail/type_name.hpp"

namespace iq::detail {

/// How many results of an iterstep may wait for each worker: they go out together only up to that.
inline constexpr std::size_t kManyCapacity = 64;

template <StepKind kKind, class S>
std::string step_name(const StepOptions& options) {
  if (!options.name.empty()) return options.name;
  if constexpr (kKind == StepKind::process) return std::string(type_name<S>());
  return kKind == StepKind::many ? "iterstep" : "funcstep";
}

/// What the kinds of stages have in common of a step's options.
template <class Stage>
Stage stage_options(const StepOptions& step, std::string name, bool keeps_state) {
  Stage options;
  options.workers = step.workers;
  options.name = std::move(name);
  options.retries = step.retries;
  options.restarts = step.restarts;
  options.timeout = step.timeout;
  options.stateful = step.stateful.value_or(keeps_state);
  options.max_deliveries = step.max_deliveries;
  if (step.on_error.drops()) options.on_error = iq::ignore;
  return options;
}

template <class In, StepKind kKind, class S>
std::shared_ptr<PipeNode> make_step(StepEntry<kKind, S> entry) {
  using Flow = StepFlow<StepEntry<kKind, S>, In>;
  using Out = typename Flow::Out;
  using Call = typename Flow::Call;
  const StepOptions& step = entry.options;
  const std::string name = step_name<kKind, S>(step);
  std::shared_ptr<PipeNode> node;
  if constexpr (std::is_void_v<Out>) {
    node = std::make_shared<EachNode<In, Call>>(
        Call{{std::move(entry.function)}},
        stage_options<EachOptions<In>>(step, name, Flow::keeps_state()));
  } else {
    auto options = stage_options<StageOptions<In, Out>>(step, name, Flow::keeps_state());
    options.capacity = step.capacity;
    options.bytes_per_worker = step.bytes_per_worker;
    if (Flow::kMany && step.capacity == 0 && step.workers > 0) {
      options.capacity = kManyCapacity * static_cast<std::size_t>(step.workers);
    }
    node = std::make_shared<MapNode<In, Out, Call>>(Call{{std::move(entry.function)}}, options, "");
  }
  node->traits.idle_after_ns = step.idle_after.count();
  return node;
}

template <class In>
std::shared_ptr<PipeNode> make_step(Flatten) {
  using Out = std::ranges::range_value_t<In>;
  StageOptions<In, Out> options;
  options.name = "flatten";
  options.capacity = kManyCapacity;
  return std::make_shared<MapNode<In, Out, FlattenCall<Out>>>(FlattenCall<Out>{}, options, "");
}

/// One worker that puts entries together: full, or waited for long enough, or the last ones.
template <class T>
class ChunkNode final : public PipeNode {
  using Items = std::vector<T>;
  using Clock = std::chrono::steady_clock;

 public:
  explicit ChunkNode(const Chunk& chunk) : chunk_(chunk) {
    traits.name = chunk.is_timed() ? "timed_chunk" : "chunk";
    traits.has_state = true;
    traits.reads_numbers = true;
  }

  std::shared_ptr<PipeQueue> make_output(bool, const Options& options) const override {
    return std::make_shared<TypedQueue<Items>>(options);
  }
  void launch(const StagePlace& place) override {
    place.in->is_numbered ? launch_as<true>(place) : launch_as<false>(place);
  }
  const WorkerLine* inline_line() const override { return &here_; }

  /// In the caller nothing comes by itself: the time is looked at when an entry comes.
  InlineNext make_inline(const InlineStage& stage, const InlineNext& next) override {
    struct Waiting {
      Items items;
      Clock::time_point since;
    };
    const auto waiting = std::make_shared<Waiting>();
    const auto flush = [this, waiting, next] {
      if (waiting->items.empty()) return;
      sink_of<Items>(next).put(std::exchange(waiting->items, {}), here_.done.load());
      here_.finish();
    };
    return make_inline_step<T>(
        stage, next,
        [this, waiting, flush](const T& item, std::uint64_t) {
          if (waiting->items.empty()) waiting->since = Clock::now();
          waiting->items.push_back(item);
          if (waiting->items.size() >= chunk_.items() ||
              (chunk_.is_timed() && Clock::now() - waiting->since >= chunk_.duration())) {
            flush();
          }
        },
        flush);
  }

 private:
  template <bool kIn>
  void launch_as(const StagePlace& place) {
    using WireIn = Wire<T, kIn>;
    const auto body = [this, place](Consumer<WireIn>& in, Producer<Items>& out, int) {
      run(place, in, out);
    };
    launch_workers<Consumer<WireIn>, Producer<Items>>(
        place, traits, body, PipeEnd<WireIn>(*place.in), PipeEnd<Items>(*place.out));
  }

  template <class WireIn>
  void run(const StagePlace& place, Consumer<WireIn>& in, Producer<Items>& out) {
    WorkerLine& line = *place.lines;
    ConsumerCore& core = *EndpointAccess::core(in);
    Items items;
    std::int64_t deadline = kNoDeadline;
    while (true) {
      const Status status = core.next(deadline);
      if (status == Status::ok) {
        const WireIn& wire = EndpointAccess::in_hand(in);
        if constexpr (kIsNumbered<WireIn>) {
          line.begin(wire.number());
          if (wire.is_gap()) {
            line.count(line.gaps);
            continue;
          }
        }
        if (items.empty() && chunk_.is_timed()) deadline = deadline_after(chunk_.duration());
        items.push_back(value_of<T>(wire));
        if (items.size() < chunk_.items() && !has_passed(deadline)) continue;
      }
      const bool is_over = status != Status::ok && status != Status::timeout;
      if (is_over) require_not_ending(*place.ending);
      if (!items.empty()) {
        if (!put_numbered(out, 0, std::exchange(items, {}))) return;
        line.finish();
      }
      if (is_over) return;
      deadline = kNoDeadline;
    }
  }

  // Though entries come without a pause.
  static bool has_passed(std::int64_t deadline) {
    return deadline != kNoDeadline &&
           Clock::now().time_since_epoch() >= std::chrono::nanoseconds(deadline);
  }

  Chunk chunk_;
  WorkerLine here_;  // of what runs in the caller
};

template <class In>
std::shared_ptr<PipeNode> make_step(const Chunk& chunk) {
  return std::make_shared<ChunkNode<In>>(chunk);
}

/// Adds a row after the other.
template <class In>
void add_rows(PipelinePlan&) {}
template <class In, class Row, class... Rest>
void add_rows(PipelinePlan& plan, Row row, Rest... rest) {
  plan.add(make_step<In>(std::move(row)));
  if constexpr (sizeof...(Rest) > 0) {
    add_rows<typename StepFlow<Row, In>::Out>(plan, std::move(rest)...);
  }
}
template <class In, class First, class... Rest>
void add_table(PipelinePlan& plan, First first, Rest... rest) {
  if constexpr (TableStart<First>::kIsRow)
    add_rows<In>(plan, std::move(first), std::move(rest)...);
  else
    add_rows<In>(plan, std::move(rest)...);
}

}  // namespace iq::detail
