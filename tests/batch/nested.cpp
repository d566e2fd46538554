// Batch functions that call batch functions, also each other, with one server each: no deadlock.
#include <doctest/doctest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "batch/book.hpp"
#include "iq/batch.hpp"
#include "iq/batch_context.hpp"
#include "iq/error.hpp"
#include "iq/task.hpp"
#include "iq/worker_group.hpp"
#include "support/process.hpp"

using namespace batches;

namespace {

class Peculiar : public std::exception {
 public:
  const char* what() const noexcept override { return "peculiar"; }
};

/// Two functions that each server can reach, made one after the other: even and odd call each other
/// through a queue of their own, by name.
struct Pair {
  std::string even_name = iqtest::temp_name("even");
  std::string odd_name = iqtest::temp_name("odd");
};

}  // namespace

TEST_CASE("nested: a batch function's own calls gather in its server and are one batch") {
  Books book;
  iq::batched<int(int)> inner{noting(book)};
  iq::batched<int(int)> outer{[&](std::span<const int> batch) {
    return iq::pmap([&](int i) { return 10 * inner(i); }, batch);
  }};
  const iq::BatchContext context;
  iq::WorkerGroup crew;
  crew.fork(4, [&](int id) { iqtest::require(outer(id) == 10 * (id + 1), "through both"); });
  crew.join();
  CHECK(book->batches == 1);
  CHECK(book->sizes[0] == 4);
}

TEST_CASE("nested: a function that calls itself, with one server, 20 deep") {
  std::unique_ptr<iq::batched<int(int)>> sum;
  // The servers find it by name, since it is not there yet when they are forked.
  const std::string name = iqtest::temp_name("sum");
  sum = std::make_unique<iq::batched<int(int)>>(
      iq::create_only, name, [name](std::span<const int> batch) {
        static iq::batched<int(int)> again{iq::open_only, name};
        std::vector<int> results;
        for (const int i : batch) results.push_back(i == 0 ? 0 : i + again(i - 1));
        return results;
      });
  CHECK((*sum)(20) == 210);
  CHECK((*sum)(3) == 6);
  const auto threads = [&] {
    const auto tasks = std::filesystem::directory_iterator(
        "/proc/" + std::to_string(sum->server_pids().at(0)) + "/task");
    return std::distance(begin(tasks), end(tasks));
  };
  CHECK(iqtest::wait_until([&] { return threads() <= 3; }));  // those of 20 levels have gone
  const auto from = std::chrono::steady_clock::now();
  sum.reset();
  CHECK(std::chrono::steady_clock::now() - from < std::chrono::seconds(2));
}

TEST_CASE("nested: two functions that need each other, one server each, called by 4 processes") {
  const Pair names;
  iq::batched<bool(int)> is_even{iq::create_only, names.even_name,
                                 [names](std::span<const int> batch) {
                                   static iq::batched<bool(int)> odd{iq::open_only, names.odd_name};
                                   std::vector<char> results;
                                   for (const int i : batch)
                                     results.push_back(i == 0 || odd(i - 1));
                                   return results;
                                 }};
  iq::batched<bool(int)> is_odd{
      iq::create_only, names.odd_name, [names](std::span<const int> batch) {
        static iq::batched<bool(int)> even{iq::open_only, names.even_name};
        std::vector<char> results;
        for (const int i : batch) results.push_back(i != 0 && even(i - 1));
        return results;
      }};
  const iq::BatchContext context;
  iq::WorkerGroup crew;
  crew.fork(4, [&](int id) {
    for (int n = id; n < 12; n += 4) {
      iqtest::require(is_even(n) == (n % 2 == 0), "even");
      iqtest::require(is_odd(n) == (n % 2 == 1), "odd");
    }
  });
  crew.join();
}

TEST_CASE("nested: errors pass through both functions and keep their type") {
  iq::batched<int(int)> inner{[](std::span<const int> batch) -> std::vector<int> {
    if (batch[0] == 1) throw std::out_of_range("from within");
    throw Peculiar();
  }};
  iq::batched<int(int)> outer{
      [&](std::span<const int> batch) { return std::vector<int>{inner(batch[0])}; }};
  CHECK_THROWS_WITH_AS(outer(1), "from within", std::out_of_range);
  try {
    outer(2);
    FAIL("nothing was thrown");
  } catch (const iq::RemoteError& error) {
    CHECK(error.type().find("Peculiar") != std::string::npos);
    CHECK(error.text() == "peculiar");
  }
}

TEST_CASE("nested: only one thread of a server runs the function's code at a time") {
  iqtest::Shared<std::atomic<int>> inside(0);
  iqtest::Shared<std::atomic<bool>> together(false);
  iq::batched<int(int)> inner{
      [](std::span<const int> batch) { return std::vector<int>(batch.begin(), batch.end()); }};
  iq::batched<int(int)> outer{[&](std::span<const int> batch) {
    const auto work = [&] {
      if (inside->fetch_add(1) != 0) together->store(true);
      std::atomic<int> turns{0};
      while (++turns < 10'000) {
      }
      inside->fetch_sub(1);
    };
    work();
    inner(1);  // meanwhile another batch begins
    work();
    return std::vector<int>(batch.begin(), batch.end());
  }};
  iq::WorkerGroup crew;
  crew.fork(4, [&](int id) {
    for (int i = 0; i < 50; ++i) iqtest::require(outer(id) == id, "its own");
  });
  crew.join();
  CHECK_FALSE(together->load());
}

TEST_CASE("nested: the inner server killed in the middle fails the outer batch, and only that") {
  iqtest::Gate began;
  iqtest::Gate never;
  iqtest::SharedCounter hold = iqtest::shared_counter(1);
  iq::batched<int(int)> inner{[&](std::span<const int> batch) {
    if (hold->exchange(0) == 1) {
      began.post();
      never.wait(100);
    }
    return std::vector<int>(batch.begin(), batch.end());
  }};
  iq::batched<int(int)> outer{
      [&](std::span<const int> batch) { return std::vector<int>{inner(batch[0])}; }};
  auto future = outer.async(1);
  began.wait();
  ::kill(inner.server_pids().at(0), SIGKILL);
  CHECK_THROWS_AS(future.get(), iq::ServerDied);
  CHECK(outer(2) == 2);
}

TEST_CASE("nested: a function that ends while its server waits for another one is served first") {
  iqtest::Gate began;
  iqtest::Gate go;
  iq::batched<int(int)> inner{[&](std::span<const int> batch) {
    began.post();
    go.wait();
    return std::vector<int>(batch.begin(), batch.end());
  }};
  iq::Future<int> future;
  std::thread later;
  {
    iq::batched<int(int)> outer{
        [&](std::span<const int> batch) { return std::vector<int>{inner(batch[0])}; }};
    future = outer.async(5);
    began.wait();
    // The end is asked for, and for long the server has nothing to do but to wait.
    later = std::thread([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(600));
      go.post();
    });
  }
  CHECK(future.get() == 5);
  later.join();
}
