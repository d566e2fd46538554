// Batch contexts: who waits for whom before calls go together.
#pragma once

#include <string>

#include "iq/detail/task_core.hpp"

namespace iq {

/// While it stands, calls of batched functions gather: one batch per function (and object) goes
/// when every caller that has joined the context waits for a result, or when BatchOptions::max_size
/// or max_delay says so. Nothing is guessed by timers: a caller that computes or sleeps is not
/// waiting, and the others wait for its call.
///
/// Callers are the task or thread that made it and every task that these spawn. One that ends,
/// leaves or dies does not hold up the others, nor does one that blocks elsewhere and says so with
/// may_block. A context made inside another one is that one.
///
///     iq::BatchContext context;
///     auto a = load.async(1), b = load.async(2);
///     use(a.get());                 // one batch of two
///     use(b.get());
///
/// Threads:   of the task that made it, to be destroyed there, in reverse order.
class BatchContext {
 public:
  /// Begins the context, or joins the one that stands.
  BatchContext() = default;
  /// Joins the context of that name, or begins it, unless one stands. It is shared by the processes
  /// of the program that made the batched functions, and programs that have opened them by name:
  /// where there is no function yet, from the first one on.
  /// Errors: NoSpace, CannotProbe, SystemError.
  explicit BatchContext(const std::string& name) : scope_(name) {}
  BatchContext(const BatchContext&) = delete;
  BatchContext& operator=(const BatchContext&) = delete;
  /// Leaves it: this caller holds up nobody any more.
  ~BatchContext() = default;

 private:
  detail::ContextScope scope_;
};

/// While it stands, its task does something that may block, and no batch waits for it: reading a
/// socket, get() of a queue, join() of processes that are callers of the same context.
///
///     iq::may_block guard;
///     std::getline(std::cin, line);
///
/// Tasks of the same thread that can run do so first; while the thread blocks, none of them can.
class may_block {
 public:
  /// From here on no batch waits for this caller.
  may_block() = default;
  may_block(const may_block&) = delete;
  may_block& operator=(const may_block&) = delete;
  /// From here on they do again.
  ~may_block() = default;

 private:
  detail::BlockScope scope_;
};

}  // namespace iq
