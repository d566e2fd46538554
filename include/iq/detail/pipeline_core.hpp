// What the typed stages of a pipeline and its untyped core ask of each other.
//
// Made in the caller: the nodes, the board, the queue of the results. A fork then gives the
// conductor a copy of all that; it makes the queues between the stages, forks their workers, and is
// the only one that judges how the pipeline ended.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "iq/detail/api.hpp"
#include "iq/pipeline_options.hpp"
#include "iq/report.hpp"
#include "iq/stats.hpp"
#include "iq/worker_group.hpp"

namespace iq::detail {

/// What a worker tells on the board: written by it alone, read when it has failed.
struct alignas(64) WorkerLine {
  std::atomic<std::uint64_t> item{0};     ///< the number of the item it is at, + 1; 0: of none
  std::atomic<std::uint64_t> done{0};     ///< items that it has finished, but for the dropped ones
  std::atomic<std::uint64_t> dropped{0};  ///< items given up when their tries were used up
  std::atomic<std::uint64_t> retried{0};  ///< exceptions that were forgiven
  std::atomic<std::uint64_t> gaps{0};     ///< numbers without an item that have come
  std::atomic<std::uint32_t> is_unwanted{0};    ///< who reads its results has left in order
  std::atomic<std::uint32_t> is_partly_out{0};  ///< of the item that it is at
  std::atomic<std::uint32_t> is_cut{0};         ///< its source did not end, and it left in order
  std::atomic<std::uint32_t> starts{0};         ///< workers that have begun here
  std::atomic<std::int32_t> thread{0};  ///< the kernel's number of who works here; 0: nobody
  std::atomic<std::int64_t> cpu_ns{0};  ///< used by those who have left

  bool is_dropped = false;  ///< the item that it is at; nobody else asks

  void begin(std::uint64_t number) noexcept {
    item.store(number + 1, std::memory_order_relaxed);
    is_dropped = false;
  }
  void drop() noexcept {
    count(dropped);
    is_dropped = true;
  }
  void finish() noexcept {
    if (!std::exchange(is_dropped, false)) count(done);
  }
  void count(std::atomic<std::uint64_t>& word) noexcept {
    word.store(word.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }
};

/// Somebody works at a line, from its construction to its end: what a report wants to know.
class IQ_API WorkerShift {
 public:
  WorkerShift(WorkerLine& line, bool in_thread) noexcept;
  WorkerShift(const WorkerShift&) = delete;
  WorkerShift& operator=(const WorkerShift&) = delete;
  ~WorkerShift();

 private:
  WorkerLine& line_;
  bool in_thread_;
};

/// Kills this process when an item takes longer than its stage allows: by a timer of the kernel's,
/// so that nobody has to watch, and no other process can be hit.
class IQ_API ItemTimer {
 public:
  /// Does nothing when `timeout_ns` is 0. Errors: SystemError.
  explicit ItemTimer(std::int64_t timeout_ns);
  ItemTimer(const ItemTimer&) = delete;
  ItemTimer& operator=(const ItemTimer&) = delete;
  ~ItemTimer();

  /// Runs from its construction on, until somebody waits for room or it is destroyed.
  class Running {
   public:
    explicit Running(ItemTimer& timer) noexcept
        : timer_(timer.timeout_ns_ != 0 ? &timer : nullptr) {
      if (timer_ != nullptr) timer_->set(timer_->timeout_ns_);
    }
    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;
    ~Running() { stop(); }
    void stop() noexcept {
      if (timer_ != nullptr) timer_->set(0);
      timer_ = nullptr;
    }

   private:
    ItemTimer* timer_;
  };

 private:
  void set(std::int64_t after_ns) noexcept;

  std::int64_t timeout_ns_;
  std::unique_ptr<class KillTimer> timer_;
};

/// How far an ordered stretch of a pipeline may be ahead of what has left it in order. The stretch
/// begins where numbers are given out, and there alone anybody waits for it.
struct alignas(64) IQ_API OrderWindow {
  std::atomic<std::uint64_t> released{0};  ///< all numbers below have left
  std::atomic<std::uint32_t> changes{0};   ///< futex word of the one that waits
  std::atomic<std::uint32_t> waits{0};
  std::atomic<std::uint32_t> ending{0};  ///< nobody waits any more
  std::uint64_t items = 0;               ///< its size; 0: not in use

  /// Waits until `number` may enter. False: the pipeline is being ended.
  bool await(std::uint64_t number) noexcept;
  /// Every number below `next` has left.
  void release(std::uint64_t next) noexcept;
  /// Nobody waits from now on.
  void end() noexcept;

