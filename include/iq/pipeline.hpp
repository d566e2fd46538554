// Pipelines: stages, each with its own number of workers, described in a line and run by processes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <ranges>
#include <type_traits>
#include <utility>

#include "iq/detail/pipeline_core.hpp"
#include "iq/detail/pipeline_ends.hpp"
#include "iq/detail/pipeline_fold.hpp"
#include "iq/detail/pipeline_reader.hpp"
#include "iq/detail/pipeline_shape.hpp"
#include "iq/detail/pipeline_stage.hpp"
#include "iq/detail/single_pass.hpp"
#include "iq/error.hpp"
#include "iq/pipeline_failed.hpp"
#include "iq/pipeline_options.hpp"

namespace iq {

template <class T>
class Pipeline;

namespace detail {

class StageHooks;

/// What a pipeline of any type is: described, then run once.
class IQ_API PipelineBase {
 public:
  explicit PipelineBase(PipelinePlan plan) noexcept;
  PipelineBase(PipelineBase&&) noexcept;
  PipelineBase& operator=(PipelineBase&&) noexcept;
  ~PipelineBase();

 protected:
  /// Errors: Closed when it was run already.
  PipelinePlan take_plan();
  /// Starts it; in the caller, with `results` at its end. The run; null in the caller.
  PipelineRun* start_run(InlineNext results);
  /// Errors: Closed when it was moved away, or a stage was added to it.
  void check_kept() const;
  /// Waits for the end, and brings it about where everything is in the caller.
  void finish_run();
  /// Empty before the start, and where everything is in the caller.
  RunReport report_run() { return run_ ? run_->report() : RunReport(); }

  PipelinePlan plan_;
  std::unique_ptr<PipelineRun> run_;
  std::unique_ptr<InlineSource> inline_;  ///< refers to the plan
  std::unique_ptr<StageHooks> hooks_;     ///< of what runs in the caller
  bool is_used_ = false;

  bool has_results() const noexcept;
};

}  // namespace detail

/// A pipeline whose results are of type T. Obtained from iq::pipeline().from(…).
///
///     auto results = iq::pipeline()
///                        .from(std::views::iota(0, 100))
///                        .filter([](int x) { return x % 2 == 1; }, {.workers = 10})
///                        .map([](int x) { return 2 * x; }, {.workers = 8});
///     for (int result : results) use(result);
///
/// Nothing runs before the results are asked for, join() or start(); then once. Each stage has its
/// own worker processes, forked at that moment from the caller: functions may be lambdas with
/// captures, which each worker has a copy of. What a worker changes stays in it.
///
/// Order:     none between the results of several workers; `.ordered` restores that of the inputs.
/// Exactly once: each result appears once, though workers be killed. What a function does besides
///            may happen again.
/// Errors:    an exception anywhere, or a worker that was killed and cannot be replaced, ends all
///            stages and is thrown as PipelineFailed where the results are read. What was read
///            until then is right; the stream never just ends early.
/// Threads:   one at a time. Processes: the one that made it.
/// If killed: its processes are killed with it.
template <class T>
class Pipeline : private detail::PipelineBase {
 public:
  using value_type = T;  ///< the type of the results
  /// Single pass; waits for a result when it is compared with the end, or read.
  using Iterator = detail::SinglePassIterator<Pipeline>;

  /// Takes the pipeline over, running or not. `other` can only be assigned to and destroyed.
  Pipeline(Pipeline&& other) noexcept = default;
  /// As the destructor, then as the constructor.
  Pipeline& operator=(Pipeline&& other) noexcept = default;
  /// Ends what still runs, without waiting for more results, and waits for that.
  ~Pipeline() = default;

