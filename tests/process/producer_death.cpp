// A producer that failed or died: nothing it put is lost, nobody hangs, and nobody takes the
// stream for whole.
#include <doctest/doctest.h>

#include <unistd.h>

#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "iq/iq.hpp"
#include "support/process.hpp"

namespace {

using namespace std::chrono_literals;
using Queue = iq::IterableQueue<int>;

/// A child that opens the queue, puts 0…9, tells, and then does what `end` does.
template <class F>
iqtest::Child producer_that(const std::string& name, iqtest::Gate& told, F end) {
  return iqtest::spawn([&] {
    Queue queue(iq::open_only, name);
    auto producer = queue.get_producer();
    for (int i = 0; i < 10; ++i) producer.put(i);
    told.post();
    end(producer);
  });
}

[[noreturn]] void wait_for_death() {
  for (;;) ::pause();
}

struct Named {
  std::string name = iqtest::temp_name("death");
  Queue queue;
  explicit Named(const iq::Options& options = {}) : queue(iq::create_only, name, options) {}
  ~Named() { iq::remove(name); }
};

int count_until_throw(iq::Consumer<int>& consumer, const std::function<void(const iq::Error&)>& f) {
  int count = 0;
  try {
    for (const int item : consumer) {
      CHECK(item == count);
      ++count;
    }
    FAIL("the stream passed for whole");
  } catch (const iq::Error& error) {
    f(error);
  }
  return count;
}

}  // namespace

TEST_CASE("died: all drains, then loops and gets throw ProducerDied with its pid, each time") {
  Named n;
  iqtest::Gate told;
  auto consumer = n.queue.get_consumer();
  auto child = producer_that(n.name, told, [](auto&) { wait_for_death(); });
  told.wait();
  n.queue.close();
  CHECK(child.kill_and_wait().signal == SIGKILL);
  const auto check = [&](const iq::Error& error) {
    CHECK(error.code() == iq::Errc::producer_died);
    const auto* died = dynamic_cast<const iq::ProducerDied*>(&error);
    REQUIRE(died != nullptr);
    CHECK(died->pid() == child.pid());
    CHECK(std::string(error.what()).find(std::to_string(child.pid())) != std::string::npos);
  };
  CHECK(count_until_throw(consumer, check) == 10);
  CHECK(count_until_throw(consumer, check) == 0);
  CHECK_THROWS_AS(consumer.get(), iq::ProducerDied);
  CHECK_THROWS_AS(consumer.get_for(1h), iq::ProducerDied);
  CHECK_THROWS_AS(consumer.try_get(), iq::ProducerDied);
  CHECK_THROWS_AS(consumer.get_some(3), iq::ProducerDied);
  auto late = n.queue.get_consumer();
  CHECK_THROWS_AS(late.get(), iq::ProducerDied);
  CHECK(n.queue.producers() == 0);
  CHECK(n.queue.stats().repaired >= 1);
  CHECK(n.queue.stats().last_death_pid == child.pid());
}

TEST_CASE("failed: destroyed while an exception unwinds, the consumers throw ProducerFailed") {
  Named n;
  iqtest::Gate told;
  auto consumer = n.queue.get_consumer();
  auto child = producer_that(n.name, told, [](auto&) { throw std::runtime_error("no more"); });
  CHECK(child.wait().code == iqtest::kThrew);
  n.queue.close();
  const auto check = [&](const iq::Error& error) {
    const auto* failed = dynamic_cast<const iq::ProducerFailed*>(&error);
    REQUIRE(failed != nullptr);
    CHECK(failed->pid() == child.pid());
  };
  CHECK(count_until_throw(consumer, check) == 10);
  CHECK(count_until_throw(consumer, check) == 0);
  CHECK_THROWS_AS(consumer.try_get(), iq::ProducerFailed);
}

TEST_CASE("left by _exit without closing: that is a death too, whatever the code") {
  Named n;
  iqtest::Gate told;
  auto consumer = n.queue.get_consumer();
  auto child = producer_that(n.name, told, [](auto&) { ::_exit(0); });
  CHECK(child.wait().ok());
  n.queue.close();
  CHECK(count_until_throw(consumer, [](const iq::Error& error) {
          CHECK(error.code() == iq::Errc::producer_died);
        }) == 10);
}

