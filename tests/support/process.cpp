// Processes in tests. A child never runs the parent's destructors or atexit handlers, and no wait
// here is without a bound: a child that does not end becomes a failed case with a text.
#include "support/process.hpp"

#include <poll.h>
#include <sys/wait.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <thread>

#include "support/state.hpp"
#include "support/tree.hpp"

namespace iqtest {
namespace {

void flush_all() {
  std::cout.flush();
  std::cerr.flush();
  std::fflush(nullptr);
}

Exit from_status(int status) {
  if (WIFSIGNALED(status)) return {-1, WTERMSIG(status)};
  return {WEXITSTATUS(status), 0};
}

int run_child(int (*run)(void*), void* argument) {
  const int failed_before = detail::failed_asserts();
  int code = kThrew;
  try {
    code = run(argument);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "child %d: %s\n", static_cast<int>(::getpid()), error.what());
  } catch (...) {
    std::fprintf(stderr, "child %d: left by an exception\n", static_cast<int>(::getpid()));
  }
  if (code == 0 && detail::failed_asserts() != failed_before) code = kCheckFailed;
  return code;
}

}  // namespace

void require(bool condition, std::string_view text, const char* file, int line) {
  if (condition) return;
  throw std::runtime_error(std::string(file) + ":" + std::to_string(line) +
                           ": required: " + std::string(text));
}

std::string temp_name(std::string_view word) {
  static std::atomic<unsigned> counter{0};
  return state().token + std::to_string(::getpid()) + "." + std::to_string(++counter) + "." +
         std::string(word);
}

bool wait_until(const std::function<bool()>& predicate, double seconds) {
  const SteadyTime deadline = deadline_in(seconds);
  while (!predicate()) {
    if (std::chrono::steady_clock::now() >= deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

bool stopped(pid_t pid, double seconds) {
  return wait_until([pid] { return read_process(pid).state == 'T'; }, seconds);
}

bool asleep(pid_t pid, double seconds) {
  return wait_until([pid] { return read_process(pid).state == 'S'; }, seconds);
}

bool has_ended(pid_t pid) noexcept {
  const char process_state = read_process(pid).state;
  return process_state == '\0' || process_state == 'Z' || process_state == 'X';
}

bool gone(pid_t pid, double seconds) {
  return wait_until([pid] { return has_ended(pid); }, seconds);
}

std::string command_line(pid_t pid) {
  return read_small_file("/proc/" + std::to_string(pid) + "/cmdline");
}

bool reap_orphans(double seconds) {
  const auto none_left = [] {
    while (::waitpid(-1, nullptr, WNOHANG) > 0) {
    }
    return ::waitpid(-1, nullptr, WNOHANG) < 0 && errno == ECHILD;
  };
  if (wait_until(none_left, seconds)) return true;
  kill_descendants(::getpid());
  return false;
}

std::ostream& operator<<(std::ostream& out, const Exit& exit) {
  if (exit.signal == 0) return out << "exit code " << exit.code;
  return out << "signal " << exit.signal << " (" << ::strsignal(exit.signal) << ")";
}

Child& Child::operator=(Child&& other) noexcept {
  if (this != &other) {
    end();
    pid_ = std::exchange(other.pid_, -1);
    exit_ = other.exit_;
    reaped_ = other.reaped_;
  }
  return *this;
}

void Child::kill(int signal) const noexcept {
  if (pid_ > 0 && !reaped_) ::kill(pid_, signal);
}

void Child::stop() const {
  kill(SIGSTOP);
  require(stopped(pid_), "a process that was sent SIGSTOP is stopped");
}

void Child::cont() const noexcept { kill(SIGCONT); }

Exit Child::wait(double seconds) {
  if (reaped_) return exit_;
  require(pid_ > 0, "there is a child to wait for");
  int status = 0;
  pid_t result = 0;
  const auto ended = [&] {
    do {
      result = ::waitpid(pid_, &status, WNOHANG);
    } while (result < 0 && errno == EINTR);
    return result != 0;
  };
  if (!wait_until(ended, seconds)) {
    throw std::runtime_error("child " + std::to_string(pid_) + " did not end within " +
                             std::to_string(seconds) + " s");
  }
  require(result == pid_, "the child was not reaped by somebody else");
  reaped_ = true;
  exit_ = from_status(status);
  return exit_;
}

Exit Child::kill_and_wait() {
  kill(SIGKILL);
  return wait();
}

void Child::end() noexcept {
  if (pid_ <= 0 || reaped_) return;
  ::kill(pid_, SIGKILL);
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  reaped_ = true;
}

Child detail::spawn(int (*run)(void*), void* argument) {
  flush_all();
  const pid_t pid = ::fork();
  if (pid < 0) throw std::runtime_error(std::string("fork: ") + std::strerror(errno));
  if (pid > 0) return Child(pid);
  int code = kThrew;
  try {
    code = run_child(run, argument);
    flush_all();
  } catch (...) {  // nothing of a child may return into the parent's frames
  }
  ::_exit(code);
}

}  // namespace iqtest
