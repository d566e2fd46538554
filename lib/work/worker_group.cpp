// WorkerGroup: the user's calls, spread over the supervisors of its fork() calls. A group belongs
// to the process that made it. A worker inherits a copy through fork(), which must neither wait nor
// kill: every call looks at the process generation first, and the destructor leaks such a copy,
// because the descriptors in it may by now be something else.
#include "iq/worker_group.hpp"

#include <fmt/format.h>

#include <csignal>

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

void WorkerGroup::check_may_fork(int count) {
  crew();
  if (count < 0) {
    throw BadArgument(
        fmt::format("cannot fork {} workers: the count must be 0 or more", count));
  }
}

void WorkerGroup::start(detail::WorkerJob& job, detail::WorkerPlan plan) {
  detail::WorkerCrew& mine = crew();
  if (mine.joined) mine.links.clear();
  mine.joined = false;
  for (auto& close : plan.closers) mine.closers.push_back(std::move(close));
  for (auto& stop : plan.stoppers) mine.stoppers.push_back(std::move(stop));
  if (plan.count == 0) return;
  auto link = std::make_unique<detail::SupervisorLink>(plan.count, plan.role);
  link->start(job, mine.grace);
  mine.links.push_back(std::move(link));
}

void WorkerGroup::join() { join_within(INT64_MAX); }

bool WorkerGroup::join_within(std::int64_t timeout_ns) {
  detail::WorkerCrew& mine = crew();
  if (mine.joined) return true;
  const std::int64_t now = detail::now_ns();
  const detail::DeadlineNs deadline_ns =
      timeout_ns > detail::kForever - now ? detail::kForever : now + timeout_ns;
  mine.close_queues();
  if (!detail::wait_for_end(mine.all_links(), deadline_ns)) return false;
  mine.joined = true;
  mine.stoppers.clear();
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
