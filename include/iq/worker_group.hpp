// Worker processes, one line each: forked, supervised, joined, their failures reported.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "iq/detail/api.hpp"
#include "iq/detail/worker_bind.hpp"
#include "iq/error.hpp"

namespace iq {

namespace detail {
class WorkerCrew;
struct WorkerGroupAccess;
}  // namespace detail

/// How a worker ended.
enum class WorkerEnd : unsigned char {
  running,        ///< not ended yet
  returned,       ///< its function returned
  threw,          ///< an exception left its function
  exited,         ///< it left by exit() or _exit(), whatever the code
  killed,         ///< by a signal
  lost,           ///< its supervisor was killed, and it with it
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
    case WorkerEnd::never_started: return "never_started";
  }
  return "?";
}

/// What is known about one worker.
struct WorkerOutcome {
  int worker = 0;                      ///< its number within its fork() call, from 0
  int pid = 0;                         ///< as its supervisor saw it; 0 when it never started
  std::string role;                    ///< e.g. `consumer of queue "jobs"`
  WorkerEnd end = WorkerEnd::running;  ///< how it ended
  int exit_code = -1;                  ///< -1 unless it ended by itself
  int signal = 0;                      ///< 0 unless it was killed
  std::string exception_type;          ///< readable, e.g. "std::runtime_error"; empty without one
  std::string exception_text;          ///< what(), cut at 1,024 bytes
  bool is_consequence = false;         ///< it threw because a queue told it of another's end
};

/// A worker did not return normally. Names the first one; its text counts the others.
class IQ_API WorkerFailed : public Error {
 public:
  /// With a text as Error has it.
  WorkerFailed(const std::string& text, WorkerOutcome outcome)
      : Error(Errc::worker_failed, text), outcome_(std::move(outcome)) {}

  /// Its process id, as its supervisor saw it.
  int pid() const noexcept { return outcome_.pid; }
  /// Its number within its fork() call, from 0.
  int worker() const noexcept { return outcome_.worker; }
  /// What it did, e.g. `consumer of queue "jobs"`.
  const std::string& role() const noexcept { return outcome_.role; }
  /// -1 when it was killed.
  int exit_code() const noexcept { return outcome_.exit_code; }
  /// 0 when it was not killed.
  int signal() const noexcept { return outcome_.signal; }
  /// Of the exception that left its function; empty without one.
  const std::string& exception_type() const noexcept { return outcome_.exception_type; }
  /// what() of that exception, cut at 1,024 bytes.
  const std::string& exception_text() const noexcept { return outcome_.exception_text; }
  /// All of this together.
  const WorkerOutcome& outcome() const noexcept { return outcome_; }

 private:
  WorkerOutcome outcome_;
};

/// Processes that work on queues, and the one place that waits for them.
///
///     iq::WorkerGroup crew;
///     crew.fork(17, [](iq::Producer<int> out) { out.put(1); }, q);
///     crew.fork(13, [](iq::Consumer<int> in) { for (int i : in) use(i); }, q);
///     q.close();
///     crew.join();
///
/// Threads:   one at a time per WorkerGroup. The thread that forked may end before its workers.
/// Processes: only where it was made; elsewhere WrongProcess, and the destructor does nothing.
/// If killed: the workers of a killed process are killed with it, whichever thread forked them.
///            The program's own SIGCHLD handlers and waitpid calls do no harm: each fork() makes
///            one child of this process, a supervisor, and the workers are its children.
class IQ_API WorkerGroup {
 public:
  /// A group without workers: nothing is started before fork().
  WorkerGroup();
  WorkerGroup(const WorkerGroup&) = delete;
  WorkerGroup& operator=(const WorkerGroup&) = delete;
  /// Without join(): stops the queues, sends TERM, after 5 s KILL, and waits. Never throws.
  ~WorkerGroup();

  /// Starts `count` processes that call `function`. Returns when each has taken over its endpoints.
  ///
  /// `arguments` are queues, then anything else. The parameters of `function` are one
  /// iq::Producer<T> or iq::Consumer<T> per queue, in that order, by value, & or &&; then, if it
  /// wants it, an int, the worker's number from 0; then copies of the other arguments. Nothing
  /// need be copyable for the function itself: a fork copies memory. What it returns is ignored.
  ///
  /// A worker ends without the destructors and atexit handlers of this process; its stdio is
  /// flushed. Its endpoints are closed when the function returns, failed when it throws or exits.
  ///
  /// Errors: BadArgument for a negative count; SystemError when the system refuses a process: the
  ///         endpoints of the missing workers count as failed, those started have been stopped;
  ///         whatever get_producer() and get_consumer() throw.
  template <class F, class... Args>
  void fork(int count, F&& function, Args&&... arguments);

  /// Closes the anonymous queues that its workers were given (the forgotten close) and waits for
  /// all workers. Afterwards fork() may be used again; a second join() has nothing to do.
  ///
  /// Errors: WorkerFailed for the worker that failed first; those that failed only because a queue
  ///         told them of another's failure, or of the end, come after the others.
  void join();

  /// The same within `duration`. False when a worker still ran: then nothing is lost, call again.
  template <class Rep, class Period>
  bool join_for(std::chrono::duration<Rep, Period> duration);

  /// What is known about each worker since the last finished join(), that join's workers included
  /// until the next fork(): in the order of the fork() calls, then by number.
  std::vector<WorkerOutcome> results();

  /// The process ids of the workers that have not ended.
  std::vector<int> pids();

  /// How many workers have not ended.
  int alive();

  /// Sends `signal` to every worker that has not ended; never to a process that merely inherited
  /// the id of one that has. Errors: BadArgument unless 1..64.
  void kill(int signal);

 private:
  friend struct detail::WorkerGroupAccess;

  detail::WorkerCrew& crew();      // Errors: WrongProcess
  void check_may_fork(int count);  // Errors: BadArgument, WrongProcess
  void start(detail::WorkerJob& job, detail::WorkerPlan plan);
  bool join_within(std::int64_t timeout_ns);

  std::unique_ptr<detail::WorkerCrew> crew_;
};

template <class F, class... Args>
void WorkerGroup::fork(int count, F&& function, Args&&... arguments) {
  if constexpr (detail::WorkerShape<F, Args...>::check()) {
    check_may_fork(count);
    detail::BoundJob<std::remove_reference_t<F>, Args...> job(count, function, arguments...);
    start(job, job.plan(count));
  }
}

template <class Rep, class Period>
bool WorkerGroup::join_for(std::chrono::duration<Rep, Period> duration) {
  // Clamped in floating point, which no unit and no length can overflow.
  const double wanted_ns = std::chrono::duration<double, std::nano>(duration).count();
  constexpr double kLongestNs = 4e18;  // 127 years
  return join_within(static_cast<std::int64_t>(std::clamp(wanted_ns, 0.0, kLongestNs)));
}

}  // namespace iq
