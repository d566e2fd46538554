// What ends or repeats, among threads over one mapping: stop and failure with their texts, items
// that are parked and put again, relays, endpoints that come and go. For ThreadSanitizer, too.
#include <doctest/doctest.h>

#include <atomic>
#include <list>
#include <string>
#include <thread>
#include <vector>

#include "iq/detail/endpoint_access.hpp"
#include "iq/event.hpp"
#include "iq/iq.hpp"
#include "iq/relay.hpp"
#include "ring/consumer_ring.hpp"
#include "support/process.hpp"

namespace {

using namespace std::chrono_literals;

struct NoHandlerAfterwards {
  ~NoHandlerAfterwards() { iq::set_event_handler({}); }
};

}  // namespace

TEST_CASE("Threads: stop, by two at a time, ends every wait with the text of one of them") {
  iqtest::limit_seconds(120);
  const std::string long_text(100, 'x');  // longer than a slot
  for (int round = 0; round < 40; ++round) {
    iq::IterableQueue<std::string> queue({.capacity = 4, .bytes_per_producer = 256});
    std::atomic<int> told{0};
    std::atomic<int> at_work{0};
    {
      std::list<std::jthread> threads;
      for (int i = 0; i < 2; ++i) {
        threads.emplace_back([&, producer = queue.get_producer()]() mutable {
          ++at_work;
          try {
            for (;;) producer.put(long_text);
          } catch (const iq::Stopped& stopped) {
            told += std::string(stopped.what()).find("enough ") != std::string::npos;
          }
        });
        threads.emplace_back([&, consumer = queue.get_consumer()]() mutable {
          ++at_work;
          try {
            for (const auto& text : consumer) CHECK(text == long_text);
          } catch (const iq::Stopped& stopped) {
            told += std::string(stopped.what()).find("enough ") != std::string::npos;
          }
        });
      }
      CHECK(iqtest::wait_until([&] { return at_work == 4; }));
      for (int i = 0; i < 2; ++i) {
        threads.emplace_back(
            [&, i] { queue.stop(std::runtime_error("enough " + std::to_string(i))); });
      }
    }
    CHECK(told == 4);
  }
}

TEST_CASE("Threads: a producer that fails is told to every consumer, after all items") {
  iqtest::limit_seconds(120);
  for (int round = 0; round < 40; ++round) {
    iq::IterableQueue<int> queue({.capacity = 8});
    std::atomic<int> got{0};
    std::atomic<int> told{0};
    {
      std::list<std::jthread> threads;
      for (int i = 0; i < 2; ++i) {
        threads.emplace_back([&, producer = queue.get_producer()]() mutable {
          try {
            const iq::Producer<int> unwound = std::move(producer);
            auto& mine = const_cast<iq::Producer<int>&>(unwound);
            for (int n = 0; n < 50; ++n) mine.put(n);
            throw std::runtime_error("out of input");
          } catch (const std::runtime_error&) {
          }
        });
        threads.emplace_back([&, consumer = queue.get_consumer()]() mutable {
          try {
            for ([[maybe_unused]] const int& n : consumer) ++got;
          } catch (const iq::ProducerFailed&) {
            ++told;
          }
        });
      }
      queue.close();
    }
    CHECK(got == 100);
    CHECK(told == 2);
  }
}

TEST_CASE("Threads: items are parked, listed, put again and finished, each of them once") {
  iqtest::limit_seconds(120);
  constexpr int kItems = 1200;
  const NoHandlerAfterwards at_the_end;
  std::atomic<int> parkings{0};
  iq::set_event_handler(
      [&](const iq::Event& event) { parkings += event.kind == iq::EventKind::parked; });
  iq::IterableQueue<std::string> queue(
      {.capacity = 16, .bytes_per_producer = 1024, .max_deliveries = 2});
  const iq::Consumer<std::string> idle = queue.get_consumer();
  std::vector<std::atomic<int>> refused(kItems), finished(kItems);
  std::atomic<int> done{0};
  {
    std::list<std::jthread> threads;
    for (int i = 0; i < 2; ++i) {
      threads.emplace_back([&, i, producer = queue.get_producer()]() mutable {
        for (int n = i; n < kItems; n += 2) {
          std::string text = std::to_string(n);
          text.resize(20 + n % 150, ' ');
          producer.put(text);
        }
      });
    }
    for (int i = 0; i < 3; ++i) {
      threads.emplace_back([&, consumer = queue.get_consumer()]() mutable {
        while (done < kItems) {
          const auto item = consumer.get_for(5ms);
          if (!item) continue;
          const int n = std::stoi(*item);
          if (n % 5 == 0 && refused[n].fetch_add(1) < 2) {
            consumer.give_back();
          } else {
            ++finished[n];
            ++done;
            consumer.ack();
          }
        }
      });
    }
    for (int i = 0; i < 2; ++i) {
      threads.emplace_back([&] {
        while (done < kItems) {
          for (const auto& parked : queue.parked()) CHECK(std::stoi(parked.item) % 5 == 0);
          (void)queue.requeue_parked();
          (void)queue.stats();
        }
      });
    }
  }
  CHECK(parkings >= kItems / 5);
  for (const auto& times : finished) CHECK(times == 1);
}