  /// A stage that makes a result of each item: `function(const T&)` returns it, or a std::optional,
  /// empty for none. Errors: std::invalid_argument for options that do not fit, as below.
  template <class F>
  Pipeline<detail::MapResult<F, T>> map(F function,
                                        StageOptions<T, detail::MapResult<F, T>> options = {}) && {
    using Out = detail::MapResult<F, T>;
    if constexpr (detail::check_map<F, T>()) {
      add<detail::MapNode<T, Out, F>>(std::move(function), options, "map");
    }
    return Pipeline<Out>(take_plan());
  }

  /// A stage that passes on the items for which `predicate(const T&)` is true.
  template <class F>
  Pipeline filter(F predicate, StageOptions<T, T> options = {}) && {
    if constexpr (detail::check_filter<F, T>()) {
      using Kept = detail::Keep<T, F>;
      add<detail::MapNode<T, T, Kept>>(Kept{std::move(predicate)}, options, "filter");
    }
    return Pipeline(take_plan());
  }

  /// A stage of raw workers, `worker(iq::Consumer<T>& in, iq::Producer<Out>& out)`, which read and
  /// put by themselves; a third parameter, an int, is the worker's number. Without `out` it ends
  /// the pipeline.
  ///
  /// If killed: a worker's loop of its own is at least once, so it is not replaced unless
  ///            `.restarts` say so; iq::relay is exact here too.
  template <class F>
  Pipeline<detail::RawResult<F>> chain(F worker,
                                       ChainOptions<T, detail::RawResult<F>> options = {}) && {
    if constexpr (detail::check_chain<F, T>()) {
      add<detail::ChainNode<F>>(std::move(worker), options);
    }
    return Pipeline<detail::RawResult<F>>(take_plan());
  }

  /// @{
  /// Refused: a stage behind one changes what the pipeline is, so that the old one must be given
  /// away: std::move(pipeline).map(f).
  template <class F>
  Pipeline<detail::RefusedBy<F>> map(const F&,
                                     const StageOptions<T, detail::MapResult<F, T>>& = {}) & {
    detail::refuse_named<F>();
    return Pipeline<detail::RefusedBy<F>>(plan_);
  }
  template <class F>
  Pipeline<detail::RefusedBy<F>> filter(const F&, const StageOptions<T, T>& = {}) & {
    detail::refuse_named<F>();
    return Pipeline<detail::RefusedBy<F>>(plan_);
  }
  template <class F>
  Pipeline<detail::RefusedBy<F>> chain(const F&,
                                       const ChainOptions<T, detail::RawResult<F>>& = {}) & {
    detail::refuse_named<F>();
    return Pipeline<detail::RefusedBy<F>>(plan_);
  }
  template <class Less = std::less<>>
  Pipeline<detail::RefusedBy<Less>> sort(const Less& = {}, const SortOptions<T>& = {}) & {
    detail::refuse_named<Less>();
    return Pipeline<detail::RefusedBy<Less>>(plan_);
  }
  /// @}

  /// Runs the pipeline to its end and calls `function(const T&)` for each result, in the workers.
  /// The call is at least once: a worker that is killed in it has its item done again.
  /// Errors: PipelineFailed; Interrupted.
  template <class F>
  void for_each(F function, EachOptions<T> options = {}) {
    if constexpr (detail::check_each<F, T>()) {
      add<detail::EachNode<T, F>>(std::move(function), options);
      start_run(nullptr);
      finish_run();
    }
  }

  /// Runs the pipeline to its end and returns what `function(Acc, const T&)` makes of `first` and
  /// all results. `first` is used exactly once. With several workers the function has to be
  /// associative and commutative, and able to put two partial results together, unless
  /// `.combine` does: see FoldOptions.
  /// Errors: PipelineFailed, of a worker that was killed too: what it had folded is gone, so that
  ///         no answer could be right; Interrupted; std::invalid_argument.
  template <class F, class Acc>
  Acc fold(F function, Acc first, FoldOptions<std::type_identity_t<Acc>> options = {}) {
    if constexpr (detail::check_fold<F, Acc, T>()) {
      using Node = detail::FoldNode<T, Acc, F>;
      auto node = std::make_shared<Node>(std::move(function), std::move(first), options);
      add_node(node);
      Pipeline<Acc> partials(take_plan());
      partials.start();
      return node->finish([&](auto& partial) { return partials.reader_->next(partial); });
    } else {
      return first;
    }
  }

