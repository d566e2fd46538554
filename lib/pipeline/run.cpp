// The caller's side. The conductor is a worker of a WorkerGroup of the caller's: when the caller is
// killed its supervisor kills the conductor, and the supervisors of the stages kill their workers.
// The signals' pipe is made before the fork, so that the conductor reads it, whatever the caller is
// doing meanwhile.
//
// Where workers are threads the conductor is a thread too.
#include <fmt/format.h>

#include <atomic>
#include <chrono>
#include <exception>
#include <thread>
#include <utility>

#include "base/standard_error.hpp"
#include "iq/pipeline_failed.hpp"
#include "pipeline/board.hpp"
#include "pipeline/conductor.hpp"
#include "pipeline/exit_gate.hpp"
#include "pipeline/stage_hooks.hpp"
#include "pipeline/wiring.hpp"
#include "sys/fork_guard.hpp"
#include "sys/futex.hpp"
#include "sys/signal_watch.hpp"

namespace iq::detail {
namespace {

constexpr std::int64_t kLookAgainNs = 20'000'000;
constexpr std::chrono::seconds kConductorGrace{5};

/// std::string of what is in a fixed array.
template <std::size_t kBytes>
std::string text_of(const std::array<char, kBytes>& text) {
  return text.data();
}

/// Of another process. Null for no exception, and for one of this library's, of which more would be
/// needed.
std::exception_ptr remake(const std::string& type, const std::string& text) {
  if (type.empty() || type.starts_with("iq::")) return nullptr;
  if (std::exception_ptr made = make_standard_error(type, text)) return made;
  return std::make_exception_ptr(RemoteError(type, text));
}

[[noreturn]] void throw_failed(const Wiring& wiring, const EndRecord& record) {
  PipelineFailure failure;
  failure.stage = record.stage;
  if (record.stage >= 0) {
    for (const WiredStage& stage : wiring.stages) {
      if (stage.given == record.stage) failure.name = stage.node->traits.name;
    }
  }
  failure.worker = record.worker;
  failure.pid = record.pid;
  failure.signal = record.signal;
  if (record.has_item) failure.item = record.item;
  failure.exception_type = text_of(record.type);
  failure.exception_text = text_of(record.exception_text);
  const std::exception_ptr cause = remake(failure.exception_type, failure.exception_text);
  if (!cause) throw PipelineFailed(text_of(record.text), std::move(failure));
  try {
    std::rethrow_exception(cause);
  } catch (...) {
    std::throw_with_nested(PipelineFailed(text_of(record.text), std::move(failure)));
  }
}

}  // namespace

class RunningPipeline {
 public:
  explicit RunningPipeline(PipelinePlan described)
      : plan(std::move(described)),
        wiring(wire(plan)),
        board(wiring.stages.size(), wiring.workers),
        hooks(plan) {
    for (std::size_t i = 0; i < wiring.stages.size(); ++i) {
      board.window(i).items = wiring.window_items[i];
    }
    if (wiring.has_results()) {
      make_queue(wiring, wiring.stages.size() - 1);
      results = wiring.stages.back().out;
    }
  }

  bool in_threads() const { return plan.options.run_in == RunIn::threads; }

  void start() {
    hooks.begin();
    started = true;
    signals.emplace(plan.options.signals, &board.head().over);
    if (in_threads()) {
      conductor = std::thread([this] {
        ExitGate::enter_own_thread();
        try {
          conduct();
        } catch (const std::exception& error) {
          conductor_failure = error.what();
        }
        conductor_ended.store(true);
      });
    } else {
      group.fork(1, [this] { conduct(); });
    }
    // From here on the user's queues have their producers and consumers.
    const std::atomic<std::uint32_t>& is_up = board.head().started;
    while (is_up.load() == 0 && !has_ended()) futex_wait(is_up, 0, kLookAgainNs);
  }

  bool has_ended() {
    if (ended) return true;
    if (in_threads() ? !conductor_ended.load() : group.alive() != 0) return false;
    signals.reset();  // a conductor that was killed has not said that it is over
    return true;
  }

  // True when it has ended.
  bool wait(std::chrono::nanoseconds limit) {
    if (ended || !started) return true;
    if (in_threads()) {
      conductor.join();
    } else {
      try {
        if (!group.join_for(limit, {.signals = false})) return false;
      } catch (const WorkerFailed& failed) {
        conductor_failure = failed.what();
      }
    }
    ended = true;
    signals.reset();
    return true;
  }

