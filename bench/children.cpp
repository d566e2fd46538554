#include "children.hpp"

#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <exception>
#include <system_error>

#include "arena.hpp"

namespace bench {

void Children::start(const std::function<void()>& run) {
  std::fflush(nullptr);
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) throw std::system_error(errno, std::generic_category(), "fork");
  if (pid > 0) {
    running_.push_back(pid);
    return;
  }
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(1);
  int code = 0;
  try {
    run();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench: %s\n", error.what());
    code = 1;
  }
  std::fflush(nullptr);
  ::_exit(code);
}

std::string Children::look() {
  for (std::size_t i = 0; i < running_.size();) {
    int status = 0;
    const pid_t pid = ::waitpid(running_[i], &status, WNOHANG);
    if (pid == 0) {
      ++i;
      continue;
    }
    running_.erase(running_.begin() + static_cast<std::ptrdiff_t>(i));
    if (pid > 0 && WIFSIGNALED(status)) {
      return fmt::format("a party was killed by signal {}", WTERMSIG(status));
    }
    if (pid < 0 || WEXITSTATUS(status) != 0) {
      return fmt::format("a party failed with exit code {}", pid < 0 ? -1 : WEXITSTATUS(status));
    }
  }
  return {};
}

std::string Children::join(std::int64_t bound_ns) {
  const std::int64_t until = now_ns() + bound_ns;
  std::string error;
  while (error.empty() && !running_.empty()) {
    error = look();
    if (!error.empty() || running_.empty()) break;
    if (now_ns() > until) {
      error = fmt::format("hangs: {} processes were killed after {} s", running_.size(),
                          bound_ns / 1'000'000'000);
      break;
    }
    ::usleep(500);
  }
  kill();
  return error;
}

void Children::kill() noexcept {
  for (const pid_t pid : running_) ::kill(pid, SIGKILL);
  for (const pid_t pid : running_) {
    while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  running_.clear();
}

}  // namespace bench
