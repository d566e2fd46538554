// What the function of a stage may have besides its call: hooks, known by their names.
//
// `step_initialize()` and `step_shutdown()` are called once, in the caller: before anything is
// started, so that all workers inherit what the first one made, and when all workers have ended.
// `worker_initialize()` and `worker_shutdown()` are called in each worker, before its first item
// and behind its last; `idle()` when it has waited for an item for long, and again each time.
#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>

#include "iq/detail/deadline.hpp"
#include "iq/detail/pipeline_core.hpp"
#include "iq/status.hpp"

namespace iq::detail {

template <class F>
void call_step_initialize(F& function) {
  if constexpr (requires { function.step_initialize(); }) function.step_initialize();
}
template <class F>
void call_step_shutdown(F& function) {
  if constexpr (requires { function.step_shutdown(); }) function.step_shutdown();
}

/// The hooks around the work of one worker. Its end is told once, whatever ended it.
template <class F>
class WorkerHooks {
 public:
  explicit WorkerHooks(F& function) : function_(function) {
    if constexpr (requires { function.worker_initialize(); }) function.worker_initialize();
  }
  WorkerHooks(const WorkerHooks&) = delete;
  WorkerHooks& operator=(const WorkerHooks&) = delete;
  /// Left by an exception, which is the one to tell.
  ~WorkerHooks() {
    try {
      finish();
    } catch (...) {
    }
  }

  void finish() {
    if (is_finished_) return;
    is_finished_ = true;
    if constexpr (requires(F & f) { f.worker_shutdown(); }) function_.worker_shutdown();
  }

 private:
  F& function_;
  bool is_finished_ = false;
};

template <class F>
concept HasIdle = requires(F& function) {
  function.idle();
};

/// `from.next()`, with the function's idle() while nothing comes.
template <class From, class F>
Status next_item(From& from, [[maybe_unused]] F& function,
                 [[maybe_unused]] std::int64_t idle_after_ns) {
  if constexpr (HasIdle<F>) {
    while (true) {
      const Status status = from.next(deadline_after(std::chrono::nanoseconds(idle_after_ns)));
      if (status != Status::timeout) return status;
      function.idle();
    }
  } else {
    return from.next(kNoDeadline);
  }
}

/// Refuses to replace a worker that was killed when part of what it makes of an item was out.
[[noreturn]] IQ_API void refuse_rest(const WorkerLine& line);

inline void require_whole(const WorkerLine& line) {
  if (line.is_partly_out.load() != 0) refuse_rest(line);
}

}  // namespace iq::detail
