// Not a test: cases that each break a promise, run one at a time by tests/base/watchdog.cpp.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <thread>

#include "support/process.hpp"

// Not in an anonymous namespace: the stack must show the name.
__attribute__((noinline)) void hang_here_for_ever(iqtest::Gate* arrived = nullptr) {
  if (arrived != nullptr) arrived->post();
  for (;;) ::pause();
}

TEST_CASE("hangs alone") { hang_here_for_ever(); }

TEST_CASE("hangs with a tree") {
  // A stopped child, and a grandchild whose parent is dead and that blocks all signals.
  iqtest::Gate arrived;
  iqtest::Child stopped = iqtest::spawn([&] { hang_here_for_ever(&arrived); });
  arrived.wait();
  stopped.stop();
  iqtest::Child parent = iqtest::spawn([&] {
    if (::fork() == 0) {
      sigset_t all;
      ::sigfillset(&all);
      ::sigprocmask(SIG_BLOCK, &all, nullptr);
      hang_here_for_ever(&arrived);
    }
    ::_exit(0);
  });
  parent.wait();
  arrived.wait();
  std::thread other(hang_here_for_ever, &arrived);
  arrived.wait();
  iqtest::limit_seconds(0);  // all are there: let the limit pass now
  other.join();
}

TEST_CASE("hangs in a program started by exec") {
  const pid_t child = ::fork();
  if (child == 0) ::execlp("sleep", "sleep", "1000", nullptr);
  iqtest::wait_until([&] { return iqtest::command_line(child).starts_with("sleep 1000"); });
  iqtest::limit_seconds(0);
  ::waitpid(child, nullptr, 0);
}

TEST_CASE("leaves a descriptor") { CHECK(::open("/dev/null", O_RDONLY) >= 0); }

TEST_CASE("leaves a file") { std::ofstream("/dev/shm/iq." + iqtest::temp_name("left")) << "left"; }

TEST_CASE("leaves a zombie") {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  CHECK(iqtest::gone(child));
}

TEST_CASE("leaves a process and throws") {
  const pid_t child = ::fork();
  if (child == 0) hang_here_for_ever();
  REQUIRE(child == 0);
}

__attribute__((noinline)) void crash_here() { std::abort(); }
TEST_CASE("crashes") { crash_here(); }
TEST_CASE("crashes in a child") {
  CHECK(iqtest::spawn([] { crash_here(); }).wait().ok());
}

TEST_CASE("exits in the middle") { ::_exit(0); }

TEST_CASE("skips") { iqtest::skip("the moon is full"); }

TEST_CASE("takes long and says so") {
  iqtest::limit_seconds(20);
  CHECK_FALSE(iqtest::wait_until([] { return false; }, 1.5));
}

TEST_CASE("fails in a child only") {
  CHECK(iqtest::spawn([] { CHECK(1 == 2); }).wait().ok());
}
