// Writing never waits, and never kills.
#include "sys/terminal.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <signal.h>
#include <termios.h>
#include <unistd.h>

#include <string>

#include "support/process.hpp"
#include "support/screen.hpp"

using namespace iq::detail;

TEST_CASE("terminal: it is told from a pipe, and has a size, which may change") {
  const iqtest::Pty pty(132, 50);
  CHECK(is_terminal(pty.end()));
  CHECK(terminal_size(pty.end()).columns == 132);
  CHECK(terminal_size(pty.end()).rows == 50);
  pty.resize(40, 10);
  CHECK(terminal_size(pty.end()).columns == 40);
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  CHECK(!is_terminal(ends[1]));
  CHECK(terminal_size(ends[1]).columns == 0);
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST_CASE("write_without_waiting: a pipe that nobody reads takes what it can, and nobody hangs") {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  CHECK(write_without_waiting(ends[1], "short"));
  CHECK(!write_without_waiting(ends[1], std::string(1'000'000, 'x')));
  CHECK(!write_without_waiting(ends[1], std::string(5000, 'y')));
  char buffer[5];
  CHECK(::read(ends[0], buffer, 5) == 5);
  CHECK(std::string(buffer, 5) == "short");
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST_CASE("write_without_waiting: nor does a terminal that is stopped hold it") {
  const iqtest::Pty pty(80);
  REQUIRE(::tcflow(pty.end(), TCOOFF) == 0);
  write_without_waiting(pty.end(), std::string(100'000, 'x'));
  REQUIRE(::tcflow(pty.end(), TCOON) == 0);
}

TEST_CASE(
    "write_without_waiting: a pipe whose reader has gone is no SIGPIPE, and none comes later") {
  auto child = iqtest::spawn([] {
    ::signal(SIGPIPE, SIG_DFL);
    int ends[2];
    iqtest::require(::pipe(ends) == 0, "a pipe");
    ::close(ends[0]);
    iqtest::require(!write_without_waiting(ends[1], "nobody reads this"), "refused");
    sigset_t pending;
    ::sigpending(&pending);
    iqtest::require(sigismember(&pending, SIGPIPE) == 0, "none is left");
    // One that waits for somebody else is left to him.
    sigset_t pipe_only;
    sigemptyset(&pipe_only);
    sigaddset(&pipe_only, SIGPIPE);
    ::pthread_sigmask(SIG_BLOCK, &pipe_only, nullptr);
    ::raise(SIGPIPE);
    write_without_waiting(ends[1], "nor this");
    ::sigpending(&pending);
    iqtest::require(sigismember(&pending, SIGPIPE) == 1, "it still waits");
  });
  CHECK(child.wait().ok());
}

TEST_CASE("descriptor_behind: of a stream, and of one in memory") {
  CHECK(descriptor_behind(stderr) == STDERR_FILENO);
  char memory[16];
  std::FILE* stream = ::fmemopen(memory, sizeof memory, "w");
  REQUIRE(stream != nullptr);
  CHECK(descriptor_behind(stream) == -1);
  std::fclose(stream);
}
