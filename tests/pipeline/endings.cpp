// Ends that nobody planned: a reader that has enough, signals, a parent that dies. Nothing is left.
#include <doctest/doctest.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <ranges>
#include <stdexcept>
#include <string>
#include <thread>

#include "iq/iq.hpp"
#include "support/leaks.hpp"
#include "support/process.hpp"
#include "support/tree.hpp"

namespace {

using std::views::iota;
using Seconds = std::chrono::duration<double>;

int twice(int x) { return 2 * x; }

}  // namespace

TEST_CASE("enough: a reader that stops in the middle ends all stages in bounded time") {
  const auto begun = std::chrono::steady_clock::now();
  const auto read_ten = [] {
    auto results = iq::pipeline().from(iota(0)).map(twice, {.workers = 3}).map(twice);
    int count = 0;
    for ([[maybe_unused]] const int x : results) {
      if (++count == 10) break;
    }
  };
  SUBCASE("break") { read_ten(); }
  SUBCASE("an exception of the reader's") {
    const auto throw_at_ten = [] {
      int count = 0;
      for ([[maybe_unused]] const int x : iq::pipeline().from(iota(0)).map(twice)) {
        if (++count == 10) throw std::runtime_error("enough");
      }
    };
    CHECK_THROWS_AS(throw_at_ten(), std::runtime_error);
  }
  SUBCASE("started and never read") {
    auto results = iq::pipeline().from(iota(0)).map(twice);
    results.start();
  }
  SUBCASE("never started") { auto results = iq::pipeline().from(iota(0)).map(twice); }
  SUBCASE("a stage that is busy for long") {
    auto busy = iqtest::shared_counter();
    auto results = iq::pipeline().from(iota(0)).map([&busy](int x) {
      if (x == 3) {
        ++*busy;
        ::sleep(60);
      }
      return x;
    });
    results.start();
    CHECK(iqtest::wait_until([&] { return *busy == 1; }));
  }
  CHECK(Seconds(std::chrono::steady_clock::now() - begun).count() < 3.0);
  CHECK(iqtest::reap_orphans());
}

TEST_CASE("parent: when it is killed all its workers are gone within two seconds") {
  iqtest::Shared<std::array<std::atomic<int>, 4>> pids;
  auto child = iqtest::spawn([&] {
    auto results = iq::pipeline().from(iota(0)).map(
        [&pids, mine = -1](int x) mutable {
          static auto next = iqtest::shared_counter();
          if (mine < 0) {
            mine = x % 4;
            (*pids)[static_cast<std::size_t>(mine)] = ::getpid();
          }
          return x;
        },
        {.workers = 4});
    for ([[maybe_unused]] const int x : results) ::usleep(1000);
  });
  const auto pid = [&pids](std::size_t i) { return (*pids)[i].load(); };
  CHECK(iqtest::wait_until([&] { return pid(0) != 0; }));
  child.kill_and_wait();
  CHECK(iqtest::reap_orphans(2.0));
  for (std::size_t i = 0; i < 4; ++i) {
    if (pid(i) != 0) CHECK(iqtest::has_ended(pid(i)));
  }
}

TEST_CASE("signals: the first ends the source, what is on its way comes out; then Interrupted") {
  auto pulled = iqtest::shared_counter();
  int read = 0;
  const auto read_all = [&] {
    auto source = iota(0) | std::views::transform([&pulled](int x) {
                    ++*pulled;
                    return x;
                  });
    for ([[maybe_unused]] const int x : iq::pipeline().from(source).map(twice, {.workers = 3})) {
      if (++read == 20) ::kill(::getpid(), SIGINT);
    }
  };
  bool is_told = false;
  try {
    read_all();
  } catch (const iq::Interrupted& told) {
    is_told = true;
    CHECK(std::string(told.what()).find("by a signal (SIGINT)") != std::string::npos);
  }
  CHECK(is_told);
  // All that was put into the first queue came out; the item that was refused there did not.
  CHECK(read >= *pulled - 1);
  CHECK(read <= *pulled);
}

