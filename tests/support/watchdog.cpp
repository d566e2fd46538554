// The watchdog is the parent of the process that runs the tests: not a thread (a fork copies only
// the thread that forks, and a lock held elsewhere at that moment stays locked for ever) and not a
// child (whoever hangs could not be told from whoever waits for it). It shares one page with the
// tests: the deadline of the case that runs and the counts, so that these survive a crash. Both
// are reapers of orphans, so that nothing that a case started can leave the tree.
#include "support/watchdog.hpp"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <string>

#include "support/process.hpp"
#include "support/stacks.hpp"
#include "support/state.hpp"
#include "support/tree.hpp"

namespace iqtest {
namespace {

constexpr int kHung = 124;
constexpr double kDefaultLimitS = 20;
double case_started_s = 0;

double now_s() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double limit_from_environment() {
  const char* text = std::getenv("IQ_TEST_LIMIT_S");
  const double seconds = text != nullptr ? std::atof(text) : 0;
  return seconds > 0 ? seconds : 0;
}

void set_deadline(double seconds) {
  state().deadline_ns.store(static_cast<std::int64_t>((case_started_s + seconds) * 1e9));
}

void dump_tree() {
  const std::vector<Process> tree = descendants(::getpid());
  std::fprintf(stderr, "%zu processes:\n", tree.size());
  for (const Process& process : tree) print_stacks(process.pid);
}

int finish(int code) {
  const std::vector<Process> left = descendants(::getpid());
  for (const Process& process : left) {
    if (code != 0) break;  // after a failure this is only a consequence
    std::fprintf(stderr, "left behind at the end: process %d (%s)\n", process.pid,
                 process.name.c_str());
    state().failed.fetch_add(1);
    code = 1;
  }
  kill_descendants(::getpid());
  if (code != 0 && state().failed.load() == 0) state().failed.store(1);
  std::fflush(stderr);
  std::printf("\niqtest: %d passed, %d failed, %d skipped\n", state().passed.load(),
              state().failed.load(), state().skipped.load());
  std::fflush(stdout);
  return code;
}

int finish_ended(int status) {
  if (WIFEXITED(status) && state().complete.load()) return finish(WEXITSTATUS(status));
  if (WIFEXITED(status)) {
    std::fprintf(stderr, "\niqtest: \"%s\" ended before the end of its cases: exit code %d\n",
                 state().running, WEXITSTATUS(status));
    state().failed.fetch_add(1);
    return finish(std::max(1, WEXITSTATUS(status)));
  }
  const int signal = WTERMSIG(status);
  std::fprintf(stderr, "\niqtest: \"%s\" CRASHED: signal %d (%s)\n", state().running, signal,
               ::strsignal(signal));
  print_crash();
  state().failed.fetch_add(1);
  return finish(128 + signal);
}

int finish_hung() {
  std::fprintf(stderr, "\niqtest: \"%s\" HANGS: over its limit; ", state().running);
  dump_tree();
  state().failed.fetch_add(1);
  return finish(kHung);
}

int watch(pid_t tests, const sigset_t& signals) {
  const timespec look_again{0, 100'000'000};
  while (true) {
    int status = 0;
    pid_t ended = 0;
    while ((ended = ::waitpid(-1, &status, WNOHANG | __WALL)) > 0) {
      if (ended == tests) return finish_ended(status);
    }
    if (now_s() * 1e9 > static_cast<double>(state().deadline_ns.load())) return finish_hung();
    const int signal = ::sigtimedwait(&signals, nullptr, &look_again);
    if (signal == SIGTERM || signal == SIGINT || signal == SIGHUP) {
      std::fprintf(stderr, "\niqtest: \"%s\" was interrupted\n", state().running);
      return finish(128 + signal);
    }
  }
}

}  // namespace

State& state() {
  static State* const shared = [] {
    void* memory =
        ::mmap(nullptr, sizeof(State), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) std::abort();
    auto* made = new (memory) State;
    std::snprintf(made->token, sizeof made->token, "iqtest-%d-%llx.", ::getpid(),
                  static_cast<unsigned long long>(now_s() * 1e6));
    return made;
  }();
  return *shared;
}

void start_case(const char* name) noexcept {
  std::snprintf(state().running, sizeof state().running, "%s", name);
  forget_crash();
  case_started_s = now_s();
  const double limit = limit_from_environment();
  set_deadline(limit > 0 ? limit : kDefaultLimitS);
}

void finish_case() noexcept {
  case_started_s = now_s();
  set_deadline(std::max(kDefaultLimitS, limit_from_environment()));
}

void limit_seconds(double seconds) noexcept {
  set_deadline(std::max(seconds, limit_from_environment()));
}

int run_watched(int (*run)(int, char**), int argc, char** argv) {
  state();
  // A shell lets its background jobs ignore these; tests send them and want them heard.
  for (const int signal : {SIGINT, SIGQUIT}) ::signal(signal, SIG_DFL);
  install_stack_handlers();
  if (std::getenv("IQ_TEST_DIRECT") != nullptr) return run(argc, argv);  // for a debugger
  sigset_t signals;
  sigset_t before;
  ::sigemptyset(&signals);
  for (const int signal : {SIGCHLD, SIGTERM, SIGINT, SIGHUP}) ::sigaddset(&signals, signal);
  ::sigprocmask(SIG_BLOCK, &signals, &before);
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  std::cout.flush();
  std::fflush(nullptr);
  const pid_t watchdog = ::getpid();
  const pid_t tests = ::fork();
  if (tests < 0) {
    std::perror("fork");
    return 1;
  }
  if (tests > 0) return watch(tests, signals);

  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != watchdog) ::_exit(1);
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
  finish_case();
  std::snprintf(state().running, sizeof state().running, "before and between cases");
  return run(argc, argv);
}

}  // namespace iqtest
