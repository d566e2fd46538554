// Stacks that one thread switches between.
#include "sys/fiber.hpp"

#include <doctest/doctest.h>

#include <cfenv>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "iq/error.hpp"
#include "support/process.hpp"

using iq::detail::Fiber;

namespace {

constexpr std::size_t kStackBytes = std::size_t{64} << 10;

struct Pair {
  Fiber main;
  std::unique_ptr<Fiber> other;
  std::vector<std::string> said;

  void to_other() { Fiber::switch_to(main, *other); }
  void to_main() { Fiber::switch_to(*other, main); }
};

/// Runs `body` with each way to switch that this processor has.
template <class F>
void both_ways(F&& body) {
  const bool usual = iq::detail::fibers_by_ucontext;
  for (const bool by_ucontext : {true, usual}) {
    CAPTURE(by_ucontext);
    iq::detail::fibers_by_ucontext = by_ucontext;
    body();
  }
}

void check_turns() {
  Pair pair;
  pair.other = std::make_unique<Fiber>(
      [](void* argument) {
        auto& mine = *static_cast<Pair*>(argument);
        int local = 0;
        for (;;) {
          mine.said.push_back("other " + std::to_string(++local));
          mine.to_main();
        }
      },
      &pair, kStackBytes);
  for (int i = 1; i <= 3; ++i) {
    pair.to_other();
    pair.said.push_back("main " + std::to_string(i));
  }
  CHECK(pair.said ==
        std::vector<std::string>{"other 1", "main 1", "other 2", "main 2", "other 3", "main 3"});
}

void check_exceptions() {
  Pair pair;
  pair.other = std::make_unique<Fiber>(
      [](void* argument) {
        auto& mine = *static_cast<Pair*>(argument);
        for (;;) {
          try {
            throw std::runtime_error("inner");
          } catch (...) {
            mine.to_main();
            try {
              throw;
            } catch (const std::exception& error) {
              mine.said.push_back(error.what());
            }
          }
          mine.to_main();
        }
      },
      &pair, kStackBytes);
  try {
    throw std::runtime_error("outer");
  } catch (...) {
    pair.to_other();
    CHECK(std::current_exception() != nullptr);
    try {
      throw;
    } catch (const std::exception& error) {
      pair.said.push_back(error.what());
    }
  }
  CHECK(std::current_exception() == nullptr);
  pair.to_other();
  CHECK(pair.said == std::vector<std::string>{"outer", "inner"});
}

}  // namespace

TEST_CASE("Fiber: runs when it is switched to, and goes on where it was") {
  both_ways(check_turns);
}

TEST_CASE("Fiber: each has its own record of exceptions that are being handled") {
  both_ways(check_exceptions);
}

TEST_CASE("Fiber: a stack that cannot be had is NoSpace, with what to do") {
  try {
    const Fiber fiber([](void*) {}, nullptr, std::size_t{1} << 60);
    FAIL("nothing was thrown");
  } catch (const iq::NoSpace& error) {
    CHECK(std::string(error.what()).find("iq::TaskPool") != std::string::npos);
  }
}

TEST_CASE("Fiber: too deep a recursion is a crash, not somebody else's memory") {
  iqtest::Child child = iqtest::spawn([] {
    Pair pair;
    pair.other = std::make_unique<Fiber>(
        [](void* argument) {
          struct Deep {
            static int go(volatile int* from) {
              volatile int room[256] = {*from};
              return room[0] == 2 ? 0 : go(room) + room[0];
            }
          };
          volatile int start = 1;
          static_cast<Pair*>(argument)->said.resize(static_cast<std::size_t>(Deep::go(&start)));
        },
        &pair, kStackBytes);
    pair.to_other();
  });
  CHECK(child.wait().signal != 0);
}