TEST_CASE("signals: what fails while the rest comes out ends it, also where others wait for it") {
  enum class End { throws, dies };
  auto interrupted = iqtest::shared_counter();
  const auto run = [&interrupted](End end) {
    iq::IterableQueue<int> queue({.capacity = 8192});
    iq::Producer<int> producer = queue.get_producer();
    for (int i = 0; i < 5000; ++i) producer.put(i);  // more than an order's window
    producer.close();
    queue.close();
    const auto fail_at_five = [&interrupted, end](int x) {
      if (x != 5) return x;
      iqtest::require(iqtest::wait_until([&] { return *interrupted != 0; }), "interrupted");
      if (end == End::dies) ::raise(SIGKILL);
      throw std::runtime_error("five");
    };
    int read = 0;
    for (const int x :
         iq::pipeline().from(queue).map(fail_at_five, {.workers = 8, .ordered = true})) {
      CHECK(x == read++);
      if (read != 2) continue;
      ::kill(::getpid(), SIGINT);
      ++*interrupted;
    }
  };
  for (const End end : {End::throws, End::dies}) {
    *interrupted = 0;
    const auto begun = std::chrono::steady_clock::now();
    std::string text;
    try {
      run(end);
    } catch (const iq::Interrupted& told) {
      text = told.what();
    }
    CAPTURE(text);
    CHECK(text.find("not all that was on its way came out") != std::string::npos);
    CHECK(text.find(end == End::throws ? "std::runtime_error: five" : "1 item (5) killed") !=
          std::string::npos);
    CHECK(Seconds(std::chrono::steady_clock::now() - begun).count() < 5.0);
  }
}

TEST_CASE("signals: one that a terminal sends to all is a request to this process only") {
  iqtest::Shared<std::array<std::atomic<int>, 2>> figures;  // read, whether it was Interrupted
  auto child = iqtest::spawn([&figures] {
    iqtest::require(::setpgid(0, 0) == 0, "a process group of its own");
    try {
      for (const int x : iq::pipeline().from(iota(0)).map(twice, {.workers = 3, .ordered = true})) {
        iqtest::require(x == 2 * (*figures)[0]++, "in order, without a hole");
        if (x == 200) ::kill(0, SIGINT);
      }
    } catch (const iq::Interrupted& told) {
      const std::string text = told.what();
      (*figures)[1] = text.ends_with("what was on its way came out") ? 1 : 2;
    }
  });
  CHECK(child.wait().ok());
  CHECK((*figures)[0] > 100);
  CHECK((*figures)[1] == 1);
}

TEST_CASE("signals: a TERM to all processes, as a service manager sends it, is Interrupted, too") {
  iqtest::Shared<std::array<std::atomic<int>, 2>> figures;  // read, whether it was Interrupted
  auto child = iqtest::spawn([&figures] {
    iqtest::require(::setpgid(0, 0) == 0, "a process group of its own");
    auto results = iq::pipeline().from(iota(0)).map(twice, {.workers = 3, .ordered = true});
    try {
      for (const int x : results) {
        iqtest::require(x == 2 * (*figures)[0]++, "in order, without a hole");
        if (x == 200) ::kill(0, SIGTERM);
      }
    } catch (const iq::Interrupted& told) {
      const std::string text = told.what();
      (*figures)[1] = text.find("by a signal (SIGTERM)") != std::string::npos ? 1 : 2;
    }
    iqtest::require(iqtest::reap_orphans(), "nobody is left");
  });
  CHECK(child.wait().ok());
  CHECK((*figures)[0] > 100);
  CHECK((*figures)[1] == 1);
}

