// The supervisor's inside. Split over supervisor.cpp (what it listens to, what it says) and
// supervisor_workers.cpp (its workers and those that replace them).
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "work/report.hpp"
#include "work/supervisor.hpp"

namespace iq::detail {

class Supervisor {
 public:
  explicit Supervisor(SupervisorStart&& start);
  void run();

 private:
  struct Worker {
    pid_t pid = 0;  // 0: not started, or reaped
    std::uint32_t attempt = 0;
    // What the present process has said.
    bool returned = false;
    bool threw = false;
    int not_executed = 0;  // errno
  };

  // supervisor.cpp
  bool prepare();
  void turn();
  void relay_reports();
  void obey();
  void send_pending();
  void add(Report report);
  bool parent_is_gone(bool pidfd_says_so) const noexcept;
  [[noreturn]] void follow_parent() noexcept;

  // supervisor_workers.cpp
  void hold_endpoints();
  void start_all();
  pid_t start_one(int number, Worker& worker);
  void kill_all(int signal) noexcept;
  void reap();
  void ended(int number, int status);
  bool replace(int number, int status);
  bool may_replace(const Worker& worker, int status) const noexcept;
  void renounce(int number, int status);
  void add_fork_failure(int number, int error);
  bool is_program() const noexcept { return !start_.plan->program.empty(); }
  /// The workers' endpoints are held here.
  bool holds() const noexcept { return is_program() || start_.plan->restarts > 0; }

  SupervisorStart start_;
  std::vector<Worker> workers_;
  int living_ = 0;
  bool begun_ = false;  // nobody waits for an order to begin
  bool no_more_heirs_ = false;
  std::deque<Report> pending_;         // not yet accepted by the socket
  std::optional<SocketPair> reports_;  // near: read here; far: written by the workers
  Fd child_signals_;
};

}  // namespace iq::detail