  PipelinePlan plan;
  Wiring wiring;
  PipelineBoard board;
  StageHooks hooks;
  std::shared_ptr<PipeQueue> results;
  std::optional<SignalWatch> signals;
  WorkerGroup group;
  std::thread conductor;
  std::atomic<bool> conductor_ended{false};
  std::string conductor_failure;
  std::uint64_t generation = process_generation();
  bool started = false;
  bool ended = false;

 private:
  void conduct() { Conductor(wiring, board, plan.options, signals ? &*signals : nullptr).run(); }
};

PipelineRun::PipelineRun(PipelinePlan plan)
    : running_(std::make_unique<RunningPipeline>(std::move(plan))) {}

PipelineRun::~PipelineRun() {
  if (running_->generation != process_generation()) {
    static_cast<void>(running_.release());  // the parent's
    return;
  }
  cancel();
}

PipeQueue* PipelineRun::results() const noexcept { return running_->results.get(); }

OrderWindow* PipelineRun::results_window() const noexcept {
  const auto& origin = running_->wiring.ends_at_caller;
  return origin ? &running_->board.window(*origin) : nullptr;
}

void PipelineRun::start() { running_->start(); }

bool PipelineRun::has_ended() { return running_->has_ended(); }

bool PipelineRun::is_ending() const noexcept { return running_->board.head().ending.load() != 0; }

bool PipelineRun::has_failed() {
  const EndKind kind = running_->board.head().record.kind.load(std::memory_order_acquire);
  if (kind != EndKind::none) return kind != EndKind::finished;
  return is_ending() || (running_->started && has_ended());
}

void PipelineRun::end_sources() noexcept { running_->board.head().enough.store(1); }

const std::atomic<std::uint32_t>& PipelineRun::enough() const noexcept {
  return running_->board.head().enough;
}

std::uint64_t PipelineRun::sum_of(std::size_t stage,
                                  std::atomic<std::uint64_t> WorkerLine::*word) const {
  std::uint64_t sum = 0;
  for (const WiredStage& wired : running_->wiring.stages) {
    if (wired.given != static_cast<int>(stage)) continue;
    const auto workers = static_cast<std::size_t>(wired.node->traits.workers);
    for (std::size_t i = 0; i < workers; ++i) {
      sum += (running_->board.line(wired.first_line + i).*word).load();
    }
  }
  return sum;
}

// Who has ended has left the last report on the board.
RunReport PipelineRun::report() {
  const std::atomic<std::uint32_t>& looks = running_->board.figures().looks;
  const std::uint32_t seen = looks.load();
  running_->board.figures().asked.fetch_add(1);
  while (looks.load() == seen && running_->started && !has_ended()) {
    futex_wait(looks, seen, kLookAgainNs);
  }
  return read_report(running_->wiring, running_->board);
}

void PipelineRun::finish() {
  running_->wait(std::chrono::nanoseconds::max());
  const std::exception_ptr hook_failure = running_->hooks.end();
  const EndRecord& record = running_->board.head().record;
  switch (record.kind.load(std::memory_order_acquire)) {
    case EndKind::finished:
      if (hook_failure) std::rethrow_exception(hook_failure);
      return;
    case EndKind::interrupted: throw Interrupted(text_of(record.text));
    case EndKind::failed: throw_failed(running_->wiring, record);
    case EndKind::cancelled:
      throw Closed("a pipeline was ended: its results are not read any more");
    case EndKind::none: break;
  }
  throw PipelineFailed(fmt::format("a pipeline failed: its conductor did not say how it ended: {}",
                                   running_->conductor_failure),
                       {});
}

void PipelineRun::cancel(bool at_once) noexcept {
  RunningPipeline& running = *running_;
  if (running.started && !running.ended) {
    try {
      running.board.head().cancelled.store(at_once ? kCancelledAtOnce : kCancelled);
      if (running.results) running.results->stop();
      running.wait(kConductorGrace);
    } catch (...) {  // what is left goes with the group
    }
  }
  static_cast<void>(running.hooks.end());
}

}  // namespace iq::detail
