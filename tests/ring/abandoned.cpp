// A queue by name that everybody has left, in order or by a signal, and what the next one finds.
#include <doctest/doctest.h>

#include <algorithm>
#include <csignal>
#include <string>
#include <vector>

#include "iq/iq.hpp"
#include "support/process.hpp"

namespace {

using Queue = iq::IterableQueue<int>;

std::vector<int> drain(Queue& queue) {
  auto consumer = queue.get_consumer();
  std::vector<int> items;
  for (const int item : consumer) items.push_back(item);
  return items;
}

/// A program that makes the queue of that name, does something with it, and is killed with every
/// endpoint open that `act` leaves open.
template <class Act>
void abandon(const std::string& name, const iq::Options& options, Act act) {
  iqtest::Child program = iqtest::spawn([&] {
    Queue queue(iq::create_only, name, options);
    auto producer = queue.get_producer();
    for (int i = 0; i < 5; ++i) producer.put(i);
    act(queue, producer);
    ::raise(SIGKILL);
  });
  REQUIRE(program.wait().signal == SIGKILL);
}

bool exists(const std::string& name) {
  try {
    Queue queue(iq::open_only, name);
    return true;
  } catch (const iq::NotFound&) {
    return false;
  }
}

}  // namespace

TEST_CASE("abandoned: closed with items in it, open_or_create goes on with them and takes more") {
  const std::string name = iqtest::temp_name("goes_on");
  abandon(name, {.capacity = 8}, [](Queue& queue, auto&) { queue.close(); });
  Queue queue(iq::open_or_create, name);
  CHECK(queue.is_closed());
  auto producer = queue.get_producer();
  CHECK_FALSE(queue.is_closed());
  for (int i = 5; i < 8; ++i) producer.put(i);
  producer.close();
  queue.close();
  std::vector<int> items;
  auto consumer = queue.get_consumer();
  // All of it, but the stream is not whole: the killed one had more to put.
  CHECK_THROWS_AS(
      [&] {
        for (const int item : consumer) items.push_back(item);
      }(),
      iq::ProducerDied);
  std::ranges::sort(items);
  CHECK(items == std::vector{0, 1, 2, 3, 4, 5, 6, 7});
}

TEST_CASE("abandoned: closed with items in it, open_or_create gives consumers those and the end") {
  for (const bool died : {false, true}) {
    const std::string name = iqtest::temp_name("rest");
    abandon(name, {.capacity = 8}, [&](Queue& queue, auto& producer) {
      queue.close();
      if (!died) producer.close();
    });
    Queue queue(iq::open_or_create, name);
    CHECK(queue.is_closed());
    auto consumer = queue.get_consumer();
    for (int i = 0; i < 5; ++i) CHECK(consumer.get() == i);
    if (died) {
      CHECK_THROWS_AS(consumer.get(), iq::ProducerDied);
    } else {
      CHECK_FALSE(consumer.get());
    }
  }
}

TEST_CASE("abandoned: a producer that is not alone with the rest does not open it again") {
  const std::string name = iqtest::temp_name("not_alone");
  abandon(name, {.capacity = 8}, [](Queue& queue, auto& producer) {
    producer.close();
    queue.close();
  });
  Queue queue(iq::open_or_create, name);
  auto consumer = queue.get_consumer();
  CHECK(consumer.get() == 0);
  CHECK_THROWS_AS(queue.get_producer(), iq::Closed);
  for (int i = 1; i < 5; ++i) CHECK(consumer.get() == i);
  CHECK_FALSE(consumer.get());
}

TEST_CASE("abandoned: closed with items in it, open_only joins a closed queue and drains it") {
  const std::string name = iqtest::temp_name("joins");
  abandon(name, {.capacity = 8}, [](Queue& queue, auto& producer) {
    producer.close();
    queue.close();
  });
  Queue queue(iq::open_only, name);
  CHECK(queue.is_closed());
  CHECK_THROWS_AS(queue.get_producer(), iq::Closed);
  CHECK(drain(queue) == std::vector{0, 1, 2, 3, 4});
}

TEST_CASE("abandoned: closed and drained, the next start begins anew") {
  for (const bool exclusive : {false, true}) {
    const std::string name = iqtest::temp_name("anew");
    abandon(name, {.capacity = 8}, [](Queue& queue, auto& producer) {
      producer.close();
      queue.close();
      auto consumer = queue.get_consumer();
      while (consumer.get()) {
      }
      ::raise(SIGKILL);
    });
    Queue queue = exclusive ? Queue(iq::create_only, name) : Queue(iq::open_or_create, name);
    CHECK_FALSE(queue.is_closed());
    CHECK(queue.stats().put == 0);
    queue.close();
  }
}

TEST_CASE("abandoned: stopped, the next start begins anew, whatever was in it") {
  for (const bool exclusive : {false, true}) {
    const std::string name = iqtest::temp_name("stopped");
    abandon(name, {.capacity = 8}, [](Queue& queue, auto&) { queue.stop(); });
    Queue queue = exclusive ? Queue(iq::create_only, name) : Queue(iq::open_or_create, name);
    CHECK_FALSE(queue.is_closed());
    CHECK(queue.stats().put == 0);
    queue.close();
  }
}

TEST_CASE("abandoned: while one user lives, a closed queue is neither reopened nor replaced") {
  const std::string name = iqtest::temp_name("lives");
  Queue queue(iq::create_only, name, {.capacity = 8});
  auto producer = queue.get_producer();
  producer.put(1);
  producer.close();
  queue.close();
  Queue second(iq::open_or_create, name);
  CHECK(second.is_closed());
  CHECK_THROWS_AS(second.get_producer(), iq::Closed);
  CHECK_THROWS_AS(Queue(iq::create_only, name), iq::NameInUse);
  CHECK(drain(second) == std::vector{1});
}

TEST_CASE("parked: a closed and drained queue keeps its name until its parked items are dropped") {
  const std::string name = iqtest::temp_name("parked");
  {
    Queue queue(iq::create_only, name, {.capacity = 8, .max_deliveries = 1});
    auto producer = queue.get_producer();
    auto consumer = queue.get_consumer();
    producer.put(7);
    REQUIRE(consumer.get() == 7);
    consumer.give_back();
    producer.close();
    queue.close();
    CHECK_FALSE(consumer.get().has_value());
  }
  REQUIRE(exists(name));
  CHECK_THROWS_AS(Queue(iq::create_only, name), iq::NameInUse);
  {
    Queue queue(iq::open_only, name);
    const auto parked = queue.parked();
    REQUIRE(parked.size() == 1);
    CHECK(parked[0].item == 7);
    CHECK(queue.drop_parked() == 1);
  }
  CHECK_FALSE(exists(name));
}
