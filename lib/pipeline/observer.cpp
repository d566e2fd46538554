// Looks at a pipeline that runs. Workers tell nothing for it: what each does is read off the
// queues. How many consumers of a queue sleep and how many of its producers is asked at each look
// around of the conductor, some 50 times a second; so a share is a sample of states, and no item
// costs a look at a clock. What takes longer to find out, figures of queues, processor time,
// memory, is asked less often. Nothing at all is done unless somebody wants a report.
//
// A stage has finished what its queue's consumers have acknowledged: exact though workers be
// killed.
#include "pipeline/observer.hpp"

#include <algorithm>
#include <cmath>

#include "pipeline/report_writer.hpp"
#include "sys/futex.hpp"
#include "sys/process.hpp"

namespace iq::detail {
namespace {

constexpr std::int64_t kSampleNs = 10'000'000;
constexpr std::int64_t kFiguresNs = 200'000'000;
constexpr std::int64_t kUsageNs = 1'000'000'000;
constexpr double kRecentS = 3;  // what is older counts less and less
constexpr double kBusy = 0.5;   // who is less busy keeps nobody waiting

double seconds(std::int64_t ns) noexcept { return static_cast<double>(ns) * 1e-9; }

// The weight of the last `dt` seconds of `all`.
double recent_weight(double dt, double all) noexcept {
  return std::clamp(std::max(1 - std::exp(-dt / kRecentS), all > 0 ? dt / all : 1), 0.0, 1.0);
}

}  // namespace

QueueCounts QueueCounts::of(const PipeQueue& queue) {
  QueueCounts counts;
  counts.stats = queue.stats();
  counts.put = counts.stats.put;
  const std::uint64_t left = counts.stats.queued + counts.stats.in_hand + counts.stats.parked;
  counts.acknowledged = counts.put - std::min(counts.put, left);
  return counts;
}

// ---- one stage ----

class Observer::Stage {
 public:
  Stage(const PipeQueue* in, const PipeQueue* out, WorkerLine* lines, std::size_t workers,
        const OrderWindow* window)
      : in_(in), out_(out), lines_(lines), workers_(workers), window_(window), usage_(workers) {}

  void set_before(const QueueCounts& in, const QueueCounts& out) {
    before_in_ = in;
    before_out_ = out;
  }

  void sample(double dt) {
    std::size_t alive = lines_ == nullptr ? 1 : 0;  // the caller
    for (std::size_t i = 0; lines_ != nullptr && i < workers_; ++i) {
      if (lines_[i].thread.load(std::memory_order_relaxed) != 0) ++alive;
    }
    const QueueWaits in = in_ != nullptr ? in_->waits() : QueueWaits{};
    const QueueWaits out = out_ != nullptr ? out_->waits() : QueueWaits{};
    const bool is_held = window_ != nullptr && window_->waits.load(std::memory_order_relaxed) != 0;
    const std::size_t asleep = std::min<std::size_t>(in.consumers, alive);
    const std::size_t blocked =
        std::min<std::size_t>(out.producers + (is_held ? 1U : 0U), alive - asleep);
    const auto share = [&](std::size_t some) {
      return static_cast<double>(some) / static_cast<double>(workers_);
    };
    sampled_s_ += dt;
    add(busy_, share(alive - asleep - blocked), dt);
    add(awaits_item_, share(asleep), dt);
    add(awaits_room_, share(blocked), dt);
  }

  // Results so far, for who wants to know how many come of one item.
  std::uint64_t figure(StageFigures& figures, double dt, double elapsed, bool is_last) {
    QueueCounts in;
    QueueCounts out;
    if (in_ != nullptr) in = QueueCounts::of(*in_);
    if (out_ != nullptr) out = QueueCounts::of(*out_);
    const std::uint64_t given = out.put - before_out_.put;
    const std::uint64_t taken =
        in.acknowledged - std::min(in.acknowledged, before_in_.acknowledged);
    const std::uint64_t done = in_ == nullptr ? given : taken - std::min(taken, gaps());
    const double rate = static_cast<double>(done - std::min(done, figures.done));
    if (is_last) {
      figures.per_s = elapsed > 0 ? static_cast<double>(done) / elapsed : 0;
    } else if (dt > 0) {
      figures.per_s += (rate / dt - figures.per_s) * recent_weight(dt, elapsed);
    }
    figures.done = done;
    figures.queued = in.stats.queued;
    figures.in_hand = in.stats.in_hand;
    figures.parked =
        in.stats.parked_total - std::min(in.stats.parked_total, before_in_.stats.parked_total);
    if (in_ != nullptr) {
      const std::uint64_t writers = std::max<std::uint64_t>(in.stats.producers, 1);
      most_writers_ = std::max(most_writers_, writers);
      figures.capacity = in_->waits().capacity * most_writers_;
    }
    figures.busy = is_last ? busy_.of_all(sampled_s_) : busy_.recent;
    figures.awaits_item = is_last ? awaits_item_.of_all(sampled_s_) : awaits_item_.recent;
    figures.awaits_room = is_last ? awaits_room_.of_all(sampled_s_) : awaits_room_.recent;
    return given;
  }

