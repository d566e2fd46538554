// The workers of all stages of a pipeline, as the conductor sees them: processes or threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "base/clock.hpp"
#include "iq/detail/pipeline_core.hpp"
#include "iq/worker_outcome.hpp"

namespace iq::detail {

/// A worker that did not do all of its work.
struct StageFailure {
  std::size_t stage = 0;
  WorkerOutcome outcome;
};

/// Whether a worker that did not return has done its work all the same.
using Excuse = std::function<bool(std::size_t stage, const WorkerOutcome& outcome)>;

class StageCrew {
 public:
  StageCrew() = default;
  StageCrew(const StageCrew&) = delete;
  StageCrew& operator=(const StageCrew&) = delete;
  virtual ~StageCrew() = default;

  /// For the workers of the stage. Stages are started in their order.
  virtual WorkerLauncher& launcher(std::size_t stage) = 0;
  /// Waits until all workers have ended: true; or the deadline passed, or `other` is readable.
  virtual bool wait(DeadlineNs deadline_ns, int other) = 0;
  /// The first cause; what merely followed from another's end comes last.
  virtual std::optional<StageFailure> first_failure(const Excuse& is_excused) = 0;
  /// Ends what runs, by force where that is possible. Nobody is replaced any more.
  virtual void end_now() = 0;
};

std::unique_ptr<StageCrew> make_process_crew();
std::unique_ptr<StageCrew> make_thread_crew();

}  // namespace iq::detail
