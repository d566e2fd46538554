// Operations on what others have or had: orphans, claims without a stamp, batches, parked items.
#include "steps/acts.hpp"

namespace steps {
namespace {

using S = Stage<Text>;

}  // namespace

void take_one(S& stage) {
  auto queue = stage.open();
  auto consumer = queue.get_consumer();
  operate([&] {
    const auto item = consumer.get_for(60ms);
    if (item) stage.ledger->receive(my_slot, *item, consumer.deliveries());
  });
}

void give_back_poison(S& stage) {
  auto queue = stage.open();
  auto consumer = queue.get_consumer();
  stage.consume(consumer, my_slot, 1);
  stage.ledger->giving_back(stage.ledger->in_hand[my_slot] - 1);
  operate([&] { consumer.give_back(); });
}

void requeue(S& stage) {
  auto queue = stage.open();
  operate([&] { queue.requeue_parked(); });
}

namespace {

void step_past_a_thief(S& stage) {
  RawConsumer consumer(stage.name);
  stage.take_batch(consumer, my_slot, 8);
  faults::await_the_thief(stage, consumer);
  operate([&] {
    for (int i = 1; i < 5; ++i) stage.take_batch(consumer, my_slot, 1);
  });
}

void leave_past_a_thief(S& stage) {
  RawConsumer consumer(stage.name);
  stage.take_batch(consumer, my_slot, 8);
  faults::await_the_thief(stage, consumer);
  operate([&] { consumer.ring().close(iq::detail::Leave::acknowledge); });
}

// ---- parking ----

void put_three(S& stage) { stage.put(0, 3); }

void read_parked(S& stage) {
  auto queue = stage.open();
  operate(
      [&] { iqtest::require(queue.parked().size() == 2, "two items are parked, and stay it"); });
}

}  // namespace

std::vector<Operation> rivalry_operations() {
  const auto of = [](const char* name, std::uint32_t max_deliveries, void (*before)(S&),
                     void (*victim)(S&), void (*after)(S&) = Act<Text>::nothing) {
    return operation<Text>({name, small_queue(16, max_deliveries), before, victim, nullptr, after});
  };
  return {
      of("take an orphan", 14, leave_orphans, take_one),
      of("seize what has no stamp", 14, stop_before_the_stamp, take_one, awake),
      of("take-over", 14, stop_in_a_batch, take_one, awake),
      of("step past a thief", 14, faults::start_a_thief, step_past_a_thief, faults::end_the_thief),
      of("leave past a thief", 14, faults::start_a_thief, leave_past_a_thief,
         faults::end_the_thief),
      of("park an orphan", 1, poison, take_one),
      of("park what is given back", 1, put_three, give_back_poison),
      of("requeue what is parked", 1, faults::park_to_requeue<2>, requeue),
      of("look at what is parked", 1, faults::park<2>, read_parked),
  };
}

}  // namespace steps
