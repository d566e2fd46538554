// How workers end, and the exception that says so.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "iq/detail/api.hpp"
#include "iq/error.hpp"

namespace iq {

/// How a worker ended.
enum class WorkerEnd : unsigned char {
  running,        ///< not ended yet
  returned,       ///< its function returned; a program: exit code 0
  threw,          ///< an exception left its function
  exited,         ///< it left by exit() or _exit(), whatever the code; a program: not with 0
  killed,         ///< by a signal
  lost,           ///< its supervisor was killed, and it with it
  not_executed,   ///< exec: the program could not be run
  never_started,  ///< the system refused another process
};

/// The end as a word, for messages and logs.
constexpr std::string_view to_string(WorkerEnd end) noexcept {
  switch (end) {
    case WorkerEnd::running: return "running";
    case WorkerEnd::returned: return "returned";
    case WorkerEnd::threw: return "threw";
    case WorkerEnd::exited: return "exited";
    case WorkerEnd::killed: return "killed";
    case WorkerEnd::lost: return "lost";
    case WorkerEnd::not_executed: return "not_executed";
    case WorkerEnd::never_started: return "never_started";
  }
  return "?";
}

/// What is known about one worker.
struct WorkerOutcome {
  int worker = 0;       ///< its number within its fork() call, from 0; 0 for a program
  int pid = 0;          ///< as its supervisor saw it; 0 when it never started
  std::string role;     ///< e.g. `consumer of queue "jobs"`
  std::string program;  ///< what exec() ran; empty for a function
  WorkerEnd end = WorkerEnd::running;  ///< in which way
  int exit_code = -1;                  ///< -1 unless it ended by itself
  int signal = 0;                      ///< 0 unless it was killed
  int restarts = 0;             ///< how often it was replaced; the rest is of the last process
  int error_number = 0;         ///< not_executed: errno
  bool ignored_token = false;   ///< the program ended without using a token
  std::string exception_type;   ///< readable, e.g. "std::runtime_error"; empty without one
  std::string exception_text;   ///< what(), cut at 1,024 bytes
  bool is_consequence = false;  ///< it threw because a queue told it of another's end
};

/// A worker did not return normally. Names the first one; its text counts the others.
class IQ_API WorkerFailed : public Error {
 public:
  /// With a text as Error has it.
  WorkerFailed(const std::string& text, WorkerOutcome outcome)
      : Error(Errc::worker_failed, text), outcome_(std::move(outcome)) {}

  /// Its process id, as its supervisor saw it; 0 when it never started.
  int pid() const noexcept { return outcome_.pid; }
  /// Its number within its fork() call, from 0; 0 for a program.
  int worker() const noexcept { return outcome_.worker; }
  /// What it had, e.g. `consumer of queue "jobs"`.
  const std::string& role() const noexcept { return outcome_.role; }
  /// -1 unless it ended by itself.
  int exit_code() const noexcept { return outcome_.exit_code; }
  /// 0 when it was not killed.
  int signal() const noexcept { return outcome_.signal; }
  /// Readable, e.g. "std::runtime_error"; empty when it did not throw.
  const std::string& exception_type() const noexcept { return outcome_.exception_type; }
  /// The what() of that exception, cut at 1,024 bytes.
  const std::string& exception_text() const noexcept { return outcome_.exception_text; }
  /// All that is known about it.
  const WorkerOutcome& outcome() const noexcept { return outcome_; }

 private:
  WorkerOutcome outcome_;
};

}  // namespace iq
