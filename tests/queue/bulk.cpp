// put_all: any range, any element that converts, and what stays when the range throws.
#include <doctest/doctest.h>

#include <deque>
#include <forward_list>
#include <list>
#include <numeric>
#include <ranges>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "iq/iq.hpp"
#include "support/process.hpp"

namespace {

template <class T>
struct Pipe {
  iq::IterableQueue<T> queue;
  iq::Consumer<T> consumer = queue.get_consumer();
  iq::Producer<T> producer = queue.get_producer();
  explicit Pipe(const iq::Options& options = {}) : queue(options) {}

  std::vector<T> rest() {
    producer.close();
    queue.close();
    std::vector<T> items;
    for (const T& item : consumer) items.push_back(item);
    return items;
  }
};

/// Counts as a generator does: made on demand, seen once, ends when it wants to.
class Generator {
 public:
  Generator(int count, int throws_at) : count_(count), throws_at_(throws_at) {}

  struct Iterator {
    using value_type = int;
    using difference_type = std::ptrdiff_t;
    Generator* of = nullptr;
    int operator*() const {
      if (of->next_ == of->throws_at_) throw std::runtime_error("the range has enough");
      return of->next_;
    }
    Iterator& operator++() {
      ++of->next_;
      return *this;
    }
    void operator++(int) { ++*this; }
    bool operator==(std::default_sentinel_t) const { return of->next_ >= of->count_; }
  };
  Iterator begin() { return {this}; }
  std::default_sentinel_t end() const { return {}; }

 private:
  int next_ = 0;
  int count_;
  int throws_at_;
};
static_assert(std::ranges::input_range<Generator>);

std::vector<int> numbers(int count) {
  std::vector<int> items(static_cast<std::size_t>(count));
  std::iota(items.begin(), items.end(), 0);
  return items;
}

}  // namespace

TEST_CASE("put_all: arrays, lists, sets, views, streams and rvalues, each in its order") {
  Pipe<int> pipe;
  const int array[] = {0, 1, 2};
  CHECK(pipe.producer.put_all(array) == 3);
  CHECK(pipe.producer.put_all(std::list{3, 4}) == 2);
  CHECK(pipe.producer.put_all(std::forward_list{5}) == 1);
  CHECK(pipe.producer.put_all(std::set{8, 7, 6}) == 3);
  CHECK(pipe.producer.put_all(std::views::iota(9, 12)) == 3);
  std::istringstream text("12 13 14");
  CHECK(pipe.producer.put_all(std::views::istream<int>(text)) == 3);
  CHECK(pipe.producer.put_all(std::vector<int>{}) == 0);
  CHECK(pipe.producer.put_all(std::views::empty<int>) == 0);
  CHECK(pipe.producer.put_all(std::deque<short>{15, 16}) == 2);  // converts
  CHECK(pipe.rest() == numbers(17));
}

TEST_CASE("put_all: texts from literals, and longer than a slot") {
  Pipe<std::string> pipe({.capacity = 1000});
  CHECK(pipe.producer.put_all(std::vector<const char*>{"a", "b"}) == 2);
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < 500; ++i) texts.emplace_back(i, 't');
  CHECK(pipe.producer.put_all(texts) == 500);
  const auto rest = pipe.rest();
  REQUIRE(rest.size() == 502);
  CHECK(rest[1] == "b");
  CHECK(std::equal(texts.begin(), texts.end(), rest.begin() + 2));
}

TEST_CASE("put_all: a range that throws throws through, what came before it is appended") {
  for (const int at : {0, 1, 511, 512, 513, 1023, 1024, 1500}) {
    INFO("throws at ", at);
    Pipe<int> pipe;
    CHECK_THROWS_AS(pipe.producer.put_all(Generator(2000, at)), std::runtime_error);
    CHECK(pipe.queue.size() == static_cast<std::uint64_t>(at));
    CHECK_FALSE(pipe.producer.is_closed());
    pipe.producer.put(at);
    CHECK(pipe.rest() == numbers(at + 1));
  }
}

TEST_CASE("put_all: an element whose reading throws counts as not put, for texts too") {
  Pipe<std::string> pipe;
  auto texts = std::views::iota(0, 100) | std::views::transform([](int i) {
                 if (i == 42) throw std::runtime_error("42");
                 return std::to_string(i);
               });
  CHECK_THROWS_AS(pipe.producer.put_all(texts), std::runtime_error);
  const auto rest = pipe.rest();
  REQUIRE(rest.size() == 42);
  CHECK(rest.back() == "41");
}

