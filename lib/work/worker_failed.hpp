// The words for how workers ended.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "work/supervisor_link.hpp"

namespace iq::detail {

/// E.g. `worker 3 (pid 4711, consumer of queue "jobs") was killed by signal 9 (SIGKILL)`.
std::string describe(const WorkerOutcome& outcome);

/// The exception of join(): about the worker that failed first, those that failed only because of
/// another's end last. nullopt when all returned.
std::optional<WorkerFailed> worker_failure(const std::vector<const WorkerRecord*>& workers);

}  // namespace iq::detail
