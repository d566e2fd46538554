// The window of an ordered stretch: who gives out numbers waits, and is let go on.
#include "pipeline/board.hpp"

#include <doctest/doctest.h>

#include "iq/detail/pipeline_order.hpp"
#include "iq/error.hpp"
#include "support/process.hpp"

using iq::detail::OrderWindow;
using iq::detail::PipelineBoard;

TEST_CASE("OrderWindow: numbers below the window pass, the next waits for a release elsewhere") {
  const PipelineBoard board(1, 1);
  OrderWindow& window = board.window(0);
  window.items = 4;
  for (std::uint64_t number = 0; number < 4; ++number) CHECK(window.await(number));
  auto passed = iqtest::shared_counter();
  auto child = iqtest::spawn([&] {
    iqtest::require(window.await(5), "the window ends");
    ++*passed;
  });
  CHECK(iqtest::wait_until([&] { return window.waits.load() == 1; }));
  window.release(1);
  CHECK(*passed == 0);
  window.release(2);
  CHECK(child.wait().ok());
  CHECK(*passed == 1);
}

TEST_CASE("OrderWindow: nobody waits in a pipeline that is being ended") {
  const PipelineBoard board(1, 1);
  OrderWindow& window = board.window(0);
  window.items = 4;
  auto child = iqtest::spawn([&] { iqtest::require(!window.await(4), "it may enter"); });
  CHECK(iqtest::wait_until([&] { return window.waits.load() == 1; }));
  window.ending.store(1);
  CHECK(child.wait().ok());
}

TEST_CASE("OrderWindow: the one that waits is rung for once in a quarter of the window") {
  const PipelineBoard board(1, 1);
  OrderWindow& window = board.window(0);
  window.items = 64;
  window.waits.store(1);
  for (std::uint64_t next = 1; next <= 170; ++next) window.release(next);
  CHECK(window.changes.load() == 10);
  CHECK(window.released.load() == 170);
}

TEST_CASE("OrderRestorer: any order within the window comes out in order, without the gaps") {
  using Item = iq::detail::Wire<int, true>;
  const PipelineBoard board(1, 1);
  OrderWindow& window = board.window(0);
  window.items = 8;
  iq::detail::OrderRestorer<int, Item> order(window);
  std::optional<int> item;
  order.add(Item::make(2, 20));
  order.add(Item::gap(1));
  CHECK_FALSE(order.next(item));
  order.add(Item::make(0, 0));
  CHECK(order.next(item));
  CHECK(item == 0);
  CHECK(order.next(item));
  CHECK(item == 20);
  CHECK_FALSE(order.next(item));
  CHECK(window.released.load() == 3);
  CHECK_NOTHROW(order.require_empty());
  order.add(Item::make(4, 40));
  CHECK_THROWS_AS(order.require_empty(), iq::Stopped);  // 3 did not come
  CHECK_THROWS_AS(order.add(Item::make(11, 1)), iq::Corrupt);
  CHECK_THROWS_AS(order.add(Item::make(2, 1)), iq::Corrupt);
}
