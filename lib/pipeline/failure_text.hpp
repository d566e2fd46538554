// The words for how a pipeline failed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "pipeline/board.hpp"
#include "pipeline/stage_crew.hpp"
#include "pipeline/wiring.hpp"

namespace iq::detail {

/// The item that the worker was at.
std::optional<std::uint64_t> item_of(const Wiring& wiring, const PipelineBoard& board,
                                     const StageFailure& failure);
/// E.g. `stage 1 "map" (worker 3, pid 4711) threw std::runtime_error: oh no, at item 10`.
std::string failure_text(const Wiring& wiring, const PipelineBoard& board,
                         const StageFailure& failure);
/// Of items that were given up on their way into a stage.
std::string lost_text(const StageTraits& into, const std::vector<std::uint64_t>& items);
std::string interrupted_text(unsigned signals, bool by_interrupt, const std::string& besides);

}  // namespace iq::detail
