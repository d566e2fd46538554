// A consumer is a C++20 range: it can be piped, and its loop ends by itself.
#include <doctest/doctest.h>

#include <algorithm>
#include <iterator>
#include <numeric>
#include <optional>
#include <ranges>
#include <string>
#include <vector>

#include "iq/iq.hpp"

namespace {

using Consumer = iq::Consumer<int>;
using TextConsumer = iq::Consumer<std::string>;

static_assert(std::ranges::input_range<Consumer&> && std::ranges::input_range<TextConsumer&>);
static_assert(std::input_iterator<Consumer::Iterator>);
static_assert(!std::forward_iterator<Consumer::Iterator>, "a stream is seen once");
static_assert(std::sentinel_for<std::default_sentinel_t, Consumer::Iterator>);
static_assert(std::same_as<std::ranges::range_reference_t<Consumer&>, const int&>);
static_assert(std::ranges::viewable_range<Consumer&>);

struct Filled {
  iq::IterableQueue<int> queue;
  Consumer consumer = queue.get_consumer();
  explicit Filled(int count) {
    auto producer = queue.get_producer();
    producer.put_all(std::views::iota(0, count));
    producer.close();
    queue.close();
  }
};

template <class R>
std::vector<int> collect(R&& range) {
  std::vector<int> result;
  for (const int item : range) result.push_back(item);
  return result;
}

bool odd(int i) { return i % 2 != 0; }
int square(int i) { return i * i; }

}  // namespace

TEST_CASE("Consumer: range-for sees every item in order and ends by itself") {
  Filled filled(1000);
  std::vector<int> expected(1000);
  std::iota(expected.begin(), expected.end(), 0);
  CHECK(collect(filled.consumer) == expected);
  CHECK(collect(filled.consumer).empty());  // the end is sticky, also for loops
}

TEST_CASE("Consumer: pipes into filter, transform and take") {
  Filled filled(10);
  CHECK(collect(filled.consumer | std::views::filter(odd)) == std::vector{1, 3, 5, 7, 9});

  Filled squares(5);
  CHECK(collect(squares.consumer | std::views::transform(square)) == std::vector{0, 1, 4, 9, 16});

  Filled both(20);
  CHECK(collect(both.consumer | std::views::filter(odd) | std::views::transform(square)) ==
        std::vector{1, 9, 25, 49, 81, 121, 169, 225, 289, 361});
}

TEST_CASE("Consumer: views::take(n) takes n items, waits for no other and loses none") {
  Filled filled(10);
  CHECK(collect(filled.consumer | std::views::take(0)).empty());
  CHECK(collect(filled.consumer | std::views::take(3)) == std::vector{0, 1, 2});
  CHECK(filled.queue.stats().in_hand == 0);
  CHECK(collect(filled.consumer) == std::vector{3, 4, 5, 6, 7, 8, 9});

  iq::IterableQueue<int> open;
  auto producer = open.get_producer();
  auto consumer = open.get_consumer();
  producer.put_all({1, 2, 3});
  CHECK(collect(consumer | std::views::take(3)) == std::vector{1, 2, 3});  // returns, though open
  CHECK(open.stats().in_hand == 0);
}

TEST_CASE("Consumer: an iterator that was advanced holds its item until the next is asked for") {
  Filled filled(3);
  {
    auto it = filled.consumer.begin();
    CHECK(filled.queue.stats().in_hand == 0);
    CHECK(*it == 0);
    ++it;
    CHECK(filled.queue.stats().in_hand == 1);
    CHECK(*it == 1);
    auto moved = std::move(it);
    CHECK(*moved == 1);
    ++moved;
    ++moved;  // 2 is passed without being looked at
    CHECK(moved == filled.consumer.end());
    CHECK(moved == filled.consumer.end());
  }
  CHECK(filled.queue.stats().in_hand == 0);
  CHECK(filled.queue.size() == 0);
}

TEST_CASE("Consumer: moved away inside its own loop, the loop ends with Closed") {
  Filled filled(5);
  std::optional<Consumer> moved;
  CHECK_THROWS_AS(
      [&] {
        for (const int item : filled.consumer) {
          if (item == 3) moved.emplace(std::move(filled.consumer));
        }
      }(),
      iq::Closed);
  CHECK(moved->get() == 4);
}

TEST_CASE("Consumer: another one moved into it inside its own loop, the loop ends with Closed") {
  Filled filled(5);
  Filled other(5);
  CHECK_THROWS_AS(
      [&] {
        for (const int item : filled.consumer) {
          if (item == 3) filled.consumer = std::move(other.consumer);
        }
      }(),
      iq::Closed);
  CHECK(filled.consumer.get() == 0);  // of the other, and none of it is passed over
}

TEST_CASE("Consumer: put_all from a consumer passes each item on before it takes the next") {
  Filled filled(4);
  iq::IterableQueue<int> out;
  auto producer = out.get_producer();
  std::uint64_t in_hand_with_nothing_out = 0;
  producer.put_all(filled.consumer | std::views::transform([&](int item) {
                     const auto done = static_cast<std::uint64_t>(item);
                     in_hand_with_nothing_out += out.stats().put != done;
                     in_hand_with_nothing_out += filled.queue.stats().in_hand != 1;
                     return square(item);
                   }));
  CHECK(in_hand_with_nothing_out == 0);
  producer.close();
  out.close();
  auto consumer = out.get_consumer();
  CHECK(collect(consumer) == std::vector{0, 1, 4, 9});
}

TEST_CASE("Consumer: works with the algorithms of std::ranges") {
  Filled filled(100);
  int sum = 0;
  std::ranges::for_each(filled.consumer, [&](int item) { sum += item; });
  CHECK(sum == 4950);

  Filled found(100);
  {
    const auto at = std::ranges::find(found.consumer, 42);
    REQUIRE(at != std::default_sentinel);
    CHECK(*at == 42);
  }
  CHECK(found.consumer.get() == 43);

  Filled counted(100);
  CHECK(std::ranges::count_if(counted.consumer, odd) == 50);
}

TEST_CASE("Consumer: the iterator's arrow and the decoded item of a loop") {
  iq::IterableQueue<std::string> queue;
  auto consumer = queue.get_consumer();
  auto producer = queue.get_producer();
  for (int i = 0; i < 100; ++i) producer.put(std::string(static_cast<std::size_t>(i), 'x'));
  producer.close();
  queue.close();
  std::size_t expected = 0;
  for (auto it = consumer.begin(); it != consumer.end(); ++it) {
    CHECK(it->size() == expected);
    CHECK((*it).size() == expected++);
  }
  CHECK(expected == 100);
}

TEST_CASE("Producer: put_all takes what another consumer's range yields") {
  Filled source(50);
  iq::IterableQueue<int> target;
  auto consumer = target.get_consumer();
  auto producer = target.get_producer();
  CHECK(producer.put_all(source.consumer | std::views::transform(square)) == 50);
  producer.close();
  target.close();
  CHECK(collect(consumer).back() == 49 * 49);
}
