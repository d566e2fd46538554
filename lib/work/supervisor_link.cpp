// The parent's side of a supervisor. It learns everything from two descriptors: the packet socket,
// and the supervisor's pidfd, which tells its death even when a process that the program forked at
// the wrong moment still holds the other end of the socket. Waiting for the pidfd and not only for
// the last report means that reaping never waits.
// The program may reap the supervisor itself (waitpid(-1)) or ignore SIGCHLD: the pidfd tells the
// end all the same, and reaping by pidfd never takes another child's status.
#include "work/supervisor_link.hpp"

#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/events.hpp"
#include "sys/fork_guard.hpp"
#include "sys/signal_watch.hpp"
#include "sys/system_error.hpp"
#include "work/supervisor.hpp"

namespace iq::detail {
namespace {

constexpr std::int64_t kNanosecondsPerMs = 1'000'000;
constexpr std::int64_t kNoPidfdPollNs = 100 * kNanosecondsPerMs;

/// What the user can do about the lack of which a fork was refused.
std::string way_out(int error) {
  if (error == ENOMEM) return "there is not enough memory: fork fewer, or from a smaller process";
  if (error == ENFILE) return "the system may not open more files (sysctl fs.file-max): raise that";
  const bool lacks_files = error == EMFILE;
  rlimit limit{};
  ::getrlimit(lacks_files ? RLIMIT_NOFILE : RLIMIT_NPROC, &limit);
  const std::string allowed =
      limit.rlim_cur == RLIM_INFINITY ? "unlimited" : std::to_string(limit.rlim_cur);
  return lacks_files
             ? fmt::format("the limit of open files (ulimit -n) is {}: raise it, or close some",
                           allowed)
             : fmt::format(
                   "the limit of processes (ulimit -u) is {}: raise it, or that of the "
                   "control group, or fork fewer",
                   allowed);
}

/// One wait for any of the links or `other`, at most until the deadline; then listens to all. True
/// when it was `other`.
bool turn(const std::vector<SupervisorLink*>& links, DeadlineNs deadline_ns, int other = -1) {
  std::vector<pollfd> events;
  events.push_back({other, POLLIN, 0});
  DeadlineNs wake_ns = deadline_ns;
  for (const SupervisorLink* link : links) {
    if (link->ended()) continue;
    link->add_events(events);
    if (!link->has_pidfd()) wake_ns = std::min(wake_ns, now_ns() + kNoPidfdPollNs);
  }
  timespec left{};
  if (wake_ns != kForever) {
    const std::int64_t left_ns = std::max<std::int64_t>(wake_ns - now_ns(), 0);
    left = {left_ns / 1'000'000'000, left_ns % 1'000'000'000};
  }
  ::ppoll(events.data(), events.size(), wake_ns == kForever ? nullptr : &left, nullptr);
  for (SupervisorLink* link : links) link->listen();
  return events.front().revents != 0;
}

/// All signals off, so that a handler of the program never runs in the supervisor.
class BlockedSignals {
 public:
  BlockedSignals() noexcept {
    sigset_t all;
    sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  BlockedSignals(const BlockedSignals&) = delete;
  BlockedSignals& operator=(const BlockedSignals&) = delete;
  ~BlockedSignals() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  const sigset_t& before() const noexcept { return before_; }

 private:
  sigset_t before_;
};

}  // namespace

bool is_consequence(std::int32_t error) noexcept {
  switch (static_cast<Errc>(error)) {
    case Errc::closed:
    case Errc::no_consumers:
    case Errc::producer_died:
    case Errc::producer_failed:
    case Errc::stopped: return true;
    default: return false;
  }
}

SupervisorLink::SupervisorLink(const WorkerPlan& plan) : role_(plan.role) {
  workers_.resize(static_cast<std::size_t>(plan.count));
  for (int number = 0; number < plan.count; ++number) {
    WorkerOutcome& outcome = workers_[static_cast<std::size_t>(number)].outcome;
    outcome.worker = number;
    outcome.role = plan.role;
    outcome.program = plan.program;
  }
  unsettled_ = workers_.size();
}

SupervisorLink::~SupervisorLink() {
  if (pid_ == 0 || ended_) return;
  if (pidfd_) {
    ::syscall(SYS_pidfd_send_signal, pidfd_.get(), SIGKILL, nullptr, 0);
  } else if (reap_supervisor(WNOHANG)) {
    return;
  } else {
    ::kill(pid_, SIGKILL);
  }
  reap_supervisor(0);
}

void SupervisorLink::start(WorkerJob& job, const WorkerPlan& plan, const StopGrace& grace) {
  flush_stdio();
  job_ = &job;
  if (!fork_supervisor(job, plan)) {
    fork_error_ = errno;
    for (WorkerRecord& record : workers_) settle(record, /*adopted=*/false);
    ended_ = true;
  }
  await_settled();
  job_ = nullptr;
  if (fork_error_ != 0) throw_refused(grace);
}

bool SupervisorLink::fork_supervisor(WorkerJob& job, const WorkerPlan& plan) {
  std::optional<SocketPair> sockets = make_socket_pair();
  if (!sockets) return false;
  Fd near = std::move(sockets->near);
  near = std::move(near).moved_high();  // assigned, so that the low number is closed already
  SupervisorStart start;
  start.job = &job;
  start.plan = &plan;
  start.control = std::move(sockets->far);
  start.control = std::move(start.control).moved_high();
  start.parent_pid = ::getpid();
  start.parent = open_pidfd(start.parent_pid);
  ::sigaction(SIGCHLD, nullptr, &start.signals.child);
  start.signals.interrupt = program_action(SIGINT);
  start.signals.terminate = program_action(SIGTERM);

  const BlockedSignals blocked;
  start.signals.mask = blocked.before();
  const pid_t pid = fork_own();
  if (pid < 0) return false;
  if (pid == 0) {
    near.reset();
    supervise(std::move(start));
  }
  pid_ = pid;
  pidfd_ = open_pidfd(pid);
  control_ = std::move(near);
  return true;
}

void SupervisorLink::await_settled() {
  const std::vector<SupervisorLink*> self{this};
  while (unsettled_ > 0 && !ended_) turn(self, kForever);
}

void SupervisorLink::throw_refused(const StopGrace& grace) {
  const auto started = std::count_if(workers_.begin(), workers_.end(), [](const WorkerRecord& w) {
    return w.outcome.end != WorkerEnd::never_started;
  });
  if (!ended_) stop_links({this}, grace);
  throw SystemError(
      fmt::format("cannot fork {} worker{} ({}): {}. {} had been started and {} stopped again; {}",
                  workers_.size(), workers_.size() == 1 ? "" : "s", role_, errno_text(fork_error_),
                  started, started == 1 ? "was" : "were", way_out(fork_error_)),
      fork_error_);
}

void SupervisorLink::listen() {
  if (ended_) return;
  const bool gone = supervisor_is_gone();  // first: then everything it ever sent is there to read
  Report report;
  while (control_) {
    const Transfer transfer = receive_report(control_.get(), report);
    if (transfer == Transfer::would_block) break;
    if (transfer == Transfer::closed) {
      control_.reset();
    } else {
      apply(report);
    }
  }
  if (gone) supervisor_ended();
  deliver_events();
}

void SupervisorLink::apply(Report& report) {
  const ReportHead& head = report.head;
  if (head.kind == ReportKind::held) return begin();
  if (head.worker < 0 || static_cast<std::size_t>(head.worker) >= workers_.size()) return;
  WorkerRecord& record = workers_[static_cast<std::size_t>(head.worker)];
  switch (head.kind) {
    case ReportKind::ready:
      record.outcome.pid = head.pid;
      settle(record, /*adopted=*/true);
      break;
    case ReportKind::returned: record.said_returned = true; break;
    case ReportKind::threw:
      record.outcome.exception_type = std::move(report.type);
      record.outcome.exception_text = std::move(report.text);
      record.outcome.end = WorkerEnd::threw;
      record.outcome.is_consequence = is_consequence(head.error);
      record.failed_at_ns = head.at_ns;
      break;
    case ReportKind::fork_failed: apply_fork_failure(head); break;
    case ReportKind::not_executed:
      record.outcome.end = WorkerEnd::not_executed;
      record.outcome.error_number = head.error;
      record.failed_at_ns = head.at_ns;
      break;
    case ReportKind::replaced: apply_replacement(record, head); break;
    case ReportKind::ended: apply_end(record, head); break;
    case ReportKind::held: break;
  }
}

// The supervisor holds every endpoint: ours are let go, and only then do the workers come for them.
void SupervisorLink::begin() {
  if (job_ == nullptr) return;
  for (const WorkerRecord& record : workers_) job_->surrender(record.outcome.worker);
  surrendered_ = true;
  send_command(control_.get(), Command{Order::begin, 0});
}

void SupervisorLink::apply_replacement(WorkerRecord& record, const ReportHead& head) {
  note_event({.kind = EventKind::restarted, .pid = record.outcome.pid});
  record.outcome.pid = head.pid;
  record.outcome.restarts = static_cast<int>(head.attempt);
  record.said_returned = false;
}

void SupervisorLink::apply_end(WorkerRecord& record, const ReportHead& head) {
  WorkerOutcome& outcome = record.outcome;
  record.ended = true;
  outcome.pid = head.pid;
  if (record.failed_at_ns == 0) record.failed_at_ns = head.at_ns;
  if (WIFSIGNALED(head.status)) {
    outcome.signal = WTERMSIG(head.status);
  } else {
    outcome.exit_code = WEXITSTATUS(head.status);
  }
  outcome.ignored_token = head.error != 0;
  if (outcome.end == WorkerEnd::running) {  // else that is what it died of
    const bool returned = outcome.program.empty()
                              ? record.said_returned
                              : outcome.exit_code == 0 && !outcome.ignored_token;
    const WorkerEnd by_itself = returned ? WorkerEnd::returned : WorkerEnd::exited;
    outcome.end = outcome.signal != 0 ? WorkerEnd::killed : by_itself;
  }
  settle(record, /*adopted=*/false);
}

void SupervisorLink::apply_fork_failure(const ReportHead& head) {
  fork_error_ = head.error;
  for (std::size_t i = static_cast<std::size_t>(head.worker); i < workers_.size(); ++i) {
    workers_[i].ended = true;
    workers_[i].outcome.end = WorkerEnd::never_started;
    workers_[i].failed_at_ns = head.at_ns;
    settle(workers_[i], /*adopted=*/false);
  }
}

void SupervisorLink::settle(WorkerRecord& record, bool adopted) {
  if (record.settled) return;
  record.settled = true;
  --unsettled_;
  if (job_ == nullptr) return;
  if (surrendered_) return;
  if (adopted) return job_->surrender(record.outcome.worker);
  if (record.outcome.end == WorkerEnd::running) record.outcome.end = WorkerEnd::never_started;
  job_->fail(record.outcome.worker,
             fmt::format("worker {} ended before it could begin ({})", record.outcome.worker,
                         to_string(record.outcome.end)));
}

void SupervisorLink::supervisor_ended() {
  for (WorkerRecord& record : workers_) {
    if (record.ended) continue;
    record.ended = true;
    if (record.outcome.end == WorkerEnd::running) {
      record.outcome.end = record.said_returned ? WorkerEnd::returned : WorkerEnd::lost;
      record.failed_at_ns = now_ns();
    }
    settle(record, /*adopted=*/false);
  }
  reap_supervisor(WNOHANG);
  control_.reset();
  pidfd_.reset();
  ended_ = true;
}

bool SupervisorLink::reap_supervisor(int options) noexcept {
  siginfo_t info{};
  const auto id = static_cast<id_t>(pidfd_ ? pidfd_.get() : pid_);
  while (::waitid(pidfd_ ? P_PIDFD : P_PID, id, &info, WEXITED | options) < 0) {
    if (errno != EINTR) return true;  // no child of ours any more: the program has reaped it
  }
  return info.si_pid != 0;
}

bool SupervisorLink::supervisor_is_gone() noexcept {
  if (!pidfd_) return reap_supervisor(WNOHANG);
  pollfd event{pidfd_.get(), POLLIN, 0};
  if (::poll(&event, 1, 0) <= 0) return false;
  if ((event.revents & POLLNVAL) == 0) return true;
  static_cast<void>(pidfd_.release());  // the program closed it: look by pid from now on
  return false;
}

void SupervisorLink::signal_workers(int signal) noexcept {
  if (control_) send_command(control_.get(), Command{Order::signal, signal});
}

void SupervisorLink::end_restarts() noexcept {
  if (control_) send_command(control_.get(), Command{Order::no_more_heirs, 0});
}

void SupervisorLink::add_events(std::vector<pollfd>& events) const {
  events.push_back({control_.get(), POLLIN, 0});
  events.push_back({pidfd_.get(), POLLIN, 0});
}

bool wait_for_end(const std::vector<SupervisorLink*>& links, DeadlineNs deadline_ns, int other) {
  const auto all_ended = [&links] {
    return std::all_of(links.begin(), links.end(), [](const auto* link) { return link->ended(); });
  };
  for (SupervisorLink* link : links) link->listen();
  while (!all_ended()) {
    if (deadline_ns != kForever && now_ns() >= deadline_ns) return false;
    if (turn(links, deadline_ns, other)) return false;
  }
  return true;
}

void stop_links(const std::vector<SupervisorLink*>& links, const StopGrace& grace) {
  for (SupervisorLink* link : links) {
    link->end_restarts();
    link->signal_workers(SIGTERM);
  }
  if (wait_for_end(links, now_ns() + grace.after_term_ns)) return;
  for (SupervisorLink* link : links) link->signal_workers(SIGKILL);
  wait_for_end(links, now_ns() + grace.after_kill_ns);
}

}  // namespace iq::detail
