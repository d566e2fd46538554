// The end from outside: stop() wakes everybody everywhere, and a forgotten close hangs nobody.
#include <doctest/doctest.h>

#include <unistd.h>

#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "iq/iq.hpp"
#include "support/process.hpp"

namespace {

using namespace std::chrono_literals;
using Queue = iq::IterableQueue<int>;

[[noreturn]] void wait_for_death() {
  for (;;) ::pause();
}

struct Named {
  std::string name = iqtest::temp_name("stop");
  Queue queue;
  explicit Named(const iq::Options& options = {}) : queue(iq::create_only, name, options) {}
  ~Named() { iq::remove(name); }
};

/// A child that is blocked in put on a full queue; ends with 7 for Stopped, 8 with the text.
iqtest::Child blocked_putter(const std::string& name, iqtest::Gate& told) {
  return iqtest::spawn([&] {
    Queue queue(iq::open_only, name);
    auto producer = queue.get_producer();
    while (producer.try_put(1) == iq::Status::ok) {
    }
    told.post();
    try {
      producer.put(2);
    } catch (const iq::Stopped& stopped) {
      return std::string(stopped.what()).find("overboard") == std::string::npos ? 7 : 8;
    }
    return 0;
  });
}

/// A child that is blocked in get on an empty queue; ends with 7 for the end, 8 with the text.
iqtest::Child blocked_getter(const std::string& name, iqtest::Gate& told) {
  return iqtest::spawn([&] {
    Queue queue(iq::open_only, name);
    auto consumer = queue.get_consumer();
    told.post();
    try {
      if (consumer.get()) return 1;
    } catch (const iq::Stopped& stopped) {
      return std::string(stopped.what()).find("overboard") == std::string::npos ? 2 : 8;
    }
    return consumer.try_get().status() == iq::Status::stopped ? 7 : 3;
  });
}

}  // namespace

TEST_CASE("stop: from another process it wakes all that are blocked in put and in get") {
  for (const bool with_text : {false, true}) {
    Named full({.capacity = 2});
    Named empty;
    iqtest::Gate told;
    std::vector<iqtest::Child> children;
    for (int i = 0; i < 3; ++i) {
      children.push_back(blocked_putter(full.name, told));
      children.push_back(blocked_getter(empty.name, told));
    }
    for (int i = 0; i < 6; ++i) told.wait();
    auto stopper = iqtest::spawn([&] {
      for (const auto& name : {full.name, empty.name}) {
        Queue queue(iq::open_only, name);
        with_text ? queue.stop(std::runtime_error("man overboard")) : queue.stop();
      }
    });
    CHECK(stopper.wait().ok());
    for (auto& child : children) CHECK(child.wait().code == (with_text ? 8 : 7));
    CHECK(full.queue.stats().stopped);
    CHECK(full.queue.stats().dropped == 6);
  }
}

TEST_CASE("stop: loops of busy consumers and producers end, in a crew of both") {
  Queue queue({.capacity = 16});
  iqtest::Gate busy;
  iq::WorkerGroup crew;
  crew.fork(
      2,
      [](iq::Producer<int> out) {
        try {
          for (int i = 0;; ++i) out.put(i);
        } catch (const iq::Stopped&) {
        }
      },
      queue);
  crew.fork(
      3,
      [&](iq::Consumer<int> in) {
        int count = 0;
        for ([[maybe_unused]] const int item : in) {
          if (++count == 100) busy.post();
        }
      },
      queue);
  busy.wait();
  queue.stop();
  CHECK(crew.join_for(std::chrono::seconds(10)));
}

TEST_CASE("stop: a second and a later stop, also after close and the end, harm nobody") {
  Queue queue;
  auto consumer = queue.get_consumer();
  queue.close();
  CHECK_FALSE(consumer.get());
  queue.stop();
  queue.stop();
  CHECK_FALSE(consumer.get());
  queue.close();
}

