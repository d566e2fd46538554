// Real processes in tests: start, stop, kill and wait for them, always within a bound.
#pragma once

#include <sys/types.h>

#include <csignal>
#include <functional>
#include <iosfwd>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "support/shared.hpp"

namespace iqtest {

// ---- the case that runs ----

/// Gives the running case (this pass through its subcases) `seconds` from its start.
/// IQ_TEST_LIMIT_S, when larger, wins. Default: 20.
void limit_seconds(double seconds) noexcept;

/// Leaves the case and counts it as skipped; `why` is shown at the end of ./dev test.
[[noreturn]] void skip(const std::string& why);

/// For children, where doctest's own checks reach nobody: throws, which is exit code 99.
void require(bool condition, std::string_view text, const char* file = __builtin_FILE(),
             int line = __builtin_LINE());

/// A queue name that nobody else uses; a file of that name that is left behind fails the case.
std::string temp_name(std::string_view word);

// ---- waiting ----

/// Asks again every millisecond until `predicate` holds. False when `seconds` passed first.
bool wait_until(const std::function<bool()>& predicate, double seconds = kPatienceS);

/// Waits until the process is stopped, as by SIGSTOP.
bool stopped(pid_t pid, double seconds = kPatienceS);

/// Waits until the process's first thread sleeps, for whatever reason.
bool asleep(pid_t pid, double seconds = kPatienceS);

/// Waits until the process has ended (a zombie has ended).
bool gone(pid_t pid, double seconds = kPatienceS);

/// Not there, or a zombie.
bool has_ended(pid_t pid) noexcept;

/// The program and its arguments, each followed by a space; empty when it has ended.
std::string command_line(pid_t pid);

/// Waits for every child of this process to end and reaps it; grandchildren whose parent died come
/// to the test process as children. True when none is left; after `seconds` the rest is killed.
bool reap_orphans(double seconds = kPatienceS);

// ---- children ----

/// How a process ended: by exit (signal 0) or by a signal (code -1).
struct Exit {
  int code = -1;
  int signal = 0;
  bool ok() const noexcept { return code == 0 && signal == 0; }
  friend bool operator==(const Exit&, const Exit&) = default;
};
std::ostream& operator<<(std::ostream& out, const Exit& exit);

/// Exit codes that spawn() gives a child of its own accord.
inline constexpr int kCheckFailed = 98;  // a CHECK failed in the child
inline constexpr int kThrew = 99;        // an exception left the child's function

/// A process that this test forked. Ends with it: killed and reaped by the destructor.
class Child {
 public:
  Child() noexcept = default;
  explicit Child(pid_t pid) noexcept : pid_(pid) {}
  Child(Child&& other) noexcept
      : pid_(std::exchange(other.pid_, -1)), exit_(other.exit_), reaped_(other.reaped_) {}
  Child& operator=(Child&& other) noexcept;
  ~Child() { end(); }

  pid_t pid() const noexcept { return pid_; }
  void kill(int signal = SIGKILL) const noexcept;
  /// Returns when the process is stopped.
  void stop() const;
  void cont() const noexcept;

  /// Waits for the end and reaps. Throws when it does not come. May be called again.
  Exit wait(double seconds = kPatienceS);
  /// kill(SIGKILL), then wait().
  Exit kill_and_wait();

 private:
  void end() noexcept;

  pid_t pid_ = -1;
  Exit exit_;
  bool reaped_ = false;
};

namespace detail {
Child spawn(int (*run)(void*), void* argument);
int failed_asserts() noexcept;  // of the running case, in this process
}  // namespace detail

/// Runs `f` in a child, which then leaves by _exit: 0, or what f returns; the text of an exception
/// goes to stderr. Nothing of the parent's unwritten output is written twice.
template <class F>
Child spawn(F&& f) {
  using Function = std::remove_reference_t<F>;
  return detail::spawn(
      [](void* argument) {
        Function& function = *static_cast<Function*>(argument);
        if constexpr (std::is_void_v<std::invoke_result_t<Function&>>) {
          function();
          return 0;
        } else {
          return static_cast<int>(function());
        }
      },
      const_cast<void*>(static_cast<const void*>(&f)));
}

}  // namespace iqtest
