// A consumer close behind its producers: the pauses that it makes are the ones that pay.
#include "ring/head_start.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <functional>

using iq::detail::HeadStart;

namespace {

constexpr double kPauseNs = 25;

/// What an item takes when the consumer makes so many pauses.
using Cost = std::function<double(std::uint32_t pauses)>;

/// Time goes by as `cost` says; each `disturbed`-th batch takes a time slice longer, 0: none does.
struct Stream {
  HeadStart head_start;
  double now_ns = 1;

  /// The share of items that were taken after more than `pauses` of them.
  double run(const Cost& cost, double ms, std::uint32_t pauses = HeadStart::kMost,
             int disturbed = 0) {
    const double end = now_ns + ms * 1e6;
    double all = 0, beyond = 0;
    for (int i = 1; now_ns < end; ++i) {
      const std::uint32_t now = head_start.pauses();
      const double per_item = cost(now);
      const double waited = now * kPauseNs + 200;
      const auto items = static_cast<std::uint32_t>(std::max(waited / per_item, 2.0));
      now_ns += items * per_item;
      if (disturbed != 0 && i % disturbed == 0) now_ns += 4e6;
      all += items;
      if (now > pauses) beyond += items;
      if (head_start.looked(items, items)) head_start.tell(static_cast<std::int64_t>(now_ns));
    }
    return beyond / all;
  }
};

// Measured, 256 B: where a cache is shared, and where none is. A plateau comes first.
double shared_cache(std::uint32_t pauses) {
  return pauses < 8 ? 67 : pauses < 20 ? 57 : pauses < 40 ? 26 : pauses < 80 ? 14.7 : 12.6;
}
double no_shared_cache(std::uint32_t pauses) {
  return pauses < 100 ? 255 : pauses < 200 ? 200 : pauses < 400 ? 160 : 125;
}
double own_work(std::uint32_t) { return 150; }
double without_end(std::uint32_t pauses) { return 1e4 / pauses; }
double up_to_500(std::uint32_t pauses) { return pauses < 500 ? 250 : 100; }

}  // namespace

TEST_CASE("head start: pauses grow as long as items get faster, and no further") {
  for (const int disturbed : {0, 300, 50}) {
    CAPTURE(disturbed);
    Stream near, far;
    near.run(shared_cache, 50 + disturbed * 100, 0, disturbed);
    CHECK(near.run(shared_cache, 1000, 128, disturbed) < 0.1);
    CHECK(near.run(shared_cache, 1000, 63, disturbed) > 0.8);
    far.run(no_shared_cache, 50 + disturbed * 100, 0, disturbed);
    CHECK(far.run(no_shared_cache, 1000, 399, disturbed) > 0.8);
  }
}

TEST_CASE("head start: where nothing is gained there are next to none") {
  Stream stream;
  stream.run(own_work, 50);
  CHECK(stream.run(own_work, 1000, HeadStart::kLeast) < 0.1);
}

TEST_CASE("head start: there are never more than the most") {
  for (const Cost cost : {without_end, up_to_500}) {
    Stream stream;
    CHECK(stream.run(cost, 3000, HeadStart::kMost) == 0);
    CHECK(stream.head_start.pauses() <= HeadStart::kMost);
  }
}

TEST_CASE("head start: it follows a stream that changes, both ways") {
  Stream stream;
  for (int i = 0; i < 3; ++i) {
    stream.run(own_work, 500);
    CHECK(stream.run(own_work, 500, HeadStart::kLeast) < 0.1);
    stream.run(no_shared_cache, 500);
    CHECK(stream.run(no_shared_cache, 500, 399) > 0.8);
    stream.run(shared_cache, 500);
    CHECK(stream.run(shared_cache, 500, 128) < 0.1);
  }
}

TEST_CASE("head start: who waits for answers to what it took makes few pauses at once") {
  Stream stream;
  stream.run(no_shared_cache, 500);
  REQUIRE(stream.head_start.pauses() >= 64);
  for (int i = 0; i < 8; ++i) stream.head_start.looked(2, 0);
  CHECK(stream.head_start.pauses() == HeadStart::kLeast);
  for (int i = 0; i < 1000; ++i) CHECK_FALSE(stream.head_start.looked(2, 1));
  CHECK(stream.head_start.pauses() == HeadStart::kLeast);
}
