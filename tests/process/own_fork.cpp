// A fork of the user's own: what the child inherited is not its own, and harms nobody.
#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "iq/iq.hpp"
#include "support/process.hpp"

namespace {

using Queue = iq::IterableQueue<int>;

struct Set {
  std::optional<Queue> queue{std::in_place, iq::Options{.capacity = 4}};
  std::optional<iq::Producer<int>> producer{queue->get_producer()};
  std::optional<iq::Consumer<int>> consumer{queue->get_consumer()};
};

template <class F>
void require_wrong_process(const char* what, F f) {
  try {
    f();
  } catch (const iq::WrongProcess& error) {
    const bool says_what_to_do =
        std::string(error.what()).find("WorkerGroup::fork") != std::string::npos;
    iqtest::require(says_what_to_do, what);
    return;
  }
  iqtest::require(false, what);
}

}  // namespace

TEST_CASE("own fork: every use of an inherited producer, consumer or queue says WrongProcess") {
  Set set;
  set.producer->put_all(std::vector{1, 2, 3});
  CHECK(set.consumer->get() == 1);
  auto child = iqtest::spawn([&] {
    auto& [queue, producer, consumer] = set;
    require_wrong_process("put", [&] { producer->put(9); });
    require_wrong_process("try_put", [&] { (void)producer->try_put(9); });
    require_wrong_process("put_all", [&] { producer->put_all(std::vector{9, 9}); });
    require_wrong_process("get", [&] { (void)consumer->get(); });
    require_wrong_process("try_get", [&] { (void)consumer->try_get(); });
    require_wrong_process("get_some", [&] { (void)consumer->get_some(2); });
    require_wrong_process("begin", [&] { (void)consumer->begin(); });
    require_wrong_process("get_producer", [&] { (void)queue->get_producer(); });
    require_wrong_process("get_consumer", [&] { (void)queue->get_consumer(); });
    require_wrong_process("close", [&] { queue->close(); });
    require_wrong_process("stop", [&] { queue->stop(); });
    require_wrong_process("requeue_parked", [&] { queue->requeue_parked(); });
  });
  CHECK(child.wait().ok());
  CHECK(set.queue->stats().in_hand == 1);
  CHECK(set.consumer->get() == 2);
  set.producer->put(4);
  CHECK(set.consumer->get() == 3);
  CHECK(set.consumer->get() == 4);
  CHECK_FALSE(set.queue->is_closed());
}

TEST_CASE("own fork: destroying, closing and acknowledging in the child does nothing here") {
  Set set;
  set.producer->put_all(std::vector{1, 2});
  CHECK(set.consumer->get() == 1);
  auto child = iqtest::spawn([&] {
    set.consumer->ack();
    set.consumer->give_back();
    set.producer->close();
    set.consumer->close();
    set.producer.reset();
    set.consumer.reset();
    set.queue.reset();
  });
  CHECK(child.wait().ok());
  CHECK(set.queue->producers() == 1);
  CHECK(set.queue->consumers() == 1);
  CHECK(set.queue->stats().in_hand == 1);
  CHECK_FALSE(set.queue->is_closed());
  set.producer->put(3);
  CHECK(set.consumer->get() == 2);
  CHECK(set.consumer->deliveries() == 1);
  CHECK(set.consumer->get() == 3);
}

TEST_CASE("own fork: a loop that goes on in the child says WrongProcess, the parent's goes on") {
  Set set;
  set.producer->put_all(std::vector{1, 2, 3});
  set.producer->close();
  set.queue->close();
  std::vector<int> seen;
  for (const int item : *set.consumer) {
    seen.push_back(item);
    if (item != 2) continue;
    auto child = iqtest::spawn([&] {
      auto it = set.consumer.operator->();
      require_wrong_process("next", [&] { (void)it->get(); });
    });
    CHECK(child.wait().ok());
  }
  CHECK(seen == std::vector{1, 2, 3});
}

TEST_CASE("own fork: a child that outlives its parent keeps nothing of the parent's alive") {
  const std::string name = iqtest::temp_name("outlive");
  Queue queue(iq::create_only, name);
  auto consumer = queue.get_consumer();
  iqtest::Gate put;
  iqtest::Flag leave;
  const iqtest::SharedCounter grandchild = iqtest::shared_counter();
  auto parent = iqtest::spawn([&] {
    Queue opened(iq::open_only, name);
    auto producer = opened.get_producer();
    producer.put(1);
    auto child = iqtest::spawn([&] {
      put.post();
      leave.wait();
    });
    *grandchild = child.pid();
    put.post();
    child.wait(100);
  });
  put.wait();
  put.wait();
  parent.kill_and_wait();
  queue.close();
  CHECK(consumer.get() == 1);
  CHECK_THROWS_AS(consumer.get(), iq::ProducerDied);  // although a copy of its memory lives
  leave.set();
  CHECK(iqtest::reap_orphans());
  iq::remove(name);
}

TEST_CASE("own fork: a child makes queues and endpoints of its own as usual") {
  Set set;
  auto child = iqtest::spawn([&] {
    Queue own;
    auto producer = own.get_producer();
    auto consumer = own.get_consumer();
    producer.put(1);
    iqtest::require(consumer.get() == 1, "an item through the child's own queue");
    auto& inherited = *set.queue;
    inherited = std::move(own);  // the inherited one is left without a word
    iqtest::require(inherited.producers() == 1, "it is the new queue now");
  });
  CHECK(child.wait().ok());
  CHECK(set.queue->producers() == 1);
}
