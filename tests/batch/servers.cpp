// The serving processes: killed, stopped, restarted, ended; and the callers who wait for them.
#include <doctest/doctest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "iq/batch.hpp"
#include "iq/batch_context.hpp"
#include "iq/error.hpp"
#include "iq/inspect.hpp"
#include "iq/task.hpp"
#include "iq/worker_group.hpp"
#include "support/process.hpp"

using namespace std::chrono_literals;

namespace {

std::vector<int> add_one(std::span<const int> batch) {
  std::vector<int> results;
  for (const int i : batch) results.push_back(i + 1);
  return results;
}

/// A function that says when it runs and waits to be let on, but for a batch that begins with 0.
struct Held {
  iqtest::Gate& began;
  iqtest::Gate& go;
  std::vector<int> operator()(std::span<const int> batch) const {
    if (batch[0] != 0) {
      began.post();
      go.wait();
    }
    return add_one(batch);
  }
};

}  // namespace

TEST_CASE("servers: one that is killed in the middle fails its batch, the next one is served") {
  const std::string name = iqtest::temp_name("held");
  iqtest::Gate began;
  iqtest::Gate go;
  iq::batched<int(int)> f{iq::create_only, name, Held{began, go}};
  auto future = f.async(7);
  began.wait();
  const int first = f.server_pids().at(0);
  REQUIRE(::kill(first, SIGKILL) == 0);
  std::string text;
  try {
    future.get();
  } catch (const iq::ServerDied& error) {
    text = error.what();
  }
  CHECK(text.starts_with("batched function \"" + name + "\": the process that served"));
  CHECK(f(0) == 1);
  REQUIRE(iqtest::wait_until([&] { return f.server_pids().size() == 1; }));
  CHECK(f.server_pids()[0] != first);
}

TEST_CASE("servers: an idempotent batch is served once more, and only once") {
  iqtest::Gate began;
  iqtest::Gate go;
  iq::batched<int(int)> f{Held{began, go}, {.idempotent = true}};
  auto future = f.async(7);
  began.wait();
  ::kill(f.server_pids().at(0), SIGKILL);
  began.wait();  // in another server
  go.post();
  CHECK(future.get() == 8);

  auto again = f.async(8);
  for (int death = 0; death < 2; ++death) {
    began.wait();
    REQUIRE(iqtest::wait_until([&] { return f.server_pids().size() == 1; }));
    ::kill(f.server_pids().at(0), SIGKILL);
  }
  CHECK_THROWS_AS(again.get(), iq::ServerDied);
  CHECK(f(0) == 1);
}

TEST_CASE("servers: calls that wait behind a dead server's batch are served by its replacement") {
  iqtest::Gate began;
  iqtest::Gate go;
  iq::batched<int(int)> f{Held{began, go}};
  auto first = f.async(7);
  began.wait();
  auto second = f.async(0);
  ::kill(f.server_pids().at(0), SIGKILL);
  CHECK(second.get_for(10s).value() == 1);
  CHECK_THROWS_AS(first.get(), iq::ServerDied);
}

TEST_CASE("servers: exit() in a batch function is a death like any other") {
  iq::batched<int(int)> f{[](std::span<const int> batch) {
    if (batch[0] == 13) std::exit(3);
    return add_one(batch);
  }};
  CHECK_THROWS_AS(f(13), iq::ServerDied);
  CHECK(f(1) == 2);
}

// What the two threads have in hand is of two endpoints: one that a replacement takes over, one
// that ends with the process.
TEST_CASE("servers: exit() while another thread of the process has a batch is told at once, too") {
  for (const bool function_ends : {false, true}) {
    const std::string name = iqtest::temp_name("exits");
    iqtest::Gate runs;
    iqtest::Gate leave;
    iq::batched<int(int)> inner{add_one};
    std::optional<iq::batched<int(int)>> f;
    f.emplace(iq::create_only, name, [&](std::span<const int> batch) {
      if (batch[0] == 1) inner(1);  // another thread of this process listens meanwhile
      if (batch[0] == 2) {
        runs.post();
        leave.wait();
        std::exit(3);
      }
      return add_one(batch);
    });
    CHECK((*f)(1) == 2);
    std::vector<iq::Future<int>> futures{f->async(2)};
    runs.wait();  // else the other thread might take 3, and have its turn, before 2 has it
    futures.push_back(f->async(3));
    // Not in_hand alone: call 1 is in hand, too, until the thread that has answered it goes on.
    REQUIRE(iqtest::wait_until([&] {
      const iq::Stats stats = iq::inspect(name).stats;
      return stats.in_hand == 2 && stats.queued == 0;
    }));
    leave.post();
    const auto from = std::chrono::steady_clock::now();
    if (function_ends) f.reset();
    for (const auto& future : futures) CHECK_THROWS_AS(future.get(), iq::ServerDied);
    if (!function_ends) CHECK((*f)(3) == 4);
    CHECK(std::chrono::steady_clock::now() - from < 2s);  // and not the 5 s of who is slow
  }
}