TEST_CASE("closed before it was killed: the stream is whole") {
  Named n;
  iqtest::Gate told;
  iqtest::Gate closed;
  auto consumer = n.queue.get_consumer();
  auto child = producer_that(n.name, told, [&](iq::Producer<int>& producer) {
    producer.close();
    closed.post();
    wait_for_death();
  });
  closed.wait();
  n.queue.close();
  child.kill_and_wait();
  int count = 0;
  CHECK_NOTHROW(([&] {
    for ([[maybe_unused]] const int item : consumer) ++count;
  }()));
  CHECK(count == 10);
}

TEST_CASE("died, on_producer_death = end: everything drains, then the stream ends quietly") {
  Named n({.on_producer_death = iq::OnProducerDeath::end});
  iqtest::Gate told;
  auto consumer = n.queue.get_consumer();
  auto child = producer_that(n.name, told, [](auto&) { wait_for_death(); });
  told.wait();
  n.queue.close();
  child.kill_and_wait();
  int count = 0;
  for ([[maybe_unused]] const int item : consumer) ++count;
  CHECK(count == 10);
  CHECK_FALSE(consumer.get());
  CHECK(consumer.try_get().status() == iq::Status::done);
}

TEST_CASE("died while a consumer waits without a time-out: it wakes and throws") {
  Named n;
  iqtest::Gate told;
  iqtest::Gate asleep;
  auto child = producer_that(n.name, told, [](auto&) { wait_for_death(); });
  told.wait();
  n.queue.close();
  std::vector<iqtest::Child> waiters;
  const iqtest::SharedCounter drained = iqtest::shared_counter();
  for (int i = 0; i < 3; ++i) {
    waiters.push_back(iqtest::spawn([&] {
      Queue queue(iq::open_only, n.name);
      auto consumer = queue.get_consumer();
      try {
        while (consumer.get()) ++*drained;
      } catch (const iq::ProducerDied&) {
        return 7;
      }
      return 0;
    }));
  }
  CHECK(iqtest::wait_until([&] { return *drained == 10; }));
  child.kill_and_wait();
  for (auto& waiter : waiters) CHECK(waiter.wait().code == 7);
}

TEST_CASE("one of several died: what the others put, also afterwards, is delivered first") {
  Named n;
  iqtest::Gate told;
  auto survivor = n.queue.get_producer();
  auto consumer = n.queue.get_consumer();
  auto child = producer_that(n.name, told, [](auto&) { wait_for_death(); });
  told.wait();
  child.kill_and_wait();
  n.queue.close();
  survivor.put_all(std::vector<int>(50, -1));
  int count = 0;
  while (count < 60 && consumer.get()) ++count;
  CHECK(count == 60);
  CHECK(consumer.get_for(30ms).status() == iq::Status::timeout);  // the survivor is still open
  survivor.close();
  CHECK_THROWS_AS(consumer.get(), iq::ProducerDied);
}

TEST_CASE("worker that throws: its producer failed, join tells type and text, nothing is lost") {
  Queue queue;
  auto consumer = queue.get_consumer();
  iq::WorkerGroup crew;
  crew.fork(
      1,
      [](iq::Producer<int> out) {
        for (int i = 0; i < 10; ++i) out.put(i);
        throw std::domain_error("the tenth was the last");
      },
      queue);
  queue.close();
  CHECK(count_until_throw(consumer, [](const iq::Error& error) {
          CHECK(error.code() == iq::Errc::producer_failed);
          // Who only looks at the loop must learn the cause, too.
          const std::string cause = "std::domain_error: the tenth was the last";
          CHECK_MESSAGE(std::string(error.what()).find(cause) != std::string::npos, error.what());
        }) == 10);
  try {
    crew.join();
    FAIL("join did not throw");
  } catch (const iq::WorkerFailed& failed) {
    CHECK(failed.exception_type() == "std::domain_error");
    CHECK(failed.exception_text() == "the tenth was the last");
  }
}

TEST_CASE("failed in this process: unwinding counts, a catch inside does not") {
  Queue queue;
  auto consumer = queue.get_consumer();
  {
    auto fine = queue.get_producer();
    try {
      throw 1;
    } catch (int) {
      fine.put(1);
    }
  }
  try {
    auto failing = queue.get_producer();
    failing.put(2);
    throw 1;
  } catch (int) {
  }
  queue.close();
  int count = 0;
  CHECK_THROWS_AS(([&] {
                    for ([[maybe_unused]] const int item : consumer) ++count;
                  }()),
                  iq::ProducerFailed);
  CHECK(count == 2);
}
