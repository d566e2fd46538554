// The conductor. It makes the queues between the stages, starts the workers, and from then on looks
// around fifty times a second: for a worker that failed and is not replaced, for signals, for the
// caller's wish to end, for items that were given up and would be waited for.
//
// It ends a pipeline in this order: the board says so, the queues are stopped, so that all who wait
// return, and who has not ended a second later is killed. A worker that returns meanwhile counts as
// failed towards a user's queue: what it has put there is not all.
//
// A user's output queue has a producer of the conductor's beside those of the last stage, so that
// its stream does not end before it is known how it ended.
#include "pipeline/conductor.hpp"

#include <fmt/format.h>

#include <exception>

#include "iq/error.hpp"
#include "pipeline/failure_text.hpp"
#include "sys/futex.hpp"
#include "work/report.hpp"
#include "work/worker_process.hpp"

namespace iq::detail {
namespace {

constexpr std::int64_t kLookAroundNs = 20'000'000;
constexpr std::int64_t kEndPatienceNs = 1'000'000'000;

}  // namespace

Conductor::Conductor(Wiring& wiring, const PipelineBoard& board, const PipelineOptions& options,
                     SignalWatch* signals)
    : wiring_(wiring),
      board_(board),
      options_(options),
      in_threads_(options.run_in == RunIn::threads),
      signals_(signals, in_threads_) {}

void Conductor::run() {
  try {
    adopt_queues();
    crew_ = in_threads_ ? make_thread_crew() : make_process_crew();
    observer_.emplace(wiring_, board_, options_.report, in_threads_);
    start_stages();
    observer_->begin();
  } catch (...) {
    Report report;
    describe_exception(report);
    start_error_type_ = report.type;
    start_error_ = report.text;
    begin_end();
  }
  board_.head().started.store(1);
  futex_wake(board_.head().started, 1);
  while (crew_ && !crew_->wait(now_ns() + kLookAroundNs, signals_.fd())) look_after();
  board_.head().over.store(1);  // what came before, judge() sees
  judge();
  if (observer_) observer_->finish();
  leave_queues();
}

void Conductor::adopt_queues() {
  const WiredStage& last = wiring_.stages.back();
  if (wiring_.stages.front().in) {
    wiring_.stages.front().in->adopt();
    parked_before_.push_back(wiring_.stages.front().in->stats().parked_total);
  }
  if (last.out) last.out->adopt();  // the caller's queue of results, or a user's
  if (wiring_.feed) wiring_.feed->adopt();
}

void Conductor::start_stages() {
  for (std::size_t i = 0; i < wiring_.stages.size(); ++i) {
    WiredStage& stage = wiring_.stages[i];
    if (i > 0) stage.in = wiring_.stages[i - 1].out;
    if (stage.node->traits.has_output && !stage.out) make_queue(wiring_, i);
    if (stage.out && stage.out->is_users) stage.out->hold_open();
    launch(i);
    const bool is_ours = stage.out && (!stage.out->is_users || stage.out->is_anonymous());
    if (is_ours) stage.out->close();  // its producers are there, and no others come
  }
}

void Conductor::launch(std::size_t stage) {
  WiredStage& mine = wiring_.stages[stage];
  StagePlace place;
  place.in = mine.in.get();
  place.out = mine.out.get();
  place.lines = &board_.line(mine.first_line);
  if (mine.enters) place.enters = &board_.window(*mine.enters);
  if (mine.leaves) place.leaves = &board_.window(*mine.leaves);
  place.keeps_order = mine.keeps_order;
  place.ending = &board_.head().ending;
  place.enough = &board_.head().enough;
  place.launcher = &crew_->launcher(stage);
  mine.node->launch(place);
}

void Conductor::look_after() {
  if (observer_) observer_->look();
  heed_signals();
  if (!is_ending_) {
    if (const std::uint32_t wish = board_.head().cancelled.load(); wish != 0) {
      is_cancelled_ = true;
      begin_end();
      if (wish == kCancelledAtOnce) crew_->end_now();
    } else if (has_failed()) {
      begin_end();
    } else {
      look_for_lost();
    }
  } else if (now_ns() >= patience_ends_ns_) {
    crew_->end_now();
  }
}

// Who was told by a queue that a signal asks for the end has not failed; nor has a source that was
// cut off: it has closed its producer before it left.
bool Conductor::has_failed() {
  failure_ = crew_->first_failure([this](std::size_t stage, const WorkerOutcome& outcome) {
    const std::size_t line = wiring_.stages[stage].first_line;
    return outcome.end == WorkerEnd::exited &&
           board_.line(line + static_cast<std::size_t>(outcome.worker)).is_cut.load() != 0;
  });
  if (failure_ && signals_.seen().all() != 0 && failure_->outcome.is_consequence) failure_.reset();
  return failure_.has_value();
}

void Conductor::heed_signals() {
  const unsigned before = signals_.seen().all();
  signals_.look();
  const unsigned seen = signals_.seen().all();
  if (before == 0 && seen >= 1) drain_queues();
  if (before <= 1 && seen >= 2) {
    begin_end();
    crew_->end_now();
  }
}

// An item that is missing in an ordered stretch is waited for: it cannot go on. Elsewhere the rest
// goes its way, unless the plan wants otherwise, and the end says what is missing.
void Conductor::look_for_lost() {
  bool looks = wiring_.ends_when_lost;
  for (const std::uint64_t items : wiring_.window_items) looks |= items != 0;
  if (!looks) return;
  for (std::size_t i = 1; i < wiring_.stages.size(); ++i) {
    const bool waits = wiring_.stages[i].keeps_order || wiring_.stages[i].leaves;
    if (!waits && !wiring_.ends_when_lost) continue;
    if (wiring_.stages[i].in->stats().parked_total == 0 || is_unwanted(i)) continue;
    lost_ = i;
    begin_end();
    return;
  }
}

// Whether the stage's results were wanted no more when it ended: then nothing that came to it is
// missed.
bool Conductor::is_unwanted(std::size_t stage) const noexcept {
  const WiredStage& mine = wiring_.stages[stage];
  const auto workers = static_cast<std::size_t>(mine.node->traits.workers);
  for (std::size_t i = 0; i < workers; ++i) {
    if (board_.line(mine.first_line + i).is_unwanted.load() != 0) return true;
  }
  return false;
}

void Conductor::begin_end() noexcept {
  if (is_ending_) return;
  is_ending_ = true;
  patience_ends_ns_ = now_ns() + kEndPatienceNs;
  board_.head().ending.store(1);
  for (std::size_t i = 0; i < wiring_.stages.size(); ++i) board_.window(i).end();
  stop_queues();
}

void Conductor::stop_queues() noexcept {
  const auto stop = [](PipeQueue* queue) {
    try {
      if (queue != nullptr && !queue->is_users) queue->stop();
    } catch (...) {  // its workers are killed when their time is up
    }
  };
  stop(wiring_.feed.get());
  for (const WiredStage& stage : wiring_.stages) stop(stage.out.get());
}

void Conductor::drain_queues() {
  board_.head().enough.store(1);
  if (wiring_.feed) wiring_.feed->drain();
  if (wiring_.stages.front().in) wiring_.stages.front().in->drain();
  for (const WiredStage& stage : wiring_.stages) {
    if (stage.out) stage.out->drain();
  }
}

void Conductor::judge() {
  // Workers that a signal to all has killed may have ended before the caller's word was heard.
  signals_.look();
  signals_.look();
  find_cause();
  EndRecord& record = board_.head().record;
  if (const SignalsSeen& seen = signals_.seen(); seen.all() != 0) {
    copy_text(interrupted_text(seen.all(), seen.interrupts != 0, cause_text()), record.text);
    publish(EndKind::interrupted);
  } else if (is_cancelled_) {
    copy_text("a pipeline was ended before its results were all read", record.text);
    publish(EndKind::cancelled);
  } else if (!start_error_type_.empty()) {
    copy_text(cause_text(), record.text);
    copy_text(start_error_type_, record.type);
    copy_text(start_error_, record.exception_text);
    publish(EndKind::failed);
  } else if (failure_) {
    write_failure(*failure_);
    publish(EndKind::failed);
  } else if (lost_) {
    write_lost();
    publish(EndKind::failed);
  } else {
    publish(EndKind::finished);
  }
}

// The cause may have been reported later than what followed from it.
void Conductor::find_cause() {
  if (lost_ || !start_error_type_.empty()) return;
  has_failed();
  for (std::size_t i = 0; i < wiring_.stages.size() && !lost_ && !is_ending_; ++i) {
    const PipeQueue* in = wiring_.stages[i].in.get();
    if (in == nullptr) continue;
    const std::uint64_t before = i == 0 ? parked_before_.front() : 0;
    if (in->stats().parked_total > before && !is_unwanted(i)) lost_ = i;
  }
  if (lost_ && failure_ && failure_->outcome.is_consequence) failure_.reset();
}

std::string Conductor::cause_text() const {
  if (!start_error_type_.empty()) {
    return fmt::format("a pipeline could not be started: {}: {}", start_error_type_, start_error_);
  }
  if (failure_) return failure_text(wiring_, board_, *failure_);
  if (!lost_) return {};
  const WiredStage& stage = wiring_.stages[*lost_];
  return lost_text(stage.node->traits, stage.in->parked());
}

void Conductor::write_failure(const StageFailure& failure) {
  EndRecord& record = board_.head().record;
  const WorkerOutcome& outcome = failure.outcome;
  const WiredStage& stage = wiring_.stages[failure.stage];
  record.stage = stage.given;
  record.worker = outcome.worker;
  record.pid = outcome.pid;
  record.signal = outcome.signal;
  const std::optional<std::uint64_t> item = item_of(wiring_, board_, failure);
  record.has_item = item.has_value();
  record.item = item.value_or(0);
  copy_text(outcome.exception_type, record.type);
  copy_text(outcome.exception_text, record.exception_text);
  copy_text(cause_text(), record.text);
}

void Conductor::write_lost() {
  EndRecord& record = board_.head().record;
  const WiredStage& stage = wiring_.stages[*lost_];
  const std::vector<std::uint64_t> items = stage.in->parked();
  record.stage = stage.given;
  record.has_item = !items.empty();
  if (!items.empty()) record.item = items.front();
  copy_text(cause_text(), record.text);
}

// The last thing. How it ended is written before the end of any stream that a reader could take for
// whole.
void Conductor::publish(EndKind kind) {
  board_.head().record.kind.store(kind, std::memory_order_release);
  const WiredStage& last = wiring_.stages.back();
  // The caller asks at the end of its stream; what came out before is there to be read.
  if (!last.out || !last.out->is_users) return;
  // After one signal all that was on its way has come out, unless something failed meanwhile.
  const bool came_out = kind == EndKind::interrupted && !is_ending_ && !failure_ && !lost_;
  const bool is_whole = kind == EndKind::finished || came_out;
  try {
    last.out->let_go(is_whole ? "" : board_.head().record.text.data());
  } catch (...) {  // stopped by its user meanwhile: nobody reads it any more
  }
}

// So that nobody has to find out that a process with these objects is gone.
void Conductor::leave_queues() noexcept {
  if (in_threads_) return;
  if (wiring_.stages.front().in) wiring_.stages.front().in->leave();
  if (wiring_.stages.back().out) wiring_.stages.back().out->leave();
  if (wiring_.feed) wiring_.feed->leave();
}

}  // namespace iq::detail
