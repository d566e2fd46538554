// The process between a group and its workers.
#pragma once

#include <sys/types.h>

#include "sys/fd.hpp"
#include "work/worker_process.hpp"

namespace iq::detail {

struct SupervisorStart {
  WorkerJob* job = nullptr;
  const WorkerPlan* plan = nullptr;
  Fd control;      ///< packet socket to the parent: reports out, commands in
  Fd parent;       ///< pidfd of the parent, opened by the parent itself; may be absent
  pid_t parent_pid = 0;  ///< stands in for an absent pidfd
  CallerSignals signals;
};

/// Becomes the supervisor: forks the workers, reports on them, ends with the last of them. Called
/// in a fresh child of the parent, with all signals blocked.
[[noreturn]] void supervise(SupervisorStart start) noexcept;

/// A pidfd, close-on-exec; an empty Fd where the system has none.
Fd open_pidfd(pid_t pid) noexcept;

}  // namespace iq::detail
