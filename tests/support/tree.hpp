// The processes below a process, as /proc shows them.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace iqtest {

struct Process {
  pid_t pid = 0;
  pid_t parent = 0;
  char state = '\0';  ///< as in /proc/PID/stat; 0 = there is no such process
  std::string name;
};

Process read_process(pid_t pid) noexcept;

/// Children, their children and so on, parents before children. Zombies included.
std::vector<Process> descendants(pid_t root);

/// SIGKILL to all of them, again until none appears any more; reaps what is this process's.
/// `root` must be the caller. False when something survived five seconds of that.
bool kill_descendants(pid_t root);

/// The first bytes of a file, '\0' shown as a space; empty when it cannot be read.
std::string read_small_file(const std::string& path) noexcept;

}  // namespace iqtest