TEST_CASE("signals: a TERM to the conductor alone is taken for one to its caller") {
  std::string text;
  try {
    int read = 0;
    for (const int x : iq::pipeline().from(iota(0)).map(twice, {.ordered = true})) {
      CHECK(x == 2 * read++);
      if (read != 20) continue;
      for (const iqtest::Process& process : iqtest::descendants(::getpid())) {
        const pid_t grandparent = iqtest::read_process(process.parent).parent;
        if (grandparent == ::getpid()) ::kill(process.pid, SIGTERM);
      }
    }
  } catch (const iq::Interrupted& told) {
    text = told.what();
  }
  CAPTURE(text);
  CHECK(
      text.ends_with("by a signal (SIGTERM): its source was ended, and what was on its way "
                     "came out"));
}

TEST_CASE("signals: the second kills what is stuck, whatever the reader does") {
  auto busy = iqtest::shared_counter();
  const auto run = [&] {
    iq::pipeline()
        .from(iota(0))
        .map([&busy](int x) {
          if (x == 3) {
            ++*busy;
            ::sleep(60);
          }
          return x;
        })
        .join();
  };
  std::thread killer([&] {
    iqtest::wait_until([&] { return *busy == 1; });
    ::kill(::getpid(), SIGINT);
    ::kill(::getpid(), SIGTERM);
  });
  const auto begun = std::chrono::steady_clock::now();
  CHECK_THROWS_AS(run(), iq::Interrupted);
  killer.join();
  CHECK(Seconds(std::chrono::steady_clock::now() - begun).count() < 5.0);
}

TEST_CASE("signals: a stream into a queue of the user's does not look whole when it is not") {
  auto busy = iqtest::shared_counter();
  iq::IterableQueue<int> queue({.capacity = 1024});
  iq::Consumer<int> results = queue.get_consumer();
  auto pipeline = iq::pipeline()
                      .from(iota(0))
                      .map([&busy](int x) {
                        if (x == 3) {
                          ++*busy;
                          ::sleep(60);
                        }
                        return x;
                      })
                      .map(twice, {.out = &queue});
  pipeline.start();
  CHECK(iqtest::wait_until([&] { return *busy == 1; }));
  ::kill(::getpid(), SIGINT);
  ::kill(::getpid(), SIGTERM);
  CHECK_THROWS_AS(pipeline.join(), iq::Interrupted);
  int read = 0;
  const auto read_all = [&] {
    while (const auto x = results.get()) CHECK(*x == 2 * read++);
  };
  CHECK_THROWS_AS(read_all(), iq::Error);
  CHECK(read <= 3);
}

TEST_CASE("many: one after another they leave no descriptor, process, file or memory") {
  iqtest::limit_seconds(120);
  constexpr int kPipelines = 1000;
  using Files = std::filesystem::directory_iterator;
  const auto shared_files = [] { return std::distance(Files("/dev/shm"), Files{}); };
  const auto run = [] {
    int sum = 0;
    for (const int x : iq::pipeline().from(iota(0, 10)).map(twice, {.workers = 2})) sum += x;
    CHECK(sum == 90);
  };
  for (int i = 0; i < 20; ++i) run();
  const auto descriptors = iqtest::take_snapshot().descriptors;
  const auto files = shared_files();
  const long memory_kib = iqtest::resident_kib();
  for (int i = 0; i < kPipelines; ++i) run();
  CHECK(iqtest::take_snapshot().descriptors == descriptors);
#if !defined(__SANITIZE_ADDRESS__)  // which keeps for a while what is freed, and tells leaks itself
  CHECK(iqtest::resident_kib() < memory_kib + 1024);
#else
  CHECK(memory_kib > 0);
#endif
  CHECK(shared_files() <= files);  // other programs may remove theirs meanwhile
  CHECK(iqtest::reap_orphans());
}

TEST_CASE("many: a hundred workers in one stage") {
  auto results = iq::pipeline().from(iota(0, 2000)).map(twice, {.workers = 100});
  long sum = 0;
  for (const int x : results) sum += x;
  CHECK(sum == 2L * 1999 * 1000);
}
