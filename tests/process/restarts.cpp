// Workers that die and are replaced: endpoints go on, nothing is lost, nothing counts as failed.
#include <doctest/doctest.h>

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "iq/iq.hpp"
#include "support/process.hpp"

namespace {

using Queue = iq::IterableQueue<int>;
using std::chrono::milliseconds;

iq::WorkerFailed failure_of(iq::WorkerGroup& crew) {
  try {
    crew.join();
  } catch (const iq::WorkerFailed& failed) {
    return failed;
  }
  throw std::runtime_error("join() found nothing wrong");
}

/// True the first `times` times, in whichever process.
bool first(iqtest::SharedCounter& counter, int times = 1) { return ++*counter <= times; }

}  // namespace

TEST_CASE("restarts: the item in hand comes again, counted, and the stream ends whole") {
  Queue queue;
  auto out = queue.get_producer();
  for (int i = 0; i < 100; ++i) out.put(i);
  out.close();
  iqtest::Shared<std::array<std::atomic<unsigned>, 100>> deliveries;
  iqtest::Shared<std::array<std::atomic<int>, 100>> seen;
  auto died = iqtest::shared_counter();
  iq::WorkerGroup crew;
  crew.fork({.count = 1, .restarts = 3}, [&](iq::Consumer<int> in) {
    for (const int item : in) {
      const auto at = static_cast<std::size_t>(item);
      ++(*seen)[at];
      (*deliveries)[at] = in.deliveries();
      if (item % 30 == 10 && in.deliveries() == 1 && first(died, 3)) ::raise(SIGKILL);
    }
  }, queue);
  queue.close();
  crew.join();
  for (std::size_t i = 0; i < 100; ++i) {
    const bool killed = i == 10 || i == 40 || i == 70;
    CHECK((*seen)[i] == (killed ? 2 : 1));
    CHECK((*deliveries)[i] == (killed ? 2U : 1U));
  }
  const iq::WorkerOutcome outcome = crew.results()[0];
  CHECK(outcome.restarts == 3);
  CHECK(outcome.end == iq::WorkerEnd::returned);
  CHECK(queue.consumers() == 0);
}

TEST_CASE("restarts: a producer's replacement goes on in its lane; its consumers notice nothing") {
  iq::IterableQueue<std::string> queue({.capacity = 16, .bytes_per_producer = 4096});
  auto in = queue.get_consumer();
  auto next = iqtest::shared_counter();
  iq::WorkerGroup crew;
  crew.fork({.restarts = 20}, [&](iq::Producer<std::string> out) {
    while (*next < 400) {
      const auto number = static_cast<std::size_t>(*next);
      out.put(std::to_string(number) + std::string(number % 500, '.'));
      if (++*next % 25 == 0) ::_exit(9);
    }
  }, queue);
  queue.close();
  std::size_t expected = 0;
  for (const std::string& item : in) {
    CHECK(item == std::to_string(expected) + std::string(expected % 500, '.'));
    ++expected;
  }
  CHECK(expected == 400);
  crew.join();
  CHECK(crew.results()[0].restarts == 16);
  CHECK(queue.stats().lanes == 1);
}

TEST_CASE("restarts: between death and replacement the endpoints never stop to count") {
  Queue queue;
  auto out = queue.get_producer();
  auto feedback = queue.get_consumer();
  iqtest::Gate died, go_on;
  auto deaths = iqtest::shared_counter();
  iq::WorkerGroup crew;
  crew.fork({.restarts = 50}, [&](iq::Producer<int> mine) {
    if (first(deaths, 50)) ::raise(SIGKILL);
    mine.put(1);
  }, queue);
  out.close();
  queue.close();
  // It would end, or throw ProducerDied, the moment that it saw no producer.
  CHECK(feedback.get() == 1);
  CHECK_FALSE(feedback.get().has_value());
  crew.join();
  CHECK(crew.results()[0].restarts == 50);
}

TEST_CASE("restarts: used up, the death stands: join and the consumers are told") {
  Queue queue;
  auto in = queue.get_consumer();
  iq::WorkerGroup crew;
  crew.fork({.count = 1, .restarts = 2}, [](iq::Producer<int> out) {
    out.put(1);
    ::raise(SIGKILL);
  }, queue);
  queue.close();
  for (int i = 0; i < 3; ++i) CHECK(in.get() == 1);
  CHECK_THROWS_AS(in.get(), iq::ProducerDied);
  const iq::WorkerFailed failed = failure_of(crew);
  CHECK(failed.outcome().restarts == 2);
  CHECK(std::string(failed.what()).find("(SIGKILL), restarted 2 times before") !=
        std::string::npos);
}

