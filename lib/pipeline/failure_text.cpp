// The words for how a pipeline failed: which stage, which worker, which item, and what to do.
#include "pipeline/failure_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <csignal>

#include "work/worker_failed.hpp"

namespace iq::detail {
namespace {

constexpr std::size_t kMostNamed = 8;

std::string stage_text(const WiredStage& stage) {
  const std::string& name = stage.node->traits.name;
  return stage.given < 0 ? fmt::format("stage {}", name)
                         : fmt::format("stage {} \"{}\"", stage.given, name);
}

std::string timeout_text(const StageTraits& traits) {
  if (traits.timeout_ns == 0) return {};
  return fmt::format(". Its .timeout, which kills, is {} ms", traits.timeout_ns / 1'000'000);
}

}  // namespace

std::optional<std::uint64_t> item_of(const Wiring& wiring, const PipelineBoard& board,
                                     const StageFailure& failure) {
  const WiredStage& stage = wiring.stages[failure.stage];
  if (stage.node->traits.is_raw) return std::nullopt;
  const std::size_t line = stage.first_line + static_cast<std::size_t>(failure.outcome.worker);
  const std::uint64_t item = board.line(line).item.load();
  if (item == 0) return std::nullopt;
  return item - 1;
}

std::string failure_text(const Wiring& wiring, const PipelineBoard& board,
                         const StageFailure& failure) {
  const WiredStage& stage = wiring.stages[failure.stage];
  const StageTraits& traits = stage.node->traits;
  WorkerOutcome outcome = failure.outcome;
  outcome.role = stage_text(stage);
  std::string text = "a pipeline failed: " + describe(outcome);
  const auto item = item_of(wiring, board, failure);
  if (item) text += fmt::format(", at item {}", *item);
  if (outcome.exception_type == "iq::TooLarge") {
    text += ". In a pipeline: the .capacity and .bytes_per_worker of the stage";
  }
  if (outcome.signal == SIGKILL) text += timeout_text(traits);
  if (outcome.end == WorkerEnd::killed || outcome.end == WorkerEnd::exited) {
    text += traits.has_state
                ? ". It has a state of its own, which a replacement could not go on with"
                : fmt::format(". It may be replaced {} times: .restarts", traits.restarts);
  }
  return text;
}

std::string lost_text(const StageTraits& into, const std::vector<std::uint64_t>& items) {
  std::string numbers;
  for (std::size_t i = 0; i < std::min(items.size(), kMostNamed); ++i) {
    numbers += fmt::format("{}{}", i == 0 ? "" : ", ", items[i]);
  }
  if (items.size() > kMostNamed) numbers += ", …";
  return fmt::format(
      "a pipeline failed: {} item{} ({}) killed {} workers of stage \"{}\" one after the other and "
      "{} given up: the results lack what would have become of {}{}. Raise .max_deliveries if that "
      "was no fault of the item",
      items.size(), items.size() == 1 ? "" : "s", numbers, into.max_deliveries, into.name,
      items.size() == 1 ? "was" : "were", items.size() == 1 ? "it" : "them", timeout_text(into));
}

std::string interrupted_text(unsigned signals, bool by_interrupt, const std::string& besides) {
  const char* name = by_interrupt ? "SIGINT" : "SIGTERM";
  if (signals >= 2) {
    return fmt::format(
        "a pipeline was interrupted by signals ({}): its workers were killed; what was on its way "
        "is lost{}{}",
        name, besides.empty() ? "" : ". Besides, ", besides);
  }
  if (!besides.empty()) {
    return fmt::format(
        "a pipeline was interrupted by a signal ({}): its source was ended, and not all that was "
        "on its way came out: {}",
        name, besides);
  }
  return fmt::format(
      "a pipeline was interrupted by a signal ({}): its source was ended, and what was on its way "
      "came out",
      name);
}

}  // namespace iq::detail
