// Walks /proc instead of keeping a list: a list would miss what a killed process had started.
#include "support/tree.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "support/shared.hpp"

namespace iqtest {

std::string read_small_file(const std::string& path) noexcept {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return {};
  char buffer[4096];
  const ssize_t length = ::read(fd, buffer, sizeof buffer);
  ::close(fd);
  if (length <= 0) return {};
  std::replace(buffer, buffer + length, '\0', ' ');
  return std::string(buffer, static_cast<std::size_t>(length));
}

Process read_process(pid_t pid) noexcept {
  Process process;
  process.pid = pid;
  const std::string stat = read_small_file("/proc/" + std::to_string(pid) + "/stat");
  const auto open = stat.find('(');
  const auto close = stat.rfind(')');  // the name itself may hold anything
  if (open == std::string::npos || close == std::string::npos) return process;
  process.name = stat.substr(open + 1, close - open - 1);
  int parent = 0;
  if (std::sscanf(stat.c_str() + close + 1, " %c %d", &process.state, &parent) != 2) return {};
  process.parent = parent;
  return process;
}

std::vector<Process> descendants(pid_t root) {
  std::vector<Process> all;
  DIR* directory = ::opendir("/proc");
  if (directory == nullptr) return all;
  while (const dirent* entry = ::readdir(directory)) {
    const int pid = std::atoi(entry->d_name);
    if (pid <= 0) continue;
    Process process = read_process(pid);
    if (process.state != '\0') all.push_back(std::move(process));
  }
  ::closedir(directory);

  std::vector<Process> found;
  const auto add_children_of = [&](pid_t parent) {
    for (const Process& process : all) {
      if (process.parent == parent) found.push_back(process);
    }
  };
  add_children_of(root);
  for (std::size_t i = 0; i < found.size(); ++i) add_children_of(found[i].pid);
  return found;
}

bool kill_descendants(pid_t root) {
  const SteadyTime deadline = deadline_in(5);
  while (true) {
    const std::vector<Process> left = descendants(root);
    if (left.empty()) return true;
    if (std::chrono::steady_clock::now() >= deadline) return false;
    for (const Process& process : left) {
      if (process.state != 'Z') ::kill(process.pid, SIGKILL);
    }
    while (::waitpid(-1, nullptr, WNOHANG | __WALL) > 0) {
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

}  // namespace iqtest
