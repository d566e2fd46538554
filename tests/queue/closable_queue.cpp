// ClosableQueue: exact capacity over all who put, closing, and deaths in the midst of it.
#include "iq/closable_queue.hpp"

#include <doctest/doctest.h>

#include <array>
#include <atomic>
#include <csignal>
#include <optional>
#include <ranges>
#include <string>
#include <thread>
#include <vector>

#include "support/process.hpp"

using iq::Status;

namespace {

using std::chrono::milliseconds;

struct Tagged {
  int putter = 0;
  int number = 0;
};

}  // namespace

TEST_CASE("ClosableQueue: what is put comes out in order, then nothing, for ever") {
  iq::ClosableQueue<std::string> queue{8};
  queue.put("hello");
  queue.put(std::string(1000, 'x'));
  queue.close();
  CHECK(queue.get() == "hello");
  CHECK(queue.get() == std::string(1000, 'x'));
  CHECK(queue.get() == std::nullopt);
  CHECK(queue.get() == std::nullopt);
  CHECK(queue.try_get().status() == Status::done);
}

TEST_CASE("ClosableQueue: put after close throws, a second close too unless it may") {
  iq::ClosableQueue<int> queue{8};
  CHECK_FALSE(queue.is_closed());
  queue.close();
  CHECK(queue.is_closed());
  CHECK_THROWS_AS(queue.put(1), iq::Closed);
  CHECK(queue.try_put(1) == Status::closed);
  CHECK(queue.put_for(1, milliseconds(1)) == Status::closed);
  CHECK_THROWS_AS(queue.close(), iq::Closed);
  queue.close(/*once=*/false);
}

TEST_CASE("ClosableQueue: the capacity is exact, whoever puts") {
  iq::ClosableQueue<int> queue{3};
  CHECK(queue.capacity() == 3);
  queue.put(1);
  CHECK(iqtest::spawn([&] { queue.put(2); }).wait().ok());
  std::thread([&] { queue.put(3); }).join();
  CHECK(queue.size() == 3);
  CHECK(queue.try_put(4) == Status::full);
  for (const int ms : {-1, 0, 1}) CHECK(queue.put_for(4, milliseconds(ms)) == Status::timeout);
  CHECK(iqtest::spawn([&] { return queue.try_put(4) == Status::full ? 0 : 1; }).wait().ok());
  CHECK(queue.get() == 1);
  CHECK(queue.try_put(4) == Status::ok);
  CHECK(queue.try_put(5) == Status::full);
  CHECK(queue.get_for(milliseconds(1)).value() == 2);
  for (const int expected : {3, 4}) CHECK(queue.try_get().value() == expected);
  CHECK(queue.try_get().status() == Status::empty);
  for (const int ms : {-1, 0, 1}) {
    CHECK(queue.get_for(milliseconds(ms)).status() == Status::timeout);
  }
  CHECK_THROWS_AS(iq::ClosableQueue<int>(0), iq::BadArgument);
}

TEST_CASE("ClosableQueue: encoded items share their bytes, around the end of the ring") {
  iq::ClosableQueue<std::string> queue(100, 1000);
  CHECK_THROWS_AS(queue.put(std::string(1001, 'x')), iq::TooLarge);
  std::size_t written = 0;
  std::size_t read = 0;
  const auto text = [](std::size_t i) {
    return std::string(i * 37 % 300, 'a') + std::to_string(i);
  };
  while (read < 500) {
    while (queue.try_put(text(written)) == Status::ok) ++written;
    CHECK(queue.get() == text(read++));
    CHECK(queue.get() == text(read++));
  }
}

TEST_CASE("ClosableQueue: a loop takes what there is until it is closed and empty") {
  iq::ClosableQueue<int> queue{4};
  auto child = iqtest::spawn([&] {
    for (int i = 0; i < 100; ++i) queue.put(i);
    queue.close();
  });
  int expected = 0;
  for (const int x : queue) CHECK(x == expected++);
  CHECK(expected == 100);
  CHECK(child.wait().ok());
}

TEST_CASE("ClosableQueue: a loop that takes n items swallows no other, nor waits for it") {
  iq::ClosableQueue<int> queue{8};
  for (int i = 0; i < 5; ++i) queue.put(i);
  int expected = 0;
  for (const int x : queue | std::views::take(2)) CHECK(x == expected++);
  for (const int x : queue | std::views::take(3)) CHECK(x == expected++);
  CHECK(expected == 5);
  queue.close();
  for ([[maybe_unused]] const int x : queue) FAIL("an item out of nowhere");
}

TEST_CASE("ClosableQueue: close lets go of all who wait in get") {
  iq::ClosableQueue<int> queue{4};
  auto waiting = iqtest::shared_counter();
  std::vector<iqtest::Child> children;
  for (int i = 0; i < 4; ++i) {
    children.push_back(iqtest::spawn([&] {
      ++*waiting;
      iqtest::require(!queue.get(), "an item out of nowhere");
    }));
  }
  CHECK(iqtest::wait_until([&] { return *waiting == 4; }));
  queue.close();
  for (iqtest::Child& child : children) CHECK(child.wait().ok());
}

