// What goes wrong in a stage: it ends everything, soon, and is told where the results are read.
#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <ranges>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "iq/iq.hpp"
#include "support/process.hpp"

namespace {

using std::views::iota;
using Seconds = std::chrono::duration<double>;

int twice(int x) { return 2 * x; }

/// Runs it to its end; the failure that it ends with, which has to come within two seconds.
template <class Run>
iq::PipelineFailed failure_of(Run run) {
  const auto begun = std::chrono::steady_clock::now();
  try {
    run();
  } catch (const iq::PipelineFailed& failed) {
    CHECK(Seconds(std::chrono::steady_clock::now() - begun).count() < 2.0);
    CHECK(iqtest::reap_orphans());
    return failed;
  }
  throw std::runtime_error("the pipeline found nothing wrong");
}

pid_t parent_of(pid_t pid) {
  char path[64];
  std::snprintf(path, sizeof path, "/proc/%d/stat", pid);
  std::FILE* file = std::fopen(path, "r");
  int parent = 0;
  if (file != nullptr) {
    CHECK(std::fscanf(file, "%*d (%*[^)]) %*c %d", &parent) == 1);
    std::fclose(file);
  }
  return parent;
}

}  // namespace

TEST_CASE("PipelineFailed: an exception of a map: its type, text, stage, worker, pid and item") {
  iqtest::Shared<std::array<std::atomic<int>, 8>> throwers;  // the item comes again, to another
  auto thrown = iqtest::shared_counter();
  const iq::PipelineFailed failed = failure_of([&] {
    auto results = iq::pipeline()
                       .from(iota(0, 100))
                       .map(twice, {.workers = 2})
                       .map(
                           [&](int x) {
                             if (x != 20) return x;
                             (*throwers)[static_cast<std::size_t>((*thrown)++ % 8)] = ::getpid();
                             throw std::domain_error("oh no");
                           },
                           {.workers = 4, .capacity = 4, .name = "check"});
    for ([[maybe_unused]] const int x : results) {
    }
  });
  CHECK(failed.code() == iq::Errc::pipeline_failed);
  CHECK(failed.stage() == 2);
  CHECK(failed.stage_name() == "check");
  CHECK(failed.worker() >= 0);
  CHECK(failed.worker() < 4);
  CHECK(std::ranges::any_of(*throwers, [&](const auto& pid) { return pid == failed.pid(); }));
  CHECK(failed.signal() == 0);
  CHECK(failed.item() == 10U);
  CHECK(failed.exception_type() == "std::domain_error");
  CHECK(failed.exception_text() == "oh no");
  CHECK(failed.failure().name == "check");
  const std::string expected = "a pipeline failed: worker " + std::to_string(failed.worker()) +
                               " (pid " + std::to_string(failed.pid()) +
                               ", stage 2 \"check\") threw std::domain_error: oh no, at item 10";
  CHECK(std::string(failed.what()) == expected);
}

TEST_CASE("PipelineFailed: an exception of a predicate, of the source, of a sink, of a chain") {
  const auto fail_at = [](int at) {
    return [at](int x) {
      if (x == at) throw std::runtime_error("no " + std::to_string(x));
      return true;
    };
  };
  SUBCASE("filter") {
    const auto failed = failure_of([&] {
      iq::pipeline().from(iota(0)).filter(fail_at(5), {.workers = 3}).for_each([](int) {});
    });
    CHECK(failed.stage_name() == "filter");
    CHECK(failed.item() == 5U);
  }
  SUBCASE("source") {
    const auto failed = failure_of([&] {
      iq::pipeline().from(iota(0) | std::views::transform(fail_at(7))).for_each([](bool) {});
    });
    CHECK(failed.stage() == 0);
    CHECK(failed.stage_name() == "from");
    CHECK(failed.item() == 7U);
    CHECK(failed.exception_text() == "no 7");
  }
  SUBCASE("for_each") {
    const auto failed = failure_of(
        [&] { iq::pipeline().from(iota(0)).map(twice).for_each(fail_at(8), {.workers = 2}); });
    CHECK(failed.stage_name() == "for_each");
    CHECK(failed.item() == 4U);
  }
  SUBCASE("chain") {
    const auto failed = failure_of([&] {
      iq::pipeline()
          .from(iota(0))
          .chain([](iq::Consumer<int>& in, iq::Producer<int>& out) {
            out.put(*in.get());
            throw std::logic_error("enough");
          })
          .join();
    });
    CHECK(failed.stage() == 1);
    CHECK(failed.exception_type() == "std::logic_error");
  }
}

