// What a supervisor does with the endpoints of its workers, counted on endpoints without a queue.
#include <signal.h>

#include "crew_helpers.hpp"
#include "mock_queue.hpp"

using iq::WorkerEnd;
using iq::WorkerGroup;
using iqtest::MockConsumer;
using iqtest::MockProducer;
using iqtest::MockQueue;
using iqtest::shared_counter;

TEST_CASE("restarts: endpoints are kept, surrendered, and taken over by each process") {
  MockQueue queue;
  auto runs = shared_counter();
  WorkerGroup crew;
  crew.fork({.count = 2, .restarts = 3}, [&](MockProducer, int id) {
    if (id == 1 && ++*runs <= 2) ::raise(SIGKILL);
  }, queue);
  crew.join();
  const auto& counts = queue.counts().producers;
  CHECK(counts.made == 2);
  CHECK(counts.kept == 2);
  CHECK(counts.surrendered == 2);
  CHECK(counts.adopted == 0);
  CHECK(counts.awaited == 4);
  CHECK(counts.succeeded == 4);
  CHECK(counts.renounced == 2);
  CHECK(crew.results()[0].restarts == 0);
  CHECK(crew.results()[1].restarts == 2);
}

TEST_CASE("restarts: without them endpoints are adopted as ever, and kept by nobody") {
  MockQueue queue;
  WorkerGroup crew;
  crew.fork({.count = 2}, [](MockConsumer) {}, queue);
  crew.join();
  CHECK(queue.counts().consumers.kept == 0);
  CHECK(queue.counts().consumers.adopted == 2);
}

TEST_CASE("restarts: what no process has taken fails, with the reason") {
  MockQueue queue;
  queue.counts().producers.left_over = static_cast<int>(iq::detail::LeftOver::unused);
  WorkerGroup crew;
  crew.fork({.restarts = 1}, [](MockProducer) { ::raise(SIGKILL); }, queue);
  CHECK(iqtest::join_failure(crew).outcome().restarts == 1);
  CHECK(queue.counts().producers.failed_by_parent == 1);
  CHECK(queue.counts().producers.renounced == 0);
}

TEST_CASE("restarts: who has closed everything is not replaced, and has returned") {
  MockQueue queue;
  queue.counts().producers.left_over = static_cast<int>(iq::detail::LeftOver::nothing);
  WorkerGroup crew;
  crew.fork({.restarts = 5}, [](MockProducer) { ::raise(SIGKILL); }, queue);
  crew.join();
  CHECK(crew.results()[0].end == WorkerEnd::returned);
  CHECK(queue.counts().producers.succeeded == 1);
}

TEST_CASE("restarts: pids() follows; a worker replaced is alive all the time") {
  iqtest::Gate running;
  iqtest::Flag end;
  WorkerGroup crew;
  crew.fork({.restarts = 2}, [&] {
    running.post();
    end.wait();
  });
  running.wait();
  const int first = crew.pids().at(0);
  crew.kill(SIGKILL);
  running.wait();
  REQUIRE(iqtest::wait_until([&] { return crew.pids().at(0) != first; }));
  CHECK(crew.alive() == 1);
  end.set();
  crew.join();
  CHECK(crew.results()[0].pid != first);
}

TEST_CASE("restarts: workers between two queues are marked to go on, sources are not") {
  MockQueue numbers, squares;
  WorkerGroup crew;
  crew.fork(2, [](MockProducer) {}, numbers);
  crew.fork(3, [](MockConsumer, MockProducer) {}, numbers, squares);
  crew.join();
  CHECK(numbers.counts().producers.go_on == 0);
  CHECK(squares.counts().producers.go_on == 3);
}

TEST_CASE("restarts: fewer than none is BadArgument") {
  WorkerGroup crew;
  CHECK_THROWS_AS(crew.fork({.restarts = -1}, [] {}), iq::BadArgument);
  CHECK_THROWS_AS(crew.fork({.count = -1}, [] {}), iq::BadArgument);
}
