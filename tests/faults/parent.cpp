// A killed parent takes its workers along, whenever it dies.
#include <doctest/doctest.h>

#include <sys/prctl.h>
#include <unistd.h>

#include <thread>

#include "faults/ledger.hpp"
#include "iq/iq.hpp"
#include "iq/worker_group.hpp"
#include "support/kill.hpp"

namespace {

using namespace std::chrono_literals;
constexpr double kGoneS = 2;

struct Workers {
  std::array<std::atomic<pid_t>, 64> pids{};
  std::atomic<unsigned> count{0};
};

/// Four workers that would wait for ever, then `die`.
template <class F>
void parent_of_four(Workers& workers, F&& die) {
  iq::IterableQueue<int> queue;
  iq::WorkerGroup crew;
  const auto note = [&] { workers.pids[workers.count++] = ::getpid(); };
  crew.fork(
      2,
      [&](iq::Consumer<int> in) {
        note();
        while (in.get()) {
        }
      },
      queue);
  crew.fork(
      2,
      [&](iq::Producer<int> out) {
        note();
        for (int i = 0;; ++i) out.put(i);
      },
      queue);
  die();
}

void check_all_gone(const Workers& workers) {
  const auto start = std::chrono::steady_clock::now();
  for (const auto& pid : workers.pids) {
    if (pid != 0) CHECK(iqtest::gone(pid, kGoneS));
  }
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::duration<double>(kGoneS));
  CHECK(iqtest::reap_orphans());
}

}  // namespace

TEST_CASE("Parent: killed while its workers work, they are gone within 2 s") {
  iqtest::Shared<Workers> workers;
  iqtest::Child parent = iqtest::spawn([&] {
    parent_of_four(*workers, [&] {
      iqtest::wait_until([&] { return workers->count == 4; });
      ::raise(SIGKILL);
    });
  });
  CHECK(parent.wait().signal == SIGKILL);
  CHECK(workers->count == 4);
  check_all_gone(*workers);
}

TEST_CASE("Parent: killed right after fork, no worker outlives it") {
  for (int round = 0; round < 10; ++round) {
    iqtest::Shared<Workers> workers;
    iqtest::Child parent = iqtest::spawn([&] {
      // In another thread than the one that goes on: its end must not matter, the process's must.
      std::thread([&] { parent_of_four(*workers, [] { ::raise(SIGKILL); }); }).join();
    });
    CHECK(parent.wait().signal == SIGKILL);
    check_all_gone(*workers);
  }
}

TEST_CASE("Parent: killed in the midst of fork, no worker outlives it") {
  for (unsigned at = 0; at < 4; ++at) {
    iqtest::Shared<Workers> workers;
    iqtest::Child parent = iqtest::spawn([&] { parent_of_four(*workers, [] { ::pause(); }); });
    CHECK(iqtest::wait_until([&] { return workers->count >= at; }));
    CHECK(parent.kill_and_wait().signal == SIGKILL);
    check_all_gone(*workers);
  }
}
