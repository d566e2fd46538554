// Who dies with whom, and that the supervisor is never kept from noticing.
#include "work/supervisor.hpp"

#include <signal.h>
#include <sys/wait.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "crew_helpers.hpp"

using iq::WorkerEnd;
using iq::WorkerGroup;
using iqtest::Child;
using iqtest::Flag;
using iqtest::Gate;
using iqtest::Pipe;
using iqtest::shared_counter;

namespace {

/// How long the workers of a dead parent may take to follow it.
constexpr double kFollowS = 2;

/// More workers than a socket has room for reports of 1 KiB.
constexpr int kManyReports = 200;

/// Everybody who inherited the pipe must be gone: supervisor and workers.
void check_all_follow(Pipe& pipe) {
  CHECK(pipe.read_all(kFollowS).has_value());
  CHECK(iqtest::reap_orphans());
}

std::size_t threads_of_this_process() {
  const std::filesystem::directory_iterator tasks("/proc/self/task");
  return static_cast<std::size_t>(std::distance(begin(tasks), end(tasks)));
}

}  // namespace

TEST_CASE("supervisor: a killed parent takes its workers along") {
  Pipe pipe;
  Gate running;
  Child parent = iqtest::spawn([&] {
    WorkerGroup crew;
    crew.fork(5, [&] {
      running.post();
      while (true) ::pause();
    });
    ::pause();
  });
  for (int i = 0; i < 5; ++i) running.wait();
  parent.kill_and_wait();
  check_all_follow(pipe);
}

TEST_CASE("supervisor: a parent that leaves without join or destructor takes its workers along") {
  Pipe pipe;
  Child parent = iqtest::spawn([&] {
    WorkerGroup crew;
    crew.fork(3, [] { ::pause(); });
    ::_exit(0);
  });
  CHECK(parent.wait().ok());
  check_all_follow(pipe);
}

TEST_CASE("supervisor: a parent killed while it forks takes along what it has forked") {
  for (int round = 0; round < 30; ++round) {
    Pipe pipe;
    Flag first;
    Child parent = iqtest::spawn([&] {
      WorkerGroup crew;
      crew.fork(12, [&](int id) {
        if (id == round % 12) first.set();
        while (true) ::pause();
      });
      ::pause();
    });
    if (round % 3 != 0) first.wait();  // else killed at any earlier instant
    parent.kill_and_wait();
    check_all_follow(pipe);
  }
}

TEST_CASE("supervisor: workers that ignore TERM and changed their user follow the parent too") {
  if (::getuid() != 0) iqtest::skip("changing the user needs root");
  Pipe pipe;
  Gate running;
  Child parent = iqtest::spawn([&] {
    WorkerGroup crew;
    crew.fork(2, [&] {
      ::signal(SIGTERM, SIG_IGN);
      iqtest::require(::setresuid(65534, 65534, 65534) == 0, "the user changes");
      running.post();
      while (true) ::pause();
    });
    ::pause();
  });
  running.wait();
  running.wait();
  parent.kill_and_wait();
  check_all_follow(pipe);
}

TEST_CASE("supervisor: workers outlive the thread that forked them") {
  Gate go, answer;
  WorkerGroup crew;
  const std::size_t threads_before = threads_of_this_process();
  std::thread([&] {
    crew.fork(3, [&] {
      go.wait();
      answer.post();
    });
  }).join();
  REQUIRE(iqtest::wait_until([&] { return threads_of_this_process() == threads_before; }));
  go.post(3);
  for (int i = 0; i < 3; ++i) answer.wait();
  crew.join();
}

TEST_CASE("supervisor: killed, it takes its workers along, and join says so") {
  auto supervisor = shared_counter();
  Gate running;
  Pipe pipe;
  {
    WorkerGroup crew;
    crew.fork(2, [&] {
      *supervisor = ::getppid();
      running.post();
      while (true) ::pause();
    });
    running.wait();
    running.wait();
    ::kill(static_cast<pid_t>(*supervisor), SIGKILL);
    const iq::WorkerFailed failed = iqtest::join_failure(crew);
    CHECK(failed.outcome().end == WorkerEnd::lost);
    CHECK(iqtest::contains(failed.what(), "its supervisor process was killed"));
    CHECK(crew.alive() == 0);
  }
  check_all_follow(pipe);
}

TEST_CASE("supervisor: a parent that does not listen loses no report") {
  Gate go;
  WorkerGroup crew;
  crew.fork(kManyReports, [&](int id) {
    go.wait();
    throw std::runtime_error(std::to_string(id) + std::string(1000, '.'));
  });
  const std::vector<int> pids = crew.pids();
  go.post(kManyReports);
  for (const int pid : pids) REQUIRE(iqtest::gone(pid));
  CHECK(iqtest::join_failure(crew).exception_type() == "std::runtime_error");
  int number = 0;
  for (const iq::WorkerOutcome& outcome : crew.results()) {
    CHECK(outcome.end == WorkerEnd::threw);
    CHECK(outcome.exit_code == 1);
    CHECK(outcome.exception_text.starts_with(std::to_string(number++) + "."));
  }
  CHECK(number == kManyReports);
}

TEST_CASE("supervisor: with reports that nobody takes it still notices the parent's death") {
  Pipe pipe;
  Gate go, full;
  Child parent = iqtest::spawn([&] {
    WorkerGroup crew;
    crew.fork(kManyReports + 1, [&](int id) {
      if (id == 0) ::pause();
      go.wait();
      throw std::runtime_error(std::string(1000, '.'));
    });
    std::vector<int> pids = crew.pids();
    pids.erase(pids.begin());
    go.post(kManyReports);
    for (const int pid : pids) iqtest::require(iqtest::gone(pid), "a worker that throws ends");
    full.post();
    ::pause();
  });
  full.wait();
  parent.kill_and_wait();
  check_all_follow(pipe);
}

TEST_CASE("supervisor: it ends with its last worker, before any join") {
  auto supervisor = shared_counter();
  WorkerGroup crew;
  crew.fork(2, [&] { *supervisor = ::getppid(); });
  CHECK(iqtest::gone(static_cast<pid_t>(*supervisor)));
  crew.join();
}

TEST_CASE("supervisor: a terminal's Ctrl-C does not reach it") {
  auto supervisor = shared_counter();
  Gate running, go;
  WorkerGroup crew;
  crew.fork(1, [&] {
    *supervisor = ::getppid();
    running.post();
    go.wait();
  });
  running.wait();
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) {
    ::kill(static_cast<pid_t>(*supervisor), signal);
  }
  go.post();
  crew.join();
}
