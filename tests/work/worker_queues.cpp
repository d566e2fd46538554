// Workers on real queues: what their way to end means for the stream.
#include "iq/iq.hpp"

#include <signal.h>

#include <cstdlib>

#include "crew_helpers.hpp"

using iq::Consumer;
using iq::IterableQueue;
using iq::Producer;
using iq::WorkerEnd;
using iq::WorkerGroup;
using iqtest::shared_counter;

namespace {

void count_items(Consumer<int> in, iqtest::SharedCounter& items) {
  for (const int item : in) {
    static_cast<void>(item);
    ++*items;
  }
}

/// Two producers put ten items each, then the second ends by `end`; nobody closes the queue.
template <class End>
std::vector<iq::WorkerOutcome> outcomes_when_a_producer(End end) {
  auto items = shared_counter();
  IterableQueue<int> queue;
  WorkerGroup crew;
  crew.fork(1, count_items, queue, std::ref(items));
  crew.fork(2, [&](Producer<int> out, int id) {
    for (int i = 0; i < 10; ++i) out.put(i);
    if (id == 1) end();
  }, queue);
  const iq::WorkerFailed failed = iqtest::join_failure(crew);
  CHECK(failed.role() == "producer of an anonymous queue");
  CHECK(*items == 20);
  return crew.results();
}

}  // namespace

TEST_CASE("workers: 17 producers of 10 items and 13 consumers: each item arrives once") {
  auto items = shared_counter();
  auto sum = shared_counter();
  IterableQueue<int> queue;
  WorkerGroup crew;
  crew.fork(17, [](Producer<int> out, int id) {
    for (int i = 0; i < 10; ++i) out.put(id * 10 + i);
  }, queue);
  crew.fork(13, [&](Consumer<int>& in) {
    for (const int item : in) {
      ++*items;
      *sum += item;
    }
  }, queue);
  queue.close();
  crew.join();
  CHECK(*items == 170);
  CHECK(*sum == 169 * 170 / 2);
}

TEST_CASE("workers: a killed producer: all of its items arrive, consumers learn that it died") {
  const auto outcomes = outcomes_when_a_producer([] { ::raise(SIGKILL); });
  CHECK(outcomes[0].exception_type == "iq::ProducerDied");
  CHECK(outcomes[0].is_consequence);
}

TEST_CASE("workers: a producer that throws or exits: its items arrive, consumers learn it failed") {
  SUBCASE("throws") {
    const auto outcomes = outcomes_when_a_producer([] { throw std::runtime_error("boom"); });
    CHECK(outcomes[0].exception_type == "iq::ProducerFailed");
  }
  SUBCASE("exits") {
    const auto outcomes = outcomes_when_a_producer([] { std::exit(0); });
    CHECK(outcomes[0].exception_type == "iq::ProducerFailed");
    CHECK(iqtest::contains(outcomes[0].exception_text, "its worker called exit(0)"));
  }
}

TEST_CASE("workers: a consumer killed with an item in hand: another gets that item") {
  auto seen = shared_counter();
  IterableQueue<int> queue;
  WorkerGroup crew;
  iqtest::Gate dying;
  crew.fork(2, [&](Consumer<int> in, int id) {
    if (id == 1) dying.wait();
    for (const int item : in) {
      if (id == 0) {
        dying.post();
        ::raise(SIGKILL);
      }
      *seen += item;
    }
  }, queue);
  {
    Producer<int> out = queue.get_producer();
    out.put(1);
    out.put(10);
    out.put(100);
  }
  const iq::WorkerFailed failed = iqtest::join_failure(crew);
  CHECK(failed.worker() == 0);
  CHECK(failed.signal() == SIGKILL);
  CHECK(*seen == 111);
}

TEST_CASE("workers: a forgotten group stops its queues, so that nobody else waits for ever") {
  IterableQueue<int> queue;
  Consumer<int> in = queue.get_consumer();
  {
    WorkerGroup crew;
    crew.fork(1, [](Producer<int> out) {
      while (true) out.put(1);
    }, queue);
  }
  CHECK_FALSE(in.get().has_value());
}

TEST_CASE("workers: what came first stands first, however late its supervisor hears of it") {
  auto supervisor = shared_counter();
  auto items = shared_counter();
  iqtest::Gate begin;
  IterableQueue<int> queue;
  WorkerGroup crew;
  crew.fork(1, [&](Producer<int>&) {
    begin.wait();
    *supervisor = ::getppid();
    ::kill(::getppid(), SIGSTOP);
    throw iq::Closed("as a queue may tell it");
  }, queue);
  crew.fork(1, count_items, queue, std::ref(items));
  queue.close();
  begin.post();
  const bool passed_on =
      iqtest::wait_until([&] { return crew.results()[1].end == WorkerEnd::threw; });
  ::kill(static_cast<pid_t>(*supervisor), SIGCONT);
  REQUIRE(passed_on);
  CHECK(iqtest::join_failure(crew).role() == "producer of an anonymous queue");
  CHECK(crew.results()[0].is_consequence);
  CHECK(crew.results()[1].is_consequence);
}

TEST_CASE("workers: a producer of a worker's own, lost by an exception that it caught") {
  WorkerGroup crew;
  crew.fork(1, [] {
    IterableQueue<int> inner;
    Consumer<int> in = inner.get_consumer();
    try {
      Producer<int> out = inner.get_producer();
      out.put(1);
      throw std::runtime_error("caught");
    } catch (const std::runtime_error&) {
    }
    inner.close();
    iqtest::require(in.get() == 1, "what was put arrives");
    try {
      iqtest::require(in.get_for(std::chrono::seconds(5)).status() != iq::Status::timeout,
                      "it counts as failed at once");
    } catch (const iq::ProducerFailed&) {
      return;
    }
    iqtest::require(false, "the failure is told");
  });
  crew.join();
}

TEST_CASE("workers: a worker's own producer, lost by what it caught: told when it waits") {
  auto seen = shared_counter();
  const std::string name = iqtest::temp_name("lost");
  IterableQueue<int> queue(iq::create_only, name);
  WorkerGroup crew;
  SUBCASE("for an item") {
    crew.fork(1, [&](Producer<int> out, Consumer<int> in) {
      try {
        const Producer<int> lost = std::move(out);
        throw std::runtime_error("caught");
      } catch (const std::runtime_error&) {
      }
      try {
        while (in.get()) {}
      } catch (const iq::ProducerFailed&) {
        ++*seen;
      }
    }, queue, queue);
  }
  SUBCASE("for workers of its own") {
    crew.fork(1, [&](Producer<int> out) {
      IterableQueue<int> same(iq::open_only, name);
      WorkerGroup inner;
      inner.fork(1, [&](Consumer<int> in) {
        try {
          while (in.get()) {}
        } catch (const iq::ProducerFailed&) {
          ++*seen;
        }
      }, same);
      try {
        const Producer<int> lost = std::move(out);
        throw std::runtime_error("caught");
      } catch (const std::runtime_error&) {
      }
      inner.join();
    }, queue);
  }
  queue.close();
  crew.join();
  CHECK(*seen == 1);
}
