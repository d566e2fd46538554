// SIGINT and SIGTERM while somebody watches, and nothing of it afterwards.
#include "sys/signal_watch.hpp"

#include <doctest/doctest.h>
#include <poll.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <thread>

#include "support/process.hpp"

using namespace iq::detail;

namespace {

bool is_readable(const SignalWatch& watch) {
  pollfd event{watch.fd(), POLLIN, 0};
  return ::poll(&event, 1, 0) == 1;
}

bool is_default(const struct sigaction& action) { return action.sa_handler == SIG_DFL; }

struct sigaction action_of(int signal) {
  struct sigaction action {};
  ::sigaction(signal, nullptr, &action);
  return action;
}

}  // namespace

TEST_CASE("SignalWatch: counts both signals, and gives the handlers back") {
  {
    SignalWatch watch(true);
    CHECK_FALSE(is_readable(watch));
    ::raise(SIGINT);
    ::raise(SIGINT);
    ::raise(SIGTERM);
    CHECK(is_readable(watch));
    const SignalsSeen seen = watch.take();
    CHECK(seen.interrupts == 2);
    CHECK(seen.terminations == 1);
    CHECK(watch.take().all() == 0);
    CHECK(is_default(program_action(SIGINT)));
    CHECK_FALSE(is_default(action_of(SIGINT)));
  }
  CHECK(is_default(action_of(SIGINT)));
  CHECK(is_default(action_of(SIGTERM)));
}

TEST_CASE("SignalWatch: when what is watched for has ended, a signal is the program's own") {
  static std::atomic<int> programs{0};
  struct sigaction mine {};
  mine.sa_handler = [](int) { ++programs; };
  struct sigaction before {};
  ::sigaction(SIGINT, &mine, &before);
  {
    std::atomic<std::uint32_t> ended{0};
    SignalWatch watch(true, &ended);
    ::raise(SIGINT);
    CHECK(watch.take().interrupts == 1);
    CHECK(programs == 0);
    ended = 1;
    ::raise(SIGINT);
    ::raise(SIGINT);
    CHECK(programs == 2);
    CHECK(watch.take().all() == 0);
    {
      SignalWatch another(true);
      ::raise(SIGINT);
      CHECK(another.take().interrupts == 1);
      CHECK(programs == 2);
    }
  }
  ::raise(SIGINT);
  CHECK(programs == 3);
  ::sigaction(SIGINT, &before, nullptr);
}

TEST_CASE("SignalWatch: two at the same time both see a signal; the last one gives back") {
  SignalWatch first(true);
  {
    SignalWatch second(true);
    std::thread([] { ::raise(SIGTERM); }).join();
    CHECK(second.take().terminations == 1);
  }
  CHECK(first.take().terminations == 1);
  ::raise(SIGINT);
  CHECK(first.take().interrupts == 1);
}

TEST_CASE("SignalWatch: not wanted it changes nothing; what is ignored stays so") {
  {
    SignalWatch none(false);
    CHECK(none.fd() == -1);
    CHECK(none.take().all() == 0);
    CHECK(is_default(action_of(SIGINT)));
  }
  ::signal(SIGINT, SIG_IGN);
  {
    SignalWatch watch(true);
    ::raise(SIGINT);
    CHECK(watch.take().all() == 0);
  }
  const bool is_ignored = action_of(SIGINT).sa_handler == SIG_IGN;
  CHECK(is_ignored);
  ::signal(SIGINT, SIG_DFL);
}

TEST_CASE("SignalWatch: a child forked meanwhile has the program's own handling") {
  SignalWatch watch(true);
  auto child = iqtest::spawn([] { ::raise(SIGTERM); });
  CHECK(child.wait().signal == SIGTERM);
  auto watching = iqtest::spawn([] {
    SignalWatch own(true);
    ::raise(SIGTERM);
    iqtest::require(own.take().terminations == 1, "a watch of its own");
  });
  CHECK(watching.wait().ok());
  CHECK(watch.take().all() == 0);
}

TEST_CASE("SignalWatch: user code that closed its descriptors gets nothing written into its own") {
  auto child = iqtest::spawn([] {
    SignalWatch watch(true);
    ::close_range(3, ~0U, 0);
    int ends[2];
    iqtest::require(::pipe(ends) == 0, "a pipe");
    for (int number = 3; number < 2048; ++number) {
      if (number != ends[0] && number != ends[1]) ::dup2(ends[1], number);
    }
    ::raise(SIGINT);
    pollfd event{ends[0], POLLIN, 0};
    iqtest::require(::poll(&event, 1, 0) == 0, "nothing arrives");
    ::_exit(0);
  });
  CHECK(child.wait().ok());
}
