// The supervisor: single-threaded, forked by whichever thread of the parent called fork().
// PR_SET_PDEATHSIG fires when the *thread* that forked ends. The workers' one forker is this
// process, which has one thread and ends by itself only after them, so there it means what it
// should: no supervisor, no workers. The parent's death is seen by its pidfd, whichever thread
// forked. As the workers are no children of the parent, its own SIGCHLD handling and waitpid calls
// cannot steal their exit status; as only this process reaps them, a signal it sends never hits a
// reused pid.
// It never waits for the parent to listen: reports that do not fit into the socket wait in a queue
// here, so that the parent's death is always noticed.
// It keeps the clean copy of the function and its captures that a replacement would start from.
#include "work/supervisor.hpp"

#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <deque>
#include <optional>
#include <vector>

#include "base/clock.hpp"
#include "work/report.hpp"

namespace iq::detail {
namespace {

constexpr int kNoPidfdPollMs = 100;

class Supervisor {
 public:
  explicit Supervisor(SupervisorStart&& start) : start_(std::move(start)) {
    workers_.resize(static_cast<std::size_t>(start_.count));
  }

  void run() {
    if (!prepare()) {
      add_fork_failure(0, errno);
    } else {
      start_all();
    }
    while (living_ > 0 || !pending_.empty()) turn();
  }

  void kill_all(int signal) noexcept {
    for (const Worker& worker : workers_) {
      if (worker.pid > 0) ::kill(worker.pid, signal);
    }
  }

 private:
  struct Worker {
    pid_t pid = 0;  // 0: not started, or reaped
    std::uint32_t attempt = 0;
  };

  bool prepare();
  void start_all();
  pid_t start_one(int number, std::uint32_t attempt);
  void turn();
  void relay_reports();
  void reap();
  void obey();
  void send_pending();
  void add_fork_failure(int number, int error);
  void add(Report report);
  bool parent_is_gone(bool pidfd_says_so) const noexcept;
  [[noreturn]] void follow_parent() noexcept;

  SupervisorStart start_;
  std::vector<Worker> workers_;
  int living_ = 0;
  std::deque<Report> pending_;  // not yet accepted by the socket
  std::optional<SocketPair> reports_;  // near: read here; far: written by the workers
  Fd child_signals_;
};

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

void Supervisor::start_all() {
  for (int number = 0; number < start_.count; ++number) {
    const pid_t pid = start_one(number, 0);
    if (pid < 0) return add_fork_failure(number, errno);
    workers_[static_cast<std::size_t>(number)] = {pid, 0};
    ++living_;
  }
}

pid_t Supervisor::start_one(int number, std::uint32_t attempt) {
  const pid_t self = ::getpid();
  const pid_t pid = ::fork();
  if (pid != 0) return pid;
  // Only what is the supervisor's is closed; this copy of the object is never destroyed.
  start_.control.reset();
  start_.parent.reset();
  child_signals_.reset();
  reports_->near.reset();
  run_worker({start_.job, number, attempt, reports_->far.get(), self, &start_.signals});
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
  while (receive_report(reports_->near.get(), report) == Transfer::ok) add(std::move(report));
}

void Supervisor::reap() {
  signalfd_siginfo ignored;
  while (::read(child_signals_.get(), &ignored, sizeof ignored) > 0) {
  }
  int status = 0;
  for (pid_t pid; (pid = ::waitpid(-1, &status, WNOHANG)) > 0;) {
    for (std::size_t i = 0; i < workers_.size(); ++i) {
      if (workers_[i].pid != pid) continue;
      relay_reports();  // what it said comes before its end
      Report ended;
      ended.head.kind = ReportKind::ended;
      ended.head.worker = static_cast<std::int32_t>(i);
      ended.head.attempt = workers_[i].attempt;
      ended.head.pid = pid;
      ended.head.status = status;
      add(std::move(ended));
      workers_[i].pid = 0;
      --living_;
    }
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
      return;
    }
    kill_all(command.signal);
  }
}

void Supervisor::add_fork_failure(int number, int error) {
  Report failed;
  failed.head.kind = ReportKind::fork_failed;
  failed.head.worker = number;
  failed.head.error = error;
  add(std::move(failed));
}

void Supervisor::add(Report report) {
  report.head.at_ns = now_ns();
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

}  // namespace

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
