// Scenes of repair: what a killed repairer leaves half done the next one, or the one that races it,
// completes. And scenes of the queue itself: create, close, stop, leave.
#include "faults/situations.hpp"

namespace faults {
namespace {

using S = Stage<Text>;
using iqtest::KillAction;

// Repairs, then works: what it repaired is to be had.
void repair_and_consume(S& stage) {
  auto queue = stage.open();
  stage.sweep();
  auto consumer = queue.get_consumer();
  stage.consume(consumer, S::kVictim, 2);
}

void race_another_repairer(S& stage) {
  stage.help([](S& s, int) {
    while (!s.victim_ended.is_set()) s.sweep();
    s.sweep();
  });
}

// Six items: two finished, one in hand, three not begun. And three with no stamp.
void die_mid_batch(S& stage) {
  stage.put(0, 12);
  const int mid_batch = stage.help([](S& s, int slot) {
    RawConsumer consumer(s.name);
    s.take_batch(consumer, slot, 6);
    for (int i = 0; i < 2; ++i) s.take_batch(consumer, slot, 1);
    ::raise(SIGKILL);
  });
  stage.await_death(mid_batch);
  const int unstamped = stage.help([](S& s, int slot) {
    RawConsumer consumer(s.name);
    iqtest::kill_at("claim_after_cas", 1);
    s.take_batch(consumer, slot, 3);
  });
  stage.await_death(unstamped);
}

void die_mid_batch_with_rivals(S& stage) {
  die_mid_batch(stage);
  race_another_repairer(stage);
}

// As before, and the owner was about to leave: its limit is sealed.
void die_half_robbed_and_leaving(S& stage) {
  stage.put(0, 8);
  iqtest::Gate leave;
  const int owner = stage.help([&](S& s, int slot) {
    RawConsumer consumer(s.name);
    s.take_batch(consumer, slot, 8);
    leave.wait();
    iqtest::kill_at("give_back_after_ack", 1);
    consumer.ring().close(iq::detail::Leave::acknowledge);
  });
  const int thief = stage.help([](S& s, int slot) {
    iqtest::require(iqtest::wait_until([&] { return s.ledger->count_delivered() != 0; }),
                    "the owner has its batch");
    iqtest::kill_at("steal_after_confirm", 1, KillAction::stop);
    s.consume_all(slot);
  });
  stage.await_stopped(thief);
  leave.post();
  stage.await_death(owner);
}

void die_producing(S& stage) {
  for (int i = 0; i < 2; ++i) {
    const int dead = stage.help([i](S& s, int) {
      auto queue = s.open();
      auto producer = queue.get_producer();
      s.put(producer, static_cast<std::uint32_t>(10 * i), 4);
      ::raise(SIGKILL);
    });
    stage.await_death(dead);
  }
}

}  // namespace

std::vector<Scene<Text>> repair_scenes() {
  constexpr auto nothing = Scene<Text>::nothing;
  return {
      {"repair batches", small_queue(16), die_mid_batch, repair_and_consume, nothing},
      {"repair batches, two at once", small_queue(16), die_mid_batch_with_rivals,
       repair_and_consume, nothing},
      {"repair single items", small_queue(16), die_with_an_orphan, repair_and_consume, nothing},
      {"repair a robbed batch", small_queue(16), die_half_robbed, repair_and_consume, awake},
      {"repair a robbed and sealed batch", small_queue(16), die_half_robbed_and_leaving,
       repair_and_consume, awake},
      {"repair producers", small_queue(16), die_producing, repair_and_consume, nothing},
  };
}

// ---- the queue itself ----

namespace {

void close_it(S& stage) {
  auto queue = stage.open();
  queue.close();
}

void stop_it(S& stage) {
  auto queue = stage.open();
  queue.stop(std::runtime_error("enough"));
}

void blocked_on_both_ends(S& stage) {
  stage.help([](S& s, int slot) { s.consume_all(slot); });
  iqtest::require(iqtest::wait_until([&] { return stage.sleepers() != 0; }), "a consumer sleeps");
}

void stop_again(S& stage) {
  stage.queue.stop();
  stage.stream_is_stopped = true;
}

void queued_and_claimed(S& stage) {
  stage.put(0, 8);
  stage.help([](S& s, int slot) {
    RawConsumer consumer(s.name);
    s.take_batch(consumer, slot, 5);
    iqtest::require(s.victim_ended.wait_for(iqtest::kPatienceS), "the victim ends");
    consumer.ring().close(iq::detail::Leave::acknowledge);
    s.consume_all(slot);
  });
  iqtest::require(iqtest::wait_until([&] { return stage.ledger->count_delivered() != 0; }),
                  "a consumer has a batch");
}

// Creates a queue of its own, uses it and leaves it as the last.
void create_and_leave(S& stage) {
  const std::string name = stage.name + ".second";
  iq::IterableQueue<Text> queue(iq::open_or_create, name, small_queue(4));
  auto producer = queue.get_producer();
  producer.put(make<Text>(1));
  auto consumer = queue.get_consumer();
  consumer.get();
  consumer.close();
  producer.close();
  queue.close();
}

// Whatever it left under the name: the next one works with it or replaces it.
void create_again(S& stage) {
  const std::string name = stage.name + ".second";
  iq::IterableQueue<Text> queue(iq::open_or_create, name, small_queue(4));
  if (!queue.is_closed()) {
    auto producer = queue.get_producer();
    producer.put(make<Text>(2));
  }
  queue.close();
  auto consumer = queue.get_consumer();
  bool worked = false;
  try {
    while (const auto item = consumer.get_for(bound)) worked |= item->id == 2;
    iqtest::require(worked, "the queue works");
  } catch (const iq::ProducerDied&) {
    iqtest::require(worked, "the queue works, with a death in it");
  }
}

}  // namespace

std::vector<Scene<Text>> queue_scenes() {
  constexpr auto nothing = Scene<Text>::nothing;
  return {
      {"close the queue", small_queue(16), blocked_on_both_ends, close_it, nothing},
      {"stop the queue", small_queue(16), queued_and_claimed, stop_it, stop_again},
      {"stop the queue with a sleeper", small_queue(16), blocked_on_both_ends, stop_it, stop_again},
      {"create and leave a queue", small_queue(16), nothing, create_and_leave, create_again},
  };
}

}  // namespace faults
