// What an operator's program is told when other processes die.
#include <doctest/doctest.h>

#include <pthread.h>
#include <unistd.h>

#include <csignal>
#include <stdexcept>
#include <string>
#include <vector>

#include "iq/event.hpp"
#include "iq/iq.hpp"
#include "support/process.hpp"

namespace {

using namespace std::chrono_literals;
using Queue = iq::IterableQueue<int>;
constexpr auto kBound = 5s;

struct Noted {
  iq::Event event;
  std::string queue;
};

/// Keeps all events of this process while it lives.
struct Events {
  std::vector<Noted> all;
  Events() {
    iq::set_event_handler([this](const iq::Event& event) {
      all.push_back({event, std::string(event.queue)});
    });
  }
  ~Events() { iq::set_event_handler({}); }

  std::vector<Noted> of(iq::EventKind kind) const {
    std::vector<Noted> found;
    for (const Noted& noted : all) {
      if (noted.event.kind == kind) found.push_back(noted);
    }
    return found;
  }
};

/// A process that has one item of the queue in hand, or none, until it is killed.
iqtest::Child holder(const std::string& name, iqtest::Gate& ready, bool takes = true) {
  return iqtest::spawn([&name, &ready, takes] {
    Queue queue(iq::open_only, name);
    auto consumer = queue.get_consumer();
    if (takes) iqtest::require(consumer.get_for(kBound).has_value(), "an item comes");
    ready.post();
    for (;;) ::pause();
  });
}

}  // namespace

TEST_CASE("Event: killed with an item: repaired with pid and role, redelivered with id") {
  const std::string name = iqtest::temp_name("events");
  Events events;
  Queue queue(iq::create_only, name);
  queue.get_producer().put(1);
  iqtest::Gate ready;
  iqtest::Child victim = holder(name, ready);
  ready.wait();
  const auto pid = victim.pid();
  victim.kill_and_wait();
  CHECK(events.all.empty());
  auto consumer = queue.get_consumer();
  REQUIRE(consumer.get_for(kBound).has_value());

  const auto repaired = events.of(iq::EventKind::repaired);
  REQUIRE(repaired.size() == 2);  // its queue object and its consumer
  for (const Noted& noted : repaired) {
    CHECK(noted.event.pid == pid);
    CHECK(noted.queue == name);
  }
  CHECK(repaired[0].event.role == iq::EndpointRole::queue_object);
  CHECK(repaired[1].event.role == iq::EndpointRole::consumer);
  const auto redelivered = events.of(iq::EventKind::redelivered);
  REQUIRE(redelivered.size() == 1);
  CHECK(redelivered[0].event.item_id == consumer.item_id());
  CHECK(redelivered[0].event.deliveries == 1);
  CHECK(consumer.deliveries() == 2);
  CHECK(queue.stats().redelivered == 1);
  CHECK(queue.stats().repaired == 2);
  queue.close();
}

TEST_CASE("Event: an item that kills its consumers: parked with id and count, once") {
  const std::string name = iqtest::temp_name("events");
  Events events;
  Queue queue(iq::create_only, name, {.max_deliveries = 2});
  queue.get_producer().put(1);
  auto consumer = queue.get_consumer();
  for (int i = 0; i < 2; ++i) {
    iqtest::Gate ready;
    iqtest::Child victim = holder(name, ready);
    ready.wait();
    victim.kill_and_wait();
    queue.close();
  }
  CHECK(consumer.get_for(kBound).status() == iq::Status::done);
  const auto parked = events.of(iq::EventKind::parked);
  REQUIRE(parked.size() == 1);
  CHECK(parked[0].event.item_id == queue.parked().at(0).id);
  CHECK(parked[0].event.deliveries == 2);
  CHECK_FALSE(parked[0].event.in_place);
  CHECK(queue.stats().parked_total == 1);
  CHECK(queue.drop_parked() == 1);
  CHECK(queue.stats().parked_total == 1);
}

TEST_CASE("Event: given back too often it is parked, and that is told when all is given back") {
  Queue queue({.max_deliveries = 1});
  auto producer = queue.get_producer();
  for (int i = 0; i < 3; ++i) producer.put(i);
  auto consumer = queue.get_consumer();
  iq::Stats then;
  iq::set_event_handler([&](const iq::Event& event) {
    if (event.kind == iq::EventKind::parked) then = queue.stats();
  });
  REQUIRE(consumer.get_some(3).size() == 3);
  consumer.ack();
  producer.put(3);
  CHECK(consumer.get() == 3);
  consumer.give_back();
  iq::set_event_handler({});
  CHECK(then.parked == 1);
  CHECK(then.in_hand == 0);
  CHECK(queue.drop_parked() == 1);
}