  /// A stage of one worker that keeps all items and passes them on sorted: `less(const T&, const
  /// T&)`. Items that are equal stay in the order in which they came.
  template <class Less = std::less<>>
  Pipeline sort(Less less = {}, const SortOptions<T>& options = {}) && {
    if constexpr (detail::check_sort<Less, T>()) {
      add<detail::SortNode<T, Less>>(std::move(less), options);
    }
    return Pipeline(take_plan());
  }

  /// Starts all stages, and the results wait to be read. Errors: std::invalid_argument for options
  /// that do not fit together; Closed when it was started before; SystemError.
  void start() {
    auto here = std::make_shared<detail::InlineResults<T>>();
    if (detail::PipelineRun* run = start_run(here)) {
      if (run->results() != nullptr) reader_ = detail::read_results<T>(*run);
    } else if (has_results()) {
      reader_ = std::make_unique<detail::InlineReader<T>>(*inline_, std::move(here));
    }
  }

  /// How it stands: items, rates, queues, who is busy and who waits. Without stages before the
  /// start, and with iq::inline_mode, where nothing runs beside the caller. After the end, the last
  /// one.
  ///
  /// Shares and rates are of the time since somebody first asked, unless PipelineOptions::report
  /// says that somebody wants them from the start. Cost: it waits for the next look of the
  /// pipeline's own, some 20 ms.
  RunReport report() { return report_run(); }

  /// Waits for the end, starting it if need be, and drops the results that nobody has read: they
  /// cannot be read any more. Returns how many. With an output queue of the user's own it must be
  /// read meanwhile. Errors: PipelineFailed; Interrupted; as start().
  std::uint64_t join() {
    if (!is_used_) start();
    is_read_ = true;
    std::uint64_t dropped = 0;
    std::optional<T> result;
    if (reader_) {
      while (reader_->next(result)) ++dropped;
    }
    finish_run();
    return dropped;
  }

  /// Begins to read the results, starting the pipeline if need be. Once.
  /// Errors: Closed the second time, and after join(); std::invalid_argument when they go to a
  /// queue; as start().
  Iterator begin() {
    if (!is_used_) start();
    check_kept();
    if (is_read_) detail::refuse_second_reading();
    is_read_ = true;
    if (!reader_) detail::refuse_to_read();
    return Iterator(*this);
  }
  /// The end of the results.
  std::default_sentinel_t end() const noexcept { return {}; }

 private:
  template <class>
  friend class Pipeline;
  friend class PipelineStart;
  friend Iterator;

  explicit Pipeline(detail::PipelinePlan plan) noexcept : PipelineBase(std::move(plan)) {}

  void fetch_next(std::optional<T>& result) {
    if (!reader_->next(result)) result.reset();
  }
  template <class Node, class... Args>
  void add(Args&&... args) {
    add_node(std::make_shared<Node>(std::forward<Args>(args)...));
  }
  void add_node(std::shared_ptr<detail::PipeNode> node) {
    if (is_used_) detail::refuse_second_run();
    plan_.add(std::move(node));
  }

  std::unique_ptr<detail::ResultReader<T>> reader_;
  bool is_read_ = false;
};

/// A pipeline that ends with a worker that puts nothing.
template <>
class Pipeline<void> : private detail::PipelineBase {
 public:
  /// Starts all stages. Errors: as Pipeline<T>::start().
  void start() { start_run(nullptr); }
  /// As Pipeline<T>::report().
  RunReport report() { return report_run(); }
  /// Waits for the end, starting it if need be. Errors: PipelineFailed; Interrupted.
  void join() {
    if (!is_used_) start();
    finish_run();
  }

