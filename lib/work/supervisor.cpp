// The supervisor: single-threaded, forked by whichever thread of the parent called fork().
// PR_SET_PDEATHSIG fires when the *thread* that forked ends. The workers' one forker is this
// process, which has one thread and ends by itself only after them, so there it means what it
// should: no supervisor, no workers. The parent's death is seen by its pidfd, whichever thread
// forked. As the workers are no children of the parent, its own SIGCHLD handling and waitpid calls
// cannot steal their exit status; as only this process reaps them, a signal it sends never hits a
// reused pid.
// It never waits for the parent to listen: reports that do not fit into the socket wait in a queue
// here, so that the parent's death is always noticed.
// It keeps the clean copy of the function and its captures that a replacement starts from.
#include "work/supervisor_process.hpp"

#include <poll.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "base/clock.hpp"

namespace iq::detail {
namespace {

constexpr int kNoPidfdPollMs = 100;

}  // namespace

Supervisor::Supervisor(SupervisorStart&& start) : start_(std::move(start)) {
  workers_.resize(static_cast<std::size_t>(start_.plan->count));
}

void Supervisor::run() {
  begun_ = true;
  if (!prepare()) {
    add_fork_failure(0, errno);
  } else if (holds()) {
    hold_endpoints();
  } else {
    start_all();
  }
  while (!begun_ || living_ > 0 || !pending_.empty()) turn();
}

bool Supervisor::prepare() {
  // The program may ignore SIGCHLD, and its children with it: then no status could be collected.
  struct sigaction usual {};
  usual.sa_handler = SIG_DFL;
  sigaction(SIGCHLD, &usual, nullptr);
  sigset_t child;
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  child_signals_ = Fd(::signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK)).moved_high();
  if (!child_signals_) return false;
  reports_ = make_socket_pair();
  if (!reports_) return false;
  reports_->near = std::move(reports_->near).moved_high();
  reports_->far = std::move(reports_->far).moved_high();
  return true;
}

void Supervisor::turn() {
  pollfd events[] = {
      {start_.parent.get(), POLLIN, 0},
      {child_signals_.get(), POLLIN, 0},
      {reports_ ? reports_->near.get() : -1, POLLIN, 0},
      {start_.control.get(), static_cast<short>(pending_.empty() ? POLLIN : POLLIN | POLLOUT), 0},
  };
  ::poll(events, std::size(events), start_.parent ? -1 : kNoPidfdPollMs);
  if (parent_is_gone(events[0].revents != 0)) follow_parent();
  if (events[2].revents != 0) relay_reports();
  if (events[1].revents != 0) reap();
  if ((events[3].revents & (POLLIN | POLLHUP | POLLERR)) != 0) obey();
  send_pending();
}

bool Supervisor::parent_is_gone(bool pidfd_says_so) const noexcept {
  return start_.parent ? pidfd_says_so : ::getppid() != start_.parent_pid;
}

void Supervisor::follow_parent() noexcept {
  kill_all(SIGKILL);
  // Leaving does the same by PR_SET_PDEATHSIG, but a worker that changed its user has lost that.
  while (::waitpid(-1, nullptr, 0) > 0 || errno == EINTR) {
  }
  ::_exit(0);
}

void Supervisor::relay_reports() {
  Report report;
  while (receive_report(reports_->near.get(), report) == Transfer::ok) {
    const auto number = static_cast<std::size_t>(report.head.worker);
    if (number < workers_.size() && report.head.attempt == workers_[number].attempt) {
      Worker& worker = workers_[number];
      worker.returned |= report.head.kind == ReportKind::returned;
      worker.threw |= report.head.kind == ReportKind::threw;
      if (report.head.kind == ReportKind::not_executed) worker.not_executed = report.head.error;
    }
    add(std::move(report));
  }
}

void Supervisor::obey() {
  while (true) {
    Command command;
    const Transfer transfer = receive_command(start_.control.get(), command);
    if (transfer == Transfer::would_block) return;
    if (transfer == Transfer::closed) {
      // The parent lives but has lost its end, e.g. by exec: nobody is left to report to.
      start_.control.reset();
      pending_.clear();
      begun_ = true;
      return;
    }
    switch (command.order) {
      case Order::signal: kill_all(command.signal); break;
      case Order::begin:
        begun_ = true;
        start_all();
        break;
      case Order::no_more_heirs: no_more_heirs_ = true; break;
    }
  }
}

void Supervisor::add(Report report) {
  if (report.head.at_ns == 0) report.head.at_ns = now_ns();
  if (start_.control) pending_.push_back(std::move(report));
}

void Supervisor::send_pending() {
  while (!pending_.empty()) {
    const Transfer transfer = send_report(start_.control.get(), pending_.front(), /*wait=*/false);
    if (transfer == Transfer::would_block) return;
    if (transfer == Transfer::closed) {
      start_.control.reset();
      pending_.clear();
      return;
    }
    pending_.pop_front();
  }
}

void supervise(SupervisorStart start) noexcept {
  drop_inherited_output();
  try {
    Supervisor(std::move(start)).run();
  } catch (...) {  // out of memory: the workers go with their supervisor, the parent is told so
  }
  ::_exit(0);
}

Fd open_pidfd(pid_t pid) noexcept {
  Fd fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  return std::move(fd).moved_high();
}

}  // namespace iq::detail