TEST_CASE("ClosableQueue: a put that waits at the close is delivered or throws, never both") {
  iqtest::limit_seconds(60);
  for (int round = 0; round < 100; ++round) {
    iq::ClosableQueue<Tagged> queue{1};
    queue.put({});
    iqtest::Shared<std::array<std::atomic<int>, 4>> outcome;  // 1: put returned, 2: it threw
    std::vector<iqtest::Child> putters;
    for (int i = 1; i <= 3; ++i) {
      putters.push_back(iqtest::spawn([&queue, &outcome, i] {
        auto& mine = (*outcome)[static_cast<std::size_t>(i)];
        try {
          queue.put({i, 0});
          mine = 1;
        } catch (const iq::Closed&) {
          mine = 2;
        }
      }));
    }
    std::thread closer([&] {
      if (round % 2 == 0) std::this_thread::yield();
      queue.close();
    });
    std::array<int, 4> seen{};
    for (const Tagged& item : queue) ++seen[static_cast<std::size_t>(item.putter)];
    closer.join();
    for (iqtest::Child& child : putters) CHECK(child.wait().ok());
    for (std::size_t i = 1; i <= 3; ++i) {
      CHECK(((*outcome)[i] == 1 || (*outcome)[i] == 2));
      CHECK(seen[i] == ((*outcome)[i] == 1 ? 1 : 0));
    }
  }
}

TEST_CASE("ClosableQueue: a crowd, one put or get each, and a close: every put is got or left") {
  iqtest::limit_seconds(60);
  constexpr int kCrowd = 50;
  for (int round = 0; round < 100; ++round) {
    iq::ClosableQueue<int> queue{static_cast<std::uint64_t>(1 + round % 3)};
    std::atomic<int> put{0};
    std::atomic<int> refused{0};
    std::atomic<int> got{0};
    std::atomic<int> ended{0};
    std::vector<std::thread> crowd;
    for (int i = 0; i < kCrowd; ++i) {
      crowd.emplace_back([&] {
        try {
          queue.put(1);
          ++put;
        } catch (const iq::Closed&) {
          ++refused;
        }
      });
      crowd.emplace_back([&] { ++(queue.get() ? got : ended); });
      if (i == round / 2) crowd.emplace_back([&] { queue.close(); });
    }
    for (std::thread& one : crowd) one.join();
    int left = 0;
    while (queue.get()) ++left;
    CHECK(put + refused == kCrowd);
    CHECK(got + ended == kCrowd);
    CHECK(put == got + left);
  }
}

TEST_CASE("ClosableQueue: who is killed has put or has not; the others go on, nothing is doubled") {
  iqtest::limit_seconds(60);
  constexpr std::size_t kPutters = 3;
  iq::ClosableQueue<std::string> queue(4, 600);
  iqtest::Shared<std::array<std::atomic<int>, kPutters>> put;  // how many each knows of
  const auto run_putter = [&](std::size_t i, int next) {
    for (;; ++next) {
      queue.put(std::to_string(i) + " " + std::to_string(next) +
                std::string(static_cast<std::size_t>(next) % 120, '.'));
      (*put)[i] = next + 1;
    }
  };
  std::array<int, kPutters> seen{};
  const auto take = [&](std::optional<std::string> item) {
    const std::size_t i = static_cast<std::size_t>((*item)[0] - '0');
    CHECK(std::stoi(item->substr(2)) == seen[i]);
    ++seen[i];
  };
  for (int round = 0; round < 60; ++round) {
    std::vector<iqtest::Child> putters;
    for (std::size_t i = 0; i < kPutters; ++i) {
      putters.push_back(iqtest::spawn([&, i] { run_putter(i, seen[i]); }));
    }
    for (int i = 0; i < 40 + round; ++i) take(queue.get());
    for (iqtest::Child& child : putters) child.kill_and_wait();
    while (auto rest = queue.try_get()) take(*std::move(rest));
    // A killed one may have put one that it does not know of, and never lacks one.
    for (std::size_t i = 0; i < kPutters; ++i) {
      CHECK(seen[i] >= (*put)[i]);
      CHECK(seen[i] <= (*put)[i] + 1);
    }
  }
}

TEST_CASE("ClosableQueue: a getter that is killed takes at most one item with it") {
  iqtest::limit_seconds(60);
  iq::ClosableQueue<int> queue{16};
  auto taken = iqtest::shared_counter();
  int lost = 0;
  int next = 0;
  int last_taken = 0;
  for (int round = 0; round < 40; ++round) {
    auto getter = iqtest::spawn([&] {
      while (queue.get()) ++*taken;
    });
    for (int i = 0; i < 50; ++i) queue.put(next++);
    getter.kill_and_wait();
    int rest = 0;
    while (queue.try_get()) ++rest;
    const int gone = next - last_taken - static_cast<int>(*taken) - rest;
    last_taken += rest;
    CHECK(gone - lost <= 1);
    lost = gone;
  }
  CHECK(queue.size() == 0);
}
