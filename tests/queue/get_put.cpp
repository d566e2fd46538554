// Every form of put and get: what it returns, and that time-outs are kept.
#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <limits>
#include <string>
#include <thread>
#include <vector>

#include "iq/iq.hpp"
#include "support/process.hpp"

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using iq::Status;

template <class T>
struct Pair {
  iq::IterableQueue<T> queue{iq::Options{.capacity = 3}};
  iq::Producer<T> producer = queue.get_producer();
  iq::Consumer<T> consumer = queue.get_consumer();
};

std::chrono::nanoseconds time_of(const std::function<void()>& f) {
  const auto start = Clock::now();
  f();
  return Clock::now() - start;
}

/// Not before its time, and soon enough on a busy machine.
void check_kept(std::chrono::nanoseconds took, std::chrono::nanoseconds asked) {
  CHECK(took >= asked);
  CHECK(took < asked + 5s);
}

/// The clock's earliest point, in a way that the compiler cannot look through.
template <class C>
typename C::time_point earliest() {
  using TimePoint = typename C::time_point;
  volatile typename C::rep count = TimePoint::min().time_since_epoch().count();
  return TimePoint(typename C::duration(count));
}

template <class T>
T value(int i) {
  if constexpr (std::is_same_v<T, std::string>)
    return std::string(200, 'v') + std::to_string(i);
  else
    return static_cast<T>(i);
}

}  // namespace

TEST_CASE_TEMPLATE("put: try, for, until on room and on a full queue", T, int, std::string) {
  Pair<T> q;
  CHECK(q.producer.try_put(value<T>(1)) == Status::ok);
  CHECK(q.producer.put_for(value<T>(2), 1h) == Status::ok);
  CHECK(q.producer.put_until(value<T>(3), Clock::now() + 1h) == Status::ok);
  CHECK(q.producer.try_put(value<T>(4)) == Status::full);
  CHECK(q.producer.put_for(value<T>(4), 0s) == Status::timeout);
  CHECK(q.producer.put_for(value<T>(4), -1h) == Status::timeout);
  CHECK(q.producer.put_until(value<T>(4), Clock::now() - 1h) == Status::timeout);
  check_kept(time_of([&] { CHECK(q.producer.put_for(value<T>(4), 60ms) == Status::timeout); }),
             60ms);
  check_kept(time_of([&] {
               CHECK(q.producer.put_until(value<T>(4), Clock::now() + 40ms) == Status::timeout);
             }),
             40ms);
  CHECK(q.queue.size() == 3);
  for (int i = 1; i <= 3; ++i) CHECK(q.consumer.get() == value<T>(i));
  CHECK(q.consumer.try_get().status() == Status::empty);
}

TEST_CASE_TEMPLATE("get: try, for, until on empty, value and end", T, int, std::string) {
  Pair<T> q;
  CHECK(q.consumer.try_get().status() == Status::empty);
  CHECK(q.consumer.get_for(0s).status() == Status::timeout);
  CHECK(q.consumer.get_for(-5s).status() == Status::timeout);
  CHECK(q.consumer.get_until(Clock::now() - 1s).status() == Status::timeout);
  check_kept(time_of([&] { CHECK(q.consumer.get_for(60ms).status() == Status::timeout); }), 60ms);
  check_kept(time_of([&] {
               CHECK(q.consumer.get_until(Clock::now() + 40ms).status() == Status::timeout);
             }),
             40ms);

  for (int i = 0; i < 3; ++i) q.producer.put(value<T>(i));
  CHECK(q.consumer.try_get().value() == value<T>(0));
  CHECK(q.consumer.get_for(1h).value() == value<T>(1));
  CHECK(q.consumer.get_until(Clock::now() + 1h).value() == value<T>(2));
  CHECK(q.consumer.get_for(1ms).status() == Status::timeout);

  q.producer.close();
  q.queue.close();
  for (int again = 0; again < 3; ++again) {
    CHECK(q.consumer.try_get().status() == Status::done);
    CHECK(q.consumer.get_for(1h).status() == Status::done);
    CHECK(q.consumer.get_until(Clock::now() + 1h).status() == Status::done);
    CHECK_FALSE(q.consumer.get());
    CHECK(q.consumer.get_some(5).empty());
    for (const T& item : q.consumer) FAIL("an item after the end: ", item);
  }
}

