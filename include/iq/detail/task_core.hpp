// The untyped side of futures and tasks: what waits, what is waited for, and who runs meanwhile.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "iq/detail/api.hpp"

namespace iq::detail {

class TaskFiber;
class TaskContext;
using TaskContextHandle = std::shared_ptr<TaskContext>;

/// A result to come: of a batched call or of a task. It belongs to the thread that made it.
class IQ_API Pending {
 public:
  Pending();
  Pending(const Pending&) = delete;
  Pending& operator=(const Pending&) = delete;
  virtual ~Pending() = default;

  bool ready() const noexcept { return ready_; }
  const std::exception_ptr& error() const noexcept { return error_; }

  /// Ready from now on, with a value or an error: tells those who wait. Once.
  void settle(std::exception_ptr error = {});
  /// Calls `then` when it is ready, at once if it is so already. It must neither wait nor throw.
  void when_ready(std::function<void()> then);

 private:
  friend class TaskScheduler;
  /// Errors: WrongProcess, WouldDeadlock: where it can become ready, nobody waits here.
  void require_own() const;
  void forget(const TaskFiber* waiter) noexcept;

  std::uint64_t process_;  ///< the generation that it belongs to,
  std::uint64_t owner_;    ///< and which thread of it
  bool ready_ = false;
  std::exception_ptr error_;
  std::vector<TaskFiber*> waiters_;
  std::vector<std::function<void()>> then_;
};
using PendingHandle = std::shared_ptr<Pending>;

/// A function on its way to a stack of its own.
class IQ_API TaskJob : public Pending {
 public:
  /// Calls the function and keeps what it returns. What it throws becomes the error.
  virtual void run() = 0;
};

/// The result of a batched call: decoded when the reply comes.
class IQ_API CallResult : public Pending {
 public:
  /// Errors: Corrupt when the bytes are no such result.
  virtual void accept(std::span<const std::byte> bytes) = 0;
};

/// Waits until it is ready, or `deadline_ns` passed; other tasks of this thread run meanwhile.
/// False when it is not ready. Errors: WouldDeadlock when nothing could ever make it ready, or it
/// belongs to another thread; WrongProcess in a child of its process.
IQ_API bool await(Pending& pending, std::int64_t deadline_ns);
/// Waits until `count` of them are ready. Returns how many are. Errors: as await().
IQ_API std::size_t await_some(std::span<const PendingHandle> pending, std::size_t count,
                              std::int64_t deadline_ns);
/// Runs the job on a stack of its own when this task or thread waits next.
IQ_API void launch(std::shared_ptr<TaskJob> job);
/// Lets the others run that can.
IQ_API void yield_task();

/// A number of tasks that may run at a time; those beyond wait for their turn.
class IQ_API TaskLimit {
 public:
  /// Errors: BadArgument for 0.
  explicit TaskLimit(std::size_t most);
  /// As launch(), when fewer than `most` of this limit's run.
  void launch(std::shared_ptr<TaskJob> job);
  /// Started and not finished.
  std::size_t running() const noexcept;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

/// What a scope may hold of a context; see iq::BatchContext.
struct IQ_API ContextScope {
  ContextScope();
  explicit ContextScope(const std::string& name);
  ContextScope(const ContextScope&) = delete;
  ContextScope& operator=(const ContextScope&) = delete;
  ~ContextScope();

 private:
  TaskContextHandle mine_;
  std::uint64_t generation_;
  void* fiber_;
};

/// What iq::may_block holds.
struct IQ_API BlockScope {
  BlockScope();
  BlockScope(const BlockScope&) = delete;
  BlockScope& operator=(const BlockScope&) = delete;
  ~BlockScope();

 private:
  TaskContextHandle context_;
  std::uint64_t generation_;
};

}  // namespace iq::detail
