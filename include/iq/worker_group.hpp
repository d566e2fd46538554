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
#include "iq/token.hpp"
#include "iq/worker_outcome.hpp"

namespace iq {

namespace detail {
class WorkerCrew;
struct WorkerGroupAccess;
}  // namespace detail

/// For WorkerGroup::fork: `crew.fork({.count = 4, .restarts = 3}, work, queue)`.
struct ForkOptions {
  int count = 1;  ///< how many processes
  /// How often each worker may be replaced after it died: killed by a signal, or left by exit().
  /// One that threw is not replaced. The replacement begins anew, with the captures as they were
  /// at fork(), and takes over the endpoints where its predecessor ended: nothing counts as failed.
  int restarts = 0;
};

/// For WorkerGroup::exec: `crew.exec({.restarts = 3}, "./worker", {}, queue.consumer_token())`.
struct ExecOptions {
  /// How often the program may be started again after it was killed by a signal or ended with
  /// another exit code than 0; each start has a token of its own for the same endpoint. A program
  /// that has closed its endpoints, as the end of main() does, has left them: nobody takes them
  /// over.
  int restarts = 0;
};

/// For WorkerGroup::join and join_for.
struct JoinOptions {
  /// SIGINT and SIGTERM mean an orderly end while join() waits. See join().
  bool signals = true;
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
  void fork(int count, F&& function, Args&&... arguments) {
    fork(ForkOptions{.count = count}, std::forward<F>(function), std::forward<Args>(arguments)...);
  }
  /// As above, with all options. Errors: as above; BadArgument for negative restarts.
  template <class F, class... Args>
  void fork(const ForkOptions& options, F&& function, Args&&... arguments);

  /// Runs a program with endpoints of its own: after `arguments` come the tokens, one argument
  /// each, in their order. `program` is looked up in PATH unless it has a slash. Returns when the
  /// endpoints are in the hands of a supervisor; what becomes of the program, join() tells.
  ///
  ///     crew.exec("./worker", {"--fast"}, jobs.consumer_token(), answers.producer_token());
  ///
  /// Exit code 0 is a normal end, anything else a death. What the program starts itself is its own.
  ///
  /// Errors: BadArgument for a token that was given away already; SystemError when the system
  ///         refuses a process. A program that cannot be run is no error here: join() names it, and
  ///         its endpoints have failed by then.
  template <class... Tokens>
  void exec(const std::string& program, std::vector<std::string> arguments, Tokens&&... tokens) {
    exec(ExecOptions{}, program, std::move(arguments), std::forward<Tokens>(tokens)...);
  }
  /// As above, with options. Errors: as above; BadArgument for negative restarts.
  template <class... Tokens>
  void exec(const ExecOptions& options, const std::string& program,
            std::vector<std::string> arguments, Tokens&&... tokens);

  /// Closes the anonymous queues that its workers were given (the forgotten close) and waits for
  /// all workers. Afterwards fork() may be used again; a second join() has nothing to do.
  ///
  /// Signals, unless {.signals = false}: SIGINT and SIGTERM, where the program does not ignore
  /// them, are handled here while join() waits; the program's own handlers are in force again
  /// afterwards. The first one drains the queues of the workers: they are closed, puts throw
  /// Closed, what is queued is finished (the puts of workers that also consume go on), and when all
  /// workers have ended join() throws Interrupted. The second one kills them. Workers ignore
  /// SIGINT, since Ctrl-C reaches them too, unless the program had a handler for it. A SIGTERM to
  /// the workers themselves ends them: send it to this process only (systemd: KillMode=mixed).
  ///
  /// Errors: Interrupted; WorkerFailed for the worker that failed first; those that failed only
  ///         because a queue told them of another's failure, or of the end, come after the others.
  void join(const JoinOptions& options = {});

  /// The same within `duration`. False when a worker still ran: then nothing is lost, call again.
  template <class Rep, class Period>
  bool join_for(std::chrono::duration<Rep, Period> duration, const JoinOptions& options = {});

  /// What is known about each worker since the last finished join(), that join's workers included
  /// until the next fork(): in the order of the fork() calls, then by number.
  std::vector<WorkerOutcome> results();

  /// The process ids of the workers that have not ended.
  std::vector<int> pids();

  /// How many workers have not ended.
  int alive();

  /// Sends `signal` to every worker that has not ended; never to a process that merely inherited
  /// the id of one that has. Whom it kills is replaced if `restarts` say so.
  /// Errors: BadArgument unless 1..64.
  void kill(int signal);

 private:
  friend struct detail::WorkerGroupAccess;

  detail::WorkerCrew& crew();      // Errors: WrongProcess
  void check_may_fork(const ForkOptions& options);  // Errors: BadArgument, WrongProcess
  void start(detail::WorkerJob& job, detail::WorkerPlan plan);
  void start_program(const ExecOptions& options, const std::string& program,
                     std::vector<std::string> arguments, std::vector<Token> tokens);
  bool join_within(std::int64_t timeout_ns, const JoinOptions& options);

  std::unique_ptr<detail::WorkerCrew> crew_;
};

template <class F, class... Args>
void WorkerGroup::fork(const ForkOptions& options, F&& function, Args&&... arguments) {
  if constexpr (detail::WorkerShape<F, Args...>::check()) {
    check_may_fork(options);
    detail::BoundJob<std::remove_reference_t<F>, Args...> job(options.count, function,
                                                              arguments...);
    detail::WorkerPlan plan = job.plan(options.count);
    plan.restarts = options.restarts;
    start(job, std::move(plan));
  }
}

template <class... Tokens>
void WorkerGroup::exec(const ExecOptions& options, const std::string& program,
                       std::vector<std::string> arguments, Tokens&&... tokens) {
  constexpr bool kAreTokens = (std::is_same_v<Tokens, Token> && ...);
  static_assert(kAreTokens,
                "WorkerGroup::exec: after the arguments come tokens, given away: "
                "queue.producer_token(), queue.consumer_token() or std::move(token).");
  if constexpr (kAreTokens) {
    std::vector<Token> list;
    list.reserve(sizeof...(tokens));
    (list.push_back(std::move(tokens)), ...);
    start_program(options, program, std::move(arguments), std::move(list));
  }
}

template <class Rep, class Period>
bool WorkerGroup::join_for(std::chrono::duration<Rep, Period> duration,
                           const JoinOptions& options) {
  // Clamped in floating point, which no unit and no length can overflow.
  const double wanted_ns = std::chrono::duration<double, std::nano>(duration).count();
  constexpr double kLongestNs = 4e18;  // 127 years
  return join_within(static_cast<std::int64_t>(std::clamp(wanted_ns, 0.0, kLongestNs)), options);
}

}  // namespace iq
