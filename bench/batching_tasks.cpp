// What a task costs beside what it could have been instead: a coroutine, a thread, a context of the
// C library. Decided docs/decisions/0011. Usage: batching-tasks [SECONDS PER FIGURE]
#include <fmt/format.h>
#include <ucontext.h>

#include <algorithm>
#include <chrono>
#include <coroutine>
#include <cstdlib>
#include <exception>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "iq/task.hpp"

namespace {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

constexpr int kRounds = 7;
constexpr int kFew = 50;       // stacks that are kept as they are
constexpr int kSome = 1'000;   // that are kept
constexpr int kMany = 10'000;  // tasks
constexpr int kThreads = 1'000;
constexpr int kSwitches = 10'000;

/// So many tasks that all wait for the same one, which comes last.
void wait_once(int tasks) {
  iq::Future<int> last;
  std::vector<iq::Future<void>> waiting;
  for (int i = 0; i < tasks; ++i) waiting.push_back(iq::spawn([&last] { last.get(); }));
  last = iq::spawn([] { return 1; });
  iq::pget(waiting);
}

/// Two tasks that let each other run: a switch, and the line that tasks stand in.
void take_turns() {
  const auto yields = [] {
    for (int i = 0; i < kSwitches / 2; ++i) iq::detail::yield_task();
  };
  iq::pget(iq::spawn(yields), iq::spawn(yields));
}

ucontext_t here;
ucontext_t there;

void swap_back() {
  for (;;) ::swapcontext(&there, &here);
}

void swap_contexts() {
  for (int i = 0; i < kSwitches / 2; ++i) ::swapcontext(&here, &there);
}

/// The least that a coroutine can be.
class Coroutine {
 public:
  struct promise_type {
    Coroutine get_return_object() {
      return Coroutine(std::coroutine_handle<promise_type>::from_promise(*this));
    }
    std::suspend_always initial_suspend() noexcept { return {}; }
    std::suspend_always final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { std::terminate(); }
  };
  explicit Coroutine(std::coroutine_handle<promise_type> handle) : handle_(handle) {}
  Coroutine(const Coroutine&) = delete;
  Coroutine& operator=(const Coroutine&) = delete;
  ~Coroutine() { handle_.destroy(); }
  void resume() { handle_.resume(); }

 private:
  std::coroutine_handle<promise_type> handle_;
};

int coroutine_steps = 0;

[[gnu::noinline]] Coroutine step_by_step(int steps) {
  for (int i = 0; i < steps; ++i) {
    ++coroutine_steps;
    co_await std::suspend_always{};
  }
}

void run_coroutine() {
  Coroutine one = step_by_step(0);
  one.resume();
}

// There and back is as much as two switches.
void resume_coroutine() {
  Coroutine one = step_by_step(kSwitches / 2);
  for (int i = 0; i < kSwitches / 2; ++i) one.resume();
}

void start_threads(int threads) {
  std::vector<std::thread> started;
  started.reserve(static_cast<std::size_t>(threads));
  for (int i = 0; i < threads; ++i) started.emplace_back([] {});
  for (std::thread& thread : started) thread.join();
}

/// One row: what is done, how many of what is counted that makes.
struct Row {
  std::string what;
  int count;
  std::function<void()> work;
  std::vector<double> ns{};

  void measure(double seconds) {
    std::int64_t times = 0;
    Seconds took{0};
    const auto begun = Clock::now();
    while (took.count() < seconds) {
      work();
      ++times;
      took = Clock::now() - begun;
    }
    ns.push_back(took.count() * 1e9 / static_cast<double>(times) / count);
  }
  void show() {
    std::sort(ns.begin(), ns.end());
    fmt::print("  {:<52}{:>10.0f}   ({:.0f} to {:.0f})\n", what, ns[ns.size() / 2], ns.front(),
               ns.back());
  }
};

}  // namespace

int main(int argc, char** argv) {
  const double seconds = argc > 1 ? std::atof(argv[1]) : 0.2;
  static std::vector<char> stack(256 << 10);
  ::getcontext(&there);
  there.uc_stack.ss_sp = stack.data();
  there.uc_stack.ss_size = stack.size();
  ::makecontext(&there, swap_back, 0);
  std::vector<Row> rows{
      {"a task: spawn, run, end", 1, [] { iq::spawn([] {}).get(); }},
      {fmt::format("{} at a time that wait once", kFew), kFew, [] { wait_once(kFew); }},
      {fmt::format("{} at a time that wait once", kSome), kSome, [] { wait_once(kSome); }},
      {fmt::format("{} at a time that wait once", kMany), kMany, [] { wait_once(kMany); }},
      {"a switch, with its line", kSwitches, take_turns},
      {"swapcontext", kSwitches, swap_contexts},
      {"a coroutine: make, run, end", 1, run_coroutine},
      {"a coroutine's switch", kSwitches, resume_coroutine},
      {"std::thread: start, join", 1, [] { start_threads(1); }},
      {fmt::format("std::thread, {} at a time", kThreads), kThreads,
       [] { start_threads(kThreads); }},
  };
  for (int round = 0; round < kRounds; ++round) {
    for (Row& row : rows) row.measure(seconds);
  }
  fmt::print("ns each: the median of {}, the least and the most\n", kRounds);
  for (Row& row : rows) row.show();
}
