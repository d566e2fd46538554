// What a WorkerGroup holds.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "iq/worker_group.hpp"
#include "work/supervisor_link.hpp"
#include "sys/fork_guard.hpp"
#include "sys/signal_watch.hpp"

namespace iq::detail {

class WorkerCrew {
 public:
  std::uint64_t generation = process_generation();  // of the process that may use it
  SupervisorLinks links;                            // one per fork() call
  std::vector<std::function<void()>> closers;       // of anonymous queues, for join()
  std::vector<std::function<void()>> stoppers;      // of all queues, for the destructor
  std::vector<std::function<void()>> drainers;      // of all queues, for an interrupted join()
  StopGrace grace;
  bool joined = false;  // since the last fork(): results stand, nothing runs
  SignalsSeen signals;  // in the join() that is not finished

  std::vector<SupervisorLink*> all_links() const;
  std::vector<const WorkerRecord*> all_workers() const;
  void listen();
  void close_queues();
  void take_queues(WorkerPlan& plan);
  bool wait(DeadlineNs deadline_ns, const JoinOptions& options);
  void heed(const SignalsSeen& seen);
  void end_now() noexcept;
};

/// For tests: what is no part of the public contract.
struct WorkerGroupAccess {
  static WorkerCrew& crew(WorkerGroup& group) { return group.crew(); }
};

}  // namespace iq::detail
