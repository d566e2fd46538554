// The generation of a process, and the mutex that keeps fork() out.
#include "sys/fork_guard.hpp"

#include <doctest/doctest.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <set>
#include <thread>
#include <vector>

#include "support/process.hpp"

using iq::detail::ForkGuard;
using iq::detail::process_generation;
using iqtest::Child;
using iqtest::require;
using iqtest::spawn;

namespace {

long raw_fork() { return ::syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0); }

/// Forks `depth` times, each child in its parent, and checks that no generation repeats.
int descend(std::set<std::uint64_t> ancestors, int depth) {
  if (!ancestors.insert(process_generation()).second) return 1;
  if (depth == 0) return 0;
  const long child = depth % 2 == 0 ? raw_fork() : ::fork();
  if (child == 0) ::_exit(descend(ancestors, depth - 1));
  int status = 0;
  ::waitpid(static_cast<pid_t>(child), &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 2;
}

sigset_t blocked_signals() {
  sigset_t now;
  ::pthread_sigmask(SIG_SETMASK, nullptr, &now);
  return now;
}

}  // namespace

TEST_CASE("process_generation: constant within a process, never 0, the same in all threads") {
  const std::uint64_t mine = process_generation();
  CHECK(mine != 0);
  CHECK(process_generation() == mine);
  std::uint64_t theirs = 0;
  std::thread([&] { theirs = process_generation(); }).join();
  CHECK(theirs == mine);
}

TEST_CASE("process_generation: differs from every ancestor's, by fork and by raw clone") {
  CHECK(spawn([] { return descend({}, 12); }).wait().ok());
}

TEST_CASE("process_generation: all threads of a fresh child agree") {
  Child child = spawn([] {
    std::atomic<int> waiting{0};
    std::vector<std::uint64_t> seen(8);
    std::vector<std::thread> threads;
    for (std::uint64_t& mine : seen) {
      threads.emplace_back([&] {
        ++waiting;
        while (waiting.load() < 8) std::this_thread::yield();
        mine = process_generation();
      });
    }
    for (std::thread& thread : threads) thread.join();
    require(std::set<std::uint64_t>(seen.begin(), seen.end()).size() == 1, "one generation");
  });
  CHECK(child.wait().ok());
}

TEST_CASE("ForkGuard: blocks signals while it is held and restores what was blocked before") {
  sigset_t before;
  sigemptyset(&before);
  sigaddset(&before, SIGUSR2);
  sigset_t saved;
  ::pthread_sigmask(SIG_SETMASK, &before, &saved);
  {
    const ForkGuard guard;
    const sigset_t held = blocked_signals();
    CHECK(sigismember(&held, SIGTERM) == 1);
    CHECK(sigismember(&held, SIGINT) == 1);
  }
  const sigset_t after = blocked_signals();
  CHECK(sigismember(&after, SIGTERM) == 0);
  CHECK(sigismember(&after, SIGUSR2) == 1);
  ::pthread_sigmask(SIG_SETMASK, &saved, nullptr);
}

TEST_CASE("ForkGuard: fork() waits for it, and the child can take it at once") {
  std::atomic<bool> about_to_fork{false};
  std::atomic<bool> held{false};
  std::atomic<bool> forked_while_held{false};
  Child child;
  std::thread forker;
  {
    const ForkGuard guard;
    held = true;
    forker = std::thread([&] {
      about_to_fork = true;
      child = spawn([] { const ForkGuard again; });
      forked_while_held = held.load();
    });
    // The forker must get stuck: give it many chances to get through instead.
    while (!about_to_fork.load()) std::this_thread::yield();
    for (int i = 0; i < 2'000; ++i) std::this_thread::yield();
    held = false;
  }
  forker.join();
  CHECK(child.wait().ok());
  CHECK_FALSE(forked_while_held.load());
}

TEST_CASE("ForkGuard: parent and child have the signals they had before the fork") {
  Child child = spawn([] {
    const pid_t grandchild = ::fork();
    const sigset_t now = blocked_signals();
    const bool open = sigismember(&now, SIGTERM) == 0;
    if (grandchild == 0) ::_exit(open ? 0 : 1);
    int status = 0;
    ::waitpid(grandchild, &status, 0);
    require(open, "in the parent");
    require(WIFEXITED(status) && WEXITSTATUS(status) == 0, "in the child");
  });
  CHECK(child.wait().ok());
}
