// From outcomes to the text of WorkerFailed. One failure brings others with it: when a producer is
// killed, every consumer of its queue throws. The first cause is what a reader needs, so those that
// only passed on what a queue told them stand last, whenever they ended.
#include "work/worker_failed.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <tuple>

namespace iq::detail {
namespace {

constexpr std::size_t kMostOthers = 3;

std::string signal_text(int signal) {
  const char* name = ::sigabbrev_np(signal);
  if (name != nullptr) return fmt::format("signal {} (SIG{})", signal, name);
  return fmt::format("signal {}", signal);
}

std::string end_text(const WorkerOutcome& outcome) {
  switch (outcome.end) {
    case WorkerEnd::running: return "still runs";
    case WorkerEnd::returned: return "returned";
    case WorkerEnd::threw: {
      const char* separator = outcome.exception_text.empty() ? "" : ": ";
      return "threw " + outcome.exception_type + separator + outcome.exception_text;
    }
    case WorkerEnd::exited:
      return fmt::format("exited with code {} before its function returned", outcome.exit_code);
    case WorkerEnd::killed: return "was killed by " + signal_text(outcome.signal);
    case WorkerEnd::lost: return "was lost: its supervisor process was killed";
    case WorkerEnd::never_started: return "never started";
  }
  return "?";
}

}  // namespace

std::string describe(const WorkerOutcome& outcome) {
  const std::string pid = outcome.pid > 0 ? fmt::format("pid {}, ", outcome.pid) : "";
  return fmt::format("worker {} ({}{}) {}", outcome.worker, pid, outcome.role, end_text(outcome));
}

std::optional<WorkerFailed> worker_failure(const std::vector<const WorkerRecord*>& workers) {
  std::vector<const WorkerRecord*> failed;
  for (const WorkerRecord* worker : workers) {
    const WorkerEnd end = worker->outcome.end;
    if (end != WorkerEnd::returned && end != WorkerEnd::running) failed.push_back(worker);
  }
  if (failed.empty()) return std::nullopt;
  std::stable_sort(failed.begin(), failed.end(), [](const auto* a, const auto* b) {
    return std::tuple(a->outcome.is_consequence, a->failed_at_ns) <
           std::tuple(b->outcome.is_consequence, b->failed_at_ns);
  });
  std::string text = describe(failed.front()->outcome);
  const std::size_t others = failed.size() - 1;
  if (others > 0) {
    text += fmt::format("; {} more worker{} failed: ", others, others == 1 ? "" : "s");
    for (std::size_t i = 1; i <= std::min(others, kMostOthers); ++i) {
      text += (i > 1 ? "; " : "") + describe(failed[i]->outcome);
    }
    if (others > kMostOthers) text += fmt::format("; and {} more", others - kMostOthers);
  }
  return WorkerFailed(text, failed.front()->outcome);
}

}  // namespace iq::detail
