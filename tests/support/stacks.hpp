// Stacks of other processes, on request.
#pragma once

#include <sys/types.h>

namespace iqtest {

/// Installs the handlers that children inherit: one answers the watchdog's request for a stack,
/// one keeps the stack of a crash. Call before any thread or fork.
void install_stack_handlers();

/// Forgets, or prints and forgets, the stack of the first crash since the last call.
void forget_crash() noexcept;
void print_crash();

/// Prints name, state and the stacks of all threads of `pid` to stderr; what /proc knows when a
/// thread does not answer within a second. Continues a stopped process.
void print_stacks(pid_t pid);

}  // namespace iqtest
