// A consumer that dies loses nothing: the item in hand goes to another one, counted, the others
// uncounted; an item that kills everybody is parked.
#include <doctest/doctest.h>

#include <unistd.h>

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "iq/iq.hpp"
#include "support/process.hpp"

namespace {

using Queue = iq::IterableQueue<int>;

[[noreturn]] void wait_for_death() {
  for (;;) ::pause();
}

struct Named {
  std::string name = iqtest::temp_name("consumer");
  Queue queue;
  explicit Named(int items, const iq::Options& options = {})
      : queue(iq::create_only, name, options) {
    auto producer = queue.get_producer();
    for (int i = 0; i < items; ++i) producer.put(i);
    producer.close();
    queue.close();
  }
  ~Named() { iq::remove(name); }

  /// A child that takes `items` items one after the other, and is killed with the last in hand.
  void kill_consumer_at(int items) {
    iqtest::Gate told;
    auto child = iqtest::spawn([&] {
      Queue opened(iq::open_only, name);
      auto consumer = opened.get_consumer();
      for (int i = 0; i < items; ++i) iqtest::require(consumer.get().has_value(), "an item");
      told.post();
      wait_for_death();
    });
    told.wait();
    CHECK(child.kill_and_wait().signal == SIGKILL);
  }

  std::map<int, std::uint32_t> drain_with_counts() {
    std::map<int, std::uint32_t> deliveries;
    auto consumer = queue.get_consumer();
    for (const int item : consumer) {
      CHECK(deliveries.emplace(item, consumer.deliveries()).second);
    }
    return deliveries;
  }
};

}  // namespace

TEST_CASE("killed with an item in hand: that one comes again counted, the rest uncounted") {
  for (const int in_hand : {1, 2, 17}) {
    Named n(100);
    n.kill_consumer_at(in_hand);
    const auto seen = n.drain_with_counts();
    CHECK(seen.size() == static_cast<std::size_t>(100 - in_hand + 1));
    for (const auto& [item, deliveries] : seen) {
      CHECK(deliveries == (item == in_hand - 1 ? 2 : 1));
    }
    CHECK(n.queue.stats().redelivered == 1);
    CHECK(n.queue.stats().in_hand == 0);
    CHECK(n.queue.consumers() == 0);
  }
}

TEST_CASE("killed inside a loop over texts: the same, and the text is whole") {
  const std::string name = iqtest::temp_name("texts");
  iq::IterableQueue<std::string> queue(iq::create_only, name, {.capacity = 16});
  auto producer = queue.get_producer();
  for (int i = 0; i < 8; ++i) producer.put(std::string(1000, static_cast<char>('a' + i)));
  producer.close();
  queue.close();
  iqtest::Gate told;
  auto child = iqtest::spawn([&] {
    iq::IterableQueue<std::string> opened(iq::open_only, name);
    auto consumer = opened.get_consumer();
    for (const std::string& text : consumer) {
      if (text[0] != 'c') continue;
      told.post();
      wait_for_death();
    }
  });
  told.wait();
  child.kill_and_wait();
  auto consumer = queue.get_consumer();
  std::vector<std::string> seen;
  for (const std::string& text : consumer) {
    CHECK(text == std::string(1000, text[0]));
    CHECK(consumer.deliveries() == (text[0] == 'c' ? 2 : 1));
    seen.push_back(text);
  }
  CHECK(seen.size() == 6);
}

TEST_CASE("killed with a batch of get_some: all come again, the count rises for the first only") {
  Named n(20);
  iqtest::Gate told;
  const iqtest::SharedCounter first = iqtest::shared_counter();
  const iqtest::SharedCounter size = iqtest::shared_counter();
  auto child = iqtest::spawn([&] {
    Queue opened(iq::open_only, n.name);
    auto consumer = opened.get_consumer();
    auto some = consumer.get_some(5);
    while (some.size() == 1) some = consumer.get_some(5);
    *first = some.front();
    *size = static_cast<std::int64_t>(some.size());
    told.post();
    wait_for_death();
  });
  told.wait();
  child.kill_and_wait();
  const auto seen = n.drain_with_counts();
  CHECK(*size >= 2);
  CHECK(seen.size() == static_cast<std::size_t>(20 - *first));
  for (const auto& [item, deliveries] : seen) CHECK(deliveries == (item == *first ? 2 : 1));
}

