// Large items: the bytes arrive whichever way they are copied, and the way is the one that is fast.
#include <doctest/doctest.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <numeric>
#include <span>
#include <vector>

#include "iq/iq.hpp"
#include "ring/large_copy.hpp"

namespace {

using iq::detail::CopyChooser;

constexpr std::uint64_t kBytes = 4096;

/// A machine on which a copy of kBytes takes so long, the one way and the other.
struct Machine {
  std::uint64_t cached_ns = 0;
  std::uint64_t streamed_ns = 0;
};

struct Tally {
  int streamed = 0;
  int cached = 0;
  int timed = 0;
};

/// Makes `copies`. Each `disturbed`-th timed one takes a time slice longer; 0: none.
Tally copy(CopyChooser& chooser, Machine machine, int copies, int disturbed = 0) {
  Tally tally;
  for (int i = 0; i < copies; ++i) {
    const CopyChooser::Copy copy = chooser.next();
    ++(copy.streamed ? tally.streamed : tally.cached);
    if (!copy.timed) continue;
    ++tally.timed;
    const bool slow = disturbed != 0 && tally.timed % disturbed == 0;
    const std::uint64_t ns = copy.streamed ? machine.streamed_ns : machine.cached_ns;
    chooser.took(copy, slow ? ns + 4'000'000 : ns, kBytes);
  }
  return tally;
}

constexpr Machine kShared{90, 330};     // measured, where the cores share a cache
constexpr Machine kApart{1900, 330};    // ... and where they do not
constexpr Machine kOwnCache{490, 300};  // a lane that fits into the producer's own

}  // namespace

TEST_CASE("copies go through a cache that both sides share") {
  for (const Machine machine : {kShared, kOwnCache}) {
    CopyChooser chooser;
    CHECK(copy(chooser, machine, 100).streamed <= 20);  // learning
    copy(chooser, machine, 10'000);
    const Tally later = copy(chooser, machine, 100'000);
    CHECK(later.streamed <= 200);
    CHECK(later.timed <= 1000);
  }
}

TEST_CASE("copies go past the caches where the two sides have none in common, from the start") {
  CopyChooser chooser;
  CHECK(copy(chooser, kApart, 100).cached <= 30);
  CHECK(copy(chooser, kApart, 100'000).cached <= 300);
}

TEST_CASE("copies change their way when the processes move, and back") {
  CopyChooser chooser;
  copy(chooser, kShared, 50'000);
  for (int round = 0; round < 3; ++round) {
    copy(chooser, kApart, 2'000);  // 4 ms
    CHECK(copy(chooser, kApart, 10'000).cached <= 200);
    copy(chooser, kShared, 2'000);  // 0.7 ms
    CHECK(copy(chooser, kShared, 10'000).streamed <= 200);
  }
}

TEST_CASE("a process that loses its processor in the midst of copies does not change its way") {
  for (const int disturbed : {2, 3, 5, 7}) {
    CAPTURE(disturbed);
    CopyChooser chooser;
    copy(chooser, kShared, 10'000, disturbed);
    CHECK(copy(chooser, kShared, 100'000, disturbed).streamed <= 300);
    copy(chooser, kApart, 20'000, disturbed);
    CHECK(copy(chooser, kApart, 100'000, disturbed).cached <= 1'000);
  }
}

namespace {

struct Page {
  std::array<std::uint64_t, 512> words;
};

/// Which item it is, in each word: whoever reads it too early sees one of a former lap.
Page page(std::uint64_t number) {
  Page made;
  std::iota(made.words.begin(), made.words.end(), number * 512);
  return made;
}

/// From the last one on, which was written last.
std::uint64_t wrong_words(std::span<const std::uint64_t> words, std::uint64_t number) {
  std::uint64_t wrong = 0;
  for (std::size_t i = words.size(); i-- > 0;) wrong += words[i] != number * 512 + i ? 1 : 0;
  return wrong;
}

}  // namespace

TEST_CASE("large items arrive whole in another process, one by one and in bulk") {
  constexpr std::uint64_t kItems = 40'000;
  iq::IterableQueue<Page> queue({.capacity = 64});
  iq::WorkerGroup crew;
  crew.fork(
      1,
      [&](iq::Producer<Page> producer) {
        std::uint64_t next = 0;
        while (next < kItems / 2) producer.put(page(next++));
        std::vector<Page> pages;
        while (next < kItems) {
          pages.clear();
          for (int i = 0; i < 16 && next < kItems; ++i) pages.push_back(page(next++));
          producer.put_all(pages);
        }
      },
      queue);
  auto consumer = queue.get_consumer();
  queue.close();
  std::uint64_t got = 0;
  std::uint64_t wrong = 0;
  for (const Page& item : consumer) wrong += wrong_words(item.words, got++);
  CHECK(got == kItems);
  CHECK(wrong == 0);
  crew.join();
}

TEST_CASE("large payloads of any length arrive whole in another process") {
  constexpr std::uint64_t kItems = 20'000;
  iq::IterableQueue<iq::Bytes> queue({.capacity = 64});
  const auto words_of = [](std::uint64_t number) { return std::size_t{480 + number % 64}; };
  iq::WorkerGroup crew;
  crew.fork(
      1,
      [&](iq::Producer<iq::Bytes> producer) {
        std::vector<std::uint64_t> words;
        for (std::uint64_t n = 0; n < kItems; ++n) {
          words.resize(words_of(n));
          std::iota(words.begin(), words.end(), n * 512);
          producer.put(std::as_bytes(std::span(words)));
        }
      },
      queue);
  auto consumer = queue.get_consumer();
  queue.close();
  std::uint64_t got = 0;
  std::uint64_t wrong = 0;
  std::vector<std::uint64_t> words;
  for (const std::span<const std::byte> item : consumer) {
    words.resize(item.size() / sizeof(std::uint64_t));
    std::memcpy(words.data(), item.data(), item.size());
    wrong += words.size() != words_of(got) ? 1 : wrong_words(words, got);
    ++got;
  }
  CHECK(got == kItems);
  CHECK(wrong == 0);
  crew.join();
}
