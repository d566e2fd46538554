// A pipeline as it will run: its stages with what was put between them, and their queues.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <vector>

#include "iq/detail/pipeline_core.hpp"

namespace iq::detail {

struct WiredStage {
  std::shared_ptr<PipeNode> node;
  std::shared_ptr<PipeQueue> in;   // null: none; a user's, or the one of the stage before
  std::shared_ptr<PipeQueue> out;  // made by make_queue() unless it is a user's
  bool is_numbered = false;        // its output
  bool keeps_order = false;
  std::optional<std::size_t> enters;  // the stretch whose numbers it gives out: its own place
  std::optional<std::size_t> leaves;  // the stretch whose order it restores
  std::size_t first_line = 0;
  int given = -1;  // which of the stages that the user has described, -1: none
};

struct Wiring {
  std::vector<WiredStage> stages;
  std::size_t workers = 0;
  std::optional<std::size_t> ends_at_caller;  // an ordered stretch
  std::vector<std::uint64_t> window_items;    // per stage, 0 where no stretch begins
  std::shared_ptr<PipeQueue> feed;            // of the plan, or null
  bool ends_when_lost = false;
  bool reads_results = false;  // the caller does

  /// Whether the caller reads what the last stage gives.
  bool has_results() const;
  /// The options of the stage's output queue.
  Options queue_options(std::size_t stage) const;
};

/// Errors: std::invalid_argument when the stages or their options do not fit together.
Wiring wire(const PipelinePlan& plan);
/// Makes the stage's output queue. Errors: as IterableQueue.
void make_queue(Wiring& wiring, std::size_t stage);

}  // namespace iq::detail