  /// Ends the window with the one that lets the numbers leave.
  class Leaving {
   public:
    explicit Leaving(OrderWindow& window) noexcept : window_(window) {}
    Leaving(const Leaving&) = delete;
    Leaving& operator=(const Leaving&) = delete;
    ~Leaving() { window_.end(); }

   private:
    OrderWindow& window_;
  };
};

class InlineEnd;
class InlineSource;
struct InlineStage;
using InlineNext = std::shared_ptr<InlineEnd>;

/// A queue between two stages, or a user's, whatever its items are.
class PipeQueue {
 public:
  PipeQueue() = default;
  PipeQueue(const PipeQueue&) = delete;
  PipeQueue& operator=(const PipeQueue&) = delete;
  virtual ~PipeQueue() = default;
  /// In the conductor: makes a queue of the caller's usable there too.
  virtual void adopt() = 0;
  /// In the conductor: leaves it again.
  virtual void leave() noexcept = 0;
  virtual void close() = 0;
  virtual void stop() = 0;
  virtual void drain() = 0;
  /// Keeps the stream from ending with a producer of one's own,
  virtual void hold_open() = 0;
  /// which is closed by this, or failed when `why` is not empty.
  virtual void let_go(const std::string& why) = 0;
  virtual bool is_anonymous() const = 0;
  virtual Stats stats() const = 0;
  virtual QueueWaits waits() const = 0;
  /// The numbers of the items that were given up, as far as they have any.
  virtual std::vector<std::uint64_t> parked() const = 0;
  /// In the caller: puts into it, takes from it.
  virtual InlineNext make_inline_sink() = 0;
  virtual std::unique_ptr<InlineSource> make_inline_source(const InlineNext& next) = 0;

  bool is_numbered = false;
  bool is_users = false;
  /// How many items the caller takes at a time. What it has taken is not acknowledged, and so takes
  /// room that the workers need: a small part of the queue.
  std::size_t read_at_once = 1;
};

/// What is known of a stage without its types.
struct StageTraits {
  std::string name;
  int workers = 1;
  int restarts = 0;
  int retries = 0;
  std::size_t capacity = 0;
  std::uint64_t bytes_per_worker = 0;
  std::uint32_t max_deliveries = 3;
  std::int64_t timeout_ns = 0;
  std::int64_t idle_after_ns = 1'000'000'000;  ///< of waiting; then the function's idle() is called
  bool ordered = false;
  bool has_state = false;
  bool shares_state = false;    ///< and cannot be copied: threads would have one state together
  bool is_raw = false;          ///< the function has the endpoints itself
  bool reads_numbers = false;   ///< its input may be numbered
  bool writes_numbers = false;  ///< its output may be numbered
  bool gives_order = false;     ///< its output is numbered without holes, in order
  std::optional<std::uint64_t> length;  ///< of a source, once it is launched, where that is known
  bool has_input = true;
  bool has_output = true;
};

class WorkerLauncher;

/// Where a stage of a pipeline that runs stands.
struct StagePlace {
  PipeQueue* in = nullptr;
  PipeQueue* out = nullptr;
  WorkerLine* lines = nullptr;    ///< one per worker
  OrderWindow* enters = nullptr;  ///< the stage gives out the numbers of this stretch
  OrderWindow* leaves = nullptr;  ///< the stage restores the order of this one
  bool keeps_order = false;       ///< each number that comes in goes out, as a gap if need be
  const std::atomic<std::uint32_t>* ending = nullptr;  ///< not 0: the pipeline is being ended
  const std::atomic<std::uint32_t>* enough = nullptr;  ///< not 0: endless ones end
  WorkerLauncher* launcher = nullptr;
};

/// One stage, as it was described; nothing runs before launch().
class IQ_API PipeNode {
 public:
  PipeNode() = default;
  PipeNode(const PipeNode&) = delete;
  PipeNode& operator=(const PipeNode&) = delete;
  virtual ~PipeNode();

