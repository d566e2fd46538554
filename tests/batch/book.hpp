// What tests of batched functions note of their batches.
#pragma once

#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <span>
#include <vector>

#include "iq/batch_context.hpp"
#include "support/process.hpp"

namespace batches {

/// How many there were, how large, served by whom.
struct Book {
  std::atomic<int> batches{0};
  std::atomic<int> calls{0};
  std::array<std::atomic<int>, 4096> sizes{};
  std::array<std::atomic<int>, 4096> servers{};

  std::vector<int> serve(std::span<const int> batch) {
    const int number = batches++;
    calls += static_cast<int>(batch.size());
    sizes.at(static_cast<std::size_t>(number)) = static_cast<int>(batch.size());
    servers.at(static_cast<std::size_t>(number)) = ::getpid();
    std::vector<int> results;
    for (const int i : batch) results.push_back(i + 1);
    return results;
  }
};

using Books = iqtest::Shared<Book>;

/// A function that adds 1 and notes its batches.
inline auto noting(Books& book) {
  return [&book](std::span<const int> batch) { return book->serve(batch); };
}

/// Counts the batches of a function that adds 1, its calls, and the most in one batch.
struct Counted {
  iqtest::SharedCounter batches = iqtest::shared_counter();
  iqtest::SharedCounter calls = iqtest::shared_counter();
  iqtest::SharedCounter largest = iqtest::shared_counter();

  auto function() {
    return [this](std::span<const int> batch) {
      ++*batches;
      *calls += static_cast<std::int64_t>(batch.size());
      *largest = std::max(largest->load(), static_cast<std::int64_t>(batch.size()));
      std::vector<int> results;
      for (const int i : batch) results.push_back(i + 1);
      return results;
    };
  }
};

/// As noting(); the first batch says that it began and is never finished.
struct HeldOnce {
  Books& book;
  iqtest::Gate& began;
  iqtest::Gate& never;
  std::vector<int> operator()(std::span<const int> batch) const {
    if (book->batches == 0) {
      book->serve(batch);
      began.post();
      never.wait(100);
    }
    return book->serve(batch);
  }
};

/// The test process is a caller of its contexts, too.
inline void wait_blocking(iqtest::Gate& gate) {
  const iq::may_block guard;
  gate.wait();
}

}  // namespace batches