TEST_CASE("PipelineFailed: what was read before is right; the stream does not just end") {
  int read = 0;
  const auto failed = failure_of([&] {
    auto results = iq::pipeline()
                       .from(iota(0, 100))
                       .map(
                           [](int x) {
                             if (x == 50) throw std::runtime_error("half");
                             return x;
                           },
                           {.ordered = true});
    for (const int x : results) CHECK(x == read++);
  });
  CHECK(failed.item() == 50U);
  CHECK(read <= 50);
}

TEST_CASE("PipelineFailed: an endless source and a worker that is busy are ended too") {
  const auto failed = failure_of([] {
    iq::pipeline()
        .from(iota(0))
        .map(
            [](int x) {
              if (x == 3) throw std::runtime_error("stop");
              if (x == 2) ::sleep(60);
              return x;
            },
            {.workers = 4})
        .join();
  });
  CHECK(failed.item() == 3U);
}

TEST_CASE("PipelineFailed: readers of .out are told too, never shown a whole stream") {
  iq::IterableQueue<int> queue;
  auto pipeline = iq::pipeline()
                      .from(iota(0, 100))
                      .map(
                          [](int x) {
                            if (x == 50) throw std::runtime_error("half");
                            return x;
                          },
                          {.workers = 3, .out = &queue});
  pipeline.start();
  const auto read_all = [&queue] {
    for ([[maybe_unused]] const int x : queue.get_consumer()) {
    }
  };
  CHECK_THROWS_AS(read_all(), iq::ProducerFailed);
  CHECK(failure_of([&] { pipeline.join(); }).item() == 50U);
}

TEST_CASE("killed: a worker is replaced, its item comes again, the results are exact") {
  iqtest::Shared<std::array<std::atomic<int>, 300>> calls;
  auto results = iq::pipeline()
                     .from(iota(0, 300))
                     .map(
                         [&calls](int x) {
                           const bool is_first = ++(*calls)[static_cast<std::size_t>(x)] == 1;
                           if (x % 100 == 50 && is_first) ::raise(SIGKILL);
                           return x;
                         },
                         {.workers = 2})
                     .map(twice, {.workers = 2});
  std::vector<int> all;
  for (const int x : results) all.push_back(x);
  std::ranges::sort(all);
  REQUIRE(all.size() == 300);
  for (int i = 0; i < 300; ++i) {
    const auto at = static_cast<std::size_t>(i);
    CHECK(all[at] == 2 * i);
    CHECK((*calls)[at] == (i % 100 == 50 ? 2 : 1));
  }
}

TEST_CASE("killed: without restarts, or too often, it ends the pipeline") {
  SUBCASE("none") {
    const auto failed = failure_of([] {
      iq::pipeline()
          .from(iota(0))
          .map(
              [](int x) {
                if (x == 5) ::raise(SIGKILL);
                return x;
              },
              {.restarts = 0})
          .join();
    });
    CHECK(failed.signal() == SIGKILL);
    CHECK(failed.item() == 5U);
    CHECK(failed.stage() == 1);
    CHECK(std::string(failed.what())
              .find("was killed by signal 9 (SIGKILL), at item 5. It may be "
                    "replaced 0 times: .restarts") != std::string::npos);
  }
  SUBCASE("a source") {
    const auto failed = failure_of([] {
      iq::pipeline()
          .from(iota(0) | std::views::transform([](int x) {
                  if (x == 5) ::raise(SIGSEGV);
                  return x;
                }))
          .join();
    });
    CHECK(failed.signal() == SIGSEGV);
    CHECK(failed.stage() == 0);
    CHECK(failed.item() == 5U);
    CHECK(std::string(failed.what()).find("a state of its own") != std::string::npos);
  }
  SUBCASE("a function with a state") {
    const auto failed = failure_of([] {
      iq::pipeline()
          .from(iota(0))
          .map([sum = 0](int x) mutable {
            sum += x;
            if (x == 5) ::raise(SIGKILL);
            return sum;
          })
          .join();
    });
    CHECK(failed.signal() == SIGKILL);
  }
}

