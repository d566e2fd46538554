// The harness itself: what it promises to the other tests.
#include <doctest/doctest.h>
#include <unistd.h>

#include <csignal>

#include "support/process.hpp"

using iqtest::Child;
using iqtest::Exit;
using iqtest::spawn;

TEST_CASE("spawn: the child's code, exception or signal comes back") {
  CHECK(spawn([] {}).wait() == Exit{0, 0});
  CHECK(spawn([] { return 7; }).wait() == Exit{7, 0});
  CHECK(spawn([] { ::raise(SIGTERM); }).wait() == Exit{-1, SIGTERM});
}

TEST_CASE("spawn: require() and exceptions in a child are exit code 99") {
  const Child quiet;
  Child child = spawn([] {
    ::close(STDERR_FILENO);
    iqtest::require(false, "nothing");
  });
  CHECK(child.wait() == Exit{iqtest::kThrew, 0});
}

TEST_CASE("Gate: a wait takes exactly one post, across processes") {
  iqtest::Gate gate;
  Child child = spawn([&] { gate.post(2); });
  CHECK(gate.wait_for(5));
  CHECK(gate.wait_for(5));
  CHECK(child.wait().ok());
  CHECK_FALSE(gate.wait_for(0.01));
}

TEST_CASE("Flag: set once, seen by all") {
  iqtest::Flag flag;
  iqtest::Gate seen;
  Child a = spawn([&] { flag.wait(), seen.post(); });
  Child b = spawn([&] { flag.wait(), seen.post(); });
  CHECK_FALSE(flag.is_set());
  flag.set();
  seen.wait();
  seen.wait();
  CHECK(a.wait().ok());
  CHECK(b.wait().ok());
}

TEST_CASE("Child: stop() returns when it is stopped, cont() lets it go on") {
  iqtest::Gate go;
  Child child = spawn([&] { go.wait(); });
  child.stop();
  CHECK(iqtest::stopped(child.pid()));
  go.post();
  child.cont();
  CHECK(child.wait().ok());
}

TEST_CASE("Child: its end comes with the end of the object, also when stopped") {
  pid_t pid = 0;
  {
    Child child = spawn([] { ::pause(); });
    pid = child.pid();
    child.stop();
  }
  CHECK(iqtest::has_ended(pid));
}

TEST_CASE("reap_orphans: a grandchild whose parent was killed comes to the test") {
  iqtest::SharedCounter grandchild = iqtest::shared_counter();
  iqtest::Gate end;
  Child parent = spawn([&] {
    Child child = spawn([&] { end.wait(); });
    *grandchild = child.pid();
    ::pause();
  });
  REQUIRE(iqtest::wait_until([&] { return *grandchild != 0; }));
  parent.kill_and_wait();
  CHECK_FALSE(iqtest::has_ended(static_cast<pid_t>(grandchild->load())));
  end.post();
  CHECK(iqtest::reap_orphans());
}

TEST_CASE("temp_name: never the same twice, fit for a queue") {
  const std::string name = iqtest::temp_name("jobs");
  CHECK(name != iqtest::temp_name("jobs"));
  CHECK(name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789.-_") == std::string::npos);
}