TEST_CASE("killed after ack: nothing is in hand, nothing is counted") {
  Named n(10);
  iqtest::Gate told;
  auto child = iqtest::spawn([&] {
    Queue opened(iq::open_only, n.name);
    auto consumer = opened.get_consumer();
    iqtest::require(consumer.get() == 0, "the first item");
    consumer.ack();
    told.post();
    wait_for_death();
  });
  told.wait();
  child.kill_and_wait();
  const auto seen = n.drain_with_counts();
  CHECK(seen.size() == 9);
  CHECK(std::ranges::all_of(seen, [](const auto& one) { return one.second == 1; }));
}

TEST_CASE("poison: an item that kills every consumer is parked after max_deliveries") {
  for (const std::uint32_t most : {1U, 3U}) {
    Named n(1, {.max_deliveries = most});
    for (std::uint32_t i = 0; i < most; ++i) n.kill_consumer_at(1);
    CHECK(n.drain_with_counts().empty());
    const auto parked = n.queue.parked();
    REQUIRE(parked.size() == 1);
    CHECK(parked[0].item == 0);
    CHECK(parked[0].deliveries == most);
    CHECK(n.queue.requeue_parked() == 1);
    auto consumer = n.queue.get_consumer();
    CHECK(consumer.get() == 0);
    CHECK(consumer.deliveries() == 1);
    CHECK_FALSE(consumer.get());
  }
}

TEST_CASE("poison: among others it is parked too, and the stream goes on and ends") {
  Named n(50, {.max_deliveries = 2});
  int deaths = 0;
  for (bool ended = false; !ended && deaths < 10;) {
    auto child = iqtest::spawn([&] {
      Queue opened(iq::open_only, n.name);
      auto consumer = opened.get_consumer();
      for (const int item : consumer) {
        if (item == 7) ::kill(::getpid(), SIGKILL);
      }
    });
    ended = child.wait().ok();
    deaths += !ended;
  }
  CHECK(deaths == 2);
  REQUIRE(n.queue.parked().size() == 1);
  CHECK(n.queue.parked()[0].item == 7);
  CHECK(n.queue.drop_parked() == 1);
  CHECK(n.drain_with_counts().empty());
}

TEST_CASE("at_most_once: the item in a dead consumer's hands is dropped, the rest is delivered") {
  Named n(10, {.delivery = iq::Delivery::at_most_once});
  n.kill_consumer_at(3);
  const auto seen = n.drain_with_counts();
  CHECK(seen.size() == 7);
  CHECK_FALSE(seen.contains(2));
}

TEST_CASE("a waiting consumer gets what a killed one had in hand, without any other traffic") {
  Named n(1);
  iqtest::Gate has_it;
  auto holder = iqtest::spawn([&] {
    Queue opened(iq::open_only, n.name);
    auto consumer = opened.get_consumer();
    iqtest::require(consumer.get() == 0, "the item");
    has_it.post();
    wait_for_death();
  });
  has_it.wait();
  auto waiter = iqtest::spawn([&] {
    Queue opened(iq::open_only, n.name);
    auto consumer = opened.get_consumer();
    iqtest::require(consumer.get() == 0, "the same item");
    iqtest::require(consumer.deliveries() == 2, "for the second time");
    iqtest::require(!consumer.get().has_value(), "and the end");
  });
  CHECK(iqtest::wait_until([&] { return n.queue.consumers() == 2; }));
  holder.kill_and_wait();
  CHECK(waiter.wait().ok());
}

TEST_CASE("a consumer that is stopped is not dead: its item stays its own, others get the rest") {
  Named n(10);
  iqtest::Gate has_it;
  iqtest::Gate go_on;
  auto holder = iqtest::spawn([&] {
    Queue opened(iq::open_only, n.name);
    auto consumer = opened.get_consumer();
    iqtest::require(consumer.get() == 0, "the first item");
    has_it.post();
    go_on.wait();
    iqtest::require(consumer.deliveries() == 1, "handed out once");
    consumer.ack();
  });
  has_it.wait();
  holder.stop();
  auto consumer = n.queue.get_consumer();
  std::vector<int> seen;
  while (seen.size() < 9) seen.push_back(consumer.get_for(std::chrono::seconds(8)).value());
  consumer.ack();
  CHECK(consumer.get_for(std::chrono::milliseconds(50)).status() == iq::Status::timeout);
  holder.cont();
  go_on.post();
  CHECK(holder.wait().ok());
  CHECK_FALSE(consumer.get());
  std::ranges::sort(seen);
  CHECK(seen == std::vector{1, 2, 3, 4, 5, 6, 7, 8, 9});
}
