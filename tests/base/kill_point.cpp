// lib/base/kill_point: what tests of faults rely on.
#include <doctest/doctest.h>
#include <sys/wait.h>

#include <thread>

#include "support/kill.hpp"
#include "support/process.hpp"

using iqtest::Child;
using iqtest::Exit;
using iqtest::kill_at;
using iqtest::KillAction;
using iqtest::spawn;

namespace {

void step() {
  IQ_KILL_POINT(step_one);
  IQ_KILL_POINT(step_two);
}

// Other places of the same name count together.
void other_step() { IQ_KILL_POINT(step_two); }

}  // namespace

TEST_CASE("KillPoint: not armed, it only counts") {
  step();
  const std::vector<std::string> expected{"step_one", "step_two"};
  CHECK(iqtest::kill_points_seen() == expected);
}

TEST_CASE("KillPoint: the nth passing kills, wherever the name stands") {
  iqtest::SharedCounter steps = iqtest::shared_counter();
  Child child = spawn([&] {
    kill_at("step_two", 3);
    for (;; ++*steps) {
      step();
      other_step();
    }
  });
  CHECK(child.wait() == Exit{-1, SIGKILL});
  CHECK(*steps == 1);
}

TEST_CASE("KillPoint: armed before it is first passed") {
  Child child = spawn([] {
    kill_at("late_point");
    IQ_KILL_POINT(late_point);
  });
  CHECK(child.wait() == Exit{-1, SIGKILL});
}

TEST_CASE("KillPoint: nth 0 disarms") {
  Child child = spawn([] {
    kill_at("step_one");
    kill_at("step_one", 0);
    step();
  });
  CHECK(child.wait().ok());
}

TEST_CASE("KillPoint: stop leaves the process stopped there until it is continued") {
  iqtest::Flag after;
  Child child = spawn([&] {
    kill_at("step_one", 1, KillAction::stop);
    step();
    after.set();
  });
  CHECK(iqtest::stopped(child.pid()));
  CHECK_FALSE(after.is_set());
  child.cont();
  CHECK(child.wait().ok());
  CHECK(after.is_set());
}

TEST_CASE("KillPoint: what is armed in the parent is armed in its children") {
  Child child = spawn([] {
    kill_at("step_one");
    Child inner = spawn([] { step(); });
    iqtest::require(inner.wait() == Exit{-1, SIGKILL}, "the child is killed");
  });
  CHECK(child.wait().ok());
}

TEST_CASE("KillPoint: a fork while other threads meet new points leaves a child that works") {
  std::atomic<bool> end{false};
  std::thread passer([&] {
    while (!end) {
      step();
      other_step();
    }
  });
  for (int i = 0; i < 50; ++i) {
    CHECK(spawn([] { step(); }).wait().ok());
  }
  end = true;
  passer.join();
}