TEST_CASE("get: empty for now is not the end") {
  Pair<int> q;
  q.queue.close();  // the producer is still open
  CHECK(q.consumer.try_get().status() == Status::empty);
  CHECK(q.consumer.get_for(1ms).status() == Status::timeout);
  q.producer.put(1);
  CHECK(q.consumer.get() == 1);
  q.producer.close();
  // Its own lease does not keep a consumer from the end: the next get acknowledges it.
  CHECK_FALSE(q.consumer.get());
}

TEST_CASE("time-outs: the longest and the oddest durations neither overflow nor return early") {
  Pair<int> q;
  q.producer.put(1);
  CHECK(q.consumer.get_for(std::chrono::hours::max()).value() == 1);
  q.producer.put(2);
  CHECK(q.consumer.get_for(std::chrono::duration<double>(1e300)).value() == 2);
  q.producer.put(3);
  CHECK(q.consumer.get_until(Clock::time_point::max()).value() == 3);
  CHECK(q.consumer.get_for(std::chrono::nanoseconds::min()).status() == Status::timeout);
  CHECK(q.consumer.get_for(std::chrono::duration<float, std::milli>(0.25F)).status() ==
        Status::timeout);
  CHECK(q.producer.put_for(4, std::chrono::hours::max()) == Status::ok);
  CHECK(q.producer.put_until(5, std::chrono::system_clock::time_point::max()) == Status::ok);
  CHECK(q.producer.put_until(6, std::chrono::system_clock::now() + 1h) == Status::ok);
  CHECK(q.producer.put_until(7, std::chrono::system_clock::now() + 5ms) == Status::timeout);
}

TEST_CASE("time-outs: the earliest point in time has passed, on every clock") {
  Pair<int> q;
  std::atomic<bool> returned{false};
  std::thread rescue([&] {  // so that a wait for ever is a failed check
    if (!iqtest::wait_until([&] { return returned.load(); }, 3)) q.queue.stop();
  });
  CHECK(q.consumer.get_until(earliest<Clock>()).status() == Status::timeout);
  CHECK(q.consumer.get_until(earliest<std::chrono::system_clock>()).status() == Status::timeout);
  CHECK(q.producer.put_until(1, earliest<Clock>()) != Status::timeout);  // there is room
  returned = true;
  rescue.join();
}

TEST_CASE("time-outs: a duration of infinity waits until an item comes") {
  Pair<int> q;
  std::thread late([&] { q.producer.put(9); });
  CHECK(q.consumer.get_for(std::chrono::duration<double>(std::numeric_limits<double>::infinity()))
            .value() == 9);
  late.join();
}

TEST_CASE("put_all_for: tells how many were appended before the time was over") {
  Pair<int> q;
  const std::vector<int> five{0, 1, 2, 3, 4};
  const auto result = q.producer.put_all_for(five, 20ms);
  CHECK(result.status == Status::timeout);
  CHECK(result.accepted == 3);
  for (int i = 0; i < 3; ++i) CHECK(q.consumer.get() == i);
  q.consumer.ack();
  const auto rest = q.producer.put_all_for(std::vector{3, 4}, 1h);
  CHECK(rest.status == Status::ok);
  CHECK(rest.accepted == 2);
}

TEST_CASE("get_some: one to n items that lie together, in order, none at the end") {
  iq::IterableQueue<int> queue({.capacity = 300});
  auto consumer = queue.get_consumer();
  auto producer = queue.get_producer();
  CHECK(consumer.get_some(0).empty());
  std::vector<int> all(300);
  for (int i = 0; i < 300; ++i) all[static_cast<std::size_t>(i)] = i;
  producer.put_all(all);
  producer.close();
  queue.close();
  std::vector<int> got;
  for (;;) {
    const auto some = consumer.get_some(7);
    if (some.empty()) break;
    CHECK(some.size() <= 7);
    got.insert(got.end(), some.begin(), some.end());
  }
  CHECK(got == all);
}

