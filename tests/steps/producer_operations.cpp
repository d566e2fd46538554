// Operations of producers. The director's own producer has the first lane, victims get the next.
#include <optional>
#include <stdexcept>

#include "steps/staged.hpp"

namespace steps {
namespace {

template <class T>
void attach(Stage<T>& stage) {
  std::optional<iq::IterableQueue<T>> queue;
  operate([&] { queue.emplace(iq::open_only, stage.name); });
}

template <class T>
void get_producer(Stage<T>& stage) {
  auto queue = stage.open();
  std::optional<iq::Producer<T>> producer;
  operate([&] { producer.emplace(queue.get_producer()); });
}

// A lane whose owner closed it, half used.
template <class T>
void leave_a_lane_behind(Stage<T>& stage) {
  const int orderly = stage.help([](Stage<T>& s, int) {
    auto queue = s.open();
    auto producer = queue.get_producer();
    s.put(producer, 100, 3);
  });
  stage.await_death(orderly);
}

template <class T>
void put_into_an_empty_queue(Stage<T>& stage) {
  auto queue = stage.open();
  auto producer = queue.get_producer();
  operate([&] { stage.put(producer, 0, 2); });
}

// Its lane has been filled, and emptied but for one: the next items wrap slots and byte ring.
template <class T>
void put_and_wrap(Stage<T>& stage) {
  auto queue = stage.open();
  auto producer = queue.get_producer();
  stage.put(producer, 0, 8);
  {
    auto consumer = queue.get_consumer();
    stage.consume(consumer, kVictim, 7);
    consumer.ack();
    stage.ledger->in_hand[kVictim] = 0;
  }
  operate([&] { stage.put(producer, 8, 5); });
}

template <class T>
void put_when_full(Stage<T>& stage) {
  auto queue = stage.open();
  auto producer = queue.get_producer();
  stage.put(producer, 0, 4);
  operate([&] { stage.put(producer, 4, 1); });
}

template <class T>
void put_in_vain(Stage<T>& stage) {
  auto queue = stage.open();
  auto producer = queue.get_producer();
  stage.put(producer, 0, 4);
  operate([&] {
    if (producer.put_for(make<T>(4), 20ms) == iq::Status::ok) stage.ledger->returned[4] = 1;
  });
}

template <class T>
void sleep(Stage<T>& stage) {
  const int sleeper = stage.help([](Stage<T>& s, int slot) { s.consume_all(slot); });
  iqtest::require(iqtest::wait_until([&] { return stage.sleepers() != 0; }), "a consumer sleeps");
  stage.helper(sleeper).stop();
}

template <class T>
void awake(Stage<T>& stage) {
  for (iqtest::Child& helper : stage.helpers) helper.cont();
}

template <class T>
void put_all(Stage<T>& stage) {
  auto queue = stage.open();
  auto producer = queue.get_producer();
  std::vector<T> items;
  for (std::uint32_t id = 0; id < 6; ++id) items.push_back(make<T>(id));
  operate([&] {
    const auto result = producer.put_all_for(items, faults::kBound);
    iqtest::require(result.accepted == items.size(), "put_all finds room");
    for (std::uint32_t id = 0; id < 6; ++id) stage.ledger->returned[id] = 1;
  });
}

template <class T>
void close_with_items(Stage<T>& stage) {
  auto queue = stage.open();
  auto producer = queue.get_producer();
  stage.put(producer, 0, 3);
  operate([&] { producer.close(); });
}

template <class T>
void fail(Stage<T>& stage) {
  auto queue = stage.open();
  try {
    auto producer = queue.get_producer();
    stage.put(producer, 0, 3);
    begin_operation();
    throw std::runtime_error("the worker's own trouble");
  } catch (const std::runtime_error&) {
    end_operation();
  }
}

template <class T>
std::vector<Operation> of_items(const std::string& kind) {
  using A = Act<T>;
  constexpr auto nothing = A::nothing;
  return {
      operation<T>({"put, empty queue, " + kind, small_queue(8), nothing,
                    put_into_an_empty_queue<T>}),
      operation<T>({"put, wrapping, " + kind, small_queue(8), nothing, put_and_wrap<T>}),
      operation<T>({"put, full queue, " + kind, small_queue(4), faults::drain_when_full<T>,
                    put_when_full<T>}),
      operation<T>({"put, full until the time-out, " + kind, small_queue(4), nothing,
                    put_in_vain<T>}),
      operation<T>({"put, waking a sleeper, " + kind, small_queue(8), sleep<T>,
                    put_into_an_empty_queue<T>, nullptr, awake<T>}),
      operation<T>({"put_all, " + kind, small_queue(8), nothing, put_all<T>}),
  };
}

}  // namespace

std::vector<Operation> producer_operations() {
  using A = Act<Text>;
  constexpr auto nothing = A::nothing;
  std::vector<Operation> all{
      operation<Text>({"attach", small_queue(8), nothing, attach<Text>}),
      operation<Text>({"get_producer, new lane", small_queue(8), nothing, get_producer<Text>}),
      operation<Text>({"get_producer, used lane", small_queue(8), leave_a_lane_behind<Text>,
                       get_producer<Text>}),
      operation<Text>({"close of a producer", small_queue(8), nothing, close_with_items<Text>}),
      operation<Text>({"failure of a producer", small_queue(8), nothing, fail<Text>}),
  };
  for (const auto& more : {of_items<Fixed>("in place"), of_items<Text>("encoded")}) {
    all.insert(all.end(), more.begin(), more.end());
  }
  return all;
}

}  // namespace steps
