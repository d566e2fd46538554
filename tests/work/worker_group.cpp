// WorkerGroup as its users see it: fork, join, results, kill, and being forgotten.
#include "iq/worker_group.hpp"

#include <signal.h>

#include <atomic>
#include <chrono>

#include "crew_helpers.hpp"
#include "mock_queue.hpp"
#include "work/worker_crew.hpp"

using iq::WorkerEnd;
using iq::WorkerGroup;
using iqtest::Gate;
using iqtest::join_failure;
using iqtest::MockConsumer;
using iqtest::MockProducer;
using iqtest::MockQueue;
using iqtest::shared_counter;
using std::chrono::milliseconds;
using std::chrono::seconds;

TEST_CASE("WorkerGroup: 17 workers run once each and return") {
  auto sum = shared_counter();
  WorkerGroup crew;
  crew.fork(17, [&](int id) { *sum += 1 << id; });
  crew.join();
  CHECK(*sum == (1 << 17) - 1);
  const auto results = crew.results();
  REQUIRE(results.size() == 17);
  for (int i = 0; i < 17; ++i) {
    CHECK(results[static_cast<std::size_t>(i)].worker == i);
    CHECK(results[static_cast<std::size_t>(i)].end == WorkerEnd::returned);
    CHECK(results[static_cast<std::size_t>(i)].exit_code == 0);
    CHECK(results[static_cast<std::size_t>(i)].pid > 0);
  }
}

TEST_CASE("WorkerGroup: no workers is fine, fewer than none is BadArgument") {
  MockQueue queue;
  WorkerGroup crew;
  crew.fork(0, [](MockProducer) {}, queue);
  CHECK_THROWS_AS(crew.fork(-1, [](MockProducer) {}, queue), iq::BadArgument);
  crew.join();
  CHECK(crew.results().empty());
  CHECK(queue.counts().producers.made == 0);
}

TEST_CASE("WorkerGroup: a group that never forked joins and goes") {
  WorkerGroup unused;
  WorkerGroup joined;
  joined.join();
  CHECK(joined.alive() == 0);
}

TEST_CASE("WorkerGroup: 100 workers run at the same time") {
  Gate arrived, go;
  WorkerGroup crew;
  crew.fork(100, [&] {
    arrived.post();
    go.wait();
  });
  for (int i = 0; i < 100; ++i) arrived.wait();
  CHECK(crew.alive() == 100);
  CHECK(crew.pids().size() == 100);
  go.post(100);
  crew.join();
  CHECK(crew.alive() == 0);
}

TEST_CASE("WorkerGroup: join names pid, role and signal of a killed worker") {
  MockQueue jobs("jobs");
  WorkerGroup crew;
  crew.fork(3, [&](MockConsumer, int id) {
    if (id == 1) ::raise(SIGKILL);
  }, jobs);
  const int pid = crew.results()[1].pid;
  const iq::WorkerFailed failed = join_failure(crew);
  CHECK(failed.worker() == 1);
  CHECK(failed.pid() == pid);
  CHECK(failed.role() == "consumer of queue \"jobs\"");
  CHECK(failed.signal() == SIGKILL);
  CHECK(failed.exit_code() == -1);
  CHECK(failed.code() == iq::Errc::worker_failed);
  CHECK(failed.what() == "worker 1 (pid " + std::to_string(pid) +
                             ", consumer of queue \"jobs\") was killed by signal 9 (SIGKILL)");
}

TEST_CASE("WorkerGroup: a second join has nothing to do, results stay until the next fork") {
  WorkerGroup crew;
  crew.fork(2, [](int id) {
    if (id == 1) ::_exit(3);
  });
  CHECK(join_failure(crew).exit_code() == 3);
  crew.join();
  CHECK(crew.results().size() == 2);
  auto ran = shared_counter();
  crew.fork(1, [&] { ++*ran; });
  CHECK(crew.results().size() == 1);
  crew.join();
  CHECK(*ran == 1);
}

TEST_CASE("WorkerGroup: what failed because of another's end ranks after the cause") {
  Gate go;
  WorkerGroup crew;
  crew.fork(1, [] { throw iq::ProducerDied("a producer died", 7); });
  REQUIRE(iqtest::wait_until([&] { return crew.alive() == 0; }));
  crew.fork(1, [&] {
    go.wait();
    throw std::runtime_error("the cause");
  });
  go.post();
  const iq::WorkerFailed failed = join_failure(crew);
  CHECK(failed.exception_text() == "the cause");
  CHECK(iqtest::contains(failed.what(), "; 1 more worker failed: worker 0"));
  CHECK(crew.results()[0].is_consequence);
  CHECK_FALSE(crew.results()[1].is_consequence);
}

TEST_CASE("WorkerGroup: among causes the first to fail is named, whichever fork() made it") {
  Gate go;
  WorkerGroup crew;
  crew.fork(1, [&] {
    go.wait();
    ::_exit(5);
  });
  crew.fork(1, [] { ::_exit(6); });
  REQUIRE(iqtest::wait_until([&] { return crew.alive() == 1; }));
  go.post();
  CHECK(join_failure(crew).exit_code() == 6);
}

TEST_CASE("WorkerGroup: join_for tells that a worker still runs, and can be called again") {
  Gate go;
  WorkerGroup crew;
  crew.fork(2, [&] { go.wait(); });
  CHECK_FALSE(crew.join_for(milliseconds(0)));
  CHECK_FALSE(crew.join_for(milliseconds(20)));
  CHECK_FALSE(crew.join_for(seconds(-5)));
  CHECK(crew.alive() == 2);
  go.post(2);
  CHECK(crew.join_for(std::chrono::years(1000)));
  CHECK(crew.join_for(milliseconds(0)));
}

