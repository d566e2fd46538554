// Operations of producers. The director's own producer has the first lane, victims get the next.
#include <optional>
#include <stdexcept>

#include "steps/acts.hpp"

namespace steps {

void get_producer(Stage<Text>& stage) {
  auto queue = stage.open();
  std::optional<iq::Producer<Text>> producer;
  operate([&] { producer.emplace(queue.get_producer()); });
}

void close_with_items(Stage<Text>& stage) {
  auto queue = stage.open();
  auto producer = queue.get_producer();
  stage.put(producer, 0, 3);
  operate([&] { producer.close(); });
}

namespace {

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
  const std::uint32_t first = my_slot == kVictim ? 0 : 200;
  operate([&] { stage.put(producer, first, 2); });
}

// Its lane has been filled, and emptied but for one: the next items wrap slots and byte ring.
template <class T>
void put_and_wrap(Stage<T>& stage) {
  auto queue = stage.open();
  auto producer = queue.get_producer();
  stage.put(producer, 0, 8);
  {
    auto consumer = queue.get_consumer();
    stage.consume(consumer, my_slot, 7);
    consumer.ack();
    stage.ledger->in_hand[my_slot] = 0;
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
void put_until_the_time_out(Stage<T>& stage) {
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
    const auto result = producer.put_all_for(items, faults::bound);
    iqtest::require(result.accepted == items.size(), "put_all finds room");
    for (std::uint32_t id = 0; id < 6; ++id) stage.ledger->returned[id] = 1;
  });
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
      operation<T>(
          {"put, empty queue, " + kind, small_queue(8), nothing, put_into_an_empty_queue<T>}),
      operation<T>({"put, wrapping, " + kind, small_queue(8), nothing, put_and_wrap<T>}),
      operation<T>({"put, full queue, " + kind, small_queue(4), faults::drain_when_full<T>,
                    put_when_full<T>}),
      operation<T>({"put, full until the time-out, " + kind, small_queue(4), nothing,
                    put_until_the_time_out<T>}),
      operation<T>({"put, waking a sleeper, " + kind, small_queue(8), sleep<T>,
                    put_into_an_empty_queue<T>, nullptr, awake<T>}),
      operation<T>({"put_all, " + kind, small_queue(8), nothing, put_all<T>}),
  };
}

}  // namespace

void put_two(Stage<Text>& stage) { put_into_an_empty_queue(stage); }
void put_in_vain(Stage<Text>& stage) { put_until_the_time_out(stage); }

std::vector<Operation> producer_operations() {
  using A = Act<Text>;
  constexpr auto nothing = A::nothing;
  std::vector<Operation> all{
      operation<Text>({"attach", small_queue(8), nothing, attach}),
      operation<Text>({"get_producer, new lane", small_queue(8), nothing, get_producer}),
      operation<Text>(
          {"get_producer, used lane", small_queue(8), leave_a_lane_behind<Text>, get_producer}),
      operation<Text>({"close of a producer", small_queue(8), nothing, close_with_items}),
      operation<Text>({"failure of a producer", small_queue(8), nothing, fail<Text>}),
  };
  for (const auto& more : {of_items<Fixed>("in place"), of_items<Text>("encoded")}) {
    all.insert(all.end(), more.begin(), more.end());
  }
  return all;
}

}  // namespace steps