TEST_CASE("put_all: waits on a full queue, over any capacity, without losing the order") {
  for (const std::uint64_t capacity : {1U, 3U, 7U, 256U}) {
    Pipe<int> pipe({.capacity = capacity});
    std::thread putter([&] {
      CHECK(pipe.producer.put_all(std::views::iota(0, 20'000)) == 20'000);
      pipe.producer.close();
    });
    pipe.queue.close();
    int expected = 0;
    bool in_order = true;
    for (const int item : pipe.consumer) in_order = item == expected++ && in_order;
    putter.join();
    CHECK(expected == 20'000);
    CHECK(in_order);
  }
}

TEST_CASE("put_all: reads each element once and not one more than it puts") {
  Pipe<int> pipe({.capacity = 10});
  int read = 0;
  auto counted = std::views::iota(0, 100) | std::views::transform([&](int i) {
                   ++read;
                   return i;
                 });
  const auto result = pipe.producer.put_all_for(counted, std::chrono::milliseconds(5));
  CHECK(result.accepted == 10);
  CHECK(read == 10);
}

namespace {

/// Ten items at the source, a target that has room for four.
template <class T>
struct Transfer {
  explicit Transfer(iq::Delivery delivery = iq::Delivery::at_least_once)
      : from({.max_deliveries = 2, .delivery = delivery}), to({.capacity = 4}) {
    for (int i = 0; i < 10; ++i) from.producer.put(item(i));
    from.producer.close();
    from.queue.close();
  }
  static T item(int i) {
    if constexpr (std::same_as<T, int>)
      return i;
    else
      return std::to_string(i);
  }
  Pipe<T> from;
  Pipe<T> to;
};

}  // namespace

TEST_CASE_TEMPLATE("put_all: what finds no room stays with the consumer it comes from", T, int,
                   std::string) {
  for (const auto delivery : {iq::Delivery::at_least_once, iq::Delivery::at_most_once}) {
    Transfer<T> transfer(delivery);
    iq::Consumer<T>& source = transfer.from.consumer;
    for (const std::size_t accepted : {4U, 0U, 0U, 0U}) {
      const auto result = transfer.to.producer.put_all_for(source, std::chrono::milliseconds(2));
      CHECK(result.status == iq::Status::timeout);
      CHECK(result.accepted == accepted);
    }
    CHECK(source.get() == Transfer<T>::item(4));
    CHECK(source.deliveries() == 1);
    CHECK(transfer.to.consumer.get() == Transfer<T>::item(0));
    CHECK(transfer.to.consumer.get_some(3).size() == 3);
    transfer.to.consumer.close();
    transfer.to.queue.close();
    CHECK_THROWS_AS(transfer.to.producer.put_all(source), iq::NoConsumers);
    const int put = static_cast<int>(transfer.to.queue.size());  // before it had to wait for room
    CHECK(put < 5);
    for (int i = 5 + put; i < 10; ++i) CHECK(source.get() == Transfer<T>::item(i));
    CHECK_FALSE(source.get().has_value());
  }
}

TEST_CASE_TEMPLATE("put_all: of a view over a consumer the item comes again, counted", T, int,
                   std::string) {
  Transfer<T> transfer;
  iq::Consumer<T>& source = transfer.from.consumer;
  auto view = source | std::views::transform([](const T& item) { return item; });
  const auto result = transfer.to.producer.put_all_for(view, std::chrono::milliseconds(2));
  CHECK(result.status == iq::Status::timeout);
  CHECK(result.accepted == 4);
  CHECK(source.get() == Transfer<T>::item(4));
  CHECK(source.deliveries() == 2);
}

TEST_CASE("many small items: one by one and in bulk, several producers and consumers") {
  constexpr int kEach = 100'000;
  iq::IterableQueue<std::uint64_t> queue;
  std::vector<std::thread> threads;
  std::atomic<std::uint64_t> sum{0};
  std::atomic<std::uint64_t> count{0};
  std::vector<iq::Consumer<std::uint64_t>> consumers;
  for (int i = 0; i < 3; ++i) consumers.push_back(queue.get_consumer());
  for (const bool bulk : {false, true}) {
    threads.emplace_back([bulk, producer = queue.get_producer()]() mutable {
      const auto items = std::views::iota(std::uint64_t{0}, std::uint64_t{kEach});
      if (bulk)
        producer.put_all(items);
      else
        for (const std::uint64_t item : items) producer.put(item);
    });
  }
  queue.close();
  for (auto& consumer : consumers) {
    threads.emplace_back([&] {
      std::uint64_t own_sum = 0;
      std::uint64_t own_count = 0;
      for (const std::uint64_t item : consumer) {
        own_sum += item;
        ++own_count;
      }
      sum += own_sum;
      count += own_count;
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(count == 2 * kEach);
  CHECK(sum == std::uint64_t{kEach} * (kEach - 1));
}
