// iq::combine: paipa's coroutine pipelines; chunk, timed_chunk, flatten, consume.
#include <doctest/doctest.h>

#include <chrono>
#include <cstdlib>
#include <functional>
#include <memory>
#include <new>
#include <numeric>
#include <optional>
#include <ranges>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "iq/generator.hpp"

namespace {

std::size_t allocations = 0;

using iq::Generator;
using Ints = std::vector<int>;
using Chunks = std::vector<Ints>;
using std::views::iota;
using namespace std::chrono_literals;

// A step as a function, one as a lambda that takes anything, one that refers to what it is given.
Generator<int> remove_odd(Generator<int> numbers) {
  for (const int n : numbers) {
    if (n % 2 == 0) co_yield n;
  }
}
const auto same = [](auto range) -> Generator<int> {
  for (const int n : range) co_yield n;
};

struct Product {
  int number;
  bool available;
};

template <class T, class R>
std::vector<T> read(R&& range) {
  std::vector<T> items;
  for (auto&& item : range) items.push_back(std::forward<decltype(item)>(item));
  return items;
}

}  // namespace

// Not inlined, or the compiler takes free() here for the partner of the built-in operator new.
[[gnu::noinline]] void* operator new(std::size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

TEST_CASE("combine: the numbers to 99 without the odd ones add up to 2450") {
  int sum = 0;
  for (const int n : iq::combine(iota(0, 100), remove_odd)) sum += n;
  CHECK(sum == 2450);
}

TEST_CASE("combine: nested by hand it is the same") {
  const auto hel = [](Generator<std::string> words) -> Generator<std::string> {
    for (std::string word : words) co_yield "Hel" + word;
  };
  const auto lo = [](Generator<std::string> words) -> Generator<std::string> {
    for (std::string word : words) co_yield "lo " + word;
  };
  const std::vector<std::string> world{"World!"};
  CHECK(read<std::string>(hel(lo(world))) == std::vector<std::string>{"Hello World!"});
  CHECK(read<std::string>(iq::combine(world, lo, hel)) == std::vector<std::string>{"Hello World!"});
}

TEST_CASE("combine: products filtered, sent 2048 at a time, and single again") {
  std::vector<Product> products;
  for (int i = 0; i < 10'000; ++i) products.push_back({i, i % 3 != 0});
  const auto only_available = [](auto range) -> Generator<Product> {
    for (const Product& product : range) {
      if (product.available) co_yield product;
    }
  };
  std::vector<std::size_t> sent;
  const auto send = [&](Generator<std::vector<Product>> chunks) -> Generator<std::vector<Product>> {
    for (auto&& chunk : chunks) {
      sent.push_back(chunk.size());
      co_yield std::move(chunk);
    }
  };
  auto pipeline = iq::combine(products, only_available, iq::chunk(2048), send, iq::flatten);
  CHECK(sent.empty());  // nothing has run
  CHECK(iq::consume(pipeline) == 6666);
  CHECK(sent == std::vector<std::size_t>{2048, 2048, 2048, 522});
}

TEST_CASE("combine: no step, one step, adaptors of the standard library as steps") {
  CHECK(read<int>(iq::combine(iota(0, 3))) == Ints{0, 1, 2});
  const auto big = [](int n) { return n > 5; };
  CHECK(read<int>(iq::combine(iota(0, 8), std::views::filter(big), same)) == Ints{6, 7});
  CHECK(read<int>(iq::combine(iota(0), remove_odd, std::views::take(2))) == Ints{0, 2});
}

TEST_CASE("combine: an rvalue is kept, an lvalue referred to and read on") {
  auto kept = iq::combine(Ints{1, 2, 3}, same);
  auto moved = std::move(kept);
  CHECK(read<int>(moved) == Ints{1, 2, 3});
  Ints numbers{1, 2, 3};
  auto referring = iq::combine(numbers, same);
  numbers[0] = 10;
  CHECK(read<int>(referring) == Ints{10, 2, 3});
  Generator<int> generator(Ints{1, 2, 3, 4});
  CHECK(iq::consume(iq::combine(generator, same), 2) == 2);
  CHECK(read<int>(generator) == Ints{3, 4});
}

TEST_CASE("combine: captures and ranges of a step outlive the full expression") {
  const auto times = [](int factor) {
    // Both are forbidden to coroutines by most rules: a capture, and a range by reference.
    return [factor, text = std::string(100, 'x')](auto&& range) -> Generator<int> {
      for (const int n : range) co_yield n* factor*(text.size() == 100 ? 1 : 0);
    };
  };
  auto six = iq::combine(Ints{1, 2}, times(2), times(3));
  auto moved = std::move(six);
  CHECK(read<int>(moved) == Ints{6, 12});
  const auto by_name = [](Generator<int>& range) -> Generator<int> {
    for (const int n : range) co_yield n + 1;
  };
  CHECK(read<int>(iq::combine(Ints{1, 2}, same, by_name)) == Ints{2, 3});
}

TEST_CASE("combine: each item goes all the way before the next one is read") {
  std::string order;
  const auto noting = [&](char name) {
    return [&order, name](auto range) -> Generator<int> {
      for (const int n : range) {
        order += name;
        co_yield n;
      }
    };
  };
  CHECK(iq::consume(iq::combine(iota(0), noting('a'), noting('b'), noting('c')), 3) == 3);
  CHECK(order == "abcabcabc");
}

TEST_CASE("combine: an exception of any step arrives, and all steps are destroyed") {
  int alive = 0;
  struct Held {
    explicit Held(int& count) : alive(&count) { ++*alive; }
    Held(const Held&) = delete;
    Held& operator=(const Held&) = delete;
    ~Held() { --*alive; }
    int* alive;
  };
  const auto step = [&](int fails_at) {
    return [&alive, fails_at](auto range) -> Generator<int> {
      const Held held(alive);
      for (const int n : range) {
        if (n == fails_at) throw std::out_of_range("step");
        co_yield n;
      }
    };
  };
  for (int failing = 0; failing < 3; ++failing) {
    Ints seen;
    const auto run = [&] {
      const auto at = [&](int which) { return which == failing ? 5 : -1; };
      for (const int n : iq::combine(iota(0), step(at(0)), step(at(1)), step(at(2)))) {
        CHECK(alive == 3);
        seen.push_back(n);
      }
    };
    CHECK_THROWS_AS(run(), std::out_of_range);
    CHECK(seen == Ints{0, 1, 2, 3, 4});
    CHECK(alive == 0);
  }
  for (int after = 0; after < 4; ++after) {  // left by the reader, in whichever state
    {
      auto chain = iq::combine(iota(0), step(-1), step(-1));
      CHECK(iq::consume(chain, static_cast<std::uint64_t>(after)) == static_cast<unsigned>(after));
      CHECK(alive == (after == 0 ? 0 : 2));
    }
    CHECK(alive == 0);
  }
}

TEST_CASE("chunk: full ones, then the rest; one that is full is there without a further item") {
  CHECK(read<Ints>(iq::combine(iota(1, 9), iq::chunk(3))) == Chunks{{1, 2, 3}, {4, 5, 6}, {7, 8}});
  CHECK(read<Ints>(iq::chunk(32)(iota(0, 64))).size() == 2);
  CHECK(read<Ints>(iq::combine(iota(0, 0), iq::chunk(3))).empty());
  int made = 0;
  const auto counting = [&](auto range) -> Generator<int> {
    for (const int n : range) {
      ++made;
      co_yield n;
    }
  };
  CHECK(iq::consume(iq::combine(iota(0), counting, iq::chunk(3)), 2) == 2);
  CHECK(made == 6);
}

TEST_CASE("chunk: what cannot be is refused in words") {
  CHECK_THROWS_WITH_AS(iq::chunk(0), "iq::chunk: 0 items are no chunk: it must be 1 or more",
                       std::invalid_argument);
  CHECK_THROWS_AS(iq::timed_chunk(0, 1s), std::invalid_argument);
  CHECK_THROWS_AS(iq::timed_chunk(5, 0s), std::invalid_argument);
  CHECK_THROWS_AS(iq::timed_chunk(5, -1ms), std::invalid_argument);
  CHECK(iq::timed_chunk(5, 2ms).duration() == 2ms);
  CHECK(iq::timed_chunk(5, 2ms).items() == 5);
  CHECK(!iq::chunk(5).is_timed());
}

TEST_CASE("timed_chunk: by size, by time when an item comes, and at the end") {
  const auto slow_at = [](int where) {
    return [where](auto range) -> Generator<int> {
      for (const int n : range) {
        if (n == where) std::this_thread::sleep_for(20ms);
        co_yield n;
      }
    };
  };
  CHECK(read<Ints>(iq::combine(iota(0, 7), iq::timed_chunk(3, 1h))) ==
        Chunks{{0, 1, 2}, {3, 4, 5}, {6}});
  CHECK(read<Ints>(iq::combine(iota(0, 6), slow_at(2), iq::timed_chunk(100, 15ms)))[0] ==
        Ints{0, 1, 2});
}

TEST_CASE("flatten: one level, whatever the elements are") {
  CHECK(read<int>(iq::combine(Chunks{{1, 2, 3}, {}, {4}}, iq::flatten)) == Ints{1, 2, 3, 4});
  CHECK(read<int>(iq::combine(iota(0, 7), iq::chunk(3), iq::flatten)) == Ints{0, 1, 2, 3, 4, 5, 6});
  const std::vector<std::string> words{"ab", "c"};
  CHECK(read<char>(iq::flatten(words)) == std::vector{'a', 'b', 'c'});
  const std::vector<std::vector<Chunks>> deep{{Chunks{{1}, {2, 3}}}};
  CHECK(read<Ints>(iq::combine(deep, iq::flatten, iq::flatten)) == Chunks{{1}, {2, 3}});
}

TEST_CASE("flatten: moves from what it was given, and from nothing that is somebody else's") {
  std::vector<std::vector<std::string>> mine{{std::string(100, 'a')}};
  CHECK(read<std::string>(iq::flatten(mine)).front().size() == 100);
  CHECK(mine[0][0].size() == 100);
  const auto pointers = []() -> Generator<std::vector<std::unique_ptr<int>>> {
    std::vector<std::unique_ptr<int>> chunk;
    chunk.push_back(std::make_unique<int>(7));
    co_yield std::move(chunk);
  };
  for (std::unique_ptr<int> p : iq::flatten(pointers())) CHECK(*p == 7);
  const auto views = [&]() -> Generator<std::span<std::string>> { co_yield mine[0]; };
  for (std::string& word : iq::flatten(views())) word.resize(3);
  CHECK(mine[0][0] == "aaa");
}

TEST_CASE("consume: all, or so many and no more") {
  auto numbers = iq::combine(iota(0, 10), same);
  CHECK(iq::consume(numbers, 0) == 0);
  CHECK(iq::consume(numbers, 3) == 3);
  CHECK(read<int>(iq::combine(numbers, std::views::take(2))) == Ints{3, 4});
  CHECK(iq::consume(numbers) == 5);
  CHECK(iq::consume(numbers) == 0);
}

TEST_CASE("combine: allocates for its steps and chunks, and for no item") {
  const auto run = [](int items) {
    const std::size_t before = allocations;
    auto sums = [](Generator<Ints> chunks) -> Generator<Ints> {
      for (auto&& chunk : chunks) co_yield std::move(chunk);
    };
    CHECK(iq::consume(iq::combine(iota(0, items), same, remove_odd, iq::chunk(100), sums,
                                  iq::flatten)) == static_cast<unsigned>(items / 2));
    return allocations - before;
  };
  const std::size_t few = run(1'000);
  CHECK(run(1'000'000) == few);
  CHECK(few > 0);
}
