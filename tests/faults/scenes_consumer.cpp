// Scenes of one consumer: claims, steps, acknowledging, giving back, sleeping.
#include "faults/scenes.hpp"

namespace faults {
namespace {

using S = Stage<Text>;

void put_twelve(S& stage) { stage.put(0, 12); }

void put_twelve_for_several(S& stage) {
  stage.put(0, 12);
  stage.several_in_hand = 1;
}

void consume_and_acknowledge(S& stage) {
  auto queue = stage.open();
  auto consumer = queue.get_consumer();
  for (int round = 0; round < 4; ++round) {
    stage.consume(consumer, S::kVictim, 2);
    consumer.ack();
  }
  stage.consume(consumer, S::kVictim, 2);
  consumer.close();
}

void loop_and_leave(S& stage) {
  auto queue = stage.open();
  auto consumer = queue.get_consumer();
  int taken = 0;
  for (const Text& item : consumer) {
    stage.ledger->receive(S::kVictim, item, consumer.deliveries());
    if (++taken == 9) break;
  }
}

void step_through_a_batch(S& stage) {
  RawConsumer consumer(stage.name);
  for (int batch = 0; batch < 3; ++batch) {
    stage.take_batch(consumer, S::kVictim, 4);
    for (int i = 1; i < 4; ++i) stage.take_batch(consumer, S::kVictim, 1);
  }
}

// Giving back one item keeps the rest; closing gives back the rest.
void give_back_and_leave(S& stage) {
  RawConsumer consumer(stage.name);
  stage.take_batch(consumer, S::kVictim, 6);
  stage.take_batch(consumer, S::kVictim, 1);
  for (int i = 0; i < 2; ++i) {
    const std::uint32_t id = stage.ledger->in_hand[S::kVictim] - 1;
    stage.ledger->giving_back(id);
    consumer.ring().release(iq::detail::Leave::give_back);
    stage.take_batch(consumer, S::kVictim, 1);
  }
  consumer.ring().close(iq::detail::Leave::acknowledge);
}

void leave_by_an_exception(S& stage) {
  RawConsumer consumer(stage.name);
  stage.take_batch(consumer, S::kVictim, 6);
  stage.take_batch(consumer, S::kVictim, 1);
  stage.ledger->giving_back(stage.ledger->in_hand[S::kVictim] - 1);
  consumer.ring().close(iq::detail::Leave::give_back);
}

void take_some_at_once(S& stage) {
  auto queue = stage.open();
  auto consumer = queue.get_consumer();
  // Of several in hand all may come again: the book has room for one, so they count as given back.
  for (int round = 0; round < 3; ++round) {
    for (const Text& item : consumer.get_some(4)) {
      stage.ledger->giving_back(item.id);
      stage.ledger->receive(S::kVictim, item, 1);
    }
  }
}

// Each that is held may come again, until it was acknowledged.
void hold_and_end(S& stage) {
  auto queue = stage.open();
  auto consumer = queue.get_consumer();
  std::vector<iq::Lease<Text>> held;
  const auto hold = [&] {
    held.push_back(*consumer.lease());
    const Text& item = *held.back();
    stage.ledger->giving_back(item.id);
    stage.ledger->receive(S::kVictim, item, held.back().deliveries());
  };
  const auto acknowledge = [&](std::size_t i) {
    const std::uint32_t id = held[i]->id;
    held[i].ack();
    stage.ledger->given_back[id].fetch_sub(1);
  };
  for (int i = 0; i < 5; ++i) hold();
  acknowledge(3);
  held[0].give_back();
  stage.consume(consumer, S::kVictim, 2);
  hold();
  acknowledge(1);
  acknowledge(5);
  consumer.close();
  held[2].give_back();
  acknowledge(4);
}

// Feeds the victim one by one, each time that it sleeps.
void feed_a_sleeper(S& stage) {
  stage.help([](S& s, int) {
    auto queue = s.open();
    auto producer = queue.get_producer();
    for (std::uint32_t id = 0; id < 5; ++id) {
      const auto wanted = [&] { return s.sleepers() != 0 || s.victim_ended.is_set(); };
      iqtest::require(iqtest::wait_until(wanted), "the victim sleeps or ends");
      s.put(producer, id, 1);
    }
  });
  iqtest::require(iqtest::wait_until([&] { return stage.queue.producers() == 2; }),
                  "the feeder has its producer");
}

void sleep_for_each_item(S& stage) {
  auto queue = stage.open();
  auto consumer = queue.get_consumer();
  stage.consume(consumer, S::kVictim, 5);
}

}  // namespace

std::vector<Scene<Text>> consumer_scenes() {
  constexpr auto nothing = Scene<Text>::nothing;
  return {
      {"get and acknowledge", small_queue(16), put_twelve, consume_and_acknowledge, nothing},
      {"loop and leave", small_queue(16), put_twelve, loop_and_leave, nothing},
      {"step through batches", small_queue(16), put_twelve, step_through_a_batch, nothing},
      {"give back and leave", small_queue(16), put_twelve, give_back_and_leave, nothing},
      {"leave by an exception", small_queue(16), put_twelve, leave_by_an_exception, nothing},
      {"several in hand", small_queue(16), put_twelve_for_several, take_some_at_once, nothing},
      {"explicit leases", small_queue(16), put_twelve, hold_and_end, nothing},
      {"sleep for each item", small_queue(16), feed_a_sleeper, sleep_for_each_item, nothing},
  };
}

}  // namespace faults
