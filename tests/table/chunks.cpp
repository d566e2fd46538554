// Entries put together and taken apart: iq::chunk, iq::timed_chunk, iq::flatten as steps.
#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <ranges>
#include <stdexcept>
#include <string>
#include <vector>

#include "iq/iq.hpp"
#include "support/process.hpp"

namespace {

/// Tells which process reads it first: the one behind the source.
struct Traced {
  int x = 0;
  static std::atomic<int>& reader() {
    static iqtest::Shared<std::atomic<int>> pid;
    return *pid;
  }
};

}  // namespace

template <>
struct iq::Codec<Traced> {
  static void encode(const Traced& traced, iq::Encoder& out) { out(traced.x); }
  static Traced decode(iq::Decoder& in) {
    int nobody = 0;
    Traced::reader().compare_exchange_strong(nobody, ::getpid());
    return {in.get<int>()};
  }
};

namespace {

using std::chrono::milliseconds;
using std::views::iota;

int same(int x) { return x; }

template <class Table>
std::vector<std::size_t> sizes_of(Table& table) {
  std::vector<std::size_t> sizes;
  for (const auto& chunk : table.results()) sizes.push_back(chunk.size());
  return sizes;
}

}  // namespace

TEST_CASE("chunks: full ones, and at the end what is left") {
  iq::Steps p{iq::funcstep(same), iq::chunk(4)};
  static_assert(std::is_same_v<decltype(p)::value_type, std::vector<int>>);
  p.put_iterable(iota(0, 10));
  p.run();
  CHECK(p.count() == 3);
  CHECK(sizes_of(p) == std::vector<std::size_t>{4, 4, 2});
}

TEST_CASE("chunks: of nothing none, and none that is empty") {
  iq::Steps none{iq::entries<int>, iq::chunk(4)};
  none.run();
  CHECK(sizes_of(none).empty());
  iq::Steps even{iq::entries<int>, iq::chunk(4)};
  even.put_all(iota(0, 8));
  even.run();
  CHECK(sizes_of(even) == std::vector<std::size_t>{4, 4});
}

TEST_CASE("chunks: of 0, or without a time, are refused") {
  CHECK_THROWS_AS(iq::Steps(iq::entries<int>, iq::chunk(0)), std::invalid_argument);
  CHECK_THROWS_AS(iq::Steps(iq::entries<int>, iq::timed_chunk(0, milliseconds(5))),
                  std::invalid_argument);
  CHECK_THROWS_AS(iq::Steps(iq::entries<int>, iq::timed_chunk(5, milliseconds(0))),
                  std::invalid_argument);
}

TEST_CASE("chunks: timed ones go by size though their time is long") {
  iq::Steps p{iq::entries<int>, iq::timed_chunk(4, std::chrono::hours(1))};
  p.put_iterable(iota(0, 10));
  p.run();
  CHECK(sizes_of(p) == std::vector<std::size_t>{4, 4, 2});  // and at the end
}

TEST_CASE("chunks: timed ones go by time though no entry comes any more") {
  auto got = iqtest::shared_counter();
  iq::Steps p{iq::entries<int>, iq::timed_chunk(100, milliseconds(30)),
              iq::funcstep([&](const std::vector<int>& chunk) {
                *got += static_cast<std::int64_t>(chunk.size());
              })};
  p.start();
  p.put_all({1, 2, 3});
  CHECK(iqtest::wait_until([&] { return *got == 3; }));  // with the table open
  p.put(4);
  CHECK(iqtest::wait_until([&] { return *got == 4; }));
  CHECK(p.alive());
  p.stop();
  CHECK(p.count() >= 2);
}

TEST_CASE("chunks: a chunk that has no time waits for its size") {
  auto got = iqtest::shared_counter();
  iq::Steps p{iq::entries<int>, iq::chunk(3), iq::funcstep([&](const std::vector<int>& chunk) {
                *got += static_cast<std::int64_t>(chunk.size());
              })};
  p.start();
  p.put_all({1, 2, 3, 4});
  CHECK(iqtest::wait_until([&] { return *got == 3; }));
  ::usleep(50'000);
  CHECK(*got == 3);
  p.put_all({5, 6});
  CHECK(iqtest::wait_until([&] { return *got == 6; }));
  p.stop();
}

TEST_CASE("chunks: flatten takes apart what chunk has put together, in between and at the end") {
  iq::Steps p{iq::funcstep(same, 2), iq::chunk(7),
              iq::funcstep([](const std::vector<int>& chunk) { return chunk; }, 3), iq::flatten};
  p.put_iterable(iota(0, 1'000));
  p.run();
  std::vector<int> all;
  for (const int x : p.results()) all.push_back(x);
  std::ranges::sort(all);
  CHECK(std::ranges::equal(all, iota(0, 1'000)));
}

TEST_CASE("chunks: flatten takes strings and containers far longer than its queue") {
  iq::Steps p{iq::entries<std::string>, iq::flatten};
  p.put(std::string(5'000, 'a'));
  p.put("");
  p.put("b");
  p.run();
  std::string all;
  for (const char c : p.results()) all += c;
  CHECK(all == std::string(5'000, 'a') + "b");
}

TEST_CASE("chunks: the worker that collects is killed: its entries are gone, so the table fails") {
  const auto run = [] {
    iq::Steps p{iq::entries<Traced>, iq::chunk(1'000),
                iq::funcstep([](const std::vector<Traced>& chunk) { return chunk.size(); })};
    p.put_iterable(iota(0) | std::views::transform([](int x) { return Traced{x}; }));
    Traced::reader() = 0;  // mapped before the fork
    p.start();
    CHECK(iqtest::wait_until([&] { return Traced::reader() != 0; }));
    ::kill(Traced::reader(), SIGKILL);
    CHECK(iqtest::wait_until([&] { return !p.alive(); }));
    p.stop();
  };
  try {
    run();
    FAIL("nothing was thrown");
  } catch (const iq::PipelineFailed& failed) {
    CHECK(failed.stage_name() == "chunk");
    CHECK(failed.signal() == SIGKILL);
  }
  CHECK(iqtest::reap_orphans());
}
