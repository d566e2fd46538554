// iq::Generator: runs as far as it is asked, ends where it is left, and what it throws arrives.
#include "iq/generator.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <iterator>
#include <memory>
#include <numeric>
#include <ranges>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "iq/error.hpp"

namespace {

using iq::Generator;
using Ints = std::vector<int>;

static_assert(std::ranges::input_range<Generator<int>> && std::ranges::view<Generator<int>>);
static_assert(std::input_iterator<Generator<int>::Iterator>);
static_assert(!std::forward_iterator<Generator<int>::Iterator>, "it is read once");
static_assert(std::same_as<std::ranges::range_reference_t<Generator<std::string>>, std::string&&>);
static_assert(std::same_as<std::ranges::range_reference_t<Generator<const int&>>, const int&>);
static_assert(std::same_as<std::ranges::range_value_t<Generator<const int&>>, int>);
static_assert(!std::copy_constructible<Generator<int>>);
static_assert(std::convertible_to<Ints, Generator<int>> &&
              std::convertible_to<Ints&, Generator<long>>);
static_assert(!std::convertible_to<std::vector<std::string>, Generator<int>>);
static_assert(!std::convertible_to<Ints, Generator<std::string&>>);

// Counts itself: what a coroutine holds must be gone when the coroutine is.
struct Held {
  explicit Held(int& alive) : alive_(&alive) { ++*alive_; }
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;
  ~Held() { --*alive_; }

 private:
  int* alive_;
};

// Counts how far it has come.
Generator<int> up_to(int end, int& made) {
  for (int i = 0; i < end; ++i) {
    ++made;
    co_yield i;
  }
}

Generator<int> endless(int& alive) {
  const Held held(alive);
  for (int i = 0;; ++i) co_yield i;
}

Generator<int> fails_at(int where, int& alive) {
  const Held held(alive);
  for (int i = 0; i < where; ++i) co_yield i;
  throw std::runtime_error("at " + std::to_string(where));
}

Generator<int> none() { co_return; }

template <class R>
Ints read(R&& range) {
  Ints items;
  for (auto&& item : range) items.push_back(item);
  return items;
}

}  // namespace

TEST_CASE("Generator: nothing runs before the first item is asked for, then just as far as asked") {
  int made = 0;
  auto numbers = up_to(10, made);
  CHECK(made == 0);
  auto it = numbers.begin();
  CHECK(made == 0);
  CHECK(*it == 0);
  CHECK(*it == 0);
  CHECK(made == 1);
  ++it;
  CHECK(made == 1);
  CHECK(it != numbers.end());
  CHECK(*it == 1);
  CHECK(made == 2);
}

TEST_CASE("Generator: items that are skipped without a look are made too") {
  int made = 0;
  auto numbers = up_to(10, made);
  auto it = numbers.begin();
  ++it;
  it++;
  CHECK(*it == 2);
}

TEST_CASE("Generator: a loop that was left goes on with the next item") {
  int made = 0;
  auto numbers = up_to(6, made);
  for (const int n : numbers) {
    if (n == 2) break;
  }
  CHECK(read(numbers) == Ints{3, 4, 5});
  CHECK(read(numbers).empty());  // the end stays
}

TEST_CASE("Generator: the empty one, and one that is no coroutine but made from a range") {
  CHECK(read(none()).empty());
  CHECK(read(Generator<int>(Ints{1, 2, 3})) == Ints{1, 2, 3});
  Ints kept{4, 5};
  CHECK(read(Generator<int>(kept)) == Ints{4, 5});
  for (const long n : Generator<long>(kept)) CHECK(n >= 4);
  for (int& n : Generator<int&>(kept)) ++n;
  CHECK(kept == Ints{5, 6});
  const Generator<std::string> words(std::vector<const char*>{"a", "b"});
}

