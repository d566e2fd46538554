// What scopes do to a task's place in its context: begin one, block outside of it, limit a number.
#include <deque>
#include <utility>

#include "batch/client.hpp"
#include "batch/joining.hpp"
#include "batch/scheduler.hpp"
#include "iq/error.hpp"
#include "sys/fork_guard.hpp"

namespace iq::detail {

ContextScope::ContextScope() : generation_(process_generation()) {
  BatchClient& client = BatchClient::of_this_thread();
  TaskFiber& fiber = client.scheduler().current();
  fiber_ = &fiber;
  set_work_hooks();
  if (fiber.context) return;  // nested: the outer one goes on
  mine_ = std::make_shared<TaskContext>(client);
  mine_->enter();
  fiber.context = mine_;
}

ContextScope::ContextScope(const std::string& name) : ContextScope() {
  if (!mine_) return;
  mine_->name = name;
  join_named_context(*mine_);
}

ContextScope::~ContextScope() {
  if (!mine_ || generation_ != process_generation() || mine_->is_over()) return;
  TaskFiber& fiber = BatchClient::of_this_thread().scheduler().current();
  if (&fiber != fiber_) return;
  fiber.context = nullptr;
  mine_->leave();
}

BlockScope::BlockScope() : generation_(process_generation()) {
  TaskScheduler& scheduler = BatchClient::of_this_thread().scheduler();
  scheduler.let_others_run();  // they cannot once the thread blocks
  context_ = scheduler.context();
  if (context_) context_->leave_to_block();
}

BlockScope::~BlockScope() {
  if (context_ && generation_ == process_generation()) context_->enter();
}

struct TaskLimit::State {
  std::size_t most;
  std::size_t running = 0;
  struct Waiting {
    std::shared_ptr<TaskJob> job;
    TaskContextHandle context;
  };
  std::deque<Waiting> line;
  std::uint64_t process = process_generation();

  /// In a child nothing of it runs or waits.
  void begin_anew_in_child() {
    if (process == process_generation()) return;
    process = process_generation();
    running = 0;
    line.clear();
  }

  void start(const std::shared_ptr<State>& self, Waiting next) {
    ++running;
    const std::shared_ptr<TaskJob> job = std::move(next.job);
    BatchClient::of_this_thread().scheduler().launch(job, std::move(next.context));
    job->when_ready([self] {
      --self->running;
      if (self->line.empty()) return;
      Waiting following = std::move(self->line.front());
      self->line.pop_front();
      self->start(self, std::move(following));
    });
  }
};

TaskLimit::TaskLimit(std::size_t most) : state_(std::make_shared<State>()) {
  if (most == 0)
    throw BadArgument("a task pool of 0 tasks would run nothing: it must be 1 or more");
  state_->most = most;
}

void TaskLimit::launch(std::shared_ptr<TaskJob> job) {
  State::Waiting next{std::move(job),
                      BatchClient::of_this_thread().scheduler().context_for_tasks()};
  state_->begin_anew_in_child();
  if (state_->running < state_->most) {
    state_->start(state_, std::move(next));
  } else {
    state_->line.push_back(std::move(next));
  }
}

std::size_t TaskLimit::running() const noexcept { return state_->running; }

}  // namespace iq::detail