TEST_CASE("restarts: exit() is a death that is replaced, an exception is not") {
  Queue queue;
  auto in = queue.get_consumer();
  auto ran = iqtest::shared_counter();
  iq::WorkerGroup crew;
  SUBCASE("exit") {
    crew.fork({.restarts = 1}, [&](iq::Producer<int> out) {
      if (first(ran)) std::exit(0);
      out.put(2);
    }, queue);
    queue.close();
    CHECK(in.get() == 2);
    CHECK_FALSE(in.get().has_value());
    crew.join();
    CHECK(*ran == 2);
  }
  SUBCASE("exit, the last time") {
    crew.fork({.restarts = 1}, [&](iq::Producer<int>) { std::exit(4); }, queue);
    queue.close();
    CHECK_THROWS_AS(in.get(), iq::ProducerFailed);
    CHECK(failure_of(crew).exit_code() == 4);
  }
  SUBCASE("exception") {
    crew.fork({.restarts = 5}, [&](iq::Producer<int>) {
      ++*ran;
      throw std::runtime_error("no use");
    }, queue);
    queue.close();
    CHECK_THROWS_AS(in.get(), iq::ProducerFailed);
    CHECK(failure_of(crew).exception_text() == "no use");
    CHECK(*ran == 1);
  }
}

TEST_CASE("restarts: workers without queues are replaced too") {
  auto ran = iqtest::shared_counter();
  iq::WorkerGroup crew;
  crew.fork({.count = 2, .restarts = 3}, [&](int id) {
    if (id == 0 && first(ran, 3)) ::raise(SIGKILL);
  });
  crew.join();
  CHECK(*ran == 4);
  CHECK(crew.results()[0].restarts == 3);
  CHECK(crew.results()[1].restarts == 0);
}

TEST_CASE("restarts: a replacement begins with the captures as they were at the fork") {
  auto deaths = iqtest::shared_counter();
  auto value = iqtest::shared_counter();
  int captured = 5;
  iq::WorkerGroup crew;
  crew.fork({.restarts = 1}, [&, copy = 7]() mutable {
    *value = copy * 10 + captured;
    copy = captured = 0;
    if (first(deaths)) ::raise(SIGKILL);
  });
  captured = 1;
  crew.join();
  CHECK(*value == 75);
}

TEST_CASE("restarts: who dies after it closed everything has done its work") {
  Queue queue;
  auto ran = iqtest::shared_counter();
  iq::WorkerGroup crew;
  crew.fork({.restarts = 3}, [&](iq::Consumer<int> in, iq::Producer<int> out) {
    ++*ran;
    in.close();
    out.close();
    ::raise(SIGKILL);
  }, queue, queue);
  queue.close();
  crew.join();
  CHECK(*ran == 1);
}

TEST_CASE("restarts: an item that kills its worker is parked, the pool survives it") {
  Queue queue;
  auto out = queue.get_producer();
  for (int i = 0; i < 50; ++i) out.put(i);
  out.close();
  auto done = iqtest::shared_counter();
  iq::WorkerGroup crew;
  crew.fork({.count = 2, .restarts = 3}, [&](iq::Consumer<int> in) {
    for (const int item : in) {
      if (item == 20) ::raise(SIGSEGV);
      ++*done;
    }
  }, queue);
  queue.close();
  crew.join();
  CHECK(*done == 49);
  REQUIRE(queue.parked().size() == 1);
  CHECK(queue.parked()[0].item == 20);
  queue.drop_parked();
}

TEST_CASE("restarts: a killed supervisor leaves dead endpoints, as without restarts") {
  Queue queue;
  auto in = queue.get_consumer();
  auto supervisor = iqtest::shared_counter();
  iq::WorkerGroup crew;
  crew.fork({.restarts = 100}, [&](iq::Producer<int> out) {
    *supervisor = ::getppid();
    out.put(1);
    for (;;) ::pause();
  }, queue);
  queue.close();
  CHECK(in.get() == 1);
  ::kill(static_cast<pid_t>(*supervisor), SIGKILL);
  CHECK_THROWS_AS(in.get(), iq::ProducerDied);
  CHECK(failure_of(crew).outcome().end == iq::WorkerEnd::lost);
  CHECK(iqtest::reap_orphans());
}

TEST_CASE("restarts: replaced although the thread that forked has ended and others run") {
  auto ran = iqtest::shared_counter();
  iqtest::Flag go;
  Queue queue;
  auto in = queue.get_consumer();
  iq::WorkerGroup crew;
  std::thread([&] {
    crew.fork({.count = 2, .restarts = 2}, [&](iq::Producer<int> out) {
      go.wait();
      if (++*ran <= 3) ::raise(SIGKILL);
      out.put(1);
    }, queue);
  }).join();
  std::thread other([&] { go.wait(); });
  queue.close();
  go.set();
  int items = 0;
  for (const int item : in) items += item;
  CHECK(items == 2);
  crew.join();
  other.join();
}

