// Tasks of one thread: who runs, who waits, and for what.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "iq/detail/task_core.hpp"
#include "sys/fiber.hpp"

namespace iq::detail {

class BatchClient;
class SharedMembership;

inline constexpr std::size_t kTaskStackBytes = std::size_t{256} << 10;
/// Stacks that a thread keeps for tasks to come: a few as they are, more without what deep calls
/// have used of them. What is beyond goes back when its task has ended.
inline constexpr std::size_t kWarmStacks = 64;
inline constexpr std::size_t kIdleStacks = 1024;

/// The callers of one batch context in one thread. Calls that are in flight in it together become
/// one. Where other processes take part, `membership` is this thread's place among them.
class TaskContext {
 public:
  explicit TaskContext(BatchClient& client);
  ~TaskContext();
  TaskContext(const TaskContext&) = delete;
  TaskContext& operator=(const TaskContext&) = delete;

  /// A caller of this thread runs, or could.
  void enter() noexcept;
  /// It waits for a result, or has ended. The last one lets the calls go.
  void leave() noexcept;
  /// It blocks where no result of ours will wake it.
  void leave_to_block() noexcept;
  bool anybody_runs() const noexcept { return running_ != 0; }
  /// Its thread ends before it: it is left, and nothing any more.
  void client_ends() noexcept;
  bool is_over() const noexcept { return client_ == nullptr; }

  BatchClient& client() const noexcept { return *client_; }
  SharedMembership* membership() const noexcept { return membership_.get(); }
  void set_membership(std::unique_ptr<SharedMembership> membership) noexcept;
  /// Its name, where it has not met those of that name yet: they meet on the board that the first
  /// function brings which this process makes or opens.
  std::string name;

 private:
  BatchClient* client_;
  std::uint64_t generation_;
  std::size_t running_ = 0;
  std::unique_ptr<SharedMembership> membership_;
};

/// One flow of control: the thread's own, or a stack that runs one job after another.
class TaskFiber {
 public:
  explicit TaskFiber(Fiber::Entry entry) : fiber(entry, this, kTaskStackBytes) {}
  TaskFiber() = default;

  Fiber fiber;
  std::shared_ptr<TaskJob> job;
  TaskContextHandle context;
  std::size_t number = 0;    ///< its place among the thread's
  std::size_t awaited = 0;   ///< how many more of what it waits for it needs
  bool is_cold = false;      ///< idle, and its pages given back
  bool queued = false;       ///< stands in line to run
  std::exception_ptr error;  ///< what its wait ends with
};

class TaskScheduler {
 public:
  explicit TaskScheduler(BatchClient& client);
  ~TaskScheduler();
  TaskScheduler(const TaskScheduler&) = delete;
  TaskScheduler& operator=(const TaskScheduler&) = delete;

  TaskFiber& current() noexcept { return *current_; }
  /// The context that calls and tasks of the current flow belong to; null outside.
  const TaskContextHandle& context() const noexcept { return current_->context; }
  /// The same, for tasks: outside of any, one that all tasks of the thread share.
  TaskContextHandle context_for_tasks();

  bool await(Pending& pending, DeadlineNs deadline);
  std::size_t await_some(std::span<const PendingHandle> pending, std::size_t count,
                         DeadlineNs deadline);
  void launch(std::shared_ptr<TaskJob> job, TaskContextHandle context);
  void make_ready(TaskFiber& fiber) noexcept;
  void yield();
  /// Until nobody can run who does not do the same.
  void let_others_run();
  /// The thread ends: tasks that have not are forgotten, contexts left.
  void forget_all() noexcept;
  bool anybody_waits_to_run() const noexcept { return !line_.empty(); }

 private:
  /// Who may run next: a flow that goes on, or a job that begins.
  struct Next {
    TaskFiber* fiber = nullptr;
    std::shared_ptr<TaskJob> job;
    TaskContextHandle context;
  };

  static void run_jobs(void* fiber);
  bool await_alone(Pending& pending, DeadlineNs deadline);
  [[noreturn]] static void end_forked_process(const TaskJob& job);
  void suspend(DeadlineNs deadline);
  Next pick();
  Next next_after_job();
  void go_to(Next next);
  TaskFiber& fiber_for_job();
  void keep(TaskFiber& fiber) noexcept;
  void wake_expired();

  BatchClient& client_;
  TaskFiber main_;
  TaskFiber* current_ = &main_;
  std::deque<Next> line_;
  std::size_t letting_ = 0;  ///< of those in line, in let_others_run()
  std::vector<std::unique_ptr<TaskFiber>> fibers_;
  std::vector<TaskFiber*> free_fibers_;
  std::multimap<DeadlineNs, TaskFiber*> timers_;
  TaskContextHandle default_context_;
};

}  // namespace iq::detail
