// Waits that only the caller itself could end: told, where that is certain; else waited.
// In a process that never had a second thread: no case here may start one.
#include <doctest/doctest.h>
#include <unistd.h>

#include <string>
#include <string_view>

#include "iq/detail/endpoint_access.hpp"
#include "iq/iq.hpp"
#include "support/process.hpp"

namespace {
using namespace std::chrono_literals;
using Queue = iq::IterableQueue<int>;
using iq::Status;
}  // namespace

TEST_CASE("forgotten close: a loop of the only process that could close the queue says so") {
  Queue queue;
  auto consumer = queue.get_consumer();
  {
    auto producer = queue.get_producer();
    producer.put(1);
    CHECK(consumer.get() == 1);
    CHECK(consumer.get_for(1ms).status() == Status::timeout);
  }
  try {
    (void)consumer.get();
    FAIL("it did not throw");
  } catch (const iq::WouldDeadlock& error) {
    CHECK(std::string(error.what()).find("close()") != std::string::npos);
  }
  // A child could not close it, and its parent could: so it waits.
  iqtest::Gate waits;
  iqtest::Child child = iqtest::spawn([&] {
    iq::detail::EndpointAccess::adopt(consumer);
    waits.post();
    return consumer.get().has_value() ? 1 : 0;
  });
  waits.wait();
  iq::detail::EndpointAccess::surrender(consumer);
  queue.close();
  CHECK(child.wait().ok());
}

TEST_CASE("put: who alone could take an item, and has one thread, is told so") {
  Queue queue({.capacity = 2});
  auto producer = queue.get_producer();
  for (int n = 0; n < 2; ++n) producer.put(n);
  const auto says = [&](std::string_view advice) {
    try {
      producer.put(2);
      FAIL("it did not throw");
    } catch (const iq::WouldDeadlock& error) {
      CHECK(std::string_view(error.what()).find(advice) != std::string::npos);
    }
  };
  says("lane is full (2 items)");
  CHECK(producer.try_put(2) == Status::full);
  CHECK(producer.put_for(2, 1ms) == Status::timeout);  // that is not for ever
  auto consumer = queue.get_consumer();
  says("take some or fork the workers");
  CHECK(consumer.get() == 0);
  consumer.ack();
  producer.put(2);
  for (const int left : {1, 2}) CHECK(consumer.get() == left);
  consumer.close();

  iq::IterableQueue<std::string> texts({.capacity = 64, .bytes_per_producer = 1024});
  auto writer = texts.get_producer();
  writer.put(std::string(1000, 'x'));
  CHECK_THROWS_WITH_AS(writer.put(std::string(1000, 'x')),
                       doctest::Contains("give the queue more bytes_per_producer"),
                       iq::WouldDeadlock);
}

TEST_CASE("put: a consumer that will be elsewhere is waited for") {
  Queue queue({.capacity = 2});
  auto producer = queue.get_producer();
  iqtest::Flag begun;
  const auto sums_up = [&, parent = ::getpid()](iq::Consumer<int>& consumer) {
    begun.wait();
    iqtest::require(iqtest::asleep(parent), "the put waits");
    int sum = 0;
    for (const int item : consumer) sum += item;
    iqtest::require(sum == 45, "each item came");
  };
  iq::WorkerGroup crew;
  crew.fork(1, sums_up, queue);
  begun.set();
  for (int n = 0; n < 10; ++n) producer.put(n);
  producer.close();
  crew.join();
}
