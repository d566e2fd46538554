// The parent's side: whatever the program does with its children, signals and limits.
#include "work/supervisor_link.hpp"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <atomic>
#include <cstdlib>
#include <thread>

#include "crew_helpers.hpp"
#include "mock_queue.hpp"

using iq::WorkerEnd;
using iq::WorkerGroup;
using iqtest::Child;
using iqtest::Gate;
using iqtest::MockProducer;
using iqtest::MockQueue;
using iqtest::require;
using iqtest::shared_counter;

namespace {

void join_finds_code_5(WorkerGroup& crew) {
  const iq::WorkerFailed failed = iqtest::join_failure(crew);
  require(failed.exit_code() == 5, "the exit code arrives");
  require(failed.worker() == 1, "the worker's number arrives");
}

void exit_with_5(int id) {
  if (id == 1) ::_exit(5);
}

/// In a child of the test: forks `count` workers although only `limit` processes are allowed.
void fork_under_limit(MockQueue& queue, rlim_t limit, int count) {
  const rlimit processes{limit, limit};
  require(::setrlimit(RLIMIT_NPROC, &processes) == 0, "the limit can be set");
  require(::setresuid(65534, 65534, 65534) == 0, "the user can be changed");
  WorkerGroup crew;
  try {
    crew.fork(
        count, [](MockProducer) { ::pause(); }, queue);
  } catch (const iq::SystemError& error) {
    require(error.error_number() == EAGAIN, "EAGAIN");
    require(iqtest::contains(error.what(), "is " + std::to_string(limit)), error.what());
    require(iqtest::contains(error.what(), std::to_string(count) + " workers"), error.what());
    crew.join();
    require(crew.results().empty(), "nothing of the refused fork is left");
    return;
  }
  require(false, "fork() was refused");
}

}  // namespace

TEST_CASE("fork: refused for want of descriptors, it says which limit that is") {
  Child child = iqtest::spawn([] {
    const rlimit files{16, 16};
    require(::setrlimit(RLIMIT_NOFILE, &files) == 0, "the limit can be set");
    while (::dup(2) >= 0) {
    }
    WorkerGroup crew;
    try {
      crew.fork(2, exit_with_5);
    } catch (const iq::SystemError& error) {
      require(error.error_number() == EMFILE, "EMFILE");
      require(iqtest::contains(error.what(), "open files (ulimit -n) is 16"), error.what());
      return;
    }
    require(false, "fork() was refused");
  });
  CHECK(child.wait().ok());
}

TEST_CASE("join: the program ignores SIGCHLD") {
  Child child = iqtest::spawn([] {
    ::signal(SIGCHLD, SIG_IGN);
    WorkerGroup crew;
    crew.fork(2, exit_with_5);
    join_finds_code_5(crew);
    crew.fork(1, [] {
      struct sigaction action {};
      ::sigaction(SIGCHLD, nullptr, &action);
      require(action.sa_handler == SIG_IGN, "a worker treats SIGCHLD as the program does");
    });
    crew.join();
  });
  CHECK(child.wait().ok());
}

TEST_CASE("join: the program reaps every child in a loop of its own") {
  Child child = iqtest::spawn([] {
    Gate go;
    WorkerGroup crew;
    crew.fork(2, [&](int id) {
      go.wait();
      exit_with_5(id);
    });
    std::thread reaper([] {
      while (::waitpid(-1, nullptr, 0) > 0 || errno == EINTR) {
      }
    });
    go.post(2);
    reaper.join();
    join_finds_code_5(crew);
  });
  CHECK(child.wait().ok());
}

TEST_CASE("join: the program's SIGCHLD handler reaps, and interrupts the wait") {
  Child child = iqtest::spawn([] {
    struct sigaction action {};
    action.sa_handler = [](int) {
      while (::waitpid(-1, nullptr, WNOHANG) > 0) {
      }
    };
    ::sigaction(SIGCHLD, &action, nullptr);
    for (int i = 0; i < 20; ++i) {
      WorkerGroup crew;
      crew.fork(2, exit_with_5);
      join_finds_code_5(crew);
    }
  });
  CHECK(child.wait().ok());
}

