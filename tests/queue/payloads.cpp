// Typed items through the queue: encoded ones of every length, in-place ones of every size.
#include <doctest/doctest.h>

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <tuple>
#include <variant>
#include <vector>

#include "iq/iq.hpp"
#include "support/process.hpp"

namespace {

struct Point {
  double x = 0, y = 0;
  bool operator==(const Point&) const = default;
};

struct Everything {
  int id = 0;
  std::string name;
  std::vector<Point> path;
  std::array<std::uint16_t, 3> codes{};
  std::optional<std::string> note;
  std::variant<int, std::string, Point> choice;
  std::pair<std::string, bool> flag;
  std::tuple<char, double, std::vector<std::string>> triple;
  std::map<std::string, std::vector<int>> table;
  std::set<int> numbers;
  bool operator==(const Everything&) const = default;
};

Everything make_everything(int i) {
  Everything e;
  e.id = i;
  e.name = std::string(static_cast<std::size_t>(i % 200), 'n');
  e.path.assign(static_cast<std::size_t>(i % 7), Point{i * 1.5, -i * 0.5});
  e.codes = {static_cast<std::uint16_t>(i), 2, 3};
  if (i % 2 == 0) e.note = "note " + std::to_string(i);
  if (i % 3 == 0) e.choice = i;
  if (i % 3 == 1) e.choice = std::string(static_cast<std::size_t>(i), 'c');
  if (i % 3 == 2) e.choice = Point{1, 2};
  e.flag = {"flag", i % 2 != 0};
  e.triple = {'t', i / 3.0, {"a", std::to_string(i)}};
  for (int k = 0; k < i % 5; ++k) e.table[std::to_string(k)] = {k, i};
  for (int k = 0; k < i % 4; ++k) e.numbers.insert(i * k);
  return e;
}

template <std::size_t kBytes>
struct Block {
  std::array<unsigned char, kBytes> bytes;
};
struct alignas(64) Aligned {
  std::array<std::uint64_t, 8> words;
};

// Items that are copied number by number: gaps, arrays, structs in structs, members in the padding
// of others, enums and bools.
enum class Kind : std::uint16_t { small = 7, large = 900 };
struct Inner {
  std::int16_t a = 0;
  char b = 0;
  bool operator==(const Inner&) const = default;
};
struct Nothing {
  bool operator==(const Nothing&) const = default;
};
struct Mixed {
  std::uint64_t id = 0;
  Inner inner;
  std::array<float, 2> pair{};
  Kind kind = Kind::small;
  [[no_unique_address]] Nothing nothing;
  bool last = false;
  bool operator==(const Mixed&) const = default;
};
struct Tail {
  std::int32_t number = 0;
  std::int8_t small = 0;
  bool operator==(const Tail&) const = default;
};
struct Packed {
  [[no_unique_address]] Tail tail;
  std::int8_t behind = 0;  // may lie in its padding
  bool operator==(const Packed&) const = default;
};
struct Odd {
  volatile std::int32_t number = 0;
  std::int32_t other = 0;
  bool operator==(const Odd& o) const { return number == o.number && other == o.other; }
};
static_assert(iq::detail::kFewNumbers<Mixed> && iq::detail::kFewNumbers<Packed>);
static_assert(iq::detail::kFewNumbers<double> && iq::detail::kFewNumbers<std::array<int, 8>>);
static_assert(!iq::detail::kFewNumbers<Aligned> && !iq::detail::kFewNumbers<long double>);
static_assert(!iq::detail::kFewNumbers<std::array<int, 9>>);

std::string text_of(std::size_t bytes, int seed) {
  std::string text(bytes, '\0');
  for (std::size_t i = 0; i < bytes; ++i) {
    text[i] = static_cast<char>(static_cast<std::size_t>(seed) * 31 + i * 7 + i / 251);
  }
  return text;
}

/// Puts in one thread and gets in another, `count` items made by `make(i)`.
template <class T, class F>
void check_stream(const iq::Options& options, int count, F make) {
  iq::IterableQueue<T> queue(options);
  auto consumer = queue.get_consumer();
  auto producer = queue.get_producer();
  queue.close();
  std::thread putter([&] {
    for (int i = 0; i < count; ++i) producer.put(make(i));
    producer.close();
  });
  int seen = 0;
  bool same = true;
  for (const T& item : consumer) same = (item == make(seen++)) && same;
  putter.join();
  CHECK(seen == count);
  CHECK(same);
}

template <class T>
void check_in_place(int count) {
  iq::IterableQueue<T> queue({.capacity = 3});
  auto consumer = queue.get_consumer();
  auto producer = queue.get_producer();
  queue.close();
  std::thread putter([&] {
    auto item = std::make_unique<T>();
    for (int i = 0; i < count; ++i) {
      auto* bytes = reinterpret_cast<unsigned char*>(item.get());
      for (std::size_t b = 0; b < sizeof(T); b += 97) bytes[b] = static_cast<unsigned char>(i + 1);
      bytes[sizeof(T) - 1] = static_cast<unsigned char>(i);
      producer.put(*item);
    }
    producer.close();
  });
  int seen = 0;
  bool whole = true;
  bool aligned = true;
  for (const T& item : consumer) {
    const auto* bytes = reinterpret_cast<const unsigned char*>(&item);
    const auto address = reinterpret_cast<std::uintptr_t>(&item);
    aligned = aligned && address % alignof(T) == 0;
    whole = whole && bytes[sizeof(T) - 1] == static_cast<unsigned char>(seen);
    if (sizeof(T) > 1) whole = whole && bytes[0] == static_cast<unsigned char>(seen + 1);
    ++seen;
  }
  putter.join();
  CHECK(seen == count);
  CHECK(whole);
  CHECK(aligned);
}

}  // namespace

