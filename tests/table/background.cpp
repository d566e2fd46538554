// Tables that run while their owner does something else; what stop() means, and what an exit.
#include <doctest/doctest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <ranges>
#include <stdexcept>
#include <string>
#include <vector>

#include "iq/iq.hpp"
#include "support/process.hpp"

namespace {

using std::views::iota;
using Clock = std::chrono::steady_clock;

int same(int x) { return x; }

}  // namespace

TEST_CASE("background: start(), something else, stop(): then everything is done") {
  auto done = iqtest::shared_counter();
  iq::Steps p{iq::funcstep(same, 2), iq::funcstep([&](int) { ++*done; }, 2)};
  p.put_iterable(iota(0, 1'000));
  p.start();
  CHECK(p.alive());
  p.stop();
  CHECK(*done == 1'000);
  CHECK(p.count() == 1'000);
  CHECK(iqtest::reap_orphans());
}

TEST_CASE("background: a scope is the same: what is behind it may rely on all being done") {
  auto done = iqtest::shared_counter();
  iq::Steps p{iq::funcstep([&](int) { ++*done; }, 2)};
  p.put_iterable(iota(0, 1'000));
  {
    const auto running = p.in_background();
    CHECK(p.alive());
    p.put(1'000);
  }
  CHECK(*done == 1'001);
  CHECK_FALSE(p.alive());
}

TEST_CASE("background: a scope throws what failed in it; one that is unwound ends at once") {
  SUBCASE("it throws") {
    iq::Steps p{iq::funcstep([](int) { throw std::runtime_error("in the background"); })};
    p.put(1);
    const auto in_scope = [&] { const auto running = p.in_background(); };
    CHECK_THROWS_AS(in_scope(), iq::PipelineFailed);
    CHECK_FALSE(p.ok());
  }
  SUBCASE("it was stopped by hand") {
    iq::Steps p{iq::funcstep(same)};
    {
      const auto running = p.in_background();
      p.put(1);
      p.stop();
    }
    CHECK(p.count() == 1);
  }
  SUBCASE("unwound") {
    const auto begun = Clock::now();
    iq::Steps p{iq::funcstep([](int) { ::sleep(60); })};
    p.put_iterable(iota(0, 1'000));
    const auto in_scope = [&] {
      const auto running = p.in_background();
      throw std::logic_error("of the user's");
    };
    CHECK_THROWS_AS(in_scope(), std::logic_error);
    CHECK(Clock::now() - begun < std::chrono::seconds(3));
    CHECK_FALSE(p.alive());
  }
  CHECK(iqtest::reap_orphans());
}

TEST_CASE("background: what an exception has cut short does not look whole, nor go on") {
  auto pulled = iqtest::shared_counter();
  iq::Steps p{iq::funcstep(same)};
  const auto in_scope = [&] {
    const auto running = p.in_background();
    p.put_iterable(iota(0) | std::views::filter([&](int) {
                     ++*pulled;
                     return false;
                   }));
    for (int i = 0; i < 10; ++i) p.put(i);
    CHECK(iqtest::wait_until([&] { return *pulled > 0; }));
    throw std::logic_error("of the user's");
  };
  CHECK_THROWS_AS(in_scope(), std::logic_error);
  CHECK(iqtest::reap_orphans());  // the range's reader too
  std::vector<int> read;
  const auto read_all = [&] {
    for (const int x : p.results()) read.push_back(x);
  };
  CHECK_THROWS_AS(read_all(), iq::Closed);
  CHECK(read.size() <= 10);
}

TEST_CASE("background: the destructor does the rest, and keeps no results that nobody can read") {
  const auto run = [](int entries) {
    iq::Steps p{iq::funcstep([](int) { return std::string(1'000, 'x'); }, {.capacity = 1'000})};
    p.put_iterable(iota(0, entries));
    for ([[maybe_unused]] const std::string& text : p.results()) break;
  };
  const auto most_kib = [] {
    rusage used{};
    ::getrusage(RUSAGE_SELF, &used);
    return used.ru_maxrss;
  };
  auto child = iqtest::spawn([&] {  // whose most is its own
    run(1'000);
    const long before = most_kib();
    run(60'000);
    iqtest::require(most_kib() - before < 20'000, "no results are kept");
  });
  CHECK(child.wait().ok());
}

TEST_CASE("background: stop() interrupts what may be endless, and drains what is on its way") {
  auto pulled = iqtest::shared_counter();
  iq::Steps p{iq::funcstep(same, 2)};
  p.put_iterable(iota(0) | std::views::transform([&](int x) {
                   ++*pulled;
                   return x;
                 }));
  p.start();
  CHECK(iqtest::wait_until([&] { return *pulled > 3; }));
  const auto begun = Clock::now();
  p.stop();
  CHECK(Clock::now() - begun < std::chrono::seconds(2));
  CHECK(p.ok());
  std::vector<int> all;
  for (const int x : p.results()) all.push_back(x);
  std::ranges::sort(all);
  // All that was pulled came out, but for the one that was in the source's hand.
  CHECK(std::ranges::equal(all, iota(0, static_cast<int>(all.size()))));
  CHECK(*pulled - static_cast<std::int64_t>(all.size()) <= 1);
}

TEST_CASE("background: stop() does not wait for a range that does not come back") {
  auto done = iqtest::shared_counter();
  auto blocked = iqtest::shared_counter();
  iq::Steps p{iq::funcstep(same, 2), iq::funcstep([&](int) { ++*done; })};
  p.put_iterable(iota(0) | std::views::transform([&](int x) {
                   if (x == 100) {
                     ++*blocked;
                     ::sleep(60);
                   }
                   return x;
                 }));
  p.put_iterable(iota(1'000, 1'100));
  p.start();
  CHECK(iqtest::wait_until([&] { return *blocked == 1 && *done == 200; }));
  const auto begun = Clock::now();
  p.stop();
  CHECK(Clock::now() - begun < std::chrono::seconds(3));
  CHECK(p.ok());
  CHECK(*done == 200);
  CHECK(iqtest::reap_orphans());
}

TEST_CASE("background: stop() does not wait for a range that waits in a stream, nor for its lock") {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  std::FILE* stream = ::fdopen(ends[0], "r");
  auto blocked = iqtest::shared_counter();
  iq::Steps p{iq::funcstep([](int) {})};
  p.put_iterable(iota(0) | std::views::transform([&](int x) {
                   char line[16];
                   if (x == 100) ++*blocked;
                   if (x == 100 && std::fgets(line, sizeof line, stream) == nullptr) return -1;
                   return x;
                 }));
  p.start();
  CHECK(iqtest::wait_until([&] { return *blocked == 1; }));
  const auto begun = Clock::now();
  p.stop();
  CHECK(Clock::now() - begun < std::chrono::seconds(3));
  CHECK(p.count() == 100);
  CHECK(iqtest::reap_orphans());
  std::fclose(stream);
  ::close(ends[1]);
}

TEST_CASE("background: an input queue: until its producers close, or until stop()") {
  iq::IterableQueue<int> queue;
  auto into = queue.get_producer();
  auto done = iqtest::shared_counter();
  iq::Steps p{iq::funcstep([&](int) { ++*done; }, 2)};
  p.take_from(queue);
  SUBCASE("its producers close: run() returns") {
    for (int i = 0; i < 100; ++i) into.put(i);
    into.close();
    queue.close();
    p.run();
    CHECK(*done == 100);
  }
  SUBCASE("stop(): what comes later stays in the queue") {
    p.start();
    for (int i = 0; i < 100; ++i) into.put(i);
    CHECK(iqtest::wait_until([&] { return *done == 100; }));
    CHECK(p.alive());
    p.stop();
    CHECK(*done == 100);
    into.put(100);
    CHECK(queue.get_consumer().get() == 100);
  }
  SUBCASE("stop() with a full queue: nothing is lost between the two") {
    into.put_all(std::vector<int>(10'000, 1));
    p.start();
    CHECK(iqtest::wait_until([&] { return *done > 100; }));
    p.stop();
    CHECK(queue.size() == 10'000 - static_cast<std::uint64_t>(*done));
  }
  CHECK(p.ok());
  CHECK(iqtest::reap_orphans());
}

TEST_CASE("background: a table that is destroyed while it runs has done everything then") {
  auto done = iqtest::shared_counter();
  {
    iq::Steps p{iq::funcstep(same, 2), iq::funcstep([&](int) { ++*done; })};
    p.put_iterable(iota(0, 500));
    p.put_iterable(iota(1'000'000));
    p.start();
  }
  CHECK(*done >= 500);
  CHECK(iqtest::reap_orphans());
}

TEST_CASE("background: a daemon that is destroyed while it runs ends at once") {
  auto begun = iqtest::shared_counter();
  const auto start = Clock::now();
  {
    iq::Steps p{iq::StepsOptions{.daemon = true}, iq::funcstep([&](int) {
                  ++*begun;
                  ::sleep(60);
                })};
    p.put_iterable(iota(0, 500));
    p.start();
    CHECK(iqtest::wait_until([&] { return *begun == 1; }));
  }
  CHECK(Clock::now() - start < std::chrono::seconds(3));
  CHECK(*begun == 1);
  CHECK(iqtest::reap_orphans());
}

TEST_CASE("background: exit() waits for a table that is no daemon, and not for one that is") {
  auto done = iqtest::shared_counter();
  const auto leave_early = [&](bool daemon) {
    return iqtest::spawn([&done, daemon] {
      iq::Steps p{iq::StepsOptions{.daemon = daemon}, iq::funcstep([&done](int) {
                    ::usleep(1'000);
                    ++*done;
                  })};
      p.put_iterable(iota(0, 300));
      p.start();
      std::exit(5);  // p is not destroyed
    });
  };
  SUBCASE("no daemon") {
    auto child = leave_early(false);
    CHECK(child.wait() == iqtest::Exit{5, 0});
    CHECK(*done == 300);
  }
  SUBCASE("daemon") {
    auto child = leave_early(true);
    CHECK(child.wait() == iqtest::Exit{5, 0});
    CHECK(iqtest::reap_orphans(2.0));
    CHECK(*done < 300);
  }
  CHECK(iqtest::reap_orphans());
}

TEST_CASE("background: a forked child that leaves the scope leaves its parent's table alone") {
  struct Closing {
    iqtest::SharedCounter* closed;
    void step_shutdown() const { ++**closed; }
    int process(int x) const { return x; }
  };
  for (const iq::RunIn run_in : {iq::RunIn::processes, iq::inline_mode}) {
    CAPTURE(static_cast<int>(run_in));
    auto closed = iqtest::shared_counter();
    std::optional<decltype(iq::Steps{iq::step(Closing{&closed})})> p;
    p.emplace(iq::StepsOptions{.run_in = run_in}, iq::step(Closing{&closed}));
    p->put(1);
    {
      const auto running = p->in_background();
      const int pid = ::fork();
      if (pid == 0) {
        try {
          std::destroy_at(&running);
          p.reset();
        } catch (...) {
          ::_exit(1);
        }
        ::_exit(0);
      }
      int status = 0;
      CHECK(::waitpid(pid, &status, 0) == pid);
      CHECK(status == 0);
      CHECK(*closed == 0);
    }
    CHECK(p->count() == 1);
    CHECK(p->ok());
    CHECK(*closed == 1);
  }
}

TEST_CASE(
    "background: Ctrl-C behind the end, which nobody has been told yet, is the program's own") {
  auto child = iqtest::spawn([] {
    ::signal(SIGINT, SIG_DFL);
    iq::Steps p{iq::funcstep([](int) {})};
    p.put(1);
    p.start();
    p.finish();
    iqtest::require(iqtest::wait_until([&] { return p.report().has_ended; }), "ended");
    ::raise(SIGINT);
    p.wait();
  });
  CHECK(child.wait().signal == SIGINT);
  CHECK(iqtest::reap_orphans(2.0));
}

TEST_CASE("background: a child that the program forks itself leaves its parent's table alone") {
  auto done = iqtest::shared_counter();
  iq::Steps p{iq::funcstep([&](int) { ++*done; })};
  p.start();
  p.put(1);
  auto child = iqtest::spawn([] { std::exit(0); });
  CHECK(child.wait().ok());
  auto user = iqtest::spawn([&] {
    const auto is_refused = [](auto call) {
      try {
        call();
      } catch (const iq::WrongProcess&) {
        return true;
      }
      return false;
    };
    iqtest::require(is_refused([&] { p.put(3); }), "put");
    iqtest::require(is_refused([&] { p.stop(); }), "stop");
    iqtest::require(is_refused([&] { p.wait(); }), "wait");
    iqtest::require(is_refused([&] { p.start(); }), "start");
  });
  CHECK(user.wait().ok());
  CHECK(p.alive());
  p.put(2);
  p.stop();
  CHECK(*done == 2);
}
