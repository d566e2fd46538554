// Operations on what others have or had: orphans, claims without a stamp, batches, parked items.
#include "steps/acts.hpp"

namespace steps {
namespace {

using S = Stage<Text>;
using iqtest::KillAction;

void park_two(S& stage) {
  stage.put(0, 3);
  const int angry = stage.help([](S& s, int slot) {
    auto queue = s.open();
    auto consumer = queue.get_consumer();
    for (int i = 0; i < 2; ++i) {
      s.consume(consumer, slot, 1);
      s.ledger->giving_back(s.ledger->in_hand[static_cast<std::size_t>(slot)] - 1);
      consumer.give_back();
    }
  });
  stage.await_death(angry);
  iqtest::require(stage.queue.stats().parked == 2, "two items are parked");
}

}  // namespace

void take_one(S& stage) {
  auto queue = stage.open();
  auto consumer = queue.get_consumer();
  operate([&] {
    const auto item = consumer.get_for(60ms);
    if (item) stage.ledger->receive(my_slot, *item, consumer.deliveries());
  });
}

void leave_orphans(S& stage) {
  stage.put(0, 6);
  const int dead = stage.help([](S& s, int slot) {
    RawConsumer consumer(s.name);
    s.take_batch(consumer, slot, 6);
    s.take_batch(consumer, slot, 1);
    ::raise(SIGKILL);
  });
  stage.await_death(dead);
  iqtest::require(stage.sweep(), "there is a dead consumer to repair");
}

void stop_before_the_stamp(S& stage) {
  stage.put(0, 4);
  const int late = stage.help([](S& s, int slot) {
    RawConsumer consumer(s.name);
    iqtest::kill_at("claim_after_cas", 1, KillAction::stop);
    if (consumer.take(4)) s.note_in_hand(consumer, slot);
    consumer.ring().close(iq::detail::Leave::acknowledge);
    s.consume_all(slot);
  });
  stage.await_stopped(late);
}

void stop_in_a_batch(S& stage) {
  stage.put(0, 8);
  const int slow = stage.help([](S& s, int slot) {
    RawConsumer consumer(s.name);
    s.take_batch(consumer, slot, 8);
    ::raise(SIGSTOP);
    consumer.ring().close(iq::detail::Leave::acknowledge);
    s.consume_all(slot);
  });
  stage.await_stopped(slow);
}

void poison(S& stage) {
  stage.put(0, 3);
  const int dead = stage.help([](S& s, int slot) {
    RawConsumer consumer(s.name);
    s.take_batch(consumer, slot, 1);
    ::raise(SIGKILL);
  });
  stage.await_death(dead);
  iqtest::require(stage.sweep(), "there is a dead consumer to repair");
}

void give_back_poison(S& stage) {
  auto queue = stage.open();
  auto consumer = queue.get_consumer();
  stage.consume(consumer, my_slot, 1);
  stage.ledger->giving_back(stage.ledger->in_hand[my_slot] - 1);
  operate([&] { consumer.give_back(); });
}

void park_two_to_requeue(S& stage) {
  park_two(stage);
  stage.extra_copies = 1;
}

void requeue(S& stage) {
  auto queue = stage.open();
  operate([&] { queue.requeue_parked(); });
}

namespace {

// The thief has announced itself and stands there; the owner must cancel it to go on.
void put_eight(S& stage) {
  stage.put(0, 8);
  stage.help([](S& s, int slot) {
    const auto begun = [&] { return s.ledger->count_delivered() != 0; };
    iqtest::require(iqtest::wait_until(begun), "the victim has its batch");
    iqtest::kill_at("steal_after_pending", 1, KillAction::stop);
    s.consume_all(slot);
  });
}

void step_past_a_thief(S& stage) {
  RawConsumer consumer(stage.name);
  stage.take_batch(consumer, my_slot, 8);
  const auto& limit = stage.spy->endpoint(consumer.ring().attachment().index()).limit;
  iqtest::require(iqtest::wait_until([&] { return iq::detail::limit_tag(limit.load()) != 0; }),
                  "a thief announces itself");
  operate([&] {
    for (int i = 1; i < 5; ++i) stage.take_batch(consumer, my_slot, 1);
  });
}

void leave_past_a_thief(S& stage) {
  RawConsumer consumer(stage.name);
  stage.take_batch(consumer, my_slot, 8);
  const auto& limit = stage.spy->endpoint(consumer.ring().attachment().index()).limit;
  iqtest::require(iqtest::wait_until([&] { return iq::detail::limit_tag(limit.load()) != 0; }),
                  "a thief announces itself");
  operate([&] { consumer.ring().close(iq::detail::Leave::acknowledge); });
}

void end_the_thief(S& stage) { faults::go_on_or_end(stage.helpers.front()); }

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
      of("step past a thief", 14, put_eight, step_past_a_thief, end_the_thief),
      of("leave past a thief", 14, put_eight, leave_past_a_thief, end_the_thief),
      of("park an orphan", 1, poison, take_one),
      of("park what is given back", 1, put_three, give_back_poison),
      of("requeue what is parked", 1, park_two_to_requeue, requeue),
      of("look at what is parked", 1, park_two, read_parked),
  };
}

}  // namespace steps
