// A child that is run one instruction at a time, by ptrace(2), and killed between any two.
#pragma once

#include <sys/types.h>

#include <cstdint>

#include "support/process.hpp"

namespace steps {

/// In the child: what follows is the operation, up to end_operation().
void begin_operation();
void end_operation();

/// What the child did in one step.
enum class Step : unsigned char {
  plain,        ///< an instruction of its own
  system_call,  ///< one that entered the kernel, and came back
  ended,        ///< it has come to end_operation(), or has ended
};

/// Where in its operation a child is: at the nth time that it is about to execute the instruction
/// at that address. The addresses of children of one process are alike.
struct Place {
  std::uint64_t address = 0;
  std::uint32_t nth = 0;
};

/// Drives one child. The thread that forked the child makes it and uses it. x86-64 only.
class Tracer {
 public:
  /// Waits until the child has come to begin_operation().
  explicit Tracer(const iqtest::Child& child);

  Step step();
  /// The address of the next instruction. Only after a step that did not end.
  std::uint64_t address() const noexcept { return address_; }
  std::uint64_t steps() const noexcept { return steps_; }

  /// Runs at full speed up to a place. False when the child ended its operation before.
  bool run_to(const Place& place);

 private:
  bool await_stop();  // false: it has ended its operation
  void read_address();

  pid_t pid_;
  std::uint64_t address_ = 0;
  std::uint64_t steps_ = 0;
};

}  // namespace steps
