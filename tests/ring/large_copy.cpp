// Large items: the bytes arrive whichever way they are copied, and the way is the one that is fast.
#include <doctest/doctest.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

#include "iq/iq.hpp"
#include "ring/large_copy.hpp"

namespace {

using iq::detail::CopyChooser;

constexpr std::uint64_t kBytes = 4096;
constexpr int kLap = 1024;

/// A machine on which a copy of kBytes takes so long, the one way and the other, and the one way
/// into a slot that was written the other way before.
struct Machine {
  std::uint64_t cached_ns = 0;
  std::uint64_t streamed_ns = 0;
  std::uint64_t cached_after_streamed_ns = 0;
  std::uint64_t streamed_after_cached_ns = 0;
};

struct Tally {
  int streamed = 0;
  int cached = 0;
  int timed = 0;
};

/// Copies `laps` times all of a lane. Each `disturbed`-th timed copy takes a time slice longer; 0:
/// none does.
struct Lane {
  CopyChooser chooser;
  std::vector<bool> streamed = std::vector<bool>(kLap);  // the last copy into each slot

  Tally copy(Machine machine, int laps, int disturbed = 0) {
    Tally tally;
    for (int i = 0; i < laps * kLap; ++i) {
      const auto slot = static_cast<std::size_t>(i % kLap);
      const CopyChooser::Copy copy = chooser.next(kBytes, kBytes * kLap);
      ++(copy.streamed ? tally.streamed : tally.cached);
      const std::uint64_t ns =
          copy.streamed ? (streamed[slot] ? machine.streamed_ns : machine.streamed_after_cached_ns)
                        : (streamed[slot] ? machine.cached_after_streamed_ns : machine.cached_ns);
      streamed[slot] = copy.streamed;
      if (!copy.timed) continue;
      ++tally.timed;
      const bool slow = disturbed != 0 && tally.timed % disturbed == 0;
      chooser.took(slow ? ns + 4'000'000 : ns, kBytes);
    }
    return tally;
  }
};

// Measured: where the cores share a cache, where they do not, and with a lane that fits into the
// producer's own cache. The last is of 64 KiB items, in parts of 4 KiB.
constexpr Machine kShared{90, 330, 460, 330};
constexpr Machine kApart{1870, 310, 1600, 1050};
constexpr Machine kOwnCache{490, 300, 440, 300};
constexpr Machine kSharedLarge{100, 120, 450, 120};
constexpr Machine kApartLarge{1680, 120, 1750, 250};

}  // namespace

TEST_CASE("copies go through a cache that both sides share, and nothing else is tried") {
  for (const Machine machine : {kShared, kOwnCache, kSharedLarge}) {
    Lane lane;
    const Tally tally = lane.copy(machine, 500);
    CHECK(tally.streamed == 0);
    CHECK(tally.timed <= 500);
  }
}

TEST_CASE("copies go past the caches where the two sides have none in common, from the start") {
  for (const Machine machine : {kApart, kApartLarge}) {
    Lane lane;
    CHECK(lane.copy(machine, 10).cached <= 3 * kLap);
    CHECK(lane.copy(machine, 1000).cached <= 20 * kLap);
  }
}

TEST_CASE("copies change their way when the processes move, and back") {
  const std::pair<Machine, Machine> sizes[] = {{kShared, kApart}, {kSharedLarge, kApartLarge}};
  for (const auto& [shared, apart] : sizes) {
    Lane lane;
    lane.copy(shared, 500);
    for (int round = 0; round < 3; ++round) {
      lane.copy(apart, 30);
      CHECK(lane.copy(apart, 300).cached <= 20 * kLap);
      lane.copy(shared, 300);
      CHECK(lane.copy(shared, 300).streamed == 0);
    }
  }
}

TEST_CASE("a process that loses its processor in the midst of copies does not change its way") {
  for (const int disturbed : {3, 5, 7}) {
    CAPTURE(disturbed);
    Lane lane;
    CHECK(lane.copy(kShared, 500, disturbed).streamed == 0);
    lane.copy(kApart, 30, disturbed);
    CHECK(lane.copy(kApart, 300, disturbed).cached <= 20 * kLap);
  }
}

TEST_CASE("a lane of one item, and items of any size, are no matter to the choice") {
  CopyChooser chooser;
  for (std::uint64_t i = 0; i < 10'000; ++i) {
    const std::uint64_t bytes = kBytes + i * 7919 % 100'000;
    if (chooser.next(bytes, bytes).timed) chooser.took(bytes / 10, bytes);
  }
  CHECK(!chooser.next(kBytes, kBytes).streamed);
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
