// Futures, tasks and contexts where they do not belong: children of their process, other threads,
// the end of the program. An error that says what to do, never a hang or somebody else's memory.
#include <doctest/doctest.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <memory>
#include <optional>
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

/// As a program's main() would: children end by exit(), with all that this destroys.
template <class F>
iqtest::Exit run_to_exit(F&& body) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    body();
    std::exit(0);
  }
  return iqtest::Child(pid).wait();
}

}  // namespace

TEST_CASE(
    "misuse: a future is refused in a child and in another thread, and they call all the same") {
  Books book;
  iq::batched<int(int)> f{noting(book)};
  const iq::BatchContext context;
  const auto future = f.async(1);
  const auto refused_and_calls = [&]<class E>(E*) {
    const iq::BatchContext own;
    bool refused = false;
    try {
      future.get();
    } catch (const E&) {
      refused = true;
    }
    iqtest::require(refused, "refused");
    // One of our own that nothing can make ready: told while a task beside it ends.
    auto beside = iq::spawn([] { return 1; });
    refused = false;
    try {
      iq::transform(future, [](int i) { return i; }).get();
    } catch (const iq::WouldDeadlock&) {
      refused = true;
    }
    iqtest::require(refused, "told");
    iqtest::require(f(2) == 3, "calls of its own go");
  };
  iqtest::Child child =
      iqtest::spawn([&] { refused_and_calls(static_cast<iq::WrongProcess*>(nullptr)); });
  CHECK(child.wait().ok());
  std::thread([&] { refused_and_calls(static_cast<iq::WouldDeadlock*>(nullptr)); }).join();
  CHECK(future.get() == 2);
}

TEST_CASE("misuse: a future that stands for nothing is refused by pget, wait and chain") {
  const iq::Future<int> nothing;
  CHECK_THROWS_AS(iq::pget(std::vector{nothing}), iq::Closed);
  CHECK_THROWS_AS(iq::pget(nothing, iq::immediate(1)), iq::Closed);
  CHECK_THROWS_AS(iq::wait(std::vector{iq::immediate(1), nothing}, 1), iq::Closed);
  CHECK_THROWS_AS(iq::chain(nothing, [](int i) { return i; }).get(), iq::Closed);
}

TEST_CASE("misuse: a child forked by a task ends with that task, and the parent's go on") {
  Books book;
  iq::batched<int(int)> f{noting(book)};
  const iq::BatchContext context;
  const auto forks = [&](bool throws) {
    const pid_t pid = ::fork();
    if (pid != 0) return iqtest::Child(pid).wait();
    std::signal(SIGABRT, SIG_DFL);
    iq::pmap([&](int i) { return f(i); }, std::vector{1, 2});  // tasks of its own
    if (throws) {
      ::close(STDERR_FILENO);
      throw std::runtime_error("nobody catches this");
    }
    return iqtest::Exit{};
  };
  auto quiet = iq::spawn(forks, false);
  auto loud = iq::spawn(forks, true);
  auto beside = iq::spawn([&] { return f(5); });
  CHECK(quiet.get().ok());
  CHECK(loud.get().signal == SIGABRT);
  CHECK(beside.get() == 6);
}

TEST_CASE("misuse: a context that outlives its thread, shared or not, is left") {
  Books book;
  iq::batched<int(int)> f{noting(book)};
  for (const bool shared : {false, true}) {
    CHECK(run_to_exit([&] {
            static std::optional<iq::BatchContext> context;
            static iq::Future<int> unfinished;
            context.emplace();
            iq::WorkerGroup crew;
            if (shared) crew.fork(2, [&](int id) { f(id); });
            crew.join();
            unfinished = f.async(1);
            iqtest::require(f(2) == 3, "its own");
          }).ok());
  }
}