  // What its workers have used. The caller is not looked at: it does other things too.
  void figure_usage(StageFigures& figures, bool in_threads) {
    if (lines_ == nullptr) return;
    std::int64_t cpu = 0;
    std::uint64_t memory = 0;
    figures.restarts = 0;
    for (std::size_t i = 0; i < workers_; ++i) {
      cpu += usage_[i].cpu_ns(lines_[i], in_threads);
      const int thread = lines_[i].thread.load();
      if (thread != 0 && !in_threads) memory += private_bytes_of(thread);
      const std::uint32_t starts = lines_[i].starts.load();
      if (starts > 1) figures.restarts += starts - 1;
    }
    figures.cpu_s = std::max(figures.cpu_s, seconds(cpu));
    if (memory != 0) figures.memory = memory;  // at the end nobody has any: what it was
  }

 private:
  struct Share {
    double recent = 0;
    double sum = 0;
    double of_all(double all) const noexcept { return all > 0 ? sum / all : recent; }
  };
  void add(Share& share, double now, double dt) const noexcept {
    share.recent += (now - share.recent) * recent_weight(dt, sampled_s_);
    share.sum += now * dt;
  }

  // Processor time at one line. Who leaves in order writes down its own; of who is killed what was
  // seen last counts.
  class Usage {
   public:
    std::int64_t cpu_ns(const WorkerLine& line, bool in_threads) noexcept {
      const int thread = line.thread.load();
      const std::int64_t left = line.cpu_ns.load();
      if (thread != thread_) {
        if (left == left_) killed_ += seen_;
        thread_ = thread;
        seen_ = 0;
      }
      left_ = left;
      if (thread != 0) seen_ = std::max(seen_, cpu_ns_of(thread, in_threads));
      return left + killed_ + seen_;
    }

   private:
    int thread_ = 0;
    std::int64_t left_ = 0;
    std::int64_t seen_ = 0;
    std::int64_t killed_ = 0;
  };

  std::uint64_t gaps() const noexcept {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; lines_ != nullptr && i < workers_; ++i) sum += lines_[i].gaps.load();
    return sum;
  }

  const PipeQueue* in_;
  const PipeQueue* out_;
  WorkerLine* lines_;
  std::size_t workers_;
  const OrderWindow* window_;
  QueueCounts before_in_;
  QueueCounts before_out_;
  std::vector<Usage> usage_;
  std::uint64_t most_writers_ = 0;
  double sampled_s_ = 0;
  Share busy_;
  Share awaits_item_;
  Share awaits_room_;
};

// ---- all of them ----

std::int64_t find_bottleneck(const std::vector<StageFigures>& stages) {
  std::int64_t found = -1;
  double most = 0;
  for (std::size_t i = 0; i < stages.size(); ++i) {
    const StageFigures& stage = stages[i];
    if (stage.busy < kBusy) continue;
    // Of two that are as busy, the one where more waits.
    const double held = static_cast<double>(stage.queued + stage.in_hand);
    const double full = stage.capacity != 0 ? held / static_cast<double>(stage.capacity) : 0;
    const double score = stage.busy + std::min(full, 1.0) / 4;
    if (score <= most) continue;
    most = score;
    found = static_cast<std::int64_t>(i);
  }
  return found;
}

double estimate_remaining(const std::vector<StageFigures>& stages,
                          const std::vector<std::uint64_t>& given, std::uint64_t length) {
  double longest = -1;
  auto expected = static_cast<double>(length);
  for (std::size_t i = 0; i < stages.size(); ++i) {
    const auto done = static_cast<double>(stages[i].done);
    const double left = std::max(expected - done, 0.0);
    if (stages[i].per_s > 0) longest = std::max(longest, left / stages[i].per_s);
    if (done > 0) expected *= static_cast<double>(given[i]) / done;
  }
  return longest;
}

Observer::Observer(const Wiring& wiring, const PipelineBoard& board, const Reporting& reporting,
                   bool in_threads)
    : wiring_(wiring),
      board_(board),
      reporting_(reporting),
      in_threads_(in_threads),
      began_ns_(now_ns()) {
  const WiredStage& first = wiring_.stages.front();
  const WiredStage& last = wiring_.stages.back();
  if (first.in) before_in_ = QueueCounts::of(*first.in);
  if (last.out && last.out->is_users) before_out_ = QueueCounts::of(*last.out);
  sampled_ns_ = figured_ns_ = reported_ns_ = began_ns_;
  if (reporting_.descriptor >= 0) writer_ = std::make_unique<ReportWriter>(reporting_.descriptor);
  interval_ns_ = std::chrono::nanoseconds(reporting_.interval).count();
  if (interval_ns_ <= 0) {
    const bool is_drawn = writer_ && writer_->draws();
    interval_ns_ = is_drawn ? 200'000'000 : writer_ ? 5'000'000'000 : 1'000'000'000;
  }
}

Observer::~Observer() = default;

