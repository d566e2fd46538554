// A stage that has enough: the stages before it end in order, whatever kind they are, wherever they
// run. Results that were asked for once are not given twice.
#include <doctest/doctest.h>

#include <ranges>
#include <stdexcept>
#include <vector>

#include "iq/iq.hpp"
#include "support/process.hpp"

namespace {

using std::views::iota;

int twice(int x) { return 2 * x; }
void copy_all(iq::Consumer<int>& in, iq::Producer<int>& out) {
  for (const int x : in) out.put(x);
}
void take_ten(iq::Consumer<int>& in, iq::Producer<int>& out) {
  for (const int x : in | std::views::take(10)) out.put(x);
}
void count_up(iq::Producer<int>& out) {
  for (int i = 0;; ++i) out.put(i);
}
constexpr iq::RunIn kEverywhere[] = {iq::RunIn::processes, iq::threads, iq::inline_mode};

}  // namespace

TEST_CASE("enough: raw workers before a stage that has enough end in order, wherever they run") {
  for (const iq::RunIn where : kEverywhere) {
    CAPTURE(static_cast<int>(where));
    CHECK(iq::pipeline(where).from(iota(0)).chain(copy_all).chain(take_ten).fold(std::plus{}, 0) ==
          45);
    CHECK(iq::pipeline(where).chain(count_up).chain(take_ten).fold(std::plus{}, 0) == 45);
    CHECK(iq::pipeline(where)
              .from(iota(0))
              .chain(copy_all, {.workers = 3})
              .map(twice, {.workers = 2})
              .chain(take_ten)
              .join() == 10);
  }
}

TEST_CASE("enough: an item that was in hand then is not missed, though it has no delivery left") {
  for (const iq::RunIn where : {iq::RunIn::processes, iq::threads}) {
    for (int i = 0; i < 10; ++i) {
      CHECK(iq::pipeline(where)
                .from(iota(0))
                .map(twice, {.workers = 3, .ordered = true, .max_deliveries = 1})
                .chain(copy_all, {.max_deliveries = 1})
                .chain(take_ten, {.max_deliveries = 1})
                .fold(std::plus{}, 0) == 90);
    }
  }
}

TEST_CASE("enough: a put into a queue of the worker's own that nobody reads is a failure") {
  for (const iq::RunIn where : kEverywhere) {
    CAPTURE(static_cast<int>(where));
    const auto put_elsewhere = [](iq::Consumer<int>& in, iq::Producer<int>& out) {
      iq::IterableQueue<int> own({.capacity = 4});
      iq::Producer<int> own_out = own.get_producer();
      own.get_consumer().close();
      own.close();
      for (const int x : in) {
        out.put(x);
        own_out.put(x);
      }
    };
    CHECK_THROWS_AS(iq::pipeline(where).from(iota(0)).chain(put_elsewhere).join(),
                    iq::PipelineFailed);
  }
}

TEST_CASE("enough: a loop over n results waits for no other, and join() has all the rest") {
  for (const iq::RunIn where : kEverywhere) {
    CAPTURE(static_cast<int>(where));
    iq::IterableQueue<int> queue;
    iq::Producer<int> producer = queue.get_producer();
    for (int i = 0; i < 3; ++i) producer.put(i);
    auto doubled = iq::pipeline(where).from(queue).map(twice);
    std::vector<int> read;
    for (const int x : doubled | std::views::take(3)) read.push_back(x);
    CHECK(read == std::vector<int>{0, 2, 4});
    for (int i = 3; i < 5; ++i) producer.put(i);
    producer.close();
    queue.close();
    CHECK(doubled.join() == 2);
  }
}

TEST_CASE("enough: inline: what a raw worker puts at its end stops where it is not wanted") {
  const auto put_late = [](iq::Consumer<int>& in, iq::Producer<int>& out) {
    int sum = 0;
    for (const int x : in) sum += x;
    for (int i = 0; i < 100'000; ++i) out.put(sum);
  };
  CHECK(iq::pipeline(iq::inline_mode)
            .from(iota(0, 100))
            .chain(put_late)
            .chain(take_ten)
            .fold(std::plus{}, 0) == 49'500);
}

TEST_CASE("once: after join() there is nothing to read, and a failure stays one, everywhere") {
  const auto fail_at_five = [](int x) {
    if (x == 5) throw std::runtime_error("five");
    return x;
  };
  for (const iq::RunIn where : kEverywhere) {
    CAPTURE(static_cast<int>(where));
    auto whole = iq::pipeline(where).from(iota(0, 100)).map(twice);
    CHECK(whole.join() == 100);
    CHECK(whole.join() == 0);
    CHECK_THROWS_AS(whole.begin(), iq::Closed);
    auto half = iq::pipeline(where).from(iota(0, 100)).map(twice);
    int count = 0;
    for ([[maybe_unused]] const int x : half) {
      if (++count == 40) break;
    }
    CHECK(half.join() == 60);
    CHECK(half.join() == 0);
    auto broken = iq::pipeline(where).from(iota(0, 100)).map(fail_at_five);
    CHECK_THROWS_AS(broken.join(), iq::PipelineFailed);
    CHECK_THROWS_AS(broken.join(), iq::PipelineFailed);
  }
}
