// Sleeping and waking between processes, and the asymmetric fence.
#include "sys/futex.hpp"

#include <doctest/doctest.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>

#include <thread>

#include "support/process.hpp"

using iq::detail::futex_wait;
using iq::detail::futex_wake;
using iqtest::Child;
using iqtest::require;
using iqtest::Shared;
using iqtest::spawn;

namespace {

using Word = std::atomic<std::uint32_t>;
constexpr std::int64_t kMillisecond = 1'000'000;
constexpr std::int64_t kLong = 10'000 * kMillisecond;

bool sleeps(pid_t pid) {
  return iqtest::wait_until([pid] {
    char path[64];
    std::snprintf(path, sizeof path, "/proc/%d/wchan", pid);
    std::FILE* file = std::fopen(path, "re");
    if (file == nullptr) return false;
    char where[64] = "";
    const std::size_t length = std::fread(where, 1, sizeof where - 1, file);
    std::fclose(file);
    return std::string_view(where, length).find("futex") != std::string_view::npos;
  });
}

}  // namespace

TEST_CASE("futex_wait: returns at once when the word is another") {
  const Shared<Word> word(1U);
  CHECK_FALSE(futex_wait(*word, 0, kLong));
}

TEST_CASE("futex_wait: says that the time passed, and not before it passed") {
  const Shared<Word> word(0U);
  for (const std::int64_t limit : {std::int64_t{0}, std::int64_t{-5}, 30 * kMillisecond}) {
    const auto start = std::chrono::steady_clock::now();
    CHECK(futex_wait(*word, 0, limit));
    CHECK((std::chrono::steady_clock::now() - start).count() >= limit);
  }
}

TEST_CASE("futex_wake: wakes a sleeper in another process that shares nothing but the page") {
  const Shared<Word> word(0U);
  Child sleeper = spawn([&] {
    require(!futex_wait(*word, 0, kLong), "woken before the time passed");
  });
  REQUIRE(sleeps(sleeper.pid()));
  futex_wake(*word, 1);  // the word is unchanged: only the wake can have ended the sleep
  CHECK(sleeper.wait().ok());
}

TEST_CASE("futex_wake: wakes as many as asked") {
  const Shared<Word> word(0U);
  iqtest::Gate woken;
  const auto sleep = [&] {
    require(!futex_wait(*word, 0, kLong), "woken before the time passed");
    woken.post();
  };
  Child one = spawn(sleep);
  Child two = spawn(sleep);
  REQUIRE(sleeps(one.pid()));
  REQUIRE(sleeps(two.pid()));
  futex_wake(*word, 1);
  CHECK(woken.wait_for(iqtest::kPatienceS));
  CHECK_FALSE(woken.wait_for(0.02));
  futex_wake(*word, 100);
  CHECK(woken.wait_for(iqtest::kPatienceS));
}

TEST_CASE("futex_wait: a signal ends it early, and that is not a time-out") {
  const Shared<Word> word(0U);
  Child sleeper = spawn([&] {
    struct sigaction action {};
    action.sa_handler = [](int) {};
    ::sigaction(SIGUSR1, &action, nullptr);
    require(!futex_wait(*word, 0, kLong), "interrupted");
  });
  REQUIRE(sleeps(sleeper.pid()));
  sleeper.kill(SIGUSR1);
  CHECK(sleeper.wait().ok());
}

TEST_CASE("register_asymmetric_fence: the same answer again, and in a child") {
  const bool here = iq::detail::register_asymmetric_fence();
  CHECK(iq::detail::register_asymmetric_fence() == here);
  CHECK(spawn([here] { return iq::detail::register_asymmetric_fence() == here ? 0 : 1; })
            .wait()
            .ok());
}

namespace {

/// One round of the store-buffering litmus test, again and again between two processes.
struct Litmus {
  alignas(128) std::atomic<std::uint32_t> round{0};
  alignas(128) std::atomic<std::uint32_t> light{0};   // last round that the light side stored in
  alignas(128) std::atomic<std::uint32_t> heavy{0};   // the same of the heavy side
  alignas(128) std::atomic<std::uint32_t> light_saw{0};
  alignas(128) std::atomic<std::uint32_t> light_done{0};
  std::atomic<bool> stop{false};
};

/// Spins, and lets others run when that takes long. False when `give_up` says so.
template <class Done, class GiveUp>
bool spin_until(Done done, GiveUp give_up) {
  for (int spins = 1; !done(); ++spins) {
    if (spins % 2'000 != 0) continue;
    if (give_up()) return false;
    std::this_thread::yield();
  }
  return true;
}

/// Keeps the caller on the `nth` processor that it may use: on one and the same nothing reorders.
void stay_on_processor(int nth) {
  cpu_set_t allowed;
  ::sched_getaffinity(0, sizeof allowed, &allowed);
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &allowed) || nth-- > 0) continue;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    ::sched_setaffinity(0, sizeof one, &one);
    return;
  }
}

/// Store, no fence, load: what put does.
void run_light_side(Litmus& litmus) {
  const auto stopped = [&] { return litmus.stop.load(); };
  for (std::uint32_t round = 1;; ++round) {
    if (!spin_until([&] { return litmus.round.load() >= round; }, stopped)) return;
    litmus.light.store(round, std::memory_order_relaxed);
    std::atomic_signal_fence(std::memory_order_seq_cst);
    const std::uint32_t saw = litmus.heavy.load(std::memory_order_relaxed);
    litmus.light_saw.store(saw, std::memory_order_relaxed);
    litmus.light_done.store(round, std::memory_order_release);
  }
}

/// Store, heavy fence, load: what a consumer does before it sleeps. Counts the rounds in which
/// neither side saw the other's store.
std::uint32_t run_heavy_side(Litmus& litmus, double seconds) {
  const auto deadline = iqtest::deadline_in(seconds);
  const auto patience = iqtest::deadline_in(iqtest::kPatienceS);
  std::uint32_t missed = 0;
  for (std::uint32_t round = 1; std::chrono::steady_clock::now() < deadline; ++round) {
    litmus.round.store(round);
    for (std::uint32_t pause = 0; pause < round * 7 % 1'201; ++pause) {
      std::atomic_signal_fence(std::memory_order_seq_cst);  // meet it at different moments
    }
    litmus.heavy.store(round, std::memory_order_relaxed);
    iq::detail::heavy_fence();
    const bool saw_light = litmus.light.load(std::memory_order_relaxed) == round;
    const bool answered = spin_until(
        [&] { return litmus.light_done.load(std::memory_order_acquire) >= round; },
        [&] { return std::chrono::steady_clock::now() > patience; });
    require(answered, "the light side answers");
    const bool seen_by_light = litmus.light_saw.load(std::memory_order_relaxed) == round;
    if (!saw_light && !seen_by_light) ++missed;
  }
  return missed;
}

}  // namespace

TEST_CASE("heavy_fence: another process's store without a fence is not missed by both sides") {
  if (!iq::detail::register_asymmetric_fence()) iqtest::skip("membarrier is refused here");
  if (std::thread::hardware_concurrency() < 2) iqtest::skip("one processor cannot reorder");
  const Shared<Litmus> litmus;
  const auto missed = iqtest::shared_counter(-1);
  Child light = spawn([&] {
    stay_on_processor(0);
    run_light_side(*litmus);
  });
  Child heavy = spawn([&] {
    stay_on_processor(1);
    missed->store(run_heavy_side(*litmus, 1.5));
  });
  CHECK(heavy.wait().ok());
  litmus->stop = true;
  CHECK(light.wait().ok());
  CHECK(missed->load() == 0);
}
