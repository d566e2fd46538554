// A table of steps: who may do what when, and what becomes of one whose owner ends.
//
// A table that is no daemon is waited for, so that nothing that was put is lost: by its destructor,
// and, when the program leaves by exit() and destructors of the stack do not run, by a handler of
// exit's. A forked child that leaves by exit() has a copy of all that, and leaves it alone. So does
// a step, a hook or a report that calls exit() where it runs in this process: it would wait for
// itself.
#include "iq/steps.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <utility>
#include <vector>

#include "pipeline/exit_gate.hpp"
#include "sys/fork_guard.hpp"

namespace iq::detail {
namespace {

// Never destroyed: exit's handlers and static destructors come in any order.
struct AwaitedTables {
  std::mutex mutex;
  std::vector<StepsBase*> steps;
};
AwaitedTables& awaited_tables() {
  static AwaitedTables* const all = new AwaitedTables;
  return *all;
}

thread_local bool is_pipelines_own = false;

PipelinePlan plan_with(const PipelineOptions& options) {
  PipelinePlan plan;
  plan.options = options;
  return plan;
}

}  // namespace

void ExitGate::add(StepsBase& steps) {
  static const int registered = std::atexit([] { wait_for_all(); });
  static_cast<void>(registered);
  const std::lock_guard lock(awaited_tables().mutex);
  awaited_tables().steps.push_back(&steps);
}

void ExitGate::remove(StepsBase& steps) noexcept {
  const std::lock_guard lock(awaited_tables().mutex);
  std::erase(awaited_tables().steps, &steps);
}

void ExitGate::enter_own_thread() noexcept { is_pipelines_own = true; }

bool ExitGate::can_be_awaited(const StepsBase& steps) noexcept {
  return steps.calls_.load() == 0 && (steps.in_processes() || !is_pipelines_own);
}

void ExitGate::wait_for_all() noexcept {
  while (true) {
    StepsBase* steps = nullptr;
    {
      const std::lock_guard lock(awaited_tables().mutex);
      if (awaited_tables().steps.empty()) return;
      steps = awaited_tables().steps.back();
      awaited_tables().steps.pop_back();
    }
    if (can_be_awaited(*steps)) steps->leave();
  }
}

StepsBase::StepsBase(const PipelineOptions& options, bool daemon)
    : PipelineBase(plan_with(options)),
      run_in_(options.run_in),
      daemon_(daemon),
      generation_(process_generation()),
      uncaught_(std::uncaught_exceptions()) {}

StepsBase::~StepsBase() { ExitGate::remove(*this); }

bool StepsBase::is_in_own_process() const noexcept { return generation_ == process_generation(); }

void StepsBase::require_here(const char* what) const {
  if (is_in_own_process()) return;
  throw WrongProcess(fmt::format(
      "iq::Steps: {}() in a child of the process that made the table: it is the parent's. Make one "
      "here",
      what));
}

void StepsBase::require_open(const char* what) const {
  require_here(what);
  if (!is_finished_) return;
  throw Closed(fmt::format(
      "iq::Steps: {}() after {}: nothing more can be put", what,
      state_ == StepsState::told ? "the end" : "finish(), or what finishes, as run() does"));
}

void StepsBase::require_described(const char* what) const {
  require_here(what);
  if (state_ == StepsState::described) return;
  throw Closed(fmt::format(
      "iq::Steps: {}() {}: a table runs once, and was started already. Make another one", what,
      state_ == StepsState::told ? "after the end" : "while it runs"));
}

void StepsBase::require_running(const char* what) const {
  require_here(what);
  if (state_ == StepsState::running) return;
  if (state_ == StepsState::described) {
    throw Closed(fmt::format(
        "iq::Steps: {}() before the start: nothing runs yet. Call start() first, or run()", what));
  }
  throw Closed(
      fmt::format("iq::Steps: {}() after the end: run(), wait(), stop(), a failed start or the "
                  "last result has told it already",
                  what));
}

void StepsBase::note_running() {
  state_ = StepsState::running;
  if (!daemon_) ExitGate::add(*this);
}

void StepsBase::note_told(bool ok) noexcept {
  state_ = StepsState::told;
  is_finished_ = true;
  is_ok_ = is_ok_ && ok;
  ExitGate::remove(*this);
}

void StepsBase::leave() noexcept {
  if (state_ != StepsState::running || !is_in_own_process()) return;
  if (daemon_ || std::uncaught_exceptions() > uncaught_) {
    if (run_) run_->cancel(/*at_once=*/true);
    return note_cut_short();
  }
  try {
    end_in_order(Leftover::dropped);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "iq::Steps: nobody was told: %s\n", error.what());
  } catch (...) {
    std::fprintf(stderr, "iq::Steps: nobody was told how it failed\n");
  }
}

bool StepsBase::is_alive() const {
  if (state_ != StepsState::running) return false;
  if (!run_) return true;
  return !run_->is_ending() && !run_->has_ended();
}

bool StepsBase::is_ok() const {
  if (state_ != StepsState::running || !run_) return is_ok_;
  return !run_->has_failed();
}

std::uint64_t StepsBase::count_of(std::size_t stage,
                                  std::atomic<std::uint64_t> WorkerLine::*word) const {
  if (stage >= nodes_.size()) return 0;
  if (run_) return run_->sum_of(stage, word);
  const WorkerLine* line = is_here() ? nodes_[stage]->inline_line() : nullptr;
  return line != nullptr ? (line->*word).load() : 0;
}

std::uint64_t StepsBase::sum_of(std::atomic<std::uint64_t> WorkerLine::*word) const {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < nodes_.size(); ++i) sum += count_of(i, word);
  return sum;
}

void StepsBase::explain_refusal() {
  try {
    end_in_order(Leftover::kept);
  } catch (const Closed&) {  // says less than what follows
  }
  throw Closed("iq::Steps: put() when the steps have ended: they take nothing any more");
}

}  // namespace iq::detail
