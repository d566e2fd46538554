// The caller's end of a pipeline: results, one after the other.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "iq/detail/pipeline_core.hpp"
#include "iq/detail/pipeline_inline.hpp"
#include "iq/detail/pipeline_item.hpp"
#include "iq/detail/pipeline_order.hpp"
#include "iq/detail/pipeline_queue.hpp"

namespace iq::detail {

/// The results of a pipeline, one by one.
template <class T>
class ResultReader {
 public:
  ResultReader() = default;
  ResultReader(const ResultReader&) = delete;
  ResultReader& operator=(const ResultReader&) = delete;
  virtual ~ResultReader() = default;
  /// The next one; false at the end. Errors: PipelineFailed, Interrupted.
  virtual bool next(std::optional<T>& result) = 0;
  /// The next one if it is there now; false otherwise, also at the end. Never throws what the
  /// pipeline ended with: next() does.
  virtual bool poll(std::optional<T>& result) = 0;
};

/// From the queue of a pipeline that runs.
template <class T, class W>
class QueueReader final : public ResultReader<T> {
 public:
  QueueReader(PipelineRun& run, PipeQueue& queue)
      : run_(run),
        in_(static_cast<TypedQueue<W>&>(queue).queue().get_consumer()),
        most_(queue.read_at_once) {
    if (run.results_window() != nullptr) order_.emplace(*run.results_window());
  }

  bool next(std::optional<T>& result) override {
    return take(result, [this] { return refill(); });
  }
  bool poll(std::optional<T>& result) override {
    return take(result, [this] { return refill_now(); });
  }

 private:
  static constexpr std::chrono::milliseconds kLookAround{100};

  template <class Refill>
  bool take(std::optional<T>& result, Refill refill) {
    if constexpr (kIsNumbered<W>) {
      if (order_) {
        while (true) {
          if (order_->next(result)) return true;
          if (!refill()) {
            order_->require_empty();
            return false;
          }
          order_->add(std::move(batch_[at_++]));
        }
      }
      while (refill()) {
        W& item = batch_[at_++];
        if (item.is_gap()) continue;
        result.emplace(item.take());
        return true;
      }
      return false;
    } else {
      if (!refill()) return false;
      result.emplace(std::move(batch_[at_++]));
      return true;
    }
  }

  bool refill_now() {
    if (at_ < batch_.size()) return true;
    at_ = 0;
    batch_.clear();
    try {
      Result<std::vector<W>> taken = in_.try_get_some(most_);
      if (taken) batch_ = *std::move(taken);
    } catch (const Error&) {  // the next one that waits is told
    }
    return !batch_.empty();
  }

  bool refill() {
    if (at_ < batch_.size()) return true;
    at_ = 0;
    batch_.clear();
    Status status = Status::timeout;
    try {
      Result<std::vector<W>> taken = in_.try_get_some(most_);
      while (!taken && (taken.status() == Status::empty || taken.status() == Status::timeout)) {
        const bool is_last_look = run_.has_ended();
        taken = is_last_look ? in_.try_get_some(most_) : in_.get_some_for(most_, kLookAround);
        if (!taken && is_last_look) break;
      }
      if (taken) batch_ = *std::move(taken);
      status = taken.status();
    } catch (const Error&) {
      run_.finish();  // knows better what happened, if anything did
      throw;
    }
    if (status == Status::ok) return true;
    run_.finish();
    return false;
  }

  PipelineRun& run_;
  Consumer<W> in_;
  std::size_t most_;
  std::vector<W> batch_;
  std::size_t at_ = 0;
  std::optional<OrderRestorer<T, W>> order_;
};

/// From the stages in the caller.
template <class T>
class InlineReader final : public ResultReader<T> {
 public:
  InlineReader(InlineSource& source, std::shared_ptr<InlineResults<T>> results)
      : source_(&source), results_(std::move(results)) {}
  bool next(std::optional<T>& result) override {
    while (!results_->take(result)) {
      if (source_ == nullptr) return false;
      InlineSource& source = *std::exchange(source_, nullptr);  // gone after an exception
      if (source.pull()) source_ = &source;
    }
    return true;
  }
  bool poll(std::optional<T>& result) override { return results_->take(result); }

 private:
  InlineSource* source_;
  std::shared_ptr<InlineResults<T>> results_;
};

template <class T>
std::unique_ptr<ResultReader<T>> read_results(PipelineRun& run) {
  PipeQueue& queue = *run.results();
  if (queue.is_numbered) return std::make_unique<QueueReader<T, Wire<T, true>>>(run, queue);
  return std::make_unique<QueueReader<T, T>>(run, queue);
}

}  // namespace iq::detail
