// Scenes of consumers that take from others: orphans, seized claims, taken-over batches, parking.
#include "faults/scenes.hpp"

namespace faults {
namespace {

using S = Stage<Text>;
using iqtest::KillAction;

void consume_what_comes(S& stage) {
  auto queue = stage.open();
  auto consumer = queue.get_consumer();
  stage.consume(consumer, S::kVictim, 4);
}

// ---- orphans ----

void leave_orphans(S& stage) {
  stage.put(0, 8);
  const int dead = stage.help([](S& s, int slot) {
    RawConsumer consumer(s.name);
    s.take_batch(consumer, slot, 6);
    for (int i = 0; i < 2; ++i) s.take_batch(consumer, slot, 1);
    ::raise(SIGKILL);
  });
  stage.await_death(dead);
  iqtest::require(stage.sweep(), "there is a dead consumer to repair");
}

// ---- a claimer that is stopped before its stamp ----

void stop_between_claim_and_stamp(S& stage) {
  stage.put(0, 4);
  const int late = stage.help([](S& s, int slot) {
    RawConsumer consumer(s.name);
    iqtest::kill_at("claim_after_cas", 1, KillAction::stop);
    if (consumer.take(4)) s.note_in_hand(consumer, slot);  // or the end, when it comes too late
    consumer.ring().close(iq::detail::Leave::acknowledge);
    s.consume_all(slot);
  });
  stage.await_stopped(late);
}

void let_helpers_go_on(S& stage) {
  for (iqtest::Child& helper : stage.helpers) helper.cont();
}

// ---- a batch whose owner does not go on ----

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

// The thief announces itself and stops there; the owner, our victim, must cancel it to go on.
void start_a_thief(S& stage) {
  stage.put(0, 8);
  stage.help([](S& s, int slot) {
    const auto begun = [&] { return s.ledger->count_delivered() != 0 || s.victim_ended.is_set(); };
    iqtest::require(iqtest::wait_until(begun), "the victim has its batch");
    iqtest::kill_at("steal_after_pending", 1, KillAction::stop);
    s.consume_all(slot);
  });
}

void step_past_a_thief(S& stage) {
  RawConsumer consumer(stage.name);
  stage.take_batch(consumer, S::kVictim, 8);
  const auto& limit = stage.spy->endpoint(consumer.ring().attachment().index()).limit;
  iqtest::require(iqtest::wait_until([&] { return iq::detail::limit_tag(limit.load()) != 0; }),
                  "a thief announces itself");
  for (int i = 1; i < 8; ++i) stage.take_batch(consumer, S::kVictim, 1);
}

void end_the_thief(S& stage) { go_on_or_end(stage.helpers.front()); }

// ---- parking ----

void poison_one(S& stage) {
  stage.put(0, 5);
  const int dead = stage.help([](S& s, int slot) {
    RawConsumer consumer(s.name);
    s.take_batch(consumer, slot, 1);
    ::raise(SIGKILL);
  });
  stage.await_death(dead);
  iqtest::require(stage.sweep(), "there is a dead consumer to repair");
}

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

void park_some(S& stage) {
  stage.put(0, 5);
  const int angry = stage.help([](S& s, int slot) {
    auto queue = s.open();
    auto consumer = queue.get_consumer();
    for (int i = 0; i < 3; ++i) {
      s.consume(consumer, slot, 1);
      s.ledger->giving_back(s.ledger->in_hand[static_cast<std::size_t>(slot)] - 1);
      consumer.give_back();
    }
  });
  stage.await_death(angry);
  iqtest::require(stage.queue.stats().parked == 3, "three items are parked");
  stage.extra_copies = 1;
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
      {"seize what was claimed and not stamped", small_queue(16), stop_between_claim_and_stamp,
       consume_what_comes, let_helpers_go_on},
      {"take over a batch", small_queue(16), stop_in_a_batch, consume_what_comes,
       let_helpers_go_on},
      {"go on although somebody wants the batch", small_queue(16), start_a_thief, step_past_a_thief,
       end_the_thief},
      {"park an orphan", small_queue(16, 1), poison_one, consume_what_comes, nothing},
      {"park what is given back", small_queue(16, 1), put_five, give_back_poison, nothing},
      {"requeue what is parked", small_queue(16, 1), park_some, requeue, nothing},
  };
}

}  // namespace faults