TEST_CASE("Threads: what a slow consumer has not started is taken over, each item once") {
  iqtest::limit_seconds(120);
  constexpr std::uint64_t kItems = 300;
  for (int round = 0; round < 100; ++round) {
    iq::IterableQueue<std::uint64_t> queue({.capacity = 32});
    std::vector<std::atomic<int>> finished(kItems);
    {
      std::list<std::jthread> threads;
      threads.emplace_back([&, producer = queue.get_producer()]() mutable {
        for (std::uint64_t n = 0; n < kItems; ++n) producer.put(n);
      });
      REQUIRE(iqtest::wait_until([&] { return queue.stats().queued >= 8; }));
      iq::Consumer<std::uint64_t> slow = queue.get_consumer();
      auto& ring = static_cast<iq::detail::ConsumerRing&>(*iq::detail::EndpointAccess::core(slow));
      const auto finish = [&] { ++finished[iq::detail::EndpointAccess::in_hand(slow)]; };
      REQUIRE(ring.next_for(8, iq::detail::kForever) == iq::Status::ok);
      for (int i = 0; i < 3; ++i) {
        threads.emplace_back([&, consumer = queue.get_consumer()]() mutable {
          for (const std::uint64_t& n : consumer) ++finished[n];
        });
      }
      queue.close();
      CHECK(iqtest::wait_until([&] { return queue.stats().taken_over != 0; }));
      // The rest of the batch, while others come for that, too.
      do {
        finish();
      } while (ring.next(iq::detail::kForever) == iq::Status::ok);
    }
    for (const auto& times : finished) REQUIRE(times == 1);
  }
}

TEST_CASE("Threads: three relays between two queues hand each item over once") {
  iqtest::limit_seconds(120);
  constexpr int kItems = 3000;
  iq::IterableQueue<int> in({.capacity = 32});
  iq::IterableQueue<std::string> out({.capacity = 32, .bytes_per_producer = 512});
  std::vector<std::atomic<int>> finished(kItems);
  {
    std::list<std::jthread> threads;
    threads.emplace_back([producer = in.get_producer()]() mutable {
      for (int n = 0; n < kItems; ++n) producer.put(n);
    });
    for (int i = 0; i < 3; ++i) {
      threads.emplace_back([from = in.get_consumer(), to = out.get_producer()]() mutable {
        iq::relay(from, to, [](const int& n) { return std::to_string(n); });
      });
    }
    for (int i = 0; i < 2; ++i) {
      threads.emplace_back([&, consumer = out.get_consumer()]() mutable {
        for (const auto& text : consumer) ++finished[static_cast<std::size_t>(std::stoi(text))];
      });
    }
    in.close();
    out.close();
  }
  for (const auto& times : finished) CHECK(times == 1);
}

TEST_CASE("Threads: endpoints and queue objects come and go, nothing is lost") {
  iqtest::limit_seconds(120);
  constexpr int kRounds = 60;
  constexpr int kEach = 20;
  const std::string name = iqtest::temp_name("come-and-go");
  // Long texts: who goes on in a lane reads in its slots where the byte ring stands (P9).
  const std::string text(100, 'x');
  iq::IterableQueue<std::string> queue(iq::create_only, name,
                                       {.capacity = 64, .bytes_per_producer = 4096});
  std::atomic<int> sum{0};
  {
    std::list<std::jthread> threads;
    for (int i = 0; i < 3; ++i) {
      threads.emplace_back([&] {
        for (int round = 0; round < kRounds; ++round) {
          auto producer = queue.get_producer();
          for (int n = 0; n < kEach; ++n) producer.put(text);
        }
      });
    }
    for (int i = 0; i < 3; ++i) {
      threads.emplace_back([&] {
        while (sum < 3 * kRounds * kEach) {
          auto consumer = queue.get_consumer();
          for (int n = 0; n < 30; ++n) {
            const auto item = consumer.get_for(2ms);
            if (item) sum += *item == text;
          }
        }
      });
    }
    threads.emplace_back([&] {
      while (sum < 3 * kRounds * kEach) {
        const iq::IterableQueue<std::string> other(iq::open_only, name);
        (void)other.stats();
      }
    });
  }
  CHECK(sum == 3 * kRounds * kEach);
  queue.close();
}
