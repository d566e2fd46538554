// Tasks take turns in the thread that spawned them: one runs until it waits, then the next in line
// goes on. When nobody can, whoever waited last looks for replies on its own stack; there is no
// scheduler's thread, and no stack of its own. So tasks share the thread's data without locks, and
// a program without tasks pays nothing for them.
#include "batch/scheduler.hpp"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "batch/client.hpp"
#include "batch/membership.hpp"
#include "iq/detail/endpoint_access.hpp"
#include "iq/error.hpp"
#include "sys/fork_guard.hpp"

namespace iq::detail {

// ---- contexts ----

TaskContext::TaskContext(BatchClient& client)
    : client_(&client), generation_(process_generation()) {
  client.add_context(*this);
}

TaskContext::~TaskContext() {
  if (generation_ != process_generation()) {
    static_cast<void>(membership_.release());  // the parent's
  } else if (client_ != nullptr) {
    client_->forget_context(*this);
    membership_.reset();
    client_->drop_idle();
  }
}

void TaskContext::client_ends() noexcept {
  client_->forget_context(*this);
  membership_.reset();
  client_ = nullptr;
}

void TaskContext::set_membership(std::unique_ptr<SharedMembership> membership) noexcept {
  if (!membership) return;
  membership_ = std::move(membership);
  client_->add_shared(*this);
}

void TaskContext::enter() noexcept {
  if (running_++ == 0 && membership_) membership_->runs();
}

// Answers that came while the calls went may have made somebody run.
void TaskContext::leave() noexcept {
  if (--running_ != 0 || client_ == nullptr) return;
  client_->flush(*this);
  if (membership_ && running_ == 0) membership_->waits();
}

void TaskContext::leave_to_block() noexcept {
  if (--running_ != 0 || client_ == nullptr) return;
  client_->flush(*this);
  if (membership_ && running_ == 0) membership_->blocks();
}

// ---- waiting ----

Pending::Pending() : process_(process_generation()), owner_(BatchClient::of_this_thread().id()) {}

void Pending::require_own() const {
  if (process_ != process_generation()) {
    throw WrongProcess(
        "cannot wait for a future in a child of the process that made it: its result comes to the "
        "parent. Make the call, or spawn the task, here");
  }
  if (owner_ != BatchClient::of_this_thread().id()) {
    throw WouldDeadlock(
        "cannot wait for a future in another thread than the one that made it: its result comes to "
        "that one. Wait there and hand the result over, or make the call here");
  }
}

// In a child that a task has forked, who waited is the parent's.
void Pending::settle(std::exception_ptr error) {
  error_ = std::move(error);
  ready_ = true;
  if (process_ != process_generation()) return;
  TaskScheduler& scheduler = BatchClient::of_this_thread().scheduler();
  for (TaskFiber* waiter : std::exchange(waiters_, {})) {
    if (waiter->awaited == 0 || --waiter->awaited == 0) scheduler.make_ready(*waiter);
  }
  for (auto& then : std::exchange(then_, {})) then();
}

void Pending::when_ready(std::function<void()> then) {
  if (ready_) return then();
  then_.push_back(std::move(then));
}

void Pending::forget(const TaskFiber* waiter) noexcept { std::erase(waiters_, waiter); }

TaskScheduler::TaskScheduler(BatchClient& client) : client_(client) {}

TaskScheduler::~TaskScheduler() = default;

void TaskScheduler::forget_all() noexcept {
  line_.clear();
  main_.context.reset();
  for (const auto& fiber : fibers_) fiber->context.reset();
  default_context_.reset();
}

TaskContextHandle TaskScheduler::context_for_tasks() {
  if (current_->context) return current_->context;
  if (!default_context_) default_context_ = std::make_shared<TaskContext>(client_);
  return default_context_;
}

// Without other tasks there is nobody to go on meanwhile, and none to be told. False, too, when
// what came has spawned one.
bool TaskScheduler::await_alone(Pending& pending, DeadlineNs deadline) {
  const TaskContextHandle& context = current_->context;
  if (context) context->leave();
  struct GoOn {
    const TaskContextHandle& context;
    ~GoOn() {
      if (context) context->enter();
    }
  } go_on{context};
  while (!pending.ready_ && line_.empty()) {
    if (deadline != kForever && now_ns() >= deadline) return false;
    client_.wait_for_replies(deadline);
    if (!pending.ready_) client_.go_on_waiting();
  }
  return pending.ready_;
}

bool TaskScheduler::await(Pending& pending, DeadlineNs deadline) {
  TaskFiber* const self = current_;
  pending.require_own();
  if (line_.empty() && free_fibers_.size() == fibers_.size() && await_alone(pending, deadline)) {
    return true;
  }
  while (!pending.ready_) {
    if (deadline != kForever && now_ns() >= deadline) return false;
    self->awaited = 1;
    pending.waiters_.push_back(self);
    try {
      suspend(deadline);
    } catch (...) {
      pending.forget(self);
      throw;
    }
    pending.forget(self);
  }
  return true;
}

std::size_t TaskScheduler::await_some(std::span<const PendingHandle> pending, std::size_t count,
                                      DeadlineNs deadline) {
  TaskFiber* const self = current_;
  const auto ready = [&] {
    return static_cast<std::size_t>(
        std::count_if(pending.begin(), pending.end(), [](const auto& one) { return one->ready_; }));
  };
  const auto forget_all = [&] {
    for (const auto& one : pending) one->forget(self);
  };
  for (const auto& one : pending) {
    if (!one) refuse_moved_from("future");
    if (!one->ready_) one->require_own();
  }
  const std::size_t have = ready();
  const std::size_t enough = std::min(count, pending.size());
  if (have >= enough) return have;
  // Woken once, by the one that makes it enough.
  self->awaited = enough - have;
  for (const auto& one : pending) {
    if (!one->ready_) one->waiters_.push_back(self);
  }
  try {
    while (self->awaited > 0 && (deadline == kForever || now_ns() < deadline)) suspend(deadline);
  } catch (...) {
    forget_all();
    throw;
  }
  forget_all();
  return ready();
}

void TaskScheduler::make_ready(TaskFiber& fiber) noexcept {
  if (fiber.queued) return;
  fiber.queued = true;
  if (fiber.context) fiber.context->enter();
  line_.push_back({&fiber, {}, {}});
}

void TaskScheduler::yield() {
  if (line_.empty()) return;
  make_ready(*current_);
  suspend(kForever);
}

// Two that do this at the same time do not wait for each other.
void TaskScheduler::let_others_run() {
  while (line_.size() > letting_) {
    ++letting_;
    try {
      yield();
    } catch (...) {
      --letting_;
      throw;
    }
    --letting_;
  }
}

// The current flow runs no more until somebody makes it ready, or the deadline does.
void TaskScheduler::suspend(DeadlineNs deadline) {
  TaskFiber* const self = current_;
  const TaskContextHandle context = self->context;
  if (context) context->leave();
  auto timer = timers_.end();
  if (deadline != kForever) timer = timers_.emplace(deadline, self);
  std::exception_ptr error;
  try {
    go_to(pick());
    error = std::exchange(self->error, nullptr);
  } catch (...) {
    error = std::current_exception();
    // Whoever made it ready has counted it as running.
    if (context && !self->queued) context->enter();
    if (self->queued) std::erase_if(line_, [&](const Next& next) { return next.fiber == self; });
    self->queued = false;
  }
  if (timer != timers_.end()) timers_.erase(timer);
  if (error) std::rethrow_exception(error);
}

void TaskScheduler::wake_expired() {
  if (timers_.empty()) return;
  const std::int64_t now = now_ns();
  for (auto at = timers_.begin(); at != timers_.end() && at->first <= now; ++at) {
    make_ready(*at->second);
  }
}

TaskScheduler::Next TaskScheduler::pick() {
  wake_expired();
  while (line_.empty()) {
    const DeadlineNs first = timers_.empty() ? kForever : timers_.begin()->first;
    client_.wait_for_replies(first);
    client_.go_on_waiting();
    wake_expired();
  }
  Next next = std::move(line_.front());
  line_.pop_front();
  return next;
}

void TaskScheduler::go_to(Next next) {
  TaskFiber* const self = current_;
  TaskFiber* to = next.fiber;
  while (to == nullptr) {
    try {
      to = &fiber_for_job();
      to->job = std::move(next.job);
      to->context = std::move(next.context);
    } catch (...) {  // no stack to be had: the task has failed, somebody else goes on
      next.job->settle(std::current_exception());
      next.context->leave();
      next = pick();
      to = next.fiber;
    }
  }
  to->queued = false;
  if (to == self) return;
  current_ = to;
  Fiber::switch_to(self->fiber, to->fiber);
}

// ---- tasks ----

TaskFiber& TaskScheduler::fiber_for_job() {
  if (free_fibers_.empty()) {
    free_fibers_.reserve(kIdleStacks);
    fibers_.push_back(std::make_unique<TaskFiber>(run_jobs));
    fibers_.back()->number = fibers_.size() - 1;
    return *fibers_.back();
  }
  TaskFiber& fiber = *free_fibers_.back();
  free_fibers_.pop_back();
  fiber.is_cold = false;
  return fiber;
}

// The fiber that calls this runs on its stack still: where there are enough, another one goes. The
// last ones that were kept are the first to be used, so those below them give back their pages.
void TaskScheduler::keep(TaskFiber& fiber) noexcept {
  if (free_fibers_.size() < kIdleStacks) {
    free_fibers_.push_back(&fiber);
    if (free_fibers_.size() <= kWarmStacks) return;
    TaskFiber& below = *free_fibers_[free_fibers_.size() - 1 - kWarmStacks];
    if (!std::exchange(below.is_cold, true)) below.fiber.drop_unused_pages();
    return;
  }
  const std::size_t gone = std::exchange(free_fibers_.back(), &fiber)->number;
  fibers_.back()->number = gone;
  std::swap(fibers_[gone], fibers_.back());
  fibers_.pop_back();
}

void TaskScheduler::launch(std::shared_ptr<TaskJob> job, TaskContextHandle context) {
  context->enter();
  line_.push_back({nullptr, std::move(job), std::move(context)});
}

// The bottom of every task's stack: job after job, for ever.
void TaskScheduler::run_jobs(void* fiber) {
  auto& self = *static_cast<TaskFiber*>(fiber);
  TaskScheduler& scheduler = BatchClient::of_this_thread().scheduler();
  const std::uint64_t process = process_generation();
  for (;;) {
    self.job->run();
    if (process != process_generation()) end_forked_process(*self.job);
    self.job.reset();
    // Nothing stays on this stack: it may lie idle for long, and end without being unwound.
    std::exchange(self.context, nullptr)->leave();
    Next next = scheduler.next_after_job();
    if (next.job) {
      self.job = std::move(next.job);
      self.context = std::move(next.context);
      continue;
    }
    scheduler.keep(self);
    scheduler.go_to(std::move(next));  // comes back with another job
  }
}

// Of a thread that forks, the child has nothing but the flow that did: when that task ends, so does
// the process, as it does behind main().
void TaskScheduler::end_forked_process(const TaskJob& job) {
  if (job.error()) std::rethrow_exception(job.error());  // out of a task's bottom: std::terminate
  std::exit(EXIT_SUCCESS);
}

// When nothing can ever come, whoever waits in the thread's own flow is told.
TaskScheduler::Next TaskScheduler::next_after_job() {
  try {
    return pick();
  } catch (...) {
    main_.error = std::current_exception();
    make_ready(main_);
    Next next = std::move(line_.front());
    line_.pop_front();
    return next;
  }
}

bool await(Pending& pending, std::int64_t deadline_ns) {
  if (pending.ready()) return true;
  return BatchClient::of_this_thread().scheduler().await(pending, deadline_ns);
}

std::size_t await_some(std::span<const PendingHandle> pending, std::size_t count,
                       std::int64_t deadline_ns) {
  return BatchClient::of_this_thread().scheduler().await_some(pending, count, deadline_ns);
}

void launch(std::shared_ptr<TaskJob> job) {
  TaskScheduler& scheduler = BatchClient::of_this_thread().scheduler();
  scheduler.launch(std::move(job), scheduler.context_for_tasks());
}

void yield_task() { BatchClient::of_this_thread().scheduler().yield(); }

}  // namespace iq::detail