 private:
  template <class>
  friend class Pipeline;
  friend class PipelineStart;
  explicit Pipeline(detail::PipelinePlan plan) noexcept : PipelineBase(std::move(plan)) {}
};

/// A pipeline that was refused at compile time: one message is enough.
template <>
class Pipeline<detail::Refused> {
 public:
  /// @{
  /// Nothing.
  explicit Pipeline(const detail::PipelinePlan&) {}
  Pipeline map(const detail::Anything&, const detail::AnyOptions& = {}) const { return *this; }
  Pipeline filter(const detail::Anything&, const detail::AnyOptions& = {}) const { return *this; }
  Pipeline chain(const detail::Anything&, const detail::AnyOptions& = {}) const { return *this; }
  Pipeline sort(const detail::Anything& = {}, const detail::AnyOptions& = {}) const {
    return *this;
  }
  template <class Acc>
  Acc fold(const detail::Anything&, Acc first, const detail::AnyOptions& = {}) const {
    return first;
  }
  void for_each(const detail::Anything&, const detail::AnyOptions& = {}) const {}
  void start() const {}
  void join() const {}
  RunReport report() const { return {}; }
  const detail::Refused* begin() const { return nullptr; }
  const detail::Refused* end() const { return nullptr; }
  /// @}
};

/// The beginning of a pipeline: see iq::pipeline().
class PipelineStart {
 public:
  /// Called by iq::pipeline().
  explicit PipelineStart(const PipelineOptions& options) { plan_.options = options; }

  /// The items of a range, lazy or endless. A process of its own reads it, only as fast as the
  /// stages take; the caller's range is not advanced. An lvalue is referred to until the pipeline
  /// starts, or ends where it runs in threads or the caller; anything else is kept.
  template <std::ranges::input_range R>
  Pipeline<detail::SourceItem<std::ranges::range_value_t<R>>> from(
      R&& range, const SourceOptions& options = {}) && {
    using T = std::ranges::range_value_t<R>;
    if constexpr (detail::check_item<T>()) {
      using Kept = detail::KeptRange<R>;
      plan_.add(
          std::make_shared<detail::RangeNode<Kept, T>>(Kept(std::forward<R>(range)), options));
    }
    return Pipeline<detail::SourceItem<T>>(std::move(plan_));
  }

  /// The items of a queue, until its stream ends. The queue object must outlive the pipeline.
  template <class T>
  Pipeline<T> from(IterableQueue<T>& queue) && {
    if constexpr (detail::check_viewless<T>()) {
      plan_.input = std::make_shared<detail::TypedQueue<T>>(queue);
    }
    return Pipeline<T>(std::move(plan_));
  }

  /// What raw workers put, `worker(iq::Producer<Out>& out)`; or, with `.in`, what they make of a
  /// queue's items: `worker(iq::Consumer<In>& in, iq::Producer<Out>& out)`. As Pipeline::chain().
  template <class F>
  Pipeline<detail::RawResult<F>> chain(
      F worker,
      ChainOptions<typename detail::RawShape<F>::In, detail::RawResult<F>> options = {}) && {
    if constexpr (detail::check_raw<F>()) {
      plan_.add(std::make_shared<detail::ChainNode<F>>(std::move(worker), options));
    }
    return Pipeline<detail::RawResult<F>>(std::move(plan_));
  }

 private:
  detail::PipelinePlan plan_;
};

/// The beginning of a pipeline: `iq::pipeline().from(range).map(f, {.workers = 8})…`
inline PipelineStart pipeline(const PipelineOptions& options = {}) {
  return PipelineStart(options);
}
/// The same, with where it runs: `iq::pipeline(iq::threads)`.
inline PipelineStart pipeline(RunIn run_in) { return PipelineStart({.run_in = run_in}); }

}  // namespace iq