TEST_CASE("aggregates of everything: what goes in comes out") {
  check_stream<Everything>({.capacity = 5}, 300, make_everything);
}

TEST_CASE("strings: every length around a slot, and up to 1 MiB less its own frame") {
  check_stream<std::string>({.capacity = 7}, 300,
                            [](int i) { return text_of(static_cast<std::size_t>(i), i); });
  const std::vector<std::size_t> sizes{0, 1, 4095, 4096, 65'535, 65'536, 500'000, 1'000'000};
  check_stream<std::string>(
      {}, 40, [&](int i) { return text_of(sizes[static_cast<std::size_t>(i) % sizes.size()], i); });
}

TEST_CASE("byte ring: it wraps many times, with payloads that never divide it") {
  for (const std::uint64_t capacity : {1U, 3U, 64U}) {
    check_stream<std::string>({.capacity = capacity, .bytes_per_producer = 4096}, 2000, [](int i) {
      return text_of(static_cast<std::size_t>(i * 37 % 4000), i);
    });
  }
}

TEST_CASE("byte ring: payloads of its whole size, one after the other") {
  iq::IterableQueue<std::string> queue({.capacity = 8, .bytes_per_producer = 4096});
  auto consumer = queue.get_consumer();
  auto producer = queue.get_producer();
  std::size_t most = 4096;
  while (most > 0) {  // the encoding adds some bytes of its own: find what fits exactly
    try {
      if (producer.try_put(std::string(most, 'm')) == iq::Status::ok) break;
    } catch (const iq::TooLarge&) {
      --most;
    }
  }
  CHECK(most >= 4096 - 16);
  CHECK(producer.try_put("short") == iq::Status::ok);
  CHECK(producer.try_put(std::string(100, 'x')) == iq::Status::full);
  CHECK(consumer.get()->size() == most);
  CHECK(consumer.get() == "short");
  consumer.ack();
  for (int i = 0; i < 20; ++i) {
    producer.put(std::string(most, static_cast<char>('a' + i)));
    CHECK(consumer.get() == std::string(most, static_cast<char>('a' + i)));
    consumer.ack();
  }
}

TEST_CASE("in-place items: 1 B, 8 B, 64 B, 4 KiB and 1 MiB, and those that ask for alignment") {
  check_in_place<Block<1>>(1000);
  check_in_place<Block<8>>(1000);
  check_in_place<Block<64>>(1000);
  check_in_place<Block<4096>>(200);
  check_in_place<Block<1 << 20>>(12);
  check_in_place<Aligned>(1000);
}

TEST_CASE("in-place items: small structs come whole, whatever their members are") {
  check_stream<Mixed>({.capacity = 16}, 2'000, [](int i) {
    return Mixed{static_cast<std::uint64_t>(i) << 32,
                 {static_cast<std::int16_t>(-i), 'x'},
                 {0.5F, static_cast<float>(i)},
                 i % 2 == 0 ? Kind::small : Kind::large,
                 {},
                 i % 3 == 0};
  });
  check_stream<Packed>({.capacity = 16}, 2'000, [](int i) {
    return Packed{{i, static_cast<std::int8_t>(i)}, static_cast<std::int8_t>(-i)};
  });
  check_stream<Odd>({.capacity = 16}, 200, [](int i) { return Odd{i, -i}; });
  check_stream<std::array<int, 8>>({.capacity = 16}, 2'000, [](int i) {
    return std::array<int, 8>{i, -i, i + 1, 0, 1, 2, 3, i * 2};
  });
  check_stream<Kind>({.capacity = 16}, 200,
                     [](int i) { return i % 2 == 0 ? Kind::small : Kind::large; });
}

