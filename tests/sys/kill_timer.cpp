// KillTimer: the kernel's, for this process alone.
#include "sys/kill_timer.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <csignal>

#include "support/process.hpp"

using iq::detail::KillTimer;

namespace {
constexpr std::int64_t kSoonNs = 20'000'000;
constexpr std::int64_t kLaterNs = 3'600'000'000'000;
}  // namespace

TEST_CASE("KillTimer: kills this process when its time is up, whatever is blocked") {
  auto child = iqtest::spawn([] {
    sigset_t all;
    sigfillset(&all);
    ::sigprocmask(SIG_BLOCK, &all, nullptr);
    KillTimer timer;
    timer.set(kSoonNs);
    ::sleep(60);
  });
  CHECK(child.wait().signal == SIGKILL);
}

TEST_CASE("KillTimer: set again it counts anew; set to 0 or destroyed it never comes") {
  auto child = iqtest::spawn([] {
    KillTimer timer;
    timer.set(kSoonNs);
    timer.set(kLaterNs);
    {
      KillTimer other;
      other.set(kSoonNs);
    }
    KillTimer third;
    third.set(kSoonNs);
    third.set(0);
    ::usleep(100'000);  // longer than any of them
  });
  CHECK(child.wait().ok());
}

TEST_CASE("KillTimer: a forked child does not inherit it") {
  auto child = iqtest::spawn([] {
    KillTimer timer;
    timer.set(kSoonNs * 10);
    auto grandchild = iqtest::spawn([] { ::usleep(400'000); });
    timer.set(0);
    iqtest::require(grandchild.wait().ok(), "the grandchild was killed");
  });
  CHECK(child.wait().ok());
}
