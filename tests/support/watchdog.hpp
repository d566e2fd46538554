// Runs the tests in a child and ends them when they hang.
#pragma once

namespace iqtest {

/// Runs `run` in a child process under watch and returns what main() shall return: the child's
/// code; 124 after a hang; 128 + signal after a crash. Ends with the line that ./dev test counts.
int run_watched(int (*run)(int, char**), int argc, char** argv);

/// Called around each pass through a case, in the child.
void start_case(const char* name) noexcept;
void finish_case() noexcept;

}  // namespace iqtest
