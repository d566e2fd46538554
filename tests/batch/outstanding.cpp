// More calls under way than the queues hold: whoever waits for room takes its answers meanwhile.
#include <doctest/doctest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <fstream>
#include <string>
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

/// More than a request queue (8,192 items) and an inbox (512) hold.
constexpr int kMany = 12'000;

/// Makes the calls, then asks for their results.
void call_all(const iq::batched<int(int)>& f, int count) {
  std::vector<iq::Future<int>> futures;
  for (int i = 0; i < count; ++i) futures.push_back(f.async(i));
  for (int i = 0; i < count; ++i) {
    iqtest::require(futures[static_cast<std::size_t>(i)].get() == i + 1, "its own");
  }
}

}  // namespace

TEST_CASE("outstanding: thousands of single calls before the first result is asked for") {
  Counted counted;
  iq::batched<int(int)> f{counted.function()};
  call_all(f, kMany);
  CHECK(counted.calls->load() == kMany);
}

TEST_CASE("outstanding: thousands of batches of one context") {
  Counted counted;
  iq::batched<int(int)> f{counted.function(), {.max_size = 1}};
  const iq::BatchContext context;
  call_all(f, kMany);
  CHECK(counted.batches->load() == kMany);
}

TEST_CASE("outstanding: thousands of batches of a context of several processes") {
  Counted counted;
  iq::batched<int(int)> f{counted.function(), {.max_size = 1}};
  const iq::BatchContext context;
  iq::WorkerGroup crew;
  crew.fork(3, [&](int) {
    for (int round = 0; round < 2; ++round) call_all(f, 4000);
  });
  crew.join();
  CHECK(counted.batches->load() == 3 * 2 * 4000);
}

TEST_CASE("outstanding: what an answer wakes may call in its turn, with the queues full") {
  Counted counted;
  iq::batched<int(int)> f{counted.function()};
  std::vector<iq::Future<int>> second;
  std::vector<iq::Future<void>> first;
  for (int i = 0; i < kMany; ++i) {
    first.push_back(iq::transform(f.async(i), [&](int n) { second.push_back(f.async(n)); }));
  }
  iq::pget(first);
  int sum = 0;
  for (const int result : iq::pget(second)) sum += result % 2;
  CHECK(second.size() == kMany);
  CHECK(sum == kMany / 2);
}

TEST_CASE("outstanding: a full queue that nobody serves any more is told") {
  iqtest::limit_seconds(40);
  iqtest::Gate began;
  iqtest::Gate never;
  iqtest::Gate filled;
  iqtest::SharedCounter caller = iqtest::shared_counter();
  iqtest::SharedCounter told = iqtest::shared_counter();
  iqtest::Child maker = iqtest::spawn([&] {
    iq::batched<int(int)> f{[&](std::span<const int> batch) {
      began.post();
      never.wait(100);
      return std::vector<int>(batch.begin(), batch.end());
    }};
    if (::fork() == 0) {  // a caller that outlives the maker
      *caller = ::getpid();
      std::vector<iq::Future<int>> futures;
      for (int i = 0; i < kMany; ++i) {
        if (i == 8'000) filled.post();  // some 200 more go in
        futures.push_back(f.async(i));
      }
      for (const auto& future : futures) {
        try {
          future.get();
        } catch (const iq::ServerDied&) {
          ++*told;
        }
      }
      ::_exit(0);
    }
    never.wait(100);
  });
  began.wait();
  filled.wait();
  maker.kill_and_wait();
  CHECK(iqtest::wait_until([&] { return told->load() == kMany; }));
  CHECK(iqtest::gone(static_cast<pid_t>(caller->load())));
  CHECK(iqtest::reap_orphans());
}

TEST_CASE("outstanding: a server without memory for a batch fails it, and leaves nobody hanging") {
  iq::batched<std::size_t(std::string)> f{[](std::span<const std::string> batch) {
    if (batch[0] == "no more memory") {
      std::size_t pages = 0;
      std::ifstream statm("/proc/self/statm");
      for (int field = 0; field < 6; ++field) statm >> pages;  // the last is data and stack
      const rlim_t bytes = pages * static_cast<rlim_t>(::sysconf(_SC_PAGESIZE)) + (1 << 20);
      const rlimit limit{bytes, bytes};
      ::setrlimit(RLIMIT_DATA, &limit);
    }
    std::vector<std::size_t> sizes;
    for (const std::string& text : batch) sizes.push_back(text.size());
    return sizes;
  }};
  CHECK(f("no more memory") == 14);
  auto told = iqtest::shared_counter();
  const iq::BatchContext context;
  iq::WorkerGroup crew;
  crew.fork(8, [&](int) {
    iq::pmap(
        [&](int) {
          try {
            f(std::string(100'000, 'x'));
          } catch (const iq::ServerDied&) {
            ++*told;
          }
        },
        std::views::iota(0, 8));
  });
  crew.join();
  CHECK(told->load() == 64);
  CHECK(f("short") == 5);
}