TEST_CASE("Event: a handler may use the queue, has its signals, and may throw") {
  const std::string name = iqtest::temp_name("events");
  Queue queue(iq::create_only, name, {.max_deliveries = 1});
  queue.get_producer().put(1);
  unsigned called = 0;
  bool blocked = false;
  iq::set_event_handler([&](const iq::Event&) {
    ++called;
    sigset_t mask;
    ::pthread_sigmask(SIG_SETMASK, nullptr, &mask);
    blocked = blocked || sigismember(&mask, SIGTERM) != 0 || sigismember(&mask, SIGUSR1) != 0;
    (void)queue.stats();
    (void)queue.parked();  // takes the parking lock: one second if somebody had it
    queue.get_producer().close();
    throw std::runtime_error("the handler's own trouble");
  });
  iqtest::Gate ready;
  iqtest::Child victim = holder(name, ready);
  ready.wait();
  victim.kill_and_wait();
  auto consumer = queue.get_consumer();
  const auto begin = std::chrono::steady_clock::now();
  CHECK(consumer.get_for(200ms).status() == iq::Status::timeout);
  CHECK(std::chrono::steady_clock::now() - begin < 1s);
  iq::set_event_handler({});
  CHECK(called == 4);  // two endpoints, one item redelivered, one parked
  CHECK_FALSE(blocked);
  CHECK(queue.drop_parked() == 1);
  queue.close();
}

TEST_CASE("Event: whoever repairs is told, the others are not") {
  const std::string name = iqtest::temp_name("events");
  Queue queue(iq::create_only, name);
  iqtest::Gate ready;
  iqtest::Child victim = holder(name, ready, false);
  ready.wait();
  victim.kill_and_wait();
  Events events;
  iqtest::Child other = iqtest::spawn([&] {
    std::size_t told = 0;
    iq::set_event_handler([&](const iq::Event&) { ++told; });
    Queue own(iq::open_only, name);
    auto consumer = own.get_consumer();
    iqtest::require(consumer.get_for(200ms).status() == iq::Status::timeout, "nothing comes");
    iqtest::require(told == 2, "the repairer is told of both endpoints");
  });
  CHECK(other.wait().ok());
  auto consumer = queue.get_consumer();
  CHECK(consumer.get_for(200ms).status() == iq::Status::timeout);
  CHECK(events.all.empty());
  queue.close();
}

namespace {
struct Unreadable {
  int number = 0;
};
}  // namespace

template <>
struct iq::Codec<Unreadable> {
  static constexpr std::uint32_t kVersion = 1;
  static void encode(const Unreadable& value, iq::Encoder& out) { out(value.number); }
  static Unreadable decode(iq::Decoder&) { throw iq::Corrupt("an item that nobody can read"); }
};

TEST_CASE("Event: an item that cannot be read: corrupt each time, then parked, and both counted") {
  iq::IterableQueue<Unreadable> queue({.max_deliveries = 2});
  Events events;
  queue.get_producer().put({1});
  auto consumer = queue.get_consumer();
  const auto is_corrupt_twice = [](auto read) {
    CHECK_THROWS_AS(read(), iq::Corrupt);
    CHECK_THROWS_AS(read(), iq::Corrupt);
  };
  SUBCASE("get") {
    is_corrupt_twice([&] { (void)consumer.get(); });
  }
  SUBCASE("get_some") {
    is_corrupt_twice([&] { (void)consumer.get_some(3); });
  }
  SUBCASE("a loop") {
    is_corrupt_twice([&] {
      for (const Unreadable& item : consumer) (void)item;
    });
  }
  SUBCASE("lease") {
    is_corrupt_twice([&] { (void)consumer.lease(); });
  }
  SUBCASE("relay") {
    iq::IterableQueue<int> results;
    auto out = results.get_producer();
    is_corrupt_twice(
        [&] { iq::relay(consumer, out, [](const Unreadable& item) { return item.number; }); });
  }
  CHECK(consumer.try_get().status() == iq::Status::empty);
  CHECK(events.of(iq::EventKind::corrupt).size() == 2);
  CHECK(events.of(iq::EventKind::parked).size() == 1);
  CHECK(queue.stats().corrupt == 2);
  CHECK(queue.stats().parked_total == 1);
}