TEST_CASE("servers: two of them serve at the same time") {
  iqtest::Gate began;
  iqtest::Gate go;
  iq::batched<int(int)> f{Held{began, go}, {.servers = 2}};
  auto first = f.async(1);
  auto second = f.async(2);
  began.wait();
  began.wait();
  CHECK(f.server_pids().size() == 2);
  go.post(2);
  CHECK(first.get() == 2);
  CHECK(second.get() == 3);
}

TEST_CASE("servers: when the program that made the function is killed, callers are told") {
  iqtest::limit_seconds(40);
  iqtest::Gate began;
  iqtest::Gate go;
  iqtest::Gate waits;
  iqtest::Flag told;
  iqtest::SharedCounter caller;
  iqtest::Child maker = iqtest::spawn([&] {
    iq::batched<int(int)> f{Held{began, go}};
    const pid_t pid = ::fork();  // a caller that outlives the maker
    if (pid == 0) {
      *caller = ::getpid();
      try {
        f(7);
      } catch (const iq::ServerDied&) {
        told.set();
      }
      ::_exit(0);
    }
    waits.wait(30);
  });
  began.wait();
  maker.kill_and_wait();
  CHECK(told.wait_for(10));
  CHECK(iqtest::gone(static_cast<pid_t>(caller->load())));
  CHECK(iqtest::reap_orphans());
}

TEST_CASE("servers: the death of all of them is told while answers of another function come") {
  iqtest::Gate began;
  iqtest::Gate go;
  iqtest::SharedCounter supervisor = iqtest::shared_counter();
  {
    iq::batched<int(int)> quick{add_one};
    iq::batched<int(int)> f{[&](std::span<const int> batch) {
      supervisor->store(::getppid());
      began.post();
      go.wait();
      return add_one(batch);
    }};
    auto future = f.async(1);
    began.wait();
    ::kill(static_cast<pid_t>(supervisor->load()), SIGKILL);  // and so are its servers
    auto beside = iq::spawn([&] {
      while (!future.ready()) quick(1);
    });
    CHECK_THROWS_AS(future.get(), iq::ServerDied);
    beside.get();
  }
  CHECK(iqtest::reap_orphans());
}

TEST_CASE("servers: a stopped one keeps its batch, and nobody takes it for dead") {
  iqtest::Gate began;
  iqtest::Gate go;
  iq::batched<int(int)> f{Held{began, go}};
  auto future = f.async(7);
  began.wait();
  const pid_t server = f.server_pids().at(0);
  ::kill(server, SIGSTOP);
  REQUIRE(iqtest::stopped(server));
  CHECK(future.get_for(300ms).status() == iq::Status::timeout);
  ::kill(server, SIGCONT);
  go.post();
  CHECK(future.get() == 8);
  CHECK(f.server_pids().at(0) == server);
}

TEST_CASE("servers: one that cannot deliver an answer leaves no caller hanging") {
  iq::batched<int(int)> f{[](std::span<const int> batch) {
    if (batch[0] == -1) {
      const rlimit none{3, 3};  // it opens no further caller's queue
      ::setrlimit(RLIMIT_NOFILE, &none);
    }
    return add_one(batch);
  }};
  CHECK(f(1) == 2);
  CHECK(f(-1) == 0);
  for (const bool in_context : {false, true}) {
    iqtest::Child stranger = iqtest::spawn([&] {
      std::optional<iq::BatchContext> context;
      if (in_context) context.emplace("together");
      try {
        f(1);
      } catch (const iq::ServerDied&) {
        return 0;
      }
      return 1;
    });
    CHECK(stranger.wait().ok());
  }
  CHECK(f(2) == 3);  // whom it knows, it serves on
}

TEST_CASE("servers: what is under way when the function ends is served first") {
  iqtest::Gate began;
  iqtest::Gate go;
  std::optional<iq::batched<int(int)>> f;
  f.emplace(Held{began, go});
  std::vector<iq::Future<int>> futures{f->async(7), f->async(0), f->async(0)};
  began.wait();
  go.post();
  f.reset();
  CHECK(futures[0].get() == 8);
  CHECK(futures[1].get() == 1);
  CHECK(futures[2].get() == 1);
}
