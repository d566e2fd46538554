// When a batch goes: contexts within one thread. Of several processes: shared_contexts.cpp.
#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <string>
#include <vector>

#include "batch/book.hpp"
#include "iq/batch.hpp"
#include "iq/batch_context.hpp"
#include "iq/error.hpp"
#include "support/process.hpp"

using namespace batches;
using namespace std::chrono_literals;

TEST_CASE("context: calls in flight together are one batch, in call order") {
  Counted counted;
  iqtest::Shared<std::array<int, 8>> seen;
  iq::batched<int(int)> f{[&](std::span<const int> batch) {
    std::copy(batch.begin(), batch.end(), seen->begin());
    return counted.function()(batch);
  }};
  const iq::BatchContext context;
  const auto results = iq::pget(std::vector{f.async(3), f.async(1), f.async(2)});
  CHECK(results == std::vector{4, 2, 3});
  CHECK(counted.batches->load() == 1);
  CHECK(std::vector(seen->begin(), seen->begin() + 3) == std::vector{3, 1, 2});
}

TEST_CASE("context: outside any, a call is a batch of its own") {
  Counted counted;
  iq::batched<int(int)> f{counted.function()};
  iq::pget(std::vector{f.async(1), f.async(2), f.async(3)});
  CHECK(counted.batches->load() == 3);
}

TEST_CASE("context: max_size lets a batch go before anybody waits") {
  Counted counted;
  iq::batched<int(int)> f{counted.function(), {.max_size = 2}};
  const iq::BatchContext context;
  std::vector<iq::Future<int>> futures;
  for (int i = 0; i < 5; ++i) futures.push_back(f.async(i));
  CHECK(iqtest::wait_until([&] { return counted.batches->load() == 2; }));
  CHECK(iq::pget(futures) == std::vector{1, 2, 3, 4, 5});
  CHECK(counted.batches->load() == 3);
  CHECK(counted.largest->load() == 2);
}

TEST_CASE("context: nested ones share the outer one") {
  Counted counted;
  iq::batched<int(int)> f{counted.function()};
  const iq::BatchContext outer;
  auto first = f.async(1);
  {
    const iq::BatchContext inner;
    auto second = f.async(2);
  }
  CHECK(counted.batches->load() == 0);
  first.get();
  CHECK(counted.batches->load() == 1);
  CHECK(counted.calls->load() == 2);
}

TEST_CASE("context: what still waits at its end goes then") {
  Counted counted;
  iq::batched<int(int)> f{counted.function()};
  iq::Future<int> future;
  {
    const iq::BatchContext context;
    future = f.async(1);
  }
  CHECK(iqtest::wait_until([&] { return counted.batches->load() == 1; }));
  CHECK(future.get() == 2);
}

TEST_CASE("context: max_delay lets a batch go although its caller still works") {
  Counted counted;
  iq::batched<int(int)> f{counted.function(), {.max_delay = 1ms}};
  iq::batched<int(int)> g{counted.function()};
  const iq::BatchContext context;
  auto first = f.async(1);
  auto other = g.async(1);
  const auto begun = std::chrono::steady_clock::now();
  while (std::chrono::steady_clock::now() < begun + 2ms) {
  }
  auto later = g.async(2);  // any call looks after those that are due
  CHECK(iqtest::wait_until([&] { return counted.batches->load() == 1; }));
  CHECK(first.get() == 2);
  iq::pget(other, later);
  CHECK(counted.batches->load() == 2);
}

TEST_CASE("context: 7 results for 8 calls is an error to all 8, with both numbers") {
  iq::batched<int(int)> f{[](std::span<const int> batch) {
    return std::vector<int>(batch.size() == 8 ? 7 : batch.size());
  }};
  const iq::BatchContext context;
  std::vector<iq::Future<int>> futures;
  for (int i = 0; i < 8; ++i) futures.push_back(f.async(i));
  int told = 0;
  for (const auto& future : futures) {
    try {
      future.get();
    } catch (const iq::BadArgument& error) {
      told += std::string(error.what()).find("of int(int) returned 7 results for 8 calls") !=
              std::string::npos;
    }
  }
  CHECK(told == 8);
  CHECK(f(1) == 0);
}

TEST_CASE("context: an error as one element reaches its caller only, a throw reaches all") {
  iq::batched<int(int)> f{[](std::span<const int> batch) {
    std::vector<iq::Outcome<int>> results;
    for (const int i : batch) {
      if (i == 100) throw std::runtime_error("all of you");
      if (i == 2) {
        results.push_back(iq::Outcome<int>::failure(std::out_of_range("you alone")));
      } else {
        results.push_back(i + 1);
      }
    }
    return results;
  }};
  const iq::BatchContext context;
  auto one = f.async(1);
  auto two = f.async(2);
  auto three = f.async(3);
  CHECK(one.get() == 2);
  CHECK(three.get() == 4);
  CHECK_THROWS_WITH_AS(two.get(), "you alone", std::out_of_range);
  auto good = f.async(1);
  auto bad = f.async(100);
  CHECK_THROWS_WITH_AS(good.get(), "all of you", std::runtime_error);
  CHECK_THROWS_WITH_AS(bad.get(), "all of you", std::runtime_error);
}

TEST_CASE("context: with dedup equal arguments are handed over once, and all get that result") {
  Counted counted;
  iq::batched<int(int)> f{counted.function(), {.dedup = true}};
  const iq::BatchContext context;
  const auto results =
      iq::pget(std::vector{f.async(1), f.async(2), f.async(1), f.async(1), f.async(3)});
  CHECK(results == std::vector{2, 3, 2, 2, 4});
  CHECK(counted.calls->load() == 3);
  CHECK(counted.batches->load() == 1);
}

TEST_CASE("methods: two objects never share a batch, one object's calls do") {
  auto batches = iqtest::shared_counter();
  iq::batched_method<std::string(std::string, int)> f{
      [&](const std::string& self, std::span<const int> batch) {
        ++*batches;
        std::vector<std::string> results;
        for (const int i : batch) results.push_back(self + std::to_string(i));
        return results;
      }};
  const iq::BatchContext context;
  const std::string a = "a";
  const std::string b = "b";
  const auto results = iq::pget(std::vector{f.async(a, 1), f.async(b, 1), f.async(a, 2)});
  CHECK(results == std::vector<std::string>{"a1", "b1", "a2"});
  CHECK(batches->load() == 2);
}

TEST_CASE("context: many arguments are split where a batch would not fit into its queue") {
  Counted counted;
  iq::batched<int(std::string)> f{[&](std::span<const std::string> batch) {
    std::vector<int> sizes;
    for (const std::string& text : batch) sizes.push_back(static_cast<int>(text.size()));
    counted.function()(sizes);
    return sizes;
  }};
  const iq::BatchContext context;
  std::vector<iq::Future<int>> futures;
  for (int i = 0; i < 40; ++i) futures.push_back(f.async(std::string(100'000, 'x')));
  CHECK(iq::pget(futures) == std::vector<int>(40, 100'000));
  CHECK(counted.calls->load() == 40);
  CHECK(counted.batches->load() < 12);
}
