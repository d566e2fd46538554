// A queue that some process cannot fence for from outside (no membarrier): puts and
// acknowledgements pay for the fence themselves, and nobody takes a batch over.
#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <thread>
#include <vector>

#include "iq/iq.hpp"
#include "shm/segment.hpp"
#include "support/process.hpp"

using namespace std::chrono_literals;
using iq::Status;

namespace {

using Queue = iq::IterableQueue<std::uint32_t>;

void require_fence(const std::string& name) {
  iq::detail::Segment::open_named(name)->control().flags.fetch_or(iq::detail::kNeedFence);
}

}  // namespace

TEST_CASE(
    "need_fence: items between processes, full lanes and sleeping consumers, each item once") {
  constexpr std::uint32_t kPerProducer = 2500;
  constexpr std::uint32_t kProducers = 2;
  struct Tally {
    std::atomic<std::uint8_t> got[kProducers * kPerProducer] = {};
  };
  const std::string name = iqtest::temp_name("fence");
  iqtest::Shared<Tally> tally;
  Queue queue(iq::create_only, name, {.capacity = 4});
  require_fence(name);
  std::vector<iqtest::Child> consumers;
  for (int i = 0; i < 3; ++i) {
    consumers.push_back(iqtest::spawn([&] {
      Queue own(iq::open_only, name);
      auto consumer = own.get_consumer();
      std::uint32_t count = 0;
      for (;;) {
        const auto item = consumer.get_for(5s);
        iqtest::require(item || item.status() == Status::done, "an item or the end");
        if (!item) return;
        tally->got[*item].fetch_add(1);
        // Now and then somebody is slow, so that lanes fill up and producers sleep.
        if (++count % 400 == 0) std::this_thread::sleep_for(1ms);
      }
    }));
  }
  REQUIRE(iqtest::wait_until([&] { return queue.consumers() == 3; }));
  std::vector<iqtest::Child> producers;
  for (std::uint32_t i = 0; i < kProducers; ++i) {
    producers.push_back(iqtest::spawn([&, i] {
      Queue own(iq::open_only, name);
      auto producer = own.get_producer();
      for (std::uint32_t n = 0; n < kPerProducer; ++n) {
        const Status status = producer.put_for(i * kPerProducer + n, 5s);
        iqtest::require(status == Status::ok, "a put finds room");
        if (n % 500 == 0) std::this_thread::sleep_for(2ms);  // consumers fall asleep
      }
    }));
  }
  for (iqtest::Child& producer : producers) CHECK(producer.wait().ok());
  queue.close();
  for (iqtest::Child& consumer : consumers) CHECK(consumer.wait().ok());
  std::uint32_t wrong = 0;
  for (const auto& got : tally->got) wrong += got != 1;
  CHECK(wrong == 0);
}

TEST_CASE("need_fence: nobody takes over a batch, its owner keeps all of it") {
  const std::string name = iqtest::temp_name("keeps");
  Queue queue(iq::create_only, name, {.capacity = 64});
  require_fence(name);
  auto producer = queue.get_producer();
  auto owner = queue.get_consumer();
  for (std::uint32_t i = 0; i < 40; ++i) producer.put(i);
  std::uint32_t next = 0;
  while (queue.stats().in_hand == 0 || next < 8) {  // its claims grow with each batch
    REQUIRE(owner.get() == next);
    ++next;
  }
  auto hungry = queue.get_consumer();
  std::vector<std::uint32_t> had;  // what was not claimed by then, and nothing else
  while (const auto item = hungry.get_for(30ms)) had.push_back(*item);
  CHECK(queue.stats().taken_over == 0);
  const std::uint32_t kept_until = had.empty() ? 40 : had.front();
  for (; next < kept_until; ++next) REQUIRE(owner.get_for(1s).value() == next);
  CHECK(had.size() == 40 - kept_until);
  owner.close();
  hungry.close();
  producer.close();
  queue.close();
}

TEST_CASE("need_fence: stop, close and a blocked put work as ever") {
  const std::string name = iqtest::temp_name("works");
  Queue queue(iq::create_only, name, {.capacity = 2});
  require_fence(name);
  auto producer = queue.get_producer();
  for (std::uint32_t i = 0; i < 2; ++i) producer.put(i);
  iqtest::Child consumer = iqtest::spawn([&] {
    Queue own(iq::open_only, name);
    auto ours = own.get_consumer();
    for (std::uint32_t i = 0; i < 20; ++i) {
      iqtest::require(ours.get_for(5s).value() == i, "in order");
    }
    ours.ack();
    iqtest::require(ours.get_for(5s).status() == Status::stopped, "and then it was stopped");
  });
  for (std::uint32_t i = 2; i < 20; ++i) REQUIRE(producer.put_for(i, 5s) == Status::ok);
  const auto spy = iq::detail::Segment::open_named(name);
  CHECK(iqtest::wait_until([&] { return spy->control().waiters_summary.load() != 0; }));
  CHECK(iqtest::wait_until([&] { return queue.stats().in_hand == 0 && queue.empty(); }));
  queue.stop();
  CHECK(consumer.wait().ok());
  producer.close();
}
