// Which queue carries what, where an order begins and ends, how much waits where.
//
// An ordered stretch goes from the stage that gives out numbers without holes to the place that
// restores their order; within it each number that enters a stage leaves it. Stages that are put in
// for that: one that gives numbers, where there are none without holes, and one that restores the
// order in front of a stage that takes items one after the other.
#include "pipeline/wiring.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace iq::detail {
namespace {

constexpr std::uint64_t kLeastWindow = 16;
constexpr std::size_t kMostAtOnce = 64;
constexpr std::uint64_t kMostWaiting = std::uint64_t{1} << 32;  // a queue may hold fewer

[[noreturn]] void refuse_stage(const StageTraits& traits, const std::string& why) {
  throw std::invalid_argument(fmt::format("iq::Pipeline: stage \"{}\": {}", traits.name, why));
}

void check_ranges(const StageTraits& traits) {
  if (traits.workers < 1)
    refuse_stage(traits, fmt::format(".workers is {}: it must be 1 or more", traits.workers));
  if (traits.retries < 0)
    refuse_stage(traits, fmt::format(".retries is {}: it must be 0 or more", traits.retries));
  if (traits.restarts < 0)
    refuse_stage(traits, fmt::format(".restarts is {}: it must be 0 or more", traits.restarts));
  if (traits.capacity > kMostWaiting) {
    refuse_stage(traits, fmt::format(".capacity is {}: it must be {} or less", traits.capacity,
                                     kMostWaiting));
  }
  if (traits.idle_after_ns <= 0) {
    refuse_stage(traits, fmt::format(".idle_after is {} ns: it must be more than 0, or its worker "
                                     "would do nothing but ask",
                                     traits.idle_after_ns));
  }
  if (traits.timeout_ns < 0) refuse_stage(traits, ".timeout is negative");
  if (traits.max_deliveries < 1 || traits.max_deliveries > 14) {
    refuse_stage(traits,
                 fmt::format(".max_deliveries is {}: it must be 1 to 14", traits.max_deliveries));
  }
}

void check_stage(const PipeNode& node) {
  const StageTraits& traits = node.traits;
  check_ranges(traits);
  if (traits.has_state && traits.restarts > 0) {
    refuse_stage(traits,
                 "it has a state of its own, so that a worker that was killed cannot be "
                 "replaced: leave .restarts out");
  }
  if (node.users_output && traits.capacity != 0) {
    refuse_stage(traits, "both .out and .capacity: a queue that exists has its capacity");
  }
}

void check_ends(const PipelinePlan& plan) {
  if (plan.nodes.empty()) throw std::invalid_argument("iq::Pipeline: it has no stage");
  for (std::size_t i = 0; i < plan.nodes.size(); ++i) {
    const PipeNode& node = *plan.nodes[i];
    check_stage(node);
    const bool is_first = i == 0;
    if (node.users_input && (!is_first || plan.input)) {
      refuse_stage(node.traits, ".in is for the first stage of a pipeline without from()");
    }
    if (is_first && node.traits.has_input && !node.users_input && !plan.input) {
      refuse_stage(node.traits,
                   "nothing comes in: begin with from(), a chain that only produces, "
                   "or .in");
    }
    if (node.users_output && i + 1 != plan.nodes.size()) {
      refuse_stage(node.traits, ".out is for the last stage");
    }
    if (plan.options.run_in != RunIn::processes && node.traits.timeout_ns != 0) {
      refuse_stage(node.traits, ".timeout needs processes: a thread cannot be killed");
    }
    if (plan.options.run_in == RunIn::threads && node.traits.shares_state &&
        node.traits.workers > 1) {
      refuse_stage(node.traits,
                   "its function has a state and cannot be copied, so that its threads would "
                   "change one state together: give it one worker, or processes");
    }
  }
}

/// Follows the numbers from stage to stage.
class Wirer {
 public:
  explicit Wirer(const PipelinePlan& plan) : plan_(plan) {}

  Wiring run() {
    check_ends(plan_);
    for (std::size_t i = 0; i < plan_.nodes.size(); ++i) add_given(i);
    const PipeNode& last = *plan_.nodes.back();
    if (is_ordered_here() && last.traits.has_output) {
      if (last.users_output) {
        // The restorer writes where the last stage was to write.
        restore_order();
        wired_.stages.back().out = last.users_output;
      } else {
        wired_.ends_at_caller = origin_;
      }
    }
    finish();
    return std::move(wired_);
  }

 private:
  bool is_ordered_here() const { return dense_ && region_; }

  void add_given(std::size_t index) {
    const std::shared_ptr<PipeNode>& node = plan_.nodes[index];
    const StageTraits& traits = node->traits;
    if (traits.ordered && !dense_) {
      insert(node->make_sequencer());
    } else if (is_ordered_here() && !traits.ordered && traits.workers == 1) {
      restore_order();
    }
    WiredStage& stage = append(node);
    stage.given = static_cast<int>(index);
    if (traits.ordered) {
      stage.keeps_order = true;
      region_ = true;
    } else {
      begin_stretch(traits.gives_order);
    }
  }

