// From outcomes to the text of WorkerFailed. One failure brings others with it: when a producer is
// killed, every consumer of its queue throws. The first cause is what a reader needs, so those that
// only passed on what a queue told them stand last, whenever they ended.
#include "work/worker_failed.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <tuple>

#include "sys/system_error.hpp"

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
      if (outcome.ignored_token) {
        return fmt::format("ended with code {} without using its token: call from_token() on its "
                           "last arguments",
                           outcome.exit_code);
      }
      if (!outcome.program.empty()) return fmt::format("ended with code {}", outcome.exit_code);
      return fmt::format("exited with code {} before its function returned", outcome.exit_code);
    case WorkerEnd::killed: return "was killed by " + signal_text(outcome.signal);
    case WorkerEnd::lost: return "was lost: its supervisor process was killed";
    case WorkerEnd::not_executed:
      return "could not be run: " + errno_text(outcome.error_number);
    case WorkerEnd::never_started: return "never started";
  }
  return "?";
}

}  // namespace

std::string describe(const WorkerOutcome& outcome) {
  const std::string pid = outcome.pid > 0 ? fmt::format("pid {}, ", outcome.pid) : "";
  const std::string name = outcome.program.empty() ? fmt::format("worker {}", outcome.worker)
                                                   : fmt::format("program {}", outcome.program);
  const std::string after =
      outcome.restarts == 0 ? ""
                            : fmt::format(", restarted {} time{} before", outcome.restarts,
                                          outcome.restarts == 1 ? "" : "s");
  return fmt::format("{} ({}{}) {}{}", name, pid, outcome.role, end_text(outcome), after);
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