TEST_CASE("capacity: 1 and 3 hold exactly that many, whatever the slots are rounded up to") {
  for (const std::uint64_t capacity : {1U, 2U, 3U, 5U, 100U}) {
    iq::IterableQueue<int> queue({.capacity = capacity});
    auto consumer = queue.get_consumer();
    auto producer = queue.get_producer();
    int next_put = 0;
    int next_got = 0;
    for (int round = 0; round < 20; ++round) {
      while (producer.try_put(next_put) == iq::Status::ok) ++next_put;
      CHECK(queue.size() == capacity);
      for (std::uint64_t i = 0; i < capacity; ++i) CHECK(consumer.get() == next_got++);
      consumer.ack();
    }
    CHECK(next_put == next_got);
  }
}

TEST_CASE("capacity: the default holds what the header says for numbers and for texts") {
  const auto count = [](auto queue, const auto& item) {
    auto producer = queue.get_producer();
    std::size_t n = 0;
    while (producer.try_put(item) == iq::Status::ok) ++n;
    return n;
  };
  CHECK(count(iq::IterableQueue<std::uint64_t>(), std::uint64_t{1}) == 262'144);
  CHECK(count(iq::IterableQueue<Block<64>>(), Block<64>{}) == 65'536);
  CHECK(count(iq::IterableQueue<std::string>(), std::string("text")) == 32'768);
  const iq::Options small{.bytes_per_producer = 1 << 20};
  CHECK(count(iq::IterableQueue<std::string>(small), std::string("text")) == 8192);
  const iq::Options least{.bytes_per_producer = 64};
  CHECK(count(iq::IterableQueue<std::string>(least), std::string("text")) == 1024);
  CHECK(count(iq::IterableQueue<Block<1 << 20>>(), Block<1 << 20>{}) == 4);
}

TEST_CASE("a loop over texts reads each into the memory of the one before") {
  iq::IterableQueue<std::string> queue;
  auto producer = queue.get_producer();
  auto consumer = queue.get_consumer();
  for (int i = 0; i < 100; ++i) producer.put(std::string(1000, static_cast<char>('a' + i % 26)));
  producer.put(std::string(1'000'000, '?'));
  producer.put("short");
  producer.close();
  queue.close();
  const char* place = nullptr;
  int n = 0;
  for (const std::string& text : consumer) {
    if (n == 0) place = text.data();
    if (n < 100) {
      CHECK(text == std::string(1000, static_cast<char>('a' + n % 26)));
      CHECK(text.data() == place);
    }
    if (n == 101) CHECK(text.capacity() < 1000);
    ++n;
  }
  CHECK(n == 102);
}
