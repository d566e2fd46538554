// A table of steps without its types: where it stands, who may do what, what becomes of it when
// its owner ends.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "iq/detail/api.hpp"
#include "iq/detail/pipeline_core.hpp"
#include "iq/detail/pipeline_inline.hpp"
#include "iq/pipeline.hpp"

namespace iq::detail {

/// Where a table stands: each leads to the next, none back.
enum class StepsState : unsigned char {
  described,  ///< not started: what is put waits in the caller's memory
  running,    ///< started: what is put goes to the steps
  told,       ///< somebody was told how it ended
};

/// What becomes of results that nobody has read yet.
enum class Leftover : unsigned char { kept, dropped };

class IQ_API StepsBase : protected PipelineBase {
 public:
  StepsBase(const StepsBase&) = delete;
  StepsBase& operator=(const StepsBase&) = delete;

 protected:
  StepsBase(const PipelineOptions& options, bool daemon);
  virtual ~StepsBase();

 public:
  bool is_described() const noexcept { return state_ == StepsState::described; }
  bool is_running() const noexcept { return state_ == StepsState::running; }
  /// Not in a child that the program forked.
  bool is_in_own_process() const noexcept;
  bool is_finished() const noexcept { return is_finished_; }
  bool is_here() const noexcept { return run_in_ == RunIn::caller; }
  bool in_processes() const noexcept { return run_in_ == RunIn::processes; }

  /// Errors: WrongProcess in a forked child.
  void require_here(const char* what) const;
  /// Those that follow, besides: Closed after finish() or the end.
  void require_open(const char* what) const;
  /// Errors: Closed unless it was not started yet.
  void require_described(const char* what) const;
  /// Errors: Closed before the start, and when the end was told already.
  void require_running(const char* what) const;
  /// No more comes than what was put.
  void note_finished() noexcept { is_finished_ = true; }
  /// It runs from now on. One that is no daemon is waited for when the program exits.
  void note_running();
  /// These are its steps.
  void note_nodes() { nodes_ = plan_.nodes; }
  /// Its start failed, or its end was told: `ok` when it ended in order.
  void note_told(bool ok) noexcept;

  /// Somebody is in a call that starts the table, waits for it, or is one of its steps. Who calls
  /// exit() there leaves it as it is: it cannot be waited for.
  class InCall {
   public:
    explicit InCall(StepsBase& steps) noexcept : steps_(steps) { ++steps_.calls_; }
    InCall(const InCall&) = delete;
    InCall& operator=(const InCall&) = delete;
    ~InCall() { --steps_.calls_; }

   private:
    StepsBase& steps_;
  };

  /// Ends it when its owner does: in order, or at once. Errors go to stderr: nobody else listens.
  void leave() noexcept;

  RunReport report() { return report_run(); }
  bool is_alive() const;
  bool is_ok() const;
  std::uint64_t count_of(std::size_t stage, std::atomic<std::uint64_t> WorkerLine::*word) const;
  std::uint64_t sum_of(std::atomic<std::uint64_t> WorkerLine::*word) const;
  /// What a put that was refused means: the pipeline's own failure, or that it has ended.
  [[noreturn]] void explain_refusal();

 private:
  friend class ExitGate;
  /// Ends it in order and waits for that.
  virtual void end_in_order(Leftover results) = 0;
  /// It was ended before its time: whoever still reads results is told.
  virtual void note_cut_short() noexcept = 0;

  StepsState state_ = StepsState::described;
  RunIn run_in_;
  bool daemon_;
  bool is_finished_ = false;
  bool is_ok_ = true;
  std::atomic<int> calls_{0};  // that are under way
  std::uint64_t generation_;
  int uncaught_;
  std::vector<std::shared_ptr<PipeNode>> nodes_;  // once it runs: for what they count
};

}  // namespace iq::detail
