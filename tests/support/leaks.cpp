// Compares before and after. Files are ours by the token in their name: other tests may run on the
// same machine at the same time, so any other new name says nothing about this case.
#include "support/leaks.hpp"

#include <dirent.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdlib>
#include <fstream>

#include "support/state.hpp"
#include "support/tree.hpp"

namespace iqtest {
namespace {

constexpr const char* kSharedFolder = "/dev/shm/";

/// A sanitizer's own file, which it opens with its first word: tests/sanitize/run.py.
bool is_report(const std::string& target) {
  const char* folder = std::getenv("IQ_REPORTS");
  return folder != nullptr && target.starts_with(folder);
}

std::map<int, std::string> open_descriptors() {
  std::map<int, std::string> result;
  DIR* directory = ::opendir("/proc/self/fd");
  if (directory == nullptr) return result;
  while (const dirent* entry = ::readdir(directory)) {
    if (entry->d_name[0] == '.') continue;
    const int number = std::atoi(entry->d_name);
    if (number == ::dirfd(directory)) continue;
    char target[PATH_MAX] = "";
    const std::string path = std::string("/proc/self/fd/") + entry->d_name;
    if (::readlink(path.c_str(), target, sizeof target - 1) < 0) continue;
    if (!is_report(target)) result[number] = target;
  }
  ::closedir(directory);
  return result;
}

std::set<std::string> own_shared_files() {
  std::set<std::string> result;
  DIR* directory = ::opendir(kSharedFolder);
  if (directory == nullptr) return result;
  while (const dirent* entry = ::readdir(directory)) {
    const std::string name = entry->d_name;
    if (name.find(state().token) != std::string::npos) result.insert(name);
  }
  ::closedir(directory);
  return result;
}

void add_child_leaks(std::vector<std::string>& leaks) {
  siginfo_t info{};
  const int options = WEXITED | WNOHANG | WNOWAIT | __WALL;
  if (::waitid(P_ALL, 0, &info, options) < 0 && errno == ECHILD) return;
  for (const Process& process : descendants(::getpid())) {
    leaks.push_back("process " + std::to_string(process.pid) + " (" + process.name + ", " +
                    (process.state == 'Z' ? "a zombie" : std::string("state ") + process.state) +
                    "): wait for it");
  }
  kill_descendants(::getpid());
}

}  // namespace

Snapshot take_snapshot() { return {open_descriptors(), own_shared_files()}; }

long resident_kib() {
  std::ifstream status("/proc/self/statm");
  long all = 0;
  long resident = 0;
  status >> all >> resident;
  return resident * ::sysconf(_SC_PAGESIZE) / 1024;
}

std::vector<std::string> leaks_since(const Snapshot& before) {
  std::vector<std::string> leaks;
  add_child_leaks(leaks);
  for (const auto& [number, target] : open_descriptors()) {
    const auto old = before.descriptors.find(number);
    if (old == before.descriptors.end() || old->second != target) {
      leaks.push_back("descriptor " + std::to_string(number) + " -> " + target + ": close it");
    }
  }
  for (const std::string& name : own_shared_files()) {
    if (before.shared_files.contains(name)) continue;
    leaks.push_back(kSharedFolder + name + ": unlink it");
    ::unlink((kSharedFolder + name).c_str());
  }
  return leaks;
}

}  // namespace iqtest
