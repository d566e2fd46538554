// The one that makes a pipeline run and judges how it ended.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "pipeline/board.hpp"
#include "pipeline/conductor_signals.hpp"
#include "pipeline/observer.hpp"
#include "pipeline/stage_crew.hpp"
#include "pipeline/wiring.hpp"

namespace iq::detail {

/// Threads: one. Processes: one of its own, or the caller's where workers are threads.
class Conductor {
 public:
  /// Works on the process's own copy of `wiring`.
  Conductor(Wiring& wiring, const PipelineBoard& board, const PipelineOptions& options,
            SignalWatch* signals);

  /// Starts the stages, looks after them until all have ended, writes down how it ended.
  void run();

 private:
  void adopt_queues();
  void start_stages();
  void launch(std::size_t stage);
  void look_after();
  bool has_failed();
  void heed_signals();
  void look_for_lost();
  bool is_unwanted(std::size_t stage) const noexcept;
  void begin_end() noexcept;
  void stop_queues() noexcept;
  void drain_queues();
  void judge();
  void find_cause();
  std::string cause_text() const;
  void write_failure(const StageFailure& failure);
  void write_lost();
  void publish(EndKind kind);
  void leave_queues() noexcept;

  Wiring& wiring_;
  const PipelineBoard& board_;
  const PipelineOptions& options_;
  bool in_threads_;
  std::optional<Observer> observer_;
  std::unique_ptr<StageCrew> crew_;
  ConductorSignals signals_;
  std::optional<StageFailure> failure_;
  std::string start_error_type_;
  std::string start_error_;
  std::optional<std::size_t> lost_;  // the stage whose input has items that were given up
  bool is_cancelled_ = false;
  bool is_ending_ = false;
  DeadlineNs patience_ends_ns_ = kForever;
  std::vector<std::uint64_t> parked_before_;  // in users' queues, per stage
};

}  // namespace iq::detail