TEST_CASE("killed: an item that kills each worker is given up, and the end says so") {
  const auto results_of = [](bool ordered, std::vector<int>& read) {
    auto results = iq::pipeline()
                       .from(iota(0, 100))
                       .map(
                           [](int x) {
                             if (x == 42) ::raise(SIGKILL);
                             return x;
                           },
                           {.workers = 2, .ordered = ordered, .restarts = 10, .max_deliveries = 2});
    for (const int x : results) read.push_back(x);
  };
  for (const bool ordered : {false, true}) {
    CAPTURE(ordered);
    std::vector<int> read;
    const auto failed = failure_of([&] { results_of(ordered, read); });
    CAPTURE(failed.what());
    CHECK(failed.item() == 42U);
    CHECK(failed.stage() == 1);
    CHECK(std::string(failed.what()).find("1 item (42) killed 2 workers of stage \"map\"") !=
          std::string::npos);
    // In order nothing behind the gap can come; otherwise all the rest does.
    CHECK(read.size() == (ordered ? 42 : 99));
  }
}

TEST_CASE("killed: what came out beside a given up item is read, also after the end") {
  auto known = iqtest::shared_counter();
  int read = 0;
  const auto failed = failure_of([&] {
    auto results = iq::pipeline()
                       .from(iota(0, 100))
                       .map(
                           [&known](int x) {
                             if (x == 42) ::raise(SIGKILL);
                             if (x == 99) iqtest::wait_until([&] { return *known != 0; });
                             return std::pair(x, ::getppid());
                           },
                           {.capacity = 100, .max_deliveries = 1});
    for (const auto& [x, supervisor] : results) {
      if (read++ != 0) continue;
      const pid_t conductor = parent_of(supervisor);
      ++*known;
      CHECK(iqtest::wait_until([&] { return iqtest::has_ended(conductor); }));
    }
  });
  CHECK(failed.item() == 42U);
  CHECK(read == 99);
}

TEST_CASE("killed: the conductor's death ends everything, and is told") {
  auto results = iq::pipeline().from(iota(0)).map([](int x) { return std::pair(x, ::getppid()); });
  const auto failed = failure_of([&] {
    bool killed = false;
    for (const auto& [x, supervisor] : results) {
      if (killed) continue;
      killed = true;
      ::kill(parent_of(supervisor), SIGKILL);
    }
  });
  CHECK(failed.stage() == -1);
  CHECK(std::string(failed.what()).find("its conductor") != std::string::npos);
}

TEST_CASE("killed: the death of a stage's supervisor ends everything, and is told") {
  const auto failed = failure_of([&] {
    bool killed = false;
    for (const pid_t supervisor :
         iq::pipeline().from(iota(0)).map([](int) { return ::getppid(); }, {.workers = 2})) {
      if (!std::exchange(killed, true)) ::kill(supervisor, SIGKILL);
    }
  });
  CHECK(failed.stage() == 1);
  CHECK(std::string(failed.what()).find("its supervisor process was killed") != std::string::npos);
}

TEST_CASE("start: what cannot be had is told, and nothing is left of what had begun") {
  const auto failed = failure_of(
      [] { iq::pipeline().from(iota(0)).map(twice).map(twice, {.workers = 2000}).join(); });
  CHECK(failed.stage() == -1);
  CHECK(failed.exception_type() == "iq::TooManyEndpoints");
  CHECK(std::string(failed.what()).starts_with("a pipeline could not be started: "));
}
