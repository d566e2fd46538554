// Where floors above learn of what WorkerGroup does: a batch context goes into the workers.
#pragma once

#include <atomic>

namespace iq::detail {

/// Functions that lib/work calls; null until somebody sets them. None of them throws.
struct WorkHooks {
  std::atomic<void (*)()> before_fork{nullptr};    ///< in the process that forks workers
  std::atomic<void (*)()> worker_begins{nullptr};  ///< in the worker, before it says it is ready
  std::atomic<void (*)()> worker_ends{nullptr};    ///< in the worker, behind its function
  std::atomic<void (*)()> join_begins{nullptr};    ///< around a wait for workers
  std::atomic<void (*)()> join_ends{nullptr};

  void call(const std::atomic<void (*)()>& hook) const noexcept {
    if (auto* function = hook.load(std::memory_order_acquire)) function();
  }
};
inline WorkHooks work_hooks;

}  // namespace iq::detail
