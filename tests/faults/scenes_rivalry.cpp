// Scenes of consumers that take from others: orphans, seized claims, taken-over batches, parking.
#include "faults/situations.hpp"

namespace faults {
namespace {

using S = Stage<Text>;

void consume_what_comes(S& stage) {
  auto queue = stage.open();
  auto consumer = queue.get_consumer();
  stage.consume(consumer, S::kVictim, 4);
}

void step_past_a_thief(S& stage) {
  RawConsumer consumer(stage.name);
  stage.take_batch(consumer, S::kVictim, 8);
  await_the_thief(stage, consumer);
  for (int i = 1; i < 8; ++i) stage.take_batch(consumer, S::kVictim, 1);
}

// ---- parking ----

void put_five(S& stage) { stage.put(0, 5); }

void give_back_poison(S& stage) {
  auto queue = stage.open();
  auto consumer = queue.get_consumer();
  for (int i = 0; i < 3; ++i) {
    stage.consume(consumer, S::kVictim, 1);
    stage.ledger->giving_back(stage.ledger->in_hand[S::kVictim] - 1);
    consumer.give_back();
  }
}

void requeue(S& stage) {
  auto queue = stage.open();
  queue.requeue_parked();
}

}  // namespace

std::vector<Scene<Text>> rivalry_scenes() {
  constexpr auto nothing = Scene<Text>::nothing;
  return {
      {"take orphans", small_queue(16), leave_orphans, consume_what_comes, nothing},
      {"seize what was claimed and not stamped", small_queue(16), stop_before_the_stamp,
       consume_what_comes, awake},
      {"take over a batch", small_queue(16), stop_in_a_batch, consume_what_comes, awake},
      {"go on although somebody wants the batch", small_queue(16), start_a_thief, step_past_a_thief,
       end_the_thief},
      {"park an orphan", small_queue(16, 1), poison, consume_what_comes, nothing},
      {"park what is given back", small_queue(16, 1), put_five, give_back_poison, nothing},
      {"requeue what is parked", small_queue(16, 1), park_to_requeue<3>, requeue, nothing},
  };
}

}  // namespace faults
