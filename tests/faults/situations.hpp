// What scenes and single steps find when they begin: what others left, and others that are stopped
// in the midst of something.
#pragma once

#include "faults/scenes.hpp"

namespace faults {

/// Lets stopped helpers go on.
inline void awake(Stage<Text>& stage) {
  for (iqtest::Child& helper : stage.helpers) helper.cont();
}

/// Of a batch of six, two finished and one in hand of a dead consumer, repaired; two not claimed.
inline void leave_orphans(Stage<Text>& stage) {
  stage.put(0, 8);
  const int dead = stage.help([](Stage<Text>& s, int slot) {
    RawConsumer consumer(s.name);
    s.take_batch(consumer, slot, 6);
    for (int i = 0; i < 2; ++i) s.take_batch(consumer, slot, 1);
    ::raise(SIGKILL);
  });
  stage.await_death(dead);
  iqtest::require(stage.sweep(), "there is a dead consumer to repair");
}

/// A claimer that is stopped before its stamp.
inline void stop_before_the_stamp(Stage<Text>& stage) {
  stage.put(0, 4);
  const int late = stage.help([](Stage<Text>& s, int slot) {
    RawConsumer consumer(s.name);
    iqtest::kill_at("claim_after_cas", 1, iqtest::KillAction::stop);
    if (consumer.take(4)) s.note_in_hand(consumer, slot);  // or the end, when it comes too late
    consumer.ring().close(iq::detail::Leave::acknowledge);
    s.consume_all(slot);
  });
  stage.await_stopped(late);
}

/// A batch of eight whose owner does not go on.
inline void stop_in_a_batch(Stage<Text>& stage) {
  stage.put(0, 8);
  const int slow = stage.help([](Stage<Text>& s, int slot) {
    RawConsumer consumer(s.name);
    s.take_batch(consumer, slot, 8);
    ::raise(SIGSTOP);
    consumer.ring().close(iq::detail::Leave::acknowledge);
    s.consume_all(slot);
  });
  stage.await_stopped(slow);
}

/// A thief that announces itself once the victim has its batch of eight, and stops there: the
/// victim, the owner, must cancel it to go on.
inline void start_a_thief(Stage<Text>& stage) {
  stage.put(0, 8);
  stage.help([](Stage<Text>& s, int slot) {
    const auto begun = [&] { return s.ledger->count_delivered() != 0 || s.victim_ended.is_set(); };
    iqtest::require(iqtest::wait_until(begun), "the victim has its batch");
    iqtest::kill_at("steal_after_pending", 1, iqtest::KillAction::stop);
    s.consume_all(slot);
  });
}
/// In the victim.
inline void await_the_thief(const Stage<Text>& stage, RawConsumer& consumer) {
  const auto& limit = stage.spy->endpoint(consumer.ring().attachment().index()).limit;
  iqtest::require(iqtest::wait_until([&] { return iq::detail::limit_tag(limit.load()) != 0; }),
                  "a thief announces itself");
}
inline void end_the_thief(Stage<Text>& stage) { go_on_or_end(stage.helpers.front()); }

/// The thief has the dead owner's word for half of its batch and has not told the others.
inline void die_half_robbed(Stage<Text>& stage) {
  stage.put(0, 8);
  const int owner = stage.help([](Stage<Text>& s, int slot) {
    RawConsumer consumer(s.name);
    s.take_batch(consumer, slot, 8);
    ::raise(SIGSTOP);
  });
  stage.await_stopped(owner);
  const int thief = stage.help([](Stage<Text>& s, int slot) {
    iqtest::kill_at("steal_after_confirm", 1, iqtest::KillAction::stop);
    s.consume_all(slot);
  });
  stage.await_stopped(thief);
  stage.kill_helper(owner);
}

/// An orphan of an earlier death in a dead consumer's hand.
inline void die_with_an_orphan(Stage<Text>& stage) {
  stage.put(0, 3);
  for (int death = 0; death < 2; ++death) {
    const int dead = stage.help([](Stage<Text>& s, int slot) {
      RawConsumer consumer(s.name);
      s.take_batch(consumer, slot, 3);
      ::raise(SIGKILL);
    });
    stage.await_death(dead);
    if (death == 0) iqtest::require(stage.sweep(), "there is a dead consumer to repair");
  }
}

/// An orphan that its next taker has to park, where max_deliveries is 1.
inline void poison(Stage<Text>& stage) {
  stage.put(0, 5);
  const int dead = stage.help([](Stage<Text>& s, int slot) {
    RawConsumer consumer(s.name);
    s.take_batch(consumer, slot, 1);
    ::raise(SIGKILL);
  });
  stage.await_death(dead);
  iqtest::require(stage.sweep(), "there is a dead consumer to repair");
}

/// Items that are parked, where max_deliveries is 1, and two more.
template <std::uint32_t count>
void park(Stage<Text>& stage) {
  stage.put(0, count + 2);
  const int angry = stage.help([](Stage<Text>& s, int slot) {
    auto queue = s.open();
    auto consumer = queue.get_consumer();
    for (std::uint32_t i = 0; i < count; ++i) {
      s.consume(consumer, slot, 1);
      s.ledger->giving_back(s.ledger->in_hand[static_cast<std::size_t>(slot)] - 1);
      consumer.give_back();
    }
  });
  stage.await_death(angry);
  iqtest::require(stage.queue.stats().parked == count, "items are parked");
}
/// The same; somebody puts them again, and a death may double what it moves.
template <std::uint32_t count>
void park_to_requeue(Stage<Text>& stage) {
  park<count>(stage);
  stage.extra_copies = 1;
}

}  // namespace faults
