// A table of steps with its types: what was put, what comes out, from the start to the end.
#pragma once

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "iq/detail/pipeline_reader.hpp"
#include "iq/detail/single_pass.hpp"
#include "iq/detail/steps_base.hpp"
#include "iq/detail/steps_input.hpp"
#include "iq/detail/steps_nodes.hpp"
#include "iq/error.hpp"

namespace iq::detail {

/// What stands behind iq::Steps.
template <class In, class Out>
class StepsCore final : public StepsBase {
  static constexpr bool kHasResults = !std::is_void_v<Out>;

 public:
  using Result = std::conditional_t<kHasResults, Out, char>;
  using value_type = Result;  // of a loop

  template <class... Rows>
  StepsCore(const PipelineOptions& options, bool daemon, std::size_t capacity, Rows... rows)
      : StepsBase(options, daemon), capacity_(capacity) {
    add_table<In>(plan_, std::move(rows)...);
    rows_ = plan_.nodes.size();
  }
  ~StepsCore() override { leave(); }

  void put(In&& entry) {
    require_open("put");
    if (feed_)
      feed(entry);
    else
      kept_->put(std::move(entry));
  }
  template <class Input, class... Args>
  void add_input(Args&&... args) {
    inputs_.push_back(std::make_shared<Input>(std::forward<Args>(args)...));
  }
  /// While the steps run: by a process of its own, through the caller's way in.
  template <class Input, class... Args>
  void add_feeder(Args&&... args) {
    if (!in_processes()) {
      throw BadArgument(
          "iq::Steps: put_iterable() while it runs needs processes. With .run_in otherwise call it "
          "before the start, or put() what the range has");
    }
    Input input(std::forward<Args>(args)...);
    const std::atomic<std::uint32_t>& enough = run_->enough();
    feeders_.fork(
        1,
        [&](Producer<In>& out) {
          WorkerLine line;
          read_input(
              input, enough, line, false, [&out] { out.close(); },
              [&out](In&& item) { return put_numbered(out, 0, std::move(item)); });
        },
        FeedEnd<In>(*feed_));
  }
  void finish() noexcept {
    note_finished();
    feed_.reset();
  }

  void run() {
    require_described("run");
    finish();
    launch();
    finish_all(Leftover::kept);
  }
  void start() {
    require_described("start");
    launch();
  }
  void wait() {
    require_running("wait");
    finish();
    finish_all(Leftover::kept);
  }
  void stop() {
    require_running("stop");
    end_in_order(Leftover::kept);
  }
  void begin_results() {
    require_here("results");
    if (is_read_) throw Closed("iq::Steps: results() was called before: they are read once");
    finish();
    if (is_described()) launch();
    is_read_ = true;
  }
  SinglePassIterator<StepsCore> begin_loop() { return SinglePassIterator<StepsCore>(*this); }

  void take_in() {
    if constexpr (kHasResults) {
      if (!is_running() || is_here()) return;
      std::optional<Result> result;
      while (reader_->poll(result)) results_.push_back(*std::move(result));
    }
  }
  std::uint64_t count() const { return count_of(rows_, &WorkerLine::done); }

 private:
  friend SinglePassIterator<StepsCore>;

  void fetch_next(std::optional<Result>& result) {
    if (!results_.empty()) {
      result.emplace(std::move(results_.front()));
      results_.pop_front();
      return;
    }
    if (!is_running()) {  // the end was told, but who reads on is told again
      if (failure_) std::rethrow_exception(failure_);
      return;
    }
    const InCall inside(*this);
    take_next(result);
  }
  // The next result. False when it has ended, which is told here.
  bool take_next(std::optional<Result>& result) {
    try {
      if constexpr (kHasResults) {
        if (reader_->next(result)) return true;
        result.reset();
      }
      finish_run();
    } catch (...) {
      note_failed();
      throw;
    }
    end_feeders();
    note_told(true);
    return false;
  }

