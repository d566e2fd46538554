// The stages' workers as threads. Nothing can end a thread but itself: one that waits at a queue is
// told to, one that is stuck in the user's function keeps the pipeline from ending.
#include <algorithm>
#include <condition_variable>
#include <list>
#include <mutex>
#include <thread>
#include <tuple>
#include <utility>

#include "iq/error.hpp"
#include "pipeline/exit_gate.hpp"
#include "pipeline/stage_crew.hpp"
#include "ring/producer_ring.hpp"
#include "sys/process.hpp"
#include "work/supervisor_link.hpp"
#include "work/worker_process.hpp"

namespace iq::detail {
namespace {

class ThreadCrew final : public StageCrew {
 public:
  ~ThreadCrew() override {
    for (std::thread& thread : threads_) thread.join();
  }

  WorkerLauncher& launcher(std::size_t stage) override {
    return stages_.emplace_back(*this, stage);
  }

  bool wait(DeadlineNs deadline_ns, int other) override {
    std::unique_lock lock(mutex_);
    const auto all_ended = [this] { return living_ == 0; };
    if (deadline_ns == kForever && other < 0) {
      changed_.wait(lock, all_ended);
      return true;
    }
    changed_.wait_until(lock, Clock::time_point(std::chrono::nanoseconds(deadline_ns)), all_ended);
    return all_ended();
  }

  // No thread leaves but by its function: nothing is excused.
  std::optional<StageFailure> first_failure(const Excuse&) override {
    const std::lock_guard lock(mutex_);
    if (failures_.empty()) return std::nullopt;
    return *std::min_element(failures_.begin(), failures_.end(), [](const auto& a, const auto& b) {
      return a.outcome.is_consequence < b.outcome.is_consequence;
    });
  }

  void end_now() override {
    for (const auto& dismiss : dismissers_) dismiss();
  }

 private:
  class Stage final : public WorkerLauncher {
   public:
    Stage(ThreadCrew& crew, std::size_t stage) : WorkerLauncher(true), crew_(crew), stage_(stage) {}
    WorkerGroup& group() override { throw BadArgument("a crew of threads has no group"); }
    void add_thread(int worker, std::function<void()> body,
                    std::function<void()> dismiss) override {
      crew_.dismissers_.push_back(std::move(dismiss));
      crew_.add(stage_, worker, std::move(body));
    }

   private:
    ThreadCrew& crew_;
    std::size_t stage_;
  };

  void add(std::size_t stage, int worker, std::function<void()> body) {
    {
      const std::lock_guard lock(mutex_);
      ++living_;
    }
    try {
      threads_.emplace_back([this, stage, worker, mine = std::move(body)]() mutable {
        run(stage, worker, std::exchange(mine, nullptr));
      });
    } catch (...) {
      const std::lock_guard lock(mutex_);
      --living_;
      throw;
    }
  }

  void run(std::size_t stage, int worker, std::function<void()> body) {
    ExitGate::enter_own_thread();
    UnwoundProducers unwound;
    try {
      body();
    } catch (...) {
      Report report;
      describe_exception(report);
      unwound.tell(report.type + ": " + report.text);
      note_failure(stage, worker, report);  // before anybody can fail because of it
      unwound.fail_all();
    }
    body = nullptr;
    const std::lock_guard lock(mutex_);
    --living_;
    changed_.notify_all();
  }

  void note_failure(std::size_t stage, int worker, Report& report) {
    StageFailure failure{stage, {}};
    failure.outcome.worker = worker;
    failure.outcome.pid = process_id();
    failure.outcome.end = WorkerEnd::threw;
    failure.outcome.exception_type = std::move(report.type);
    failure.outcome.exception_text = std::move(report.text);
    failure.outcome.is_consequence = is_consequence(report.head.error);
    const std::lock_guard lock(mutex_);
    failures_.push_back(std::move(failure));
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  int living_ = 0;
  std::vector<StageFailure> failures_;  // in the order in which they came
  std::list<Stage> stages_;
  std::vector<std::function<void()>> dismissers_;
  std::vector<std::thread> threads_;
};

}  // namespace

std::unique_ptr<StageCrew> make_thread_crew() { return std::make_unique<ThreadCrew>(); }

}  // namespace iq::detail
