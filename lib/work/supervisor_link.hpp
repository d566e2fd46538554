// The parent's end of one supervisor: what its workers did, and orders to it.
#pragma once

#include <poll.h>
#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "iq/worker_group.hpp"
#include "work/report.hpp"

namespace iq::detail {

struct WorkerRecord {
  WorkerOutcome outcome;
  bool settled = false;           // its endpoints are out of the parent's hands
  bool ended = false;             // its process is gone, as far as it can be known
  bool said_returned = false;
  std::int64_t failed_at_ns = 0;  // as ReportHead has it; for first cause first
};

/// Whether an iq::Errc, or 0, is what a queue tells of another's end.
bool is_consequence(std::int32_t error) noexcept;

/// How long workers may take to end before the next, harder means.
struct StopGrace {
  std::int64_t after_term_ns = 5'000'000'000;  // then KILL
  std::int64_t after_kill_ns = 5'000'000'000;  // then their supervisor is killed, and they with it
};

/// Threads: one at a time. Processes: the one that called start().
class SupervisorLink {
 public:
  explicit SupervisorLink(const WorkerPlan& plan);
  SupervisorLink(const SupervisorLink&) = delete;
  SupervisorLink& operator=(const SupervisorLink&) = delete;
  /// Kills a supervisor that has not ended, and its workers with it.
  ~SupervisorLink();

  /// Forks the supervisor and returns when each worker has adopted its endpoints or has ended.
  /// `plan` is the constructor's.
  /// Errors: SystemError when a process was refused; then everything that started has ended.
  void start(WorkerJob& job, const WorkerPlan& plan, const StopGrace& grace);

  /// Takes in what has arrived. Never waits.
  void listen();

  /// Everything is known: all workers have ended and the supervisor is reaped.
  bool ended() const noexcept { return ended_; }

  void signal_workers(int signal) noexcept;
  /// Who dies from now on is not replaced.
  void end_restarts() noexcept;

  const std::vector<WorkerRecord>& workers() const noexcept { return workers_; }

  void add_events(std::vector<pollfd>& events) const;
  bool has_pidfd() const noexcept { return static_cast<bool>(pidfd_); }

 private:
  bool fork_supervisor(WorkerJob& job, const WorkerPlan& plan);
  void await_settled();
  void apply(Report& report);
  void apply_end(WorkerRecord& record, const ReportHead& head);
  void apply_fork_failure(const ReportHead& head);
  void apply_replacement(WorkerRecord& record, const ReportHead& head);
  void begin();
  void settle(WorkerRecord& record, bool adopted);
  void supervisor_ended();
  bool reap_supervisor(int options) noexcept;
  bool supervisor_is_gone() noexcept;
  [[noreturn]] void throw_refused(const StopGrace& grace);

  std::vector<WorkerRecord> workers_;
  std::string role_;
  WorkerJob* job_ = nullptr;  // while start() runs
  std::size_t unsettled_ = 0;
  int fork_error_ = 0;
  pid_t pid_ = 0;
  Fd pidfd_;
  Fd control_;
  bool surrendered_ = false;  // all endpoints, to the supervisor
  bool ended_ = false;
};

using SupervisorLinks = std::vector<std::unique_ptr<SupervisorLink>>;

/// Listens to the links until all have ended; false when the deadline passed first, or `other` (a
/// descriptor, -1 for none) has become readable.
bool wait_for_end(const std::vector<SupervisorLink*>& links, DeadlineNs deadline_ns,
                  int other = -1);

/// TERM, then KILL. Returns when all have ended; what outlives both graces goes with its link.
void stop_links(const std::vector<SupervisorLink*>& links, const StopGrace& grace);

}  // namespace iq::detail