  void launch() {
    const InCall inside(*this);
    try {
      note_running();
      add_input_node();
      begin_run();
    } catch (...) {
      feed_.reset();
      note_failed();
      throw;
    }
    if (in_processes()) kept_->clear();  // the workers have it now
  }

  void add_input_node() {
    StepInputs<In> inputs = std::move(inputs_);
    if (!is_finished() && !is_here()) inputs.push_back(open_feed());
    if (inputs.empty() || !kept_->is_empty() || is_here()) inputs.push_back(kept_);
    input_ = std::make_shared<InputNode<In>>(std::move(inputs), capacity_);
    plan_.nodes.insert(plan_.nodes.begin(), input_);
    plan_.ends_when_lost = true;
    note_nodes();
  }
  void begin_run() {
    if constexpr (kHasResults) {
      auto here = std::make_shared<InlineResults<Out>>();
      if (PipelineRun* run = start_run(here))
        reader_ = read_results<Out>(*run);
      else
        reader_ = std::make_unique<InlineReader<Out>>(*inline_, std::move(here));
    } else {
      start_run(nullptr);
    }
  }

  // What is put while the steps run.
  std::shared_ptr<StepInput<In>> open_feed() {
    feed_queue_.emplace(Options{.capacity = capacity_ == 0 ? 2 : capacity_});
    feed_.emplace(feed_queue_->get_producer());
    feed_queue_->close();
    auto queue = std::make_shared<TypedQueue<In>>(*feed_queue_);
    queue->is_users = false;
    plan_.feed = std::move(queue);
    return std::make_shared<QueueInput<In>>(*feed_queue_, true);
  }
  // The steps may be waiting for somebody to take their results: between short waits we do.
  void feed(const In& entry) {
    const InCall inside(*this);
    for (std::chrono::milliseconds patience{1};; patience = std::min(2 * patience, kLookAround)) {
      take_in();
      Status status = Status::closed;
      try {
        status = feed_->put_for(entry, patience);
      } catch (const Closed&) {       // a signal asked for the end
      } catch (const Stopped&) {      // something failed
      } catch (const NoConsumers&) {  // the steps have ended
      }
      if (status == Status::ok) return;
      // Killed before its input worker had come, nobody else would tell us.
      if (status != Status::timeout || run_->has_ended()) explain_refusal();
    }
  }

  void end_sources() noexcept {
    finish();
    if (run_) run_->end_sources();
    if (input_) input_->end_inline();
  }
  void finish_all(Leftover results) {
    const InCall inside(*this);
    std::optional<Result> result;
    while (take_next(result)) {
      if (results == Leftover::kept) results_.push_back(*std::move(result));
    }
  }
  void note_failed() noexcept {
    failure_ = std::current_exception();
    end_feeders(SIGKILL);
    note_told(false);
  }
  // What they failed with, the steps were told.
  void end_feeders(int signal = 0) noexcept {
    try {
      if (signal != 0) feeders_.kill(signal);
      feeders_.join({.signals = false});
    } catch (const Error&) {
    }
  }
  void end_in_order(Leftover results) override {
    end_sources();
    finish_all(results);
  }
  void note_cut_short() noexcept override {
    try {
      throw Closed("iq::Steps: it was ended before everything was done: these are not all results");
    } catch (...) {
      note_failed();
    }
  }

  static constexpr std::chrono::milliseconds kLookAround{20};

  std::size_t capacity_;
  std::size_t rows_ = 0;
  std::shared_ptr<KeptInput<In>> kept_ = std::make_shared<KeptInput<In>>();
  StepInputs<In> inputs_;
  std::shared_ptr<InputNode<In>> input_;
  std::optional<IterableQueue<In>> feed_queue_;
  std::optional<Producer<In>> feed_;
  WorkerGroup feeders_;
  std::unique_ptr<ResultReader<Result>> reader_;
  std::deque<Result> results_;  // those that were taken in and not read yet
  std::exception_ptr failure_;
  bool is_read_ = false;
};

}  // namespace iq::detail