void Observer::begin() {
  for (const WiredStage& stage : wiring_.stages) {
    const OrderWindow* window = stage.enters ? &board_.window(*stage.enters) : nullptr;
    stages_.emplace_back(stage.in.get(), stage.out.get(), &board_.line(stage.first_line),
                         static_cast<std::size_t>(stage.node->traits.workers), window);
  }
  if (wiring_.reads_results) {
    stages_.emplace_back(wiring_.stages.back().out.get(), nullptr, nullptr, 1, nullptr);
  }
  figures_.resize(stages_.size());
  given_.resize(stages_.size());
  // A user's queue may have a life before this.
  stages_.front().set_before(before_in_, stages_.size() == 1 ? before_out_ : QueueCounts{});
  if (wiring_.stages.size() > 1 && !wiring_.reads_results) {
    stages_.back().set_before({}, before_out_);
  }
}

bool Observer::has_reader() const noexcept {
  return writer_ || static_cast<bool>(reporting_.function);
}

void Observer::look() noexcept {
  const std::uint32_t asked = board_.figures().asked.load();
  if (stages_.empty() || (!has_reader() && asked == 0)) return;
  try {
    look_now(asked);
  } catch (...) {  // a report is no reason for a pipeline to fail
  }
}

void Observer::look_now(std::uint32_t asked) {
  const std::int64_t now = now_ns();
  if (now - sampled_ns_ >= kSampleNs) {
    for (Stage& stage : stages_) stage.sample(seconds(now - sampled_ns_));
    sampled_ns_ = now;
  }
  const bool is_due = has_reader() && now - reported_ns_ >= interval_ns_;
  if (is_due || asked != answered_ || now - figured_ns_ >= kFiguresNs) take_figures(now, false);
  answered_ = asked;
  if (is_due) report(now);
}

void Observer::finish() noexcept {
  if (stages_.empty()) return;
  try {
    const std::int64_t now = now_ns();
    take_figures(now, true);
    if (has_reader()) report(now);
  } catch (...) {  // as above
  }
}

void Observer::take_figures(std::int64_t now, bool is_last) {
  const double dt = seconds(now - figured_ns_);
  const double elapsed = seconds(now - began_ns_);
  for (std::size_t i = 0; i < stages_.size(); ++i) {
    given_[i] = stages_[i].figure(figures_[i], dt, elapsed, is_last);
  }
  if (is_last || now >= usage_due_ns_) {
    for (std::size_t i = 0; i < stages_.size(); ++i) {
      stages_[i].figure_usage(figures_[i], in_threads_);
    }
    usage_due_ns_ = now + kUsageNs;
  }
  figured_ns_ = now;
  RunFigures run;
  run.elapsed_s = elapsed;
  run.bottleneck = find_bottleneck(figures_);
  run.has_ended = is_last ? 1 : 0;
  if (const auto& length = wiring_.stages.front().node->traits.length) {
    run.length_plus_1 = *length + 1;
    if (!is_last) run.remaining_s = estimate_remaining(figures_, given_, *length);
  }
  for (std::size_t i = 0; i < figures_.size(); ++i) board_.figures(i).write(figures_[i]);
  board_.figures().run.write(run);
  board_.figures().looks.fetch_add(1);
  futex_wake(board_.figures().looks, 1);
}

void Observer::report(std::int64_t now) {
  reported_ns_ = now;
  const RunReport told = read_report(wiring_, board_);
  if (writer_) writer_->write(told);
  if (reporting_.function) reporting_.function(told);
}

RunReport read_report(const Wiring& wiring, const PipelineBoard& board) {
  const RunFigures run = board.figures().run.read();
  RunReport report;
  report.elapsed_s = run.elapsed_s;
  report.bottleneck = static_cast<int>(run.bottleneck);
  if (run.length_plus_1 != 0) report.length = run.length_plus_1 - 1;
  if (run.remaining_s >= 0) report.remaining_s = run.remaining_s;
  report.has_ended = run.has_ended != 0;
  const std::size_t rows = wiring.stages.size() + (wiring.reads_results ? 1 : 0);
  for (std::size_t i = 0; i < rows; ++i) {
    const bool is_caller = i == wiring.stages.size();
    const StageFigures figures = board.figures(i).read();
    StageReport& stage = report.stages.emplace_back();
    stage.name = is_caller ? "(caller)" : wiring.stages[i].node->traits.name;
    stage.workers = is_caller ? 1 : wiring.stages[i].node->traits.workers;
    stage.done = figures.done;
    stage.per_s = figures.per_s;
    stage.queued = figures.queued;
    stage.in_hand = figures.in_hand;
    stage.capacity = figures.capacity;
    stage.busy = figures.busy;
    stage.awaits_item = figures.awaits_item;
    stage.awaits_room = figures.awaits_room;
    stage.cpu_s = figures.cpu_s;
    stage.memory = figures.memory;
    stage.restarts = static_cast<std::uint32_t>(figures.restarts);
    stage.parked = figures.parked;
    if (is_caller && report.has_ended) {  // it reads on when all others have left
      const QueueCounts now = QueueCounts::of(*wiring.stages.back().out);
      stage.done = now.acknowledged;
      stage.queued = now.stats.queued;
      stage.in_hand = now.stats.in_hand;
    }
  }
  return report;
}

}  // namespace iq::detail
