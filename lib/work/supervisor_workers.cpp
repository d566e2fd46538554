// The supervisor's workers, and who replaces them.
//
// Where a worker may have successors, and for programs, the supervisor holds one byte of each of
// their endpoints: nobody takes such an endpoint for dead while a process may still come for it
// (docs/decisions/0006). What a worker leaves is told by the endpoints alone: closed, open as it
// was when it died, or never taken.
#include <fmt/format.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <utility>

#include "sys/fork_guard.hpp"
#include "sys/system_error.hpp"
#include "work/supervisor_process.hpp"

namespace iq::detail {

void Supervisor::hold_endpoints() {
  try {
    for (int number = 0; number < start_.plan->count; ++number) start_.job->keep(number);
  } catch (const SystemError& error) {
    return add_fork_failure(0, error.error_number());
  } catch (...) {  // cannot probe, or the parent has closed them: it is about to end
    return add_fork_failure(0, ECANCELED);
  }
  begun_ = false;
  Report held;
  held.head.kind = ReportKind::held;
  add(std::move(held));
}

void Supervisor::start_all() {
  for (int number = 0; number < start_.plan->count; ++number) {
    Worker& worker = workers_[static_cast<std::size_t>(number)];
    const pid_t pid = start_one(number, worker);
    if (pid < 0) {
      const int error = errno;
      const std::string why = "no process could be started: " + errno_text(error);
      for (int i = number; holds() && i < start_.plan->count; ++i) start_.job->renounce(i, why);
      return add_fork_failure(number, error);
    }
    worker.pid = pid;
    ++living_;
    if (!is_program()) continue;  // a function says itself that it is ready
    Report ready;
    ready.head.kind = ReportKind::ready;
    ready.head.worker = number;
    ready.head.pid = pid;
    add(std::move(ready));
  }
}

pid_t Supervisor::start_one(int number, Worker& worker) {
  if (holds()) start_.job->await_heir(number);
  const pid_t self = ::getpid();
  const pid_t pid = fork_own();
  if (pid != 0) return pid;
  // Only what is the supervisor's is closed; this copy of the object is never destroyed.
  start_.control.reset();
  start_.parent.reset();
  child_signals_.reset();
  reports_->near.reset();
  const WorkerPlan& plan = *start_.plan;
  const bool is_last = worker.attempt >= static_cast<std::uint32_t>(plan.restarts);
  const WorkerStart start{start_.job, number,          worker.attempt, reports_->far.get(),
                          self,       &start_.signals, holds(),        is_last};
  if (is_program()) run_program(start, plan.program, plan.arguments);
  run_worker(start);
}

void Supervisor::kill_all(int signal) noexcept {
  for (const Worker& worker : workers_) {
    if (worker.pid > 0) ::kill(worker.pid, signal);
  }
}

void Supervisor::reap() {
  signalfd_siginfo ignored;
  while (::read(child_signals_.get(), &ignored, sizeof ignored) > 0) {
  }
  int status = 0;
  for (pid_t pid; (pid = ::waitpid(-1, &status, WNOHANG)) > 0;) {
    for (std::size_t i = 0; i < workers_.size(); ++i) {
      if (workers_[i].pid == pid) ended(static_cast<int>(i), status);
    }
  }
}

void Supervisor::ended(int number, int status) {
  relay_reports();  // what it said comes before its end
  Worker& worker = workers_[static_cast<std::size_t>(number)];
  if (may_replace(worker, status)) {
    if (start_.job->left_over(number) != LeftOver::nothing) {
      if (replace(number, status)) return;
    } else if (worker.returned || WIFSIGNALED(status)) {
      // All was done and closed before it died: a replacement would have nothing to do.
      Report returned;
      returned.head.kind = ReportKind::returned;
      returned.head.worker = number;
      add(std::move(returned));
      status = 0;
    }
  }
  Report end;
  end.head.kind = ReportKind::ended;
  end.head.worker = number;
  end.head.attempt = worker.attempt;
  end.head.pid = worker.pid;
  end.head.status = status;
  if (holds()) {
    end.head.error = is_program() && start_.job->left_over(number) == LeftOver::unused;
    renounce(number, status);
  }
  add(std::move(end));
  worker.pid = 0;
  --living_;
}

bool Supervisor::may_replace(const Worker& worker, int status) const noexcept {
  const bool in_order = is_program() ? status == 0 : worker.returned && status == 0;
  return holds() && !in_order && !worker.threw && worker.not_executed == 0 && !no_more_heirs_ &&
         worker.attempt < static_cast<std::uint32_t>(start_.plan->restarts);
}

bool Supervisor::replace(int number, int status) {
  Worker& worker = workers_[static_cast<std::size_t>(number)];
  const Worker former = std::exchange(worker, Worker{0, worker.attempt + 1, false, false, 0});
  const pid_t pid = start_one(number, worker);
  if (pid < 0) {  // no process to be had: the death stands
    worker = former;
    return false;
  }
  worker.pid = pid;
  Report replaced;
  replaced.head.kind = ReportKind::replaced;
  replaced.head.worker = number;
  replaced.head.attempt = worker.attempt;
  replaced.head.pid = pid;
  replaced.head.status = status;
  add(std::move(replaced));
  return true;
}

void Supervisor::renounce(int number, int status) {
  const Worker& worker = workers_[static_cast<std::size_t>(number)];
  const std::string name = is_program() ? fmt::format("program {}", start_.plan->program)
                                        : fmt::format("worker {}", number);
  std::string why;
  if (worker.not_executed != 0) {
    why = fmt::format("{} could not be run: {}", name, errno_text(worker.not_executed));
  } else if (WIFSIGNALED(status)) {
    why = fmt::format("{} was killed by signal {} before it took this endpoint", name,
                      WTERMSIG(status));
  } else {
    why = fmt::format("{} ended with code {} and never took this endpoint", name,
                      WEXITSTATUS(status));
  }
  start_.job->renounce(number, why);
}

void Supervisor::add_fork_failure(int number, int error) {
  Report failed;
  failed.head.kind = ReportKind::fork_failed;
  failed.head.worker = number;
  failed.head.error = error;
  add(std::move(failed));
}

}  // namespace iq::detail