  /// A queue for its results. Requires: has_output.
  virtual std::shared_ptr<PipeQueue> make_output(bool numbered, const Options& options) const = 0;
  /// Starts its workers, in the conductor.
  virtual void launch(const StagePlace& place) = 0;
  /// In the caller: the function's step_initialize(), before anything of the pipeline is started.
  virtual void begin_stage() {}
  /// In the caller: its step_shutdown(), when all workers have ended.
  virtual void end_stage() {}
  /// What it counted where it ran in the caller.
  virtual const WorkerLine* inline_line() const { return nullptr; }
  /// A stage that gives what comes to this one numbers without holes; null: not this one.
  virtual std::shared_ptr<PipeNode> make_sequencer() const;
  /// A stage that puts the results of this one in order; null: it has no numbers.
  virtual std::shared_ptr<PipeNode> make_restorer() const;
  /// In the caller: what an item does in this stage, before `next`; or, without an input, what
  /// sends items there. The node outlives it.
  virtual InlineNext make_inline(const InlineStage& stage, const InlineNext& next);
  virtual std::unique_ptr<InlineSource> make_inline_source(const InlineStage& stage,
                                                           const InlineNext& next);

  StageTraits traits;
  std::shared_ptr<PipeQueue> users_input;   ///< null: the stage before
  std::shared_ptr<PipeQueue> users_output;  ///< null: the stage behind
};

/// What starts the workers of one stage: as processes or as threads.
class IQ_API WorkerLauncher {
 public:
  virtual ~WorkerLauncher();
  bool in_threads() const noexcept { return in_threads_; }
  /// The group of the stages' processes. Requires: !in_threads().
  virtual WorkerGroup& group() = 0;
  /// Starts a thread, which `dismiss` lets go from where it waits. Requires: in_threads().
  virtual void add_thread(int worker, std::function<void()> body,
                          std::function<void()> dismiss) = 0;

 protected:
  explicit WorkerLauncher(bool in_threads) noexcept : in_threads_(in_threads) {}

 private:
  bool in_threads_;
};

/// A pipeline as it was described.
struct IQ_API PipelinePlan {
  PipelineOptions options;
  std::shared_ptr<PipeQueue> input;  ///< of the first stage, when it is a user's queue
  std::vector<std::shared_ptr<PipeNode>> nodes;
  /// What the caller puts while it runs comes through this one. It ends with the pipeline.
  std::shared_ptr<PipeQueue> feed;
  /// An item that was given up ends the pipeline at once; otherwise the rest goes its way first.
  bool ends_when_lost = false;
  /// Errors: std::invalid_argument when the options of a stage make no sense.
  void add(std::shared_ptr<PipeNode> node);
};

/// The stages of a plan in the caller, `results` behind the last one unless that has a queue of the
/// user's. Errors: std::invalid_argument.
IQ_API std::unique_ptr<InlineSource> build_inline(const PipelinePlan& plan, InlineNext results);

class RunningPipeline;

/// The caller's side of a pipeline that runs. Destroyed before its end, it ends the pipeline.
///
/// Threads: one at a time. Processes: the one that made it.
class IQ_API PipelineRun {
 public:
  /// Wires the stages. Errors: std::invalid_argument; what making the queue of the results throws.
  explicit PipelineRun(PipelinePlan plan);
  PipelineRun(const PipelineRun&) = delete;
  PipelineRun& operator=(const PipelineRun&) = delete;
  ~PipelineRun();

  /// The queue that the caller reads; null when the last stage has none, or a user's.
  PipeQueue* results() const noexcept;
  /// Of an ordered stretch that ends at the caller, or null.
  OrderWindow* results_window() const noexcept;

  /// Starts everything. Returns when all workers run, or will not. Errors: SystemError.
  void start();
  /// Whether the conductor has ended: nothing more will come.
  bool has_ended();
  /// Whether it is being ended before its time.
  bool is_ending() const noexcept;
  /// Whether it ended otherwise than in order, or is about to.
  bool has_failed();
  /// Sources that may be endless are read no further.
  void end_sources() noexcept;
  const std::atomic<std::uint32_t>& enough() const noexcept;
  /// The sum of what the workers of a stage have counted, by the number that the user knows.
  std::uint64_t sum_of(std::size_t stage, std::atomic<std::uint64_t> WorkerLine::*word) const;
  /// How it stands, at most some 20 ms ago.
  RunReport report();
  /// Waits for the end. Errors: PipelineFailed, Interrupted.
  void finish();
  /// Ends everything now and waits for that; `at_once`: also what is busy.
  void cancel(bool at_once = false) noexcept;

 private:
  std::unique_ptr<RunningPipeline> running_;
};

/// Refuses what was run already. Errors: Closed.
[[noreturn]] IQ_API void refuse_second_run();
/// Refuses to read results that were read, or dropped. Errors: Closed.
[[noreturn]] IQ_API void refuse_second_reading();
/// Refuses to read results that go to a user's queue. Errors: std::invalid_argument.
[[noreturn]] IQ_API void refuse_to_read();

}  // namespace iq::detail
