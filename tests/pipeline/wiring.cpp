// What pipelines are made of before they run: options that fit, queues, where an order begins.
#include "pipeline/wiring.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <memory>
#include <ranges>
#include <stdexcept>
#include <string>
#include <vector>

#include "iq/iq.hpp"
#include "support/process.hpp"

namespace {

using std::views::iota;

int twice(int x) { return 2 * x; }

/// What building or starting it complains of.
template <class Build>
std::string refusal_of(Build build) {
  try {
    build();
  } catch (const std::invalid_argument& refused) {
    return refused.what();
  }
  return "nothing";
}
bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

void use_raw(iq::Consumer<int>&, iq::Producer<int>&) {}

}  // namespace

TEST_CASE("options: what is out of range or does not fit is refused while it is built") {
  const auto map_with = [](iq::StageOptions<int, int> options) {
    return refusal_of([&] { auto p = iq::pipeline().from(iota(0)).map(twice, options); });
  };
  iq::IterableQueue<int> queue;
  CHECK(map_with({}) == "nothing");
  CHECK(map_with({.workers = 0}) ==
        "iq::Pipeline: stage \"map\": .workers is 0: it must be 1 or more");
  CHECK(has(map_with({.name = "x", .retries = -1}), "\"x\": .retries is -1"));
  CHECK(has(map_with({.restarts = -1}), ".restarts is -1"));
  CHECK(has(map_with({.timeout = std::chrono::seconds(-1)}), ".timeout is negative"));
  CHECK(has(map_with({.capacity = SIZE_MAX}), ".capacity is 18446744073709551615"));
  CHECK(has(map_with({.max_deliveries = 15}), ".max_deliveries is 15"));
  CHECK(has(map_with({.restarts = 1, .stateful = true}), "leave .restarts out"));
  CHECK(has(map_with({.capacity = 3, .out = &queue}), "both .out and .capacity"));
  CHECK(has(
      refusal_of([] { auto p = iq::pipeline().from(iota(0)).chain(use_raw, {.restarts = -1}); }),
      ".restarts is -1"));
}

TEST_CASE("options: what does not fit together is refused before anything is started") {
  iq::IterableQueue<int> queue;
  CHECK(has(refusal_of([&] {
              iq::pipeline().from(iota(0)).map(twice, {.out = &queue}).map(twice).join();
            }),
            ".out is for the last stage"));
  CHECK(has(refusal_of([&] { iq::pipeline().from(iota(0)).map(twice, {.in = &queue}).join(); }),
            ".in is for the first stage"));
  CHECK(has(refusal_of([] { iq::pipeline().chain(use_raw).join(); }), "nothing comes in"));
  CHECK(has(refusal_of([] {
              iq::pipeline(iq::threads)
                  .from(iota(0))
                  .map(twice, {.timeout = std::chrono::seconds(1)})
                  .join();
            }),
            ".timeout needs processes"));
  const auto count_in = [](iq::RunIn where, int workers) {
    return refusal_of([&] {
      iq::pipeline(where)
          .from(iota(0, 9))
          .map([sum = std::make_unique<int>(0),
                calls = 0](int x) mutable { return x + *sum + ++calls; },
               {.workers = workers})
          .join();
    });
  };
  CHECK(has(count_in(iq::threads, 2), "cannot be copied"));
  CHECK(count_in(iq::threads, 1) == "nothing");
  CHECK(count_in(iq::RunIn::processes, 2) == "nothing");
  CHECK(has(refusal_of([&] {
              auto p = iq::pipeline().from(iota(0, 3)).map(twice, {.out = &queue});
              for ([[maybe_unused]] const int x : p) {
              }
            }),
            "go to the queue of .out"));
}

TEST_CASE(
    "order: a window for each ordered stretch, at its origin, as wide as what the stretch holds") {
  const auto node = [](iq::StageOptions<int, int> options) {
    return std::make_shared<iq::detail::MapNode<int, int, int (*)(int)>>(twice, options, "map");
  };
  iq::IterableQueue<int> in;
  iq::detail::PipelinePlan plan;
  plan.input = iq::detail::users_queue(&in);
  plan.add(node({.workers = 4, .capacity = 100, .ordered = true}));
  plan.add(node({}));  // one worker: takes the items in order
  plan.add(node({.workers = 3, .ordered = true}));
  const iq::detail::Wiring wiring = iq::detail::wire(plan);
  // Numbers, map; order, map; numbers, map.
  std::vector<std::string> names;
  for (const auto& stage : wiring.stages) names.push_back(stage.node->traits.name);
  CHECK(names ==
        std::vector<std::string>{"(numbers)", "map", "(order)", "map", "(numbers)", "map"});
  CHECK(wiring.stages[0].enters == 0U);
  CHECK(wiring.stages[2].leaves == 0U);
  CHECK(wiring.window_items[0] > 2 * 100);
  CHECK(wiring.stages[4].enters == 4U);
  CHECK(wiring.ends_at_caller == 4U);
  for (const std::size_t none : {1U, 2U, 3U, 5U}) {
    CHECK_FALSE(wiring.stages[none].enters);
    CHECK(wiring.window_items[none] == 0);
  }
  CHECK(wiring.stages[1].keeps_order);
  CHECK_FALSE(wiring.stages[3].keeps_order);
  CHECK(wiring.stages[0].is_numbered);
}
