// The stages' workers as processes of one WorkerGroup: a fork() per stage, a supervisor for each.
#include <algorithm>
#include <tuple>
#include <vector>

#include "pipeline/stage_crew.hpp"
#include "work/worker_crew.hpp"

namespace iq::detail {
namespace {

class ProcessCrew final : public StageCrew, private WorkerLauncher {
 public:
  ProcessCrew() : WorkerLauncher(false) { workers().grace = {200'000'000, 2'000'000'000}; }

  WorkerLauncher& launcher(std::size_t) override { return *this; }

  bool wait(DeadlineNs deadline_ns, int other) override {
    return wait_for_end(workers().all_links(), deadline_ns, other);
  }

  std::optional<StageFailure> first_failure(const Excuse& is_excused) override {
    workers().listen();
    const WorkerRecord* first = nullptr;
    std::size_t stage = 0;
    for (std::size_t i = 0; i < workers().links.size(); ++i) {
      for (const WorkerRecord& worker : workers().links[i]->workers()) {
        const WorkerEnd end = worker.outcome.end;
        if (end == WorkerEnd::running || end == WorkerEnd::returned) continue;
        if (is_excused(i, worker.outcome)) continue;
        if (end == WorkerEnd::killed && worker.failed_at_ns >= forced_at_ns_) continue;
        if (first != nullptr && order_of(*first) <= order_of(worker)) continue;
        first = &worker;
        stage = i;
      }
    }
    if (first == nullptr) return std::nullopt;
    return StageFailure{stage, first->outcome};
  }

  void end_now() override {
    forced_at_ns_ = std::min(forced_at_ns_, now_ns());
    stop_links(workers().all_links(), workers().grace);
  }

 private:
  WorkerCrew& workers() { return WorkerGroupAccess::crew(group_); }
  static std::tuple<bool, std::int64_t> order_of(const WorkerRecord& worker) {
    return {worker.outcome.is_consequence, worker.failed_at_ns};
  }

  WorkerGroup& group() override { return group_; }
  void add_thread(int, std::function<void()>, std::function<void()>) override {}

  WorkerGroup group_;
  std::int64_t forced_at_ns_ = INT64_MAX;  // who was killed later was killed by us
};

}  // namespace

std::unique_ptr<StageCrew> make_process_crew() { return std::make_unique<ProcessCrew>(); }

}  // namespace iq::detail
