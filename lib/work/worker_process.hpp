// The inside of one worker process, from the supervisor's fork to _exit.
#pragma once

#include <signal.h>
#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "iq/detail/worker_job.hpp"
#include "work/report.hpp"

namespace iq::detail {

/// How the process that called WorkerGroup::fork() treats signals: its workers do the same.
struct CallerSignals {
  sigset_t mask;
  struct sigaction child;      ///< of SIGCHLD, which the supervisor needs for itself
  struct sigaction interrupt;  ///< of SIGINT and SIGTERM, as the program set them,
  struct sigaction terminate;  ///< whatever a join() of another thread has made of them
};

struct WorkerStart {
  WorkerJob* job = nullptr;
  int worker = 0;
  std::uint32_t attempt = 0;
  int reports = -1;      ///< socket to the supervisor, kept open
  pid_t supervisor = 0;  ///< dies when this one is not its parent any more
  const CallerSignals* signals = nullptr;
  bool succeeds = false;  ///< its endpoints are held by the supervisor: taken over, not adopted
  bool is_last = true;    ///< nobody will replace it
};

/// Takes the endpoints over, says so, runs the function, reports its exception, leaves by _exit.
[[noreturn]] void run_worker(const WorkerStart& start) noexcept;

/// Becomes the program, with the tokens as last arguments; reports it if that fails.
[[noreturn]] void run_program(const WorkerStart& start, const std::string& program,
                              const std::vector<std::string>& arguments) noexcept;

/// Leaves a worker from another thread than its own, which may be anywhere, and hold a stream for
/// ever: stdio is flushed if that is soon done, nothing else is run.
[[noreturn]] void leave_worker_as_it_is(int code) noexcept;

/// Type, text and code of the exception. Requires: called while a C++ exception is handled.
void describe_exception(Report& report);

/// Writes out what stdio and the standard streams hold back. Leaves out files that another thread
/// has locked when that is likely to last: a thread that waits for input holds the lock of stdin.
void flush_stdio() noexcept;

/// Forgets what stdout and stderr still hold back, so that it is not written twice.
void drop_inherited_output() noexcept;

}  // namespace iq::detail
