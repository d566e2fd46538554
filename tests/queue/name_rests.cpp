// Who takes a name away in the end, and what becomes of those that stayed.
#include <doctest/doctest.h>

#include <unistd.h>

#include <cstdio>
#include <optional>
#include <string>

#include "iq/iq.hpp"
#include "queue/named.hpp"

namespace {

using namespace iqtest;
using Queue = iq::IterableQueue<int>;

}  // namespace

TEST_CASE("named queue: closed, drained and unattached, the last to leave unlinks it") {
  Name name;
  {
    Queue queue(iq::create_only, name);
    auto consumer = queue.get_consumer();
    {
      auto producer = queue.get_producer();
      producer.put(1);
    }
    queue.close();
    CHECK(consumer.get() == 1);
    CHECK_FALSE(consumer.get());
    CHECK(exists(name));
  }
  CHECK_FALSE(exists(name));
}

TEST_CASE("named queue: any of queue object, producer and consumer may be the last") {
  for (const int last : {0, 1, 2}) {
    Name name;
    std::optional<Queue> queue(std::in_place, iq::create_only, name);
    std::optional producer(queue->get_producer());
    std::optional consumer(queue->get_consumer());
    queue->close();
    const auto leave = [&](int which) {
      if (which == 0) queue.reset();
      if (which == 1) producer.reset();
      if (which == 2) consumer.reset();
    };
    for (const int which : {0, 1, 2}) {
      if (which != last) leave(which);
    }
    CHECK(exists(name));
    leave(last);
    INFO("the last was number ", last);
    CHECK_FALSE(exists(name));
  }
}

TEST_CASE("named queue: an open one, and one with items, outlives everybody") {
  Name name;
  { Queue queue(iq::create_only, name); }
  CHECK(exists(name));
  {
    Queue queue(iq::open_only, name);
    queue.get_producer().put(42);
    queue.close();
  }
  CHECK(exists(name));
  {
    Queue queue(iq::open_only, name);
    CHECK(queue.is_closed());
    CHECK(queue.size() == 1);
    auto consumer = queue.get_consumer();
    CHECK(consumer.get() == 42);
    CHECK_FALSE(consumer.get());
  }
  CHECK_FALSE(exists(name));
}

TEST_CASE("named queue: one with parked items keeps its name until they are dropped") {
  Name name;
  {
    Queue queue(iq::create_only, name, {.max_deliveries = 1});
    queue.get_producer().put(9);
    queue.close();
    auto consumer = queue.get_consumer();
    CHECK(consumer.get() == 9);
    consumer.give_back();
    CHECK_FALSE(consumer.get());
  }
  CHECK(exists(name));
  {
    Queue queue(iq::open_only, name);
    CHECK(queue.is_closed());
    REQUIRE(queue.parked().size() == 1);
    CHECK(queue.parked()[0].item == 9);
    CHECK(queue.drop_parked() == 1);
  }
  CHECK_FALSE(exists(name));
}

TEST_CASE("named queue: closed, with items, nobody left: open_or_create goes on with them") {
  Name name;
  {
    Queue queue(iq::create_only, name);
    queue.get_producer().put(1);
    queue.close();
  }
  {
    Queue queue(iq::open_or_create, name);
    CHECK(queue.is_closed());
    queue.get_producer().put(2);
    CHECK_FALSE(queue.is_closed());
    queue.close();
    Queue second(iq::open_or_create, name);  // somebody is left: it stays closed
    CHECK(second.is_closed());
    auto consumer = second.get_consumer();
    CHECK(consumer.get().has_value());
    CHECK(consumer.get().has_value());
    CHECK_FALSE(consumer.get());
  }
  CHECK_FALSE(exists(name));
}

TEST_CASE("named queue: a stopped one is no obstacle to the next open_or_create") {
  Name name;
  {
    Queue queue(iq::create_only, name);
    queue.get_producer().put(1);
    queue.stop();
  }
  Queue fresh(iq::open_or_create, name);
  CHECK_FALSE(fresh.stats().stopped);
  CHECK(fresh.size() == 0);
  fresh.get_producer().put(2);
  CHECK(fresh.get_consumer().get() == 2);
  fresh.close();
}

TEST_CASE("named queue: open_or_create and create_only on a finished rest start anew") {
  for (const bool only : {false, true}) {
    Name name;
    // A rest: everything is done, but somebody held the name until then.
    {
      Queue queue(iq::create_only, name);
      queue.get_producer().put(1);
      queue.close();
    }
    CHECK(::link(path_of(name).c_str(), (path_of(name) + ".kept").c_str()) == 0);
    {
      Queue queue(iq::open_only, name);
      auto consumer = queue.get_consumer();
      CHECK(consumer.get() == 1);
    }
    CHECK_FALSE(exists(name));
    CHECK(::rename((path_of(name) + ".kept").c_str(), path_of(name).c_str()) == 0);

    Queue fresh = only ? Queue(iq::create_only, name) : Queue(iq::open_or_create, name);
    CHECK_FALSE(fresh.is_closed());
    CHECK(fresh.size() == 0);
    CHECK_NOTHROW(fresh.get_producer());
    fresh.close();
  }
}