TEST_CASE("get_some: more than a batch can hold is no error") {
  iq::IterableQueue<int> queue({.capacity = 10'000});
  auto consumer = queue.get_consumer();
  auto producer = queue.get_producer();
  for (int i = 0; i < 10'000; ++i) producer.put(i);
  producer.close();
  queue.close();
  std::size_t count = 0;
  for (auto some = consumer.get_some(SIZE_MAX); !some.empty(); some = consumer.get_some(SIZE_MAX)) {
    CHECK(some.front() == static_cast<int>(count));
    count += some.size();
  }
  CHECK(count == 10'000);
}

TEST_CASE("an iterator that was moved away is at its end, and the other one goes on") {
  iq::IterableQueue<int> queue;
  queue.get_producer().put_all({1, 2, 3});
  queue.close();
  auto consumer = queue.get_consumer();
  auto first = consumer.begin();
  CHECK(*first == 1);
  ++first;
  auto second = std::move(first);
  CHECK(first == consumer.end());
  CHECK(*second == 2);
  first = std::move(second);
  CHECK(second == consumer.end());
  ++first;
  CHECK(*first == 3);
  ++first;
  CHECK(first == consumer.end());
}

namespace {

/// Cannot be read when it is 2; the move that `moves_left` counts down to fails.
struct Fussy {
  Fussy() = default;
  explicit Fussy(int value) : number(value) {}
  Fussy(Fussy&& other) : number(other.number) {
    if (--moves_left == 0) throw std::bad_alloc();
  }
  Fussy& operator=(Fussy&&) = default;
  int number = 0;
  static inline int moves_left = 0;
};

}  // namespace

template <>
struct iq::Codec<Fussy> {
  static constexpr std::uint32_t kVersion = 1;
  static void encode(const Fussy& item, iq::Encoder& out) { out(item.number); }
  static Fussy decode(iq::Decoder& in) {
    const int number = in.get<int>();
    if (number == 2) throw iq::Corrupt("two");
    return Fussy(number);
  }
};

TEST_CASE("get_some: an item that cannot be read is parked in the end, its neighbours are not") {
  iq::IterableQueue<Fussy> queue({.max_deliveries = 1});
  auto producer = queue.get_producer();
  for (int i = 1; i <= 3; ++i) producer.put(Fussy(i));
  producer.close();
  queue.close();
  auto consumer = queue.get_consumer();
  CHECK_THROWS_AS(consumer.get_some(3), iq::Corrupt);
  int sum = 0;
  for (const Fussy& item : consumer) {
    CHECK(consumer.deliveries() == 1);
    sum += item.number;
  }
  CHECK(sum == 4);
  CHECK(queue.stats().parked == 1);
}

TEST_CASE("get, get_some: what an exception keeps from the caller comes again") {
  const auto check = [](auto get) {
    iq::IterableQueue<Fussy> queue({.max_deliveries = 14});
    auto producer = queue.get_producer();
    for (int i = 3; i <= 6; ++i) producer.put(Fussy(i));
    auto consumer = queue.get_consumer();
    Fussy::moves_left = 0;
    get(consumer);  // takes one item, moves it so many times
    const int moves = -Fussy::moves_left;
    REQUIRE(moves > 0);
    for (int at = 1; at <= moves; ++at) {
      Fussy::moves_left = at;
      CHECK_THROWS_AS(get(consumer), std::bad_alloc);
    }
    Fussy::moves_left = 0;
    for (int i = 4; i <= 6; ++i) CHECK(consumer.get_for(1s)->number == i);
  };
  SUBCASE("get") {
    check([](auto& consumer) { (void)consumer.get(); });
  }
  SUBCASE("try_get") {
    check([](auto& consumer) { (void)consumer.try_get(); });
  }
  SUBCASE("get_some") {
    check([](auto& consumer) { (void)consumer.get_some(1); });
  }
}