TEST_CASE("forgotten close: an anonymous queue ends when its object is destroyed") {
  std::optional<Queue> queue(std::in_place);
  auto consumer = queue->get_consumer();
  auto producer = queue->get_producer();
  producer.put(1);
  queue.reset();
  CHECK(consumer.get() == 1);
  CHECK(consumer.get_for(5ms).status() == iq::Status::timeout);  // the producer is still open
  producer.close();
  CHECK_FALSE(consumer.get());
}

TEST_CASE("forgotten close: destroyed in an order that nobody thinks of") {
  std::optional<Queue> queue(std::in_place);
  std::optional producer(queue->get_producer());
  std::optional consumer(queue->get_consumer());
  consumer.reset();
  queue.reset();
  CHECK_THROWS_AS(producer->put_all(std::vector<int>(1'000'000, 1)), iq::NoConsumers);
}

TEST_CASE("forgotten close: workers of an anonymous queue end when its object is destroyed") {
  const iqtest::SharedCounter sum = iqtest::shared_counter();
  const iqtest::SharedCounter ended = iqtest::shared_counter();
  std::optional<Queue> queue(std::in_place);
  iq::WorkerGroup crew;
  crew.fork(
      2,
      [&](iq::Consumer<int> in) {
        for (const int item : in) *sum += item;
        ++*ended;
      },
      *queue);
  queue->get_producer().put_all(std::vector{1, 2, 3});
  CHECK(*ended == 0);
  queue.reset();
  CHECK(iqtest::wait_until([&] { return *ended == 2; }));  // join() would close the queue
  CHECK(*sum == 6);
  crew.join();
}

TEST_CASE(
    "forgotten close: the object gone, the last producer a killed worker: it ends and tells") {
  // The only producer is a worker's, the queue object is gone, and the worker is killed.
  std::optional<Queue> queue(std::in_place);
  auto consumer = queue->get_consumer();
  iq::WorkerGroup crew;
  crew.fork(
      1,
      [](iq::Producer<int> out) {
        out.put(1);
        wait_for_death();
      },
      *queue);
  queue.reset();
  CHECK(consumer.get() == 1);
  crew.kill(SIGKILL);
  CHECK_THROWS_AS(consumer.get(), iq::ProducerDied);
  CHECK_THROWS_AS(crew.join(), iq::WorkerFailed);
}

TEST_CASE("forgotten close: join closes the anonymous queues of its workers") {
  Queue queue;
  iq::WorkerGroup crew;
  crew.fork(
      3,
      [](iq::Consumer<int> in) {
        for ([[maybe_unused]] const int item : in) {
        }
      },
      queue);
  queue.get_producer().put(1);
  crew.join();
  CHECK(queue.is_closed());
}

TEST_CASE("a named queue stays open when its creator is killed, and ends with it by option") {
  for (const bool ends : {false, true}) {
    const std::string name = iqtest::temp_name("creator");
    iqtest::Gate made;
    auto creator = iqtest::spawn([&] {
      Queue queue(iq::create_only, name, {.ends_with_creator = ends});
      queue.get_producer().put(5);
      made.post();
      wait_for_death();
    });
    made.wait();
    Queue queue(iq::open_only, name);
    auto consumer = queue.get_consumer();
    CHECK(consumer.get() == 5);
    creator.kill_and_wait();
    if (ends) {
      CHECK_FALSE(consumer.get());  // waits until the death was noticed
      CHECK(queue.is_closed());
    } else {
      CHECK(consumer.get_for(80ms).status() == iq::Status::timeout);
      CHECK_FALSE(queue.is_closed());
      queue.close();
    }
    iq::remove(name);
  }
}

TEST_CASE("consumers killed: a blocked producer of a closed queue wakes with no_consumers") {
  Named n({.capacity = 1});
  auto producer = n.queue.get_producer();
  iqtest::Gate told;
  auto child = iqtest::spawn([&] {
    Queue queue(iq::open_only, n.name);
    auto consumer = queue.get_consumer();
    told.post();
    wait_for_death();
  });
  told.wait();
  producer.put(1);
  n.queue.close();
  CHECK(producer.put_for(2, 5ms) == iq::Status::timeout);
  child.kill_and_wait();
  CHECK_THROWS_AS(producer.put(2), iq::NoConsumers);
}