TEST_CASE("WorkerGroup: join closes the anonymous queues of its workers, once, also when gone") {
  MockQueue named("jobs");
  auto anonymous = std::make_unique<MockQueue>();
  const auto counts = anonymous->shared();
  WorkerGroup crew;
  crew.fork(2, [](MockProducer, MockConsumer) {}, *anonymous, named);
  CHECK((*counts)->closes == 0);
  anonymous.reset();
  crew.join();
  crew.join();
  CHECK((*counts)->closes == 1);
  CHECK((*counts)->stops == 0);
  CHECK(named.counts().closes == 0);
}

TEST_CASE("WorkerGroup: kill reaches the workers that have not ended") {
  Gate go;
  WorkerGroup crew;
  crew.fork(3, [&](int id) {
    if (id != 0) go.wait(60);
  });
  REQUIRE(iqtest::wait_until([&] { return crew.alive() == 2; }));
  CHECK_THROWS_AS(crew.kill(0), iq::BadArgument);
  CHECK_THROWS_AS(crew.kill(65), iq::BadArgument);
  crew.kill(SIGTERM);
  CHECK(join_failure(crew).signal() == SIGTERM);
  CHECK(crew.results()[0].end == WorkerEnd::returned);
  CHECK(crew.results()[1].signal == SIGTERM);
  CHECK(crew.results()[2].signal == SIGTERM);
}

TEST_CASE("~WorkerGroup: without join it stops the queues and ends the workers by TERM") {
  MockQueue queue;
  static iqtest::SharedCounter terms = shared_counter();
  *terms = 0;
  iqtest::Flag ready;
  int pid = 0;
  {
    WorkerGroup crew;
    crew.fork(1, [&](MockProducer) {
      ::signal(SIGTERM, [](int) {
        ++*terms;
        ::_exit(0);
      });
      ready.set();
      while (true) ::pause();
    }, queue);
    ready.wait();
    pid = crew.pids().at(0);
  }
  CHECK(iqtest::has_ended(pid));
  CHECK(*terms == 1);
  CHECK(queue.counts().stops == 1);
  CHECK(queue.counts().closes == 0);
}

TEST_CASE("~WorkerGroup: a worker that ignores TERM is killed when the grace time is over") {
  iqtest::Flag ready;
  int pid = 0;
  const auto begin = std::chrono::steady_clock::now();
  {
    WorkerGroup crew;
    iq::detail::WorkerGroupAccess::crew(crew).grace.after_term_ns = 30'000'000;
    crew.fork(1, [&] {
      ::signal(SIGTERM, SIG_IGN);
      ready.set();
      while (true) ::pause();
    });
    pid = crew.pids().at(0);
    ready.wait();
  }
  CHECK(iqtest::has_ended(pid));
  CHECK(std::chrono::steady_clock::now() - begin >= milliseconds(30));
}

TEST_CASE("~WorkerGroup: stopped workers are ended, and those of a stopped supervisor") {
  bool stop_supervisor = false;
  SUBCASE("worker") {}
  SUBCASE("supervisor") { stop_supervisor = true; }
  auto supervisor = shared_counter();
  iqtest::Flag ready;
  int pid = 0;
  {
    WorkerGroup crew;
    auto& grace = iq::detail::WorkerGroupAccess::crew(crew).grace;
    grace.after_term_ns = 10'000'000;
    if (stop_supervisor) grace.after_kill_ns = 10'000'000;
    crew.fork(1, [&] {
      *supervisor = ::getppid();
      ready.set();
      ::pause();
    });
    ready.wait();
    pid = crew.pids().at(0);
    const int stopped = stop_supervisor ? static_cast<int>(*supervisor) : pid;
    ::kill(stopped, SIGSTOP);
    REQUIRE(iqtest::stopped(stopped));
  }
  CHECK(iqtest::gone(pid));
  CHECK(iqtest::reap_orphans());
}

TEST_CASE("WorkerGroup: in another process it is WrongProcess, and its destructor does nothing") {
  Gate go;
  auto crew = std::make_unique<WorkerGroup>();
  crew->fork(2, [&] { go.wait(); });
  iqtest::Child child = iqtest::spawn([&] {
    CHECK_THROWS_AS(crew->join(), iq::WrongProcess);
    CHECK_THROWS_AS(crew->join_for(seconds(1)), iq::WrongProcess);
    CHECK_THROWS_AS(crew->kill(SIGKILL), iq::WrongProcess);
    CHECK_THROWS_AS(crew->alive(), iq::WrongProcess);
    CHECK_THROWS_AS(crew->results(), iq::WrongProcess);
    CHECK_THROWS_AS(crew->fork(1, [] {}), iq::WrongProcess);
    crew.reset();
  });
  CHECK(child.wait().ok());
  CHECK(crew->alive() == 2);
  go.post(2);
  crew->join();
}

TEST_CASE("WorkerGroup: a worker may have a group of its own") {
  auto sum = shared_counter();
  WorkerGroup crew;
  crew.fork(3, [&] {
    WorkerGroup inner;
    inner.fork(2, [&] { ++*sum; });
    inner.join();
  });
  crew.join();
  CHECK(*sum == 6);
}