TEST_CASE("restarts: ~WorkerGroup replaces nobody") {
  auto ran = iqtest::shared_counter();
  iqtest::Flag ready;
  {
    iq::WorkerGroup crew;
    crew.fork({.restarts = 100}, [&] {
      ++*ran;
      ready.set();
      for (;;) ::pause();
    });
    ready.wait();
  }
  CHECK(*ran == 1);
}

TEST_CASE("restarts: a pool whose workers are killed every 100 ms finishes exactly") {
  constexpr int kItems = 3000;
  constexpr int kKills = 15;
  struct Book {
    std::array<std::atomic<std::uint32_t>, kItems> done{};
  };
  iqtest::limit_seconds(60);
  iqtest::Shared<Book> book;
  iq::IterableQueue<std::uint32_t> work({.capacity = 64, .max_deliveries = 14});
  iq::IterableQueue<std::uint32_t> results({.capacity = 64});
  auto next = iqtest::shared_counter();
  auto kills = iqtest::shared_counter();
  iq::WorkerGroup crew;
  crew.fork({.restarts = 1000}, [&](iq::Producer<std::uint32_t> out) {
    // What was killed between put and count is put again: a source needs its own place to go on.
    while (*next < kItems) {
      const auto due = *next * kKills / kItems;  // kills are spread over the work
      iqtest::require(iqtest::wait_until([&] { return *kills >= due; }), "everybody is killed");
      out.put(static_cast<std::uint32_t>(*next));
      ++*next;
    }
  }, work);
  crew.fork({.count = 3, .restarts = 1000},
            [](iq::Consumer<std::uint32_t> in, iq::Producer<std::uint32_t> out) {
              for (const std::uint32_t item : in) {
                for (int i = 0; i < 20'000; ++i) asm volatile("");
                out.put(item);
              }
            },
            work, results);
  crew.fork({.count = 2, .restarts = 1000}, [&](iq::Consumer<std::uint32_t> in) {
    for (const std::uint32_t item : in) ++book->done[item];
  }, results);
  work.close();
  results.close();
  while (!crew.join_for(milliseconds(100))) {
    if (*kills >= kKills) continue;
    crew.kill(SIGKILL);
    ++*kills;
  }
  for (std::size_t i = 0; i < kItems; ++i) {
    INFO(i);
    CHECK(book->done[i] >= 1);
  }
  CHECK(work.stats().parked == 0);
  CHECK(results.stats().parked == 0);
  CHECK(work.stats().queued == 0);
  CHECK(*kills >= kKills - 1);
  int restarts = 0;
  for (const iq::WorkerOutcome& outcome : crew.results()) restarts += outcome.restarts;
  CHECK(restarts >= kKills - 1);
}

TEST_CASE("restarts: a pool of relays that are killed again and again passes each item on once") {
  Queue in({.capacity = 32, .max_deliveries = 14});
  iq::IterableQueue<std::string> out({.capacity = 32});
  auto kills = iqtest::shared_counter();
  constexpr int kItems = 3000;
  iq::WorkerGroup crew;
  crew.fork(1, [](iq::Producer<int> to) {
    for (int i = 0; i < kItems; ++i) to.put(i);
  }, in);
  const iq::ForkOptions pool{.count = 3, .restarts = 1000};
  crew.fork(pool, [&](iq::Consumer<int> from, iq::Producer<std::string> to) {
    int passed = 0;
    iq::relay(from, to, [&](int item, iq::Emit<std::string>& emit) {
      emit(std::to_string(item));
      if (item % 3 == 0) emit(std::string(100, 'x') + std::to_string(item));
      if (++passed % 97 == 0 && first(kills, 60)) ::raise(SIGKILL);
    });
  }, in, out);
  in.close();
  auto results = out.get_consumer();
  out.close();
  std::map<std::string, int> seen;
  for (const std::string& text : results) ++seen[text];  // throws when a relay's death shows
  crew.join();
  CHECK(*kills >= 10);
  CHECK(seen.size() == kItems + kItems / 3);
  CHECK(std::ranges::all_of(seen, [](const auto& entry) { return entry.second == 1; }));
}

TEST_CASE("restarts: the program's event handler is told") {
  std::vector<iq::Event> events;
  iq::set_event_handler([&](const iq::Event& event) { events.push_back(event); });
  auto died = iqtest::shared_counter();
  int pid = 0;
  {
    iq::WorkerGroup crew;
    auto told = iqtest::shared_counter();
    crew.fork({.count = 1, .restarts = 1}, [&] {
      if (!first(died)) return;
      *told = ::getpid();
      ::raise(SIGKILL);
    });
    crew.join();
    pid = static_cast<int>(*told);
  }
  iq::set_event_handler({});
  REQUIRE(events.size() == 1);
  CHECK(events[0].kind == iq::EventKind::restarted);
  CHECK(events[0].pid == pid);
}
