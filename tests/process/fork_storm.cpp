// Forks in the midst of everything: threads put, get, attach and hammer malloc while the process
// forks a thousand times, and each child uses queues at once.
#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "iq/iq.hpp"
#include "support/process.hpp"

namespace {

using namespace std::chrono_literals;
using Texts = iq::IterableQueue<std::string>;
constexpr int kForks = 1'000;

/// An exit code instead of a CHECK: the child has a copy of locks that other threads held.
int child_works(Texts& inherited, int number) {
  try {
    if (number % 3 == 0) {  // takes part in its parent's queue
      inherited.adopt();
      inherited.get_producer().put("from a child");
    } else if (number % 3 == 1) {  // has a queue of its own
      Texts own({.capacity = 2, .bytes_per_producer = 1024});
      own.get_producer().put(std::string(200, 'x'));
      if (own.get_consumer().get() != std::string(200, 'x')) return 2;
    } else {  // only knows that it is another process
      auto producer = inherited.get_producer();
      return 3;
    }
  } catch (const iq::WrongProcess&) {
    return number % 3 == 2 ? 0 : 4;
  } catch (const iq::Error&) {
    return 5;
  }
  return 0;
}

struct Bystanders {
  std::atomic<bool> enough{false};
  std::atomic<int> passed{0};
  std::vector<std::thread> threads;

  ~Bystanders() {
    enough = true;
    for (std::thread& thread : threads) thread.join();
  }
};

/// Items go from one thread to another, over and over, while endpoints and queues come and go.
void start(Bystanders& all, const std::string& name) {
  all.threads.emplace_back([&] {
    for (std::size_t bytes = 8; !all.enough; bytes = bytes * 7 % 99'991) {
      void* volatile memory = std::malloc(bytes);  // not optimised away
      std::free(memory);
    }
  });
  all.threads.emplace_back([&] {
    Texts queue({.capacity = 16});
    auto producer = queue.get_producer();
    auto consumer = queue.get_consumer();
    std::thread taker([&] {
      while (consumer.get()) ++all.passed;
    });
    const std::string text(100, 'y');
    while (!all.enough || all.passed == 0) producer.put(text);
    producer.close();
    queue.close();
    taker.join();
  });
  all.threads.emplace_back([&] {
    while (!all.enough) {
      Texts queue(iq::open_or_create, name, {.capacity = 4});
      auto consumer = queue.get_consumer();
      queue.get_producer().put("z");
      (void)consumer.try_get();
    }
  });
}

}  // namespace

TEST_CASE("Forks: 1,000 beside threads that use queues and hammer malloc: no deadlock, none lost") {
  iqtest::limit_seconds(300);  // four seconds alone
  const std::string name = iqtest::temp_name("storm");
  const std::string ours = iqtest::temp_name("ours");
  Texts queue(iq::create_only, ours, {.capacity = 4});
  int from_children = 0;
  int failed = 0;
  {
    Bystanders all;
    start(all, name);
    auto consumer = queue.get_consumer();
    for (int number = 0; number < kForks; ++number) {
      const pid_t child = ::fork();
      if (child == 0) ::_exit(child_works(queue, number));
      REQUIRE(child > 0);
      int status = -1;
      const bool ended =
          iqtest::wait_until([&] { return ::waitpid(child, &status, WNOHANG) != 0; });
      REQUIRE(ended);  // a deadlock: the watchdog shows where
      failed += status != 0;
      while (consumer.try_get()) ++from_children;
    }
    CHECK(all.passed > 0);
  }
  CHECK(failed == 0);
  CHECK(from_children == (kForks + 2) / 3);
  CHECK(queue.producers() == 0);
  queue.close();
  iq::remove(name);
}