TEST_CASE("Generator: the reader owns what it gets; what is yielded by name is copied") {
  const auto words = []() -> Generator<std::string> {
    std::string word = "a word that is long enough not to be kept in place";
    co_yield word;  // a copy
    co_yield std::move(word);
    co_yield "another one, made of characters, that is not kept in place either";
    const std::string fixed = "constant";
    co_yield fixed;
  };
  std::vector<std::string> taken;
  for (std::string word : words()) taken.push_back(std::move(word));
  CHECK(taken.size() == 4);
  CHECK(taken[0] == taken[1]);
  CHECK(taken[3] == "constant");
}

TEST_CASE("Generator: items that can only be moved") {
  const auto pointers = []() -> Generator<std::unique_ptr<int>> {
    for (int i = 0; i < 3; ++i) co_yield std::make_unique<int>(i);
  };
  int sum = 0;
  for (std::unique_ptr<int> p : pointers()) sum += *p;
  CHECK(sum == 3);
}

TEST_CASE("Generator: of references gives the coroutine's own") {
  std::vector<std::string> words{"a", "b"};
  const auto each = [](std::vector<std::string>& of) -> Generator<std::string&> {
    for (std::string& word : of) co_yield word;
  };
  for (std::string& word : each(words)) word += "!";
  CHECK(words == std::vector<std::string>{"a!", "b!"});
}

TEST_CASE("Generator: destroyed anywhere it destroys what it holds") {
  int alive = 0;
  {
    const auto never_begun = endless(alive);
    CHECK(alive == 0);
  }
  {
    auto begun = endless(alive);
    CHECK(*begun.begin() == 0);
    CHECK(alive == 1);
    auto moved = std::move(begun);
    CHECK(*moved.begin() == 1);
    begun = endless(alive);
    CHECK(*begun.begin() == 0);
    CHECK(alive == 2);
    begun = std::move(moved);
    CHECK(alive == 1);
    CHECK(*begun.begin() == 2);
  }
  CHECK(alive == 0);
}

TEST_CASE("Generator: one that was moved from says so") {
  int alive = 0;
  auto numbers = endless(alive);
  const auto moved = std::move(numbers);
  CHECK_THROWS_AS(numbers.begin(), iq::Closed);
}

TEST_CASE(
    "Generator: what it throws arrives behind the items before it, and is no end afterwards") {
  int alive = 0;
  auto numbers = fails_at(2, alive);
  Ints items;
  const auto read_on = [&] {
    for (const int n : numbers) items.push_back(n);
  };
  CHECK_THROWS_WITH_AS(read_on(), "at 2", std::runtime_error);
  CHECK(items == Ints{0, 1});
  CHECK(alive == 0);
  CHECK_THROWS_WITH_AS(read_on(), "at 2", std::runtime_error);
  CHECK(items == Ints{0, 1});
}

TEST_CASE("Generator: an exception of the reader's leaves it usable") {
  int made = 0;
  auto numbers = up_to(5, made);
  try {
    for (const int n : numbers) {
      if (n == 1) throw 1;
    }
  } catch (int) {
  }
  CHECK(read(numbers) == Ints{2, 3, 4});
}

TEST_CASE("Generator: with the adaptors and algorithms of the standard library") {
  int made = 0;
  auto numbers = up_to(100, made);
  CHECK(read(std::ranges::ref_view(numbers) | std::views::take(3)) == Ints{0, 1, 2});
  CHECK(made == 3);  // none was made in vain
  const auto odd = [](int n) { return n % 2 != 0; };
  CHECK(read(up_to(6, made) | std::views::filter(odd)) == Ints{1, 3, 5});
  Ints copied;
  std::ranges::copy(up_to(3, made), std::back_inserter(copied));
  CHECK(copied == Ints{0, 1, 2});
}

TEST_CASE("Generator: recursion, each with a coroutine of its own") {
  struct Tree {
    static Generator<int> walk(int depth) {
      if (depth == 0) co_return;
      for (const int n : walk(depth - 1)) co_yield n;
      co_yield depth;
      for (const int n : walk(depth - 1)) co_yield n;
    }
  };
  CHECK(read(Tree::walk(3)) == Ints{1, 2, 1, 3, 1, 2, 1});
}
