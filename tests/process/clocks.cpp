// Time: deadlines are kept on the monotonic clock, whatever signals come and whatever else a clock
// of the process may show.
#include <dlfcn.h>
#include <doctest/doctest.h>
#include <sched.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <fstream>
#include <string>

#include "iq/iq.hpp"
#include "support/process.hpp"

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using iqtest::require;
using Queue = iq::IterableQueue<int>;
constexpr auto kLate = 1s;  // what a busy machine may add

std::atomic<unsigned> signals{0};

/// A signal every half millisecond, for every thread to meet.
class Storm {
 public:
  explicit Storm(int flags) {
    struct sigaction action {};
    action.sa_handler = [](int) { ++signals; };
    action.sa_flags = flags;
    require(::sigaction(SIGALRM, &action, nullptr) == 0, "sigaction");
    const itimerval often{{0, 500}, {0, 500}};
    require(::setitimer(ITIMER_REAL, &often, nullptr) == 0, "setitimer");
  }
  ~Storm() {
    const itimerval never{};
    ::setitimer(ITIMER_REAL, &never, nullptr);
  }
};

template <class F>
void takes(std::chrono::milliseconds wanted, const char* what, F&& call) {
  const auto begin = Clock::now();
  call();
  const auto taken = Clock::now() - begin;
  require(taken >= wanted, std::string(what) + " returns too early");
  require(taken < wanted + kLate, std::string(what) + " returns too late");
}

#ifndef CLONE_NEWTIME
constexpr int CLONE_NEWTIME = 0x80;
#endif

std::atomic<bool> clock_is_set_all_the_time{false};
std::atomic<unsigned> steps{0};

}  // namespace

// As if somebody set the wall clock again and again, to a day before or behind: setting the real
// one would trouble every process of the machine.
extern "C" int clock_gettime(clockid_t clock, timespec* time) noexcept {
  static const auto real =
      reinterpret_cast<int (*)(clockid_t, timespec*)>(::dlsym(RTLD_NEXT, "clock_gettime"));
  const int result = real(clock, time);
  if (clock == CLOCK_REALTIME && clock_is_set_all_the_time) {
    time->tv_sec += ++steps % 2 == 0 ? 86'400 : -86'400;
  }
  return result;
}

TEST_CASE("Time: in a storm of signals deadlines are kept, with SA_RESTART and without") {
  for (const int flags : {0, SA_RESTART}) {
    iqtest::Child child = iqtest::spawn([flags] {
      Queue empty;
      Queue full({.capacity = 1});
      auto consumer = empty.get_consumer();
      auto producer = full.get_producer();
      producer.put(1);
      const Storm storm(flags);
      takes(200ms, "get_for", [&] {
        require(consumer.get_for(200ms).status() == iq::Status::timeout, "nothing comes");
      });
      takes(200ms, "get_until", [&] {
        require(consumer.get_until(Clock::now() + 200ms).status() == iq::Status::timeout,
                "nothing comes");
      });
      takes(200ms, "put_for", [&] {
        require(producer.put_for(2, 200ms) == iq::Status::timeout, "there is no room");
      });
      require(signals > 100, "the storm blows");
    });
    CHECK(child.wait().ok());
  }
}

TEST_CASE("Time: in a storm of signals a waiting get and put go on when they can, and end") {
  const std::string name = iqtest::temp_name("storm");
  Queue queue(iq::create_only, name, {.capacity = 2});
  iqtest::Child child = iqtest::spawn([&] {
    Queue own(iq::open_only, name);
    auto consumer = own.get_consumer();
    const Storm storm(0);
    int sum = 0;
    for (const int item : consumer) sum += item;
    require(sum == 500 * 499 / 2, "each item comes once");
  });
  {
    auto producer = queue.get_producer();
    const Storm storm(0);
    for (int i = 0; i < 500; ++i) producer.put(i);  // waits for room
  }
  queue.close();
  CHECK(child.wait().ok());
}

TEST_CASE("Time: creating and attaching come through a storm of signals") {
  iqtest::Child child = iqtest::spawn([] {
    const Storm storm(0);
    const std::string name = iqtest::temp_name("storm");
    for (int i = 0; i < 50; ++i) {
      Queue queue(iq::create_only, name);
      auto consumer = queue.get_consumer();
      queue.get_producer().put(i);
      require(consumer.get() == i, "an item passes");
      consumer.ack();
      queue.close();
    }
  });
  CHECK(child.wait().ok());
}

TEST_CASE("Time: a wall clock that is set back and forth moves no deadline") {
  iqtest::Child child = iqtest::spawn([] {
    clock_is_set_all_the_time = true;
    const auto now = std::chrono::system_clock::now();
    require(std::chrono::abs(std::chrono::system_clock::now() - now) > 40h, "it is set");
    Queue empty;
    Queue full({.capacity = 1});
    auto consumer = empty.get_consumer();
    auto producer = full.get_producer();
    producer.put(1);
    takes(200ms, "get_for", [&] {
      require(consumer.get_for(200ms).status() == iq::Status::timeout, "nothing comes");
    });
    takes(200ms, "get_until", [&] {
      require(consumer.get_until(Clock::now() + 200ms).status() == iq::Status::timeout,
              "nothing comes");
    });
    takes(200ms, "put_for",
          [&] { require(producer.put_for(2, 200ms) == iq::Status::timeout, "there is no room"); });
  });
  CHECK(child.wait().ok());
}

TEST_CASE("Time: processes whose monotonic clocks are days apart share a queue and its wakes") {
  const std::string name = iqtest::temp_name("timens");
  Queue queue(iq::create_only, name);
  iqtest::Flag refused;
  iqtest::Gate waits;
  iqtest::Child outer = iqtest::spawn([&] {
    const bool made =
        ::unshare(CLONE_NEWTIME) == 0 &&
        static_cast<bool>(std::ofstream("/proc/self/timens_offsets") << "monotonic 500000 0\n"
                                                                     << std::flush);
    if (!made) {
      refused.set();
      waits.post();
      return;
    }
    const auto here = Clock::now();
    iqtest::Child inner = iqtest::spawn([&] {
      require(Clock::now() - here > 400'000s, "its clock is another one");
      Queue own(iq::open_only, name);
      auto consumer = own.get_consumer();
      takes(200ms, "get_for", [&] {
        require(consumer.get_for(200ms).status() == iq::Status::timeout, "nothing comes");
      });
      waits.post();
      require(consumer.get_for(10s).has_value(), "the item comes");
    });
    require(inner.wait().ok(), "the inner process is content");
  });
  waits.wait();
  if (refused.is_set()) iqtest::skip("no permission to make a time namespace");
  auto producer = queue.get_producer();
  producer.put(1);
  CHECK(outer.wait().ok());
  auto consumer = queue.get_consumer();
  takes(200ms, "get_for", [&] { CHECK(consumer.get_for(200ms).status() == iq::Status::timeout); });
  queue.close();
}
