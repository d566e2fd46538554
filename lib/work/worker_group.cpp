// WorkerGroup: the user's calls, spread over the supervisors of its fork() calls. A group belongs
// to the process that made it. A worker inherits a copy through fork(), which must neither wait nor
// kill: every call looks at the process generation first, and the destructor leaks such a copy,
// because the descriptors in it may by now be something else.
#include "iq/worker_group.hpp"

#include <fmt/format.h>

#include <csignal>
#include <utility>

#include "base/work_hooks.hpp"
#include "ring/producer_ring.hpp"
#include "work/program_job.hpp"
#include "work/worker_crew.hpp"
#include "work/worker_failed.hpp"

namespace iq {
namespace detail {

std::vector<SupervisorLink*> WorkerCrew::all_links() const {
  std::vector<SupervisorLink*> result;
  result.reserve(links.size());
  for (const auto& link : links) result.push_back(link.get());
  return result;
}

std::vector<const WorkerRecord*> WorkerCrew::all_workers() const {
  std::vector<const WorkerRecord*> result;
  for (const auto& link : links) {
    for (const WorkerRecord& worker : link->workers()) result.push_back(&worker);
  }
  return result;
}

void WorkerCrew::listen() {
  for (const auto& link : links) link->listen();
}

void WorkerCrew::close_queues() {
  while (!closers.empty()) {
    const std::function<void()> close = std::move(closers.back());
    closers.pop_back();
    close();
  }
}

void WorkerCrew::take_queues(WorkerPlan& plan) {
  const auto move_all = [](auto& from, auto& to) {
    for (auto& action : from) to.push_back(std::move(action));
  };
  move_all(plan.closers, closers);
  move_all(plan.stoppers, stoppers);
  move_all(plan.drainers, drainers);
}

// The first signal: what is queued is finished. The second: at once.
void WorkerCrew::heed(const SignalsSeen& seen) {
  const unsigned before = signals.all();
  signals.interrupts += seen.interrupts;
  signals.terminations += seen.terminations;
  if (before == 0 && signals.all() >= 1) {
    for (const auto& drain : drainers) drain();
  }
  if (before <= 1 && signals.all() >= 2) {
    for (const auto& link : links) {
      link->end_restarts();
      link->signal_workers(SIGKILL);
    }
  }
}

bool WorkerCrew::wait(DeadlineNs deadline_ns, const JoinOptions& options) {
  SignalWatch watch(options.signals);
  for (;;) {
    const bool ended = wait_for_end(all_links(), deadline_ns, watch.fd());
    const SignalsSeen seen = watch.take();
    if (seen.all() != 0) heed(seen);
    if (ended) return true;
    if (seen.all() == 0 && deadline_ns != kForever && now_ns() >= deadline_ns) return false;
  }
}

void WorkerCrew::end_now() noexcept {
  try {
    listen();
    if (wait_for_end(all_links(), kAtOnce)) return;
    for (const auto& stop : stoppers) {
      try {
        stop();
      } catch (...) {  // a broken queue must not keep the workers alive
      }
    }
    stop_links(all_links(), grace);
  } catch (...) {  // no memory: the links' destructors kill what is left
  }
}

}  // namespace detail

WorkerGroup::WorkerGroup() : crew_(std::make_unique<detail::WorkerCrew>()) {}

WorkerGroup::~WorkerGroup() {
  if (crew_->generation != detail::process_generation()) {
    static_cast<void>(crew_.release());
    return;
  }
  crew_->end_now();
}

detail::WorkerCrew& WorkerGroup::crew() {
  if (crew_->generation != detail::process_generation()) {
    throw WrongProcess("cannot use a WorkerGroup in a child of the process that made it: its "
                       "workers are not children of this process. Make a group here");
  }
  return *crew_;
}

namespace {

bool wait_counted_as_blocking(detail::WorkerCrew& crew, detail::DeadlineNs deadline_ns,
                              const JoinOptions& options) {
  struct Blocking {
    Blocking() { detail::work_hooks.call(detail::work_hooks.join_begins); }
    ~Blocking() { detail::work_hooks.call(detail::work_hooks.join_ends); }
  } blocking;
  return crew.wait(deadline_ns, options);
}

void check_restarts(int restarts) {
  if (restarts >= 0) return;
  throw BadArgument(
      fmt::format("cannot restart a worker {} times: it must be 0 or more", restarts));
}

[[noreturn]] void throw_interrupted(const detail::WorkerCrew& crew, std::size_t workers) {
  const unsigned count = crew.signals.all();
  const int signal = crew.signals.interrupts != 0 ? SIGINT : SIGTERM;
  const std::string name = signal == SIGINT ? "SIGINT" : "SIGTERM";
  const auto failed = detail::worker_failure(crew.all_workers());
  const std::string besides =
      failed && !failed->outcome().is_consequence && count < 2
          ? fmt::format(". Besides, {}", failed->what())
          : "";
  throw Interrupted(fmt::format(
      "join() was interrupted by {} ({}): {}{}", count < 2 ? "a signal" : "signals", name,
      count < 2 ? fmt::format("its {} worker{} finished what was queued and ended", workers,
                              workers == 1 ? "" : "s")
                : "its workers were killed; what they had in hand is not done",
      besides));
}

}  // namespace

void WorkerGroup::check_may_fork(const ForkOptions& options) {
  crew();
  check_restarts(options.restarts);
  if (options.count < 0) {
    throw BadArgument(
        fmt::format("cannot fork {} workers: the count must be 0 or more", options.count));
  }
}

void WorkerGroup::start(detail::WorkerJob& job, detail::WorkerPlan plan) {
  detail::WorkerCrew& mine = crew();
  if (mine.joined) mine.links.clear();
  mine.joined = false;
  mine.take_queues(plan);
  if (plan.count == 0) return;
  detail::work_hooks.call(detail::work_hooks.before_fork);
  auto link = std::make_unique<detail::SupervisorLink>(plan);
  link->start(job, plan, mine.grace);
  mine.links.push_back(std::move(link));
}

void WorkerGroup::start_program(const ExecOptions& options, const std::string& program,
                                std::vector<std::string> arguments, std::vector<Token> tokens) {
  crew();
  check_restarts(options.restarts);
  detail::ProgramJob job(std::move(tokens));
  detail::WorkerPlan plan = job.plan();
  plan.program = program;
  plan.arguments = std::move(arguments);
  plan.restarts = options.restarts;
  start(job, std::move(plan));
}

void WorkerGroup::join(const JoinOptions& options) { join_within(INT64_MAX, options); }

bool WorkerGroup::join_within(std::int64_t timeout_ns, const JoinOptions& options) {
  detail::WorkerCrew& mine = crew();
  if (mine.joined) return true;
  detail::fail_caught();
  const std::int64_t now = detail::now_ns();
  const detail::DeadlineNs deadline_ns =
      timeout_ns > detail::kForever - now ? detail::kForever : now + timeout_ns;
  mine.close_queues();
  if (!wait_counted_as_blocking(mine, deadline_ns, options)) return false;
  mine.joined = true;
  mine.stoppers.clear();
  mine.drainers.clear();
  if (mine.signals.all() != 0) {
    const detail::WorkerCrew& crew = mine;
    struct Forget {
      detail::SignalsSeen& signals;
      ~Forget() { signals = {}; }
    } forget{mine.signals};
    throw_interrupted(crew, crew.all_workers().size());
  }
  if (auto failed = detail::worker_failure(mine.all_workers())) throw *std::move(failed);
  return true;
}

std::vector<WorkerOutcome> WorkerGroup::results() {
  crew().listen();
  std::vector<WorkerOutcome> outcomes;
  for (const detail::WorkerRecord* worker : crew_->all_workers()) {
    outcomes.push_back(worker->outcome);
  }
  return outcomes;
}

std::vector<int> WorkerGroup::pids() {
  crew().listen();
  std::vector<int> result;
  for (const detail::WorkerRecord* worker : crew_->all_workers()) {
    if (!worker->ended) result.push_back(worker->outcome.pid);
  }
  return result;
}

int WorkerGroup::alive() { return static_cast<int>(pids().size()); }

void WorkerGroup::kill(int signal) {
  detail::WorkerCrew& mine = crew();
  if (signal < 1 || signal >= NSIG) {
    throw BadArgument(fmt::format("cannot send signal {} to workers: it must be 1 to {}", signal,
                                  NSIG - 1));
  }
  for (const auto& link : mine.links) link->signal_workers(signal);
}

}  // namespace iq
