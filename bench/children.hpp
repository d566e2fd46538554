// Child processes that cannot outlive the measurement.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace bench {

class Children {
 public:
  Children() = default;
  Children(const Children&) = delete;
  Children& operator=(const Children&) = delete;
  ~Children() { kill(); }

  /// Forks; the child calls `run` and leaves. An exception there is told on stderr, exit code 1.
  void start(const std::function<void()>& run);
  /// Waits for all. Returns what went wrong first: how a child ended, or that some still ran after
  /// `bound_ns`; then the others are killed.
  std::string join(std::int64_t bound_ns);
  /// What went wrong so far, empty if nothing; does not wait.
  std::string look();
  void kill() noexcept;

 private:
  std::vector<pid_t> running_;
};

}  // namespace bench