  void restore_order() {
    const std::size_t origin = origin_;
    insert(plan_.nodes[static_cast<std::size_t>(wired_.stages.back().given)]->make_restorer());
    wired_.stages.back().leaves = origin;
    region_ = false;
    dense_ = false;
  }

  void insert(std::shared_ptr<PipeNode> node) {
    const bool gives_order = node->traits.gives_order;
    append(std::move(node));
    begin_stretch(gives_order);
  }

  void begin_stretch(bool gives_order) {
    dense_ = gives_order;
    region_ = false;
    origin_ = wired_.stages.size() - 1;
  }

  WiredStage& append(std::shared_ptr<PipeNode> node) {
    WiredStage& stage = wired_.stages.emplace_back();
    stage.node = std::move(node);
    stage.first_line = wired_.workers;
    wired_.workers += static_cast<std::size_t>(stage.node->traits.workers);
    return stage;
  }

  void finish() {
    std::vector<WiredStage>& stages = wired_.stages;
    for (std::size_t i = 0; i < stages.size(); ++i) {
      const PipeNode& node = *stages[i].node;
      const bool is_last = i + 1 == stages.size();
      if (is_last && !stages[i].out) stages[i].out = node.users_output;
      const bool next_reads = is_last ? !stages[i].out : stages[i + 1].node->traits.reads_numbers;
      stages[i].is_numbered = node.traits.writes_numbers && next_reads;
    }
    wired_.feed = plan_.feed;
    wired_.ends_when_lost = plan_.ends_when_lost;
    wired_.reads_results = wired_.has_results();
    stages.front().in = plan_.input ? plan_.input : stages.front().node->users_input;
    wired_.window_items.assign(stages.size(), 0);
    for (std::size_t i = 0; i < stages.size(); ++i) {
      if (stages[i].leaves) open_window(*stages[i].leaves, i);
    }
    if (wired_.ends_at_caller) open_window(*wired_.ends_at_caller, stages.size());
  }

  // As much as the queues and workers of the stretch hold, twice: so that it is they who limit it.
  void open_window(std::size_t from, std::size_t to) {
    std::uint64_t items = kLeastWindow;
    for (std::size_t i = from; i < to; ++i) {
      const Options options = wired_.queue_options(i);
      items +=
          2 * options.capacity * static_cast<std::uint64_t>(wired_.stages[i].node->traits.workers);
    }
    wired_.window_items[from] = items;
    wired_.stages[from].enters = from;
  }

  const PipelinePlan& plan_;
  Wiring wired_;
  std::size_t origin_ = 0;
  bool dense_ = false;   // what comes next is numbered without holes,
  bool region_ = false;  // and not in order any more
};

}  // namespace

PipeNode::~PipeNode() = default;
std::shared_ptr<PipeNode> PipeNode::make_sequencer() const { return nullptr; }
std::shared_ptr<PipeNode> PipeNode::make_restorer() const { return nullptr; }
WorkerLauncher::~WorkerLauncher() = default;

void PipelinePlan::add(std::shared_ptr<PipeNode> node) {
  check_stage(*node);
  nodes.push_back(std::move(node));
}

Wiring wire(const PipelinePlan& plan) { return Wirer(plan).run(); }

bool Wiring::has_results() const {
  return stages.back().node->traits.has_output && !stages.back().out;
}

// What is in the hands of the next stage counts in the queue, and comes on top of what may wait.
// The queue divides it among those who put.
Options Wiring::queue_options(std::size_t stage) const {
  const StageTraits& from = stages[stage].node->traits;
  const bool is_last = stage + 1 == stages.size();
  const auto writers = static_cast<std::uint64_t>(from.workers);
  const std::uint64_t readers =
      is_last ? 1 : static_cast<std::uint64_t>(stages[stage + 1].node->traits.workers);
  const std::uint64_t waiting = from.capacity != 0 ? from.capacity : 2 * writers;
  Options options;
  options.capacity = std::max<std::uint64_t>((waiting + readers) / writers, 1);
  options.bytes_per_producer = from.bytes_per_worker;
  options.max_deliveries = is_last ? 14 : stages[stage + 1].node->traits.max_deliveries;
  return options;
}

void refuse_fold(const std::string& name, bool has_combine) {
  throw std::invalid_argument(fmt::format(
      "iq::Pipeline: stage \"{}\": {}", name,
      has_combine
          ? "with .combine each worker begins with Acc{}, and the start value's type has no "
            "such value"
          : "several workers need .combine: the function cannot put two partial results "
            "together"));
}

void make_queue(Wiring& wiring, std::size_t stage) {
  WiredStage& mine = wiring.stages[stage];
  const Options options = wiring.queue_options(stage);
  mine.out = mine.node->make_output(mine.is_numbered, options);
  const StageTraits& traits = mine.node->traits;
  const std::size_t holds =
      static_cast<std::size_t>(options.capacity) * static_cast<std::size_t>(traits.workers);
  mine.out->read_at_once = std::clamp<std::size_t>(holds / 8, 1, kMostAtOnce);
}

}  // namespace iq::detail
