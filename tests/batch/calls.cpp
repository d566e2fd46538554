// Calls of batched functions between real processes: each caller gets its own result or error.
#include <doctest/doctest.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <future>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "iq/batch.hpp"
#include "iq/batch_context.hpp"
#include "iq/error.hpp"
#include "iq/worker_group.hpp"
#include "support/process.hpp"

using namespace std::chrono_literals;

namespace {

struct User {
  int id;
  std::string name;
  friend bool operator==(const User&, const User&) = default;
};

std::vector<int> add_one(std::span<const int> batch) {
  std::vector<int> results;
  for (const int i : batch) results.push_back(i + 1);
  return results;
}

template <class E, class F>
std::string text_of(F&& call) {
  try {
    call();
  } catch (const E& error) {
    return typeid(error) == typeid(E) ? error.what() : std::string("a derived type");
  }
  return "nothing was thrown";
}

class OwnError : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace

TEST_CASE("batched: a plain call gives its result, served by another process") {
  iqtest::Shared<std::atomic<int>> server(0);
  iq::batched<int(int)> f{[&](std::span<const int> batch) {
    server->store(::getpid());
    return add_one(batch);
  }};
  CHECK(f(1) == 2);
  CHECK(f(41) == 42);
  CHECK(server->load() != ::getpid());
  REQUIRE(f.server_pids().size() == 1);
  CHECK(server->load() == f.server_pids()[0]);
}

TEST_CASE(
    "batched: arguments and results of any encodable type, several arguments, none returned") {
  iq::batched<User(int, std::string)> make{[](std::span<const std::tuple<int, std::string>> batch) {
    std::vector<User> users;
    for (const auto& [id, name] : batch) users.push_back({id, name});
    return users;
  }};
  const std::string long_name(5000, 'x');
  CHECK(make(7, "seven") == User{7, "seven"});
  CHECK(make(8, long_name) == User{8, long_name});

  auto sum = iqtest::shared_counter();
  iq::batched<void(int)> add{[&](std::span<const int> batch) {
    for (const int i : batch) sum->fetch_add(i);
  }};
  add(3);
  add.async(4).get();
  CHECK(sum->load() == 7);
}

TEST_CASE("batched: a future is ready when its result has come, and gives it more than once") {
  iqtest::Gate go;
  iq::batched<int(int)> f{[&](std::span<const int> batch) {
    go.wait();
    return add_one(batch);
  }};
  auto future = f.async(1);
  CHECK_FALSE(future.ready());
  CHECK(future.get_for(10ms).status() == iq::Status::timeout);
  CHECK_FALSE(future.ready());
  go.post();
  CHECK(future.get_for(10s).value() == 2);
  CHECK(future.ready());
  CHECK(future.get() == 2);
  CHECK(std::move(future).get() == 2);
}

TEST_CASE("batched: what the function throws reaches the caller, std's types as they are") {
  enum Kind { runtime, range, system, plain, empty, own, text, ours };
  iq::batched<int(int)> f{[](std::span<const int> batch) -> std::vector<int> {
    switch (batch[0]) {
      case runtime: throw std::runtime_error("no luck");
      case range: throw std::out_of_range("too far");
      case system: throw std::system_error(ENOENT, std::generic_category(), "reading");
      case plain: throw std::bad_alloc();
      case empty: return {std::optional<int>().value()};
      case own: throw OwnError("mine");
      case text: throw std::string("just text");
      default: throw iq::TooLarge("of ours");
    }
  }};
  CHECK(text_of<std::runtime_error>([&] { f(runtime); }) == "no luck");
  CHECK(text_of<std::out_of_range>([&] { f(range); }) == "too far");
  CHECK(text_of<std::system_error>([&] { f(system); }) ==
        std::system_error(ENOENT, std::generic_category(), "reading").what());
  CHECK(text_of<std::bad_alloc>([&] { f(plain); }) == std::string("std::bad_alloc"));
  CHECK(text_of<std::bad_optional_access>([&] { f(empty); }) == "bad optional access");
  CHECK(text_of<iq::TooLarge>([&] { f(ours); }) == "of ours");
  try {
    f(own);
    FAIL("nothing was thrown");
  } catch (const iq::RemoteError& error) {
    CHECK(error.type().find("OwnError") != std::string::npos);
    CHECK(error.text() == "mine");
    CHECK(error.code() == iq::Errc::remote);
  }
  try {
    f(text);
    FAIL("nothing was thrown");
  } catch (const iq::RemoteError& error) {
    CHECK(error.type() == "std::string");
    CHECK(error.text() == "just text");
  }
  CHECK(text_of<std::runtime_error>([&] { f(runtime); }) == "no luck");  // it serves on
}

TEST_CASE("batched: 8 callers in 8 processes, each gets its own result") {
  iq::batched<int(int)> f{add_one, {.max_size = 4, .servers = 2}};
  auto right = iqtest::shared_counter();
  iq::WorkerGroup crew;
  crew.fork(8, [&](int id) {
    for (int i = 0; i < 100; ++i) *right += f(1000 * id + i) == 1000 * id + i + 1;
  });
  crew.join();
  CHECK(right->load() == 800);
}

TEST_CASE("batched: children forked beside threads that make their first calls call at once") {
  iq::batched<int(int)> f{add_one, {.servers = 2}};
  std::atomic<bool> stop{false};
  std::thread starter([&] {
    while (!stop) std::thread([&] { f(1); }).join();
  });
  for (int i = 0; i < 100; ++i) {
    iqtest::Child child = iqtest::spawn([&] { iqtest::require(f(i) == i + 1, "its own"); });
    CHECK(child.wait().ok());
  }
  stop = true;
  starter.join();
}

TEST_CASE("batched: a call after the function's end says Closed, in a child too") {
  iqtest::Gate called;
  iqtest::Gate ended;
  std::optional<iq::batched<int(int)>> f;
  f.emplace(add_one);
  iqtest::Child child = iqtest::spawn([&] {
    iqtest::require((*f)(1) == 2, "served while it lasts");
    called.post();
    ended.wait();
    try {
      (*f)(1);
    } catch (const iq::Closed&) {
      return 0;
    }
    return 1;
  });
  called.wait();
  f.reset();
  ended.post();
  CHECK(child.wait().ok());
}

TEST_CASE("batched: a result larger than a reply is an error to its caller, with both sizes") {
  iq::batched<std::string(int)> f{[](std::span<const int> batch) {
    std::vector<std::string> results;
    for (const int bytes : batch) results.emplace_back(static_cast<std::size_t>(bytes), 'x');
    return results;
  }};
  CHECK(f(100'000).size() == 100'000);
  CHECK(text_of<iq::TooLarge>([&] { f(10'000'000); }).find("10000004 bytes") != std::string::npos);
  CHECK(f(10) == std::string(10, 'x'));
}

TEST_CASE("batched: a call that is too large says so in the words of functions, not of queues") {
  const std::string name = iqtest::temp_name("large");
  iq::batched<int(std::string)> f{iq::create_only, name, [](std::span<const std::string> batch) {
                                    return std::vector<int>(batch.size());
                                  }};
  for (const bool in_context : {false, true}) {
    std::optional<iq::BatchContext> context;
    if (in_context) context.emplace();
    const std::string text =
        text_of<iq::TooLarge>([&] { f(std::string(std::size_t{3} << 20, 'x')); });
    CHECK(text.find("cannot call batched function \"" + name + "\"") != std::string::npos);
    CHECK(text.find("at most 2097152 fit. Make the function with iq::BatchOptions{.bytes = ") !=
          std::string::npos);
    CHECK(f("short") == 0);
  }
}

TEST_CASE("batched: no servers is refused, and so is a delay below 0") {
  CHECK_THROWS_AS((iq::batched<int(int)>{add_one, {.servers = 0}}), iq::BadArgument);
  using namespace std::chrono_literals;
  CHECK(text_of<iq::BadArgument>([] {
          iq::batched<int(int)>{add_one, {.max_delay = -5ms}};
        }).find("-5000000 ns") != std::string::npos);
}
