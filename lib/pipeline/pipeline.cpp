// A pipeline as the user holds it: described, started once, finished; and the one that runs in the
// caller, where there is nothing to start.
#include "iq/pipeline.hpp"

#include <fmt/format.h>

#include <exception>
#include <stdexcept>
#include <utility>

#include "pipeline/stage_hooks.hpp"
#include "pipeline/wiring.hpp"
#include "sys/process.hpp"
#include "work/report.hpp"
#include "work/worker_process.hpp"

namespace iq::detail {

InlineNext PipeNode::make_inline(const InlineStage&, const InlineNext&) { return nullptr; }
std::unique_ptr<InlineSource> PipeNode::make_inline_source(const InlineStage&, const InlineNext&) {
  return nullptr;
}

void fail_inline(const InlineStage& stage, std::optional<std::uint64_t> item) {
  try {
    throw;
  } catch (const PipelineFailed&) {  // of a stage behind
    throw;
  } catch (...) {
    Report report;
    describe_exception(report);
    PipelineFailure failure;
    failure.stage = stage.number;
    failure.name = stage.name;
    failure.pid = process_id();
    failure.item = item;
    failure.exception_type = std::move(report.type);
    failure.exception_text = std::move(report.text);
    const std::string text = fmt::format(
        "a pipeline failed: stage {} \"{}\" threw {}{}{}{}", failure.stage, failure.name,
        failure.exception_type, failure.exception_text.empty() ? "" : ": ", failure.exception_text,
        item ? fmt::format(", at item {}", *item) : "");
    std::throw_with_nested(PipelineFailed(text, std::move(failure)));
  }
}

std::unique_ptr<InlineSource> build_inline(const PipelinePlan& plan, InlineNext results) {
  wire(plan);  // refuses what does not fit together
  const PipeNode& last = *plan.nodes.back();
  InlineNext next = last.users_output ? last.users_output->make_inline_sink() : results;
  for (std::size_t i = plan.nodes.size(); i-- > 0;) {
    PipeNode& node = *plan.nodes[i];
    const InlineStage stage{static_cast<int>(i), node.traits.name};
    if (!node.traits.has_input) return node.make_inline_source(stage, next);
    next = node.make_inline(stage, next);
  }
  PipeQueue& input = plan.input ? *plan.input : *plan.nodes.front()->users_input;
  return input.make_inline_source(next);
}

PipelineBase::PipelineBase(PipelinePlan plan) noexcept : plan_(std::move(plan)) {}
PipelineBase::PipelineBase(PipelineBase&& other) noexcept
    : plan_(std::move(other.plan_)),
      run_(std::move(other.run_)),
      inline_(std::move(other.inline_)),
      hooks_(std::move(other.hooks_)),
      is_used_(std::exchange(other.is_used_, true)) {}
PipelineBase& PipelineBase::operator=(PipelineBase&& other) noexcept {
  if (this == &other) return *this;
  inline_ = std::move(other.inline_);
  if (hooks_) static_cast<void>(hooks_->end());
  hooks_ = std::move(other.hooks_);
  run_ = std::move(other.run_);
  plan_ = std::move(other.plan_);
  is_used_ = std::exchange(other.is_used_, true);
  return *this;
}
PipelineBase::~PipelineBase() {
  inline_.reset();
  if (hooks_) static_cast<void>(hooks_->end());
}

PipelinePlan PipelineBase::take_plan() {
  if (is_used_) refuse_second_run();
  is_used_ = true;
  return std::move(plan_);
}

PipelineRun* PipelineBase::start_run(InlineNext results) {
  if (is_used_) refuse_second_run();
  if (plan_.options.run_in == RunIn::caller) {
    inline_ = build_inline(plan_, std::move(results));
    is_used_ = true;
    hooks_ = std::make_unique<StageHooks>(plan_);
    hooks_->begin();
    return nullptr;
  }
  run_ = std::make_unique<PipelineRun>(take_plan());
  run_->start();
  return run_.get();
}

void PipelineBase::check_kept() const {
  if (is_used_ && !run_ && !hooks_) refuse_second_run();
}

void PipelineBase::finish_run() {
  check_kept();
  if (run_) run_->finish();
  if (!inline_) return;
  while (inline_->pull()) {
  }
  inline_.reset();
  if (const std::exception_ptr failure = hooks_->end()) std::rethrow_exception(failure);
}

bool PipelineBase::has_results() const noexcept {
  return !plan_.nodes.empty() && plan_.nodes.back()->traits.has_output &&
         !plan_.nodes.back()->users_output;
}

void refuse_second_run() {
  throw Closed(
      "a pipeline runs once, and this one was started, or given on, already: build another");
}

void refuse_second_reading() {
  throw Closed("the results of a pipeline are read once, or dropped by join(): build another");
}

void refuse_to_read() {
  throw std::invalid_argument(
      "iq::Pipeline: its results go to the queue of .out: read them there, and join()");
}

}  // namespace iq::detail