TEST_CASE("join: takes no other child's status") {
  Child other = iqtest::spawn([] { return 9; });
  REQUIRE(iqtest::gone(other.pid()));
  WorkerGroup crew;
  crew.fork(2, [] {});
  crew.join();
  CHECK(other.wait() == iqtest::Exit{9, 0});
}

TEST_CASE("join: workers are no children of the program") {
  WorkerGroup crew;
  Gate go;
  crew.fork(1, [&] { go.wait(); });
  const int pid = crew.pids().at(0);
  CHECK(::waitpid(pid, nullptr, WNOHANG) < 0);
  go.post();
  crew.join();
}

TEST_CASE("join: the program has closed all descriptors it does not know") {
  Child child = iqtest::spawn([] {
    Gate go;
    WorkerGroup crew;
    crew.fork(2, [&] { go.wait(); });
    require(::close_range(3, ~0U, 0) == 0, "close_range");
    require(!crew.join_for(std::chrono::milliseconds(1)), "the workers still run");
    go.post(2);
    const iq::WorkerFailed failed = iqtest::join_failure(crew);  // nothing can be known of them
    require(failed.outcome().end == WorkerEnd::lost, "lost");
  });
  CHECK(child.wait().ok());
}

TEST_CASE("fork: no process for the supervisor: both figures, endpoints failed, nothing hangs") {
  if (::getuid() != 0) iqtest::skip("a limit that holds needs another user, and that needs root");
  MockQueue queue;
  Child child = iqtest::spawn([&] { fork_under_limit(queue, 0, 3); });
  CHECK(child.wait().ok());
  CHECK(queue.counts().producers.failed_by_parent == 3);
  CHECK(queue.counts().producers.adopted == 0);
}

TEST_CASE("fork: processes run out in the middle: those started are stopped, the rest failed") {
  if (::getuid() != 0) iqtest::skip("a limit that holds needs another user, and that needs root");
  MockQueue queue;
  Child child = iqtest::spawn([&] { fork_under_limit(queue, 6, 10); });
  CHECK(child.wait().ok());
  const auto& counts = queue.counts().producers;
  CHECK(counts.made == 10);
  CHECK(counts.adopted == counts.surrendered);
  CHECK(counts.adopted + counts.failed_by_parent == 10);
  CHECK(counts.failed_by_parent >= 5);
}

TEST_CASE("fork: 1,000 forks beside threads that hammer malloc") {
  iqtest::limit_seconds(90);  // half a second alone, a dozen on a machine with ten other jobs
  std::atomic<bool> enough{false};
  std::vector<std::thread> hammers;
  for (int i = 0; i < 2; ++i) {
    hammers.emplace_back([&enough] {
      while (!enough) {
        for (std::size_t bytes = 8; bytes < 100'000; bytes *= 3) std::free(std::malloc(bytes));
        std::string text = std::to_string(std::rand());
        text.resize(5'000, 'x');
      }
    });
  }
  auto ran = shared_counter();
  for (int i = 0; i < 500; ++i) {  // each makes a supervisor and a worker
    WorkerGroup crew;
    crew.fork(1, [&] { *ran += static_cast<int>(std::string(100, 'x').size()) / 100; });
    crew.join();
  }
  enough = true;
  for (std::thread& hammer : hammers) hammer.join();
  CHECK(*ran == 500);
}

TEST_CASE("fork: several threads, each with a group of its own") {
  auto ran = shared_counter();
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&ran] {
      for (int round = 0; round < 10; ++round) {
        WorkerGroup crew;
        crew.fork(3, [&] { ++*ran; });
        crew.join();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(*ran == 4 * 10 * 3);
}
