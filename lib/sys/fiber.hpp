// Stacks that one thread switches between: what tasks run on.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>

namespace iq::detail {

/// Whether fibers that are made from here on are switched by the C library's ucontext. True from
/// the start where nothing else works; those that switch to each other must have been made alike.
/// For tests.
extern std::atomic<bool> fibers_by_ucontext;

/// One flow of control with a stack of its own. It runs only when its thread switches to it, and
/// keeps what the C++ runtime knows per thread about exceptions in flight.
///
/// Threads: belongs to the thread that made it; never switched to from another one.
class Fiber {
 public:
  using Entry = void (*)(void* argument);

  /// The flow that the thread runs already, on the stack that it has.
  Fiber();
  /// A flow that calls `entry`, which must never return, when it is first switched to.
  /// Errors: NoSpace when the system has no memory for its stack.
  Fiber(Entry entry, void* argument, std::size_t stack_bytes);
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;
  /// Frees the stack: what still lies on it is forgotten, no destructor runs.
  ~Fiber();

  /// Gives back the memory below what lies on the stack. For one that is not running now.
  void drop_unused_pages() noexcept;

  /// Goes on in `to`; returns when somebody switches back to `from`, the flow that calls.
  static void switch_to(Fiber& from, Fiber& to) noexcept;

 private:
  struct Machine;  // what depends on the processor, and on sanitizers
  std::unique_ptr<Machine> machine_;
};

}  // namespace iq::detail
