// Both parties of a meeting killed, each wherever it makes a difference; and repairers that find
// each half-done operation, killed too.
#include "steps/acts.hpp"
#include "steps/relay_world.hpp"

namespace steps {
namespace {

using S = Stage<Text>;
using Step = void (*)(S&);

constexpr Step nothing = Act<Text>::nothing;

void put_four(S& stage) { stage.put(0, 4); }
void put_eight(S& stage) { stage.put(0, 8); }

// The director's part of the stream is over; the victim's and its items are what is left.
void put_no_more(S& stage) {
  stage.producer.close();
  stage.stream_is_closed = true;
}

void find_the_end(S& stage) {
  auto queue = stage.open();
  auto consumer = queue.get_consumer();
  stage.consume(consumer, my_slot, 3);
  queue.close();
  operate([&] {
    try {
      if (consumer.get_for(20ms)) iqtest::require(false, "an item twice");
    } catch (const iq::ProducerDied&) {
    }
  });
  stage.ledger->in_hand[static_cast<std::size_t>(my_slot)] = 0;
}

// The victim's lane is full: this makes room in it.
void make_room(S& stage) {
  auto queue = stage.open();
  auto consumer = queue.get_consumer();
  stage.consume(consumer, my_slot, 1);
  operate([&] { consumer.ack(); });
  stage.ledger->in_hand[static_cast<std::size_t>(my_slot)] = 0;
}

void claim_unless_stopped(S& stage) {
  RawConsumer consumer(stage.name);
  operate([&] {
    try {
      if (consumer.take(4)) stage.note_in_hand(consumer, my_slot);
    } catch (const iq::Stopped&) {
    }
  });
}

// The first one may stand there with the area in its hands.
void requeue_unless_busy(S& stage) {
  auto queue = stage.open();
  operate([&] {
    try {
      queue.requeue_parked();
    } catch (const iq::Busy&) {
    }
  });
}

Pair meeting(const char* name, Step before, Step first, Step second, Step after = nothing,
             std::uint32_t max_deliveries = 14, std::uint64_t capacity = 16) {
  return pair_of<Text>(First::stops,
                       {name, small_queue(capacity, max_deliveries), before, first, second, after});
}

Pair succession(const char* name, Step before, Step first, Step after = nothing,
                std::uint32_t max_deliveries = 14) {
  return pair_of<Text>(First::dies,
                       {name, small_queue(16, max_deliveries), before, first, repair, after});
}

}  // namespace

std::vector<Pair> meetings() {
  return {
      meeting("put | claim", nothing, put_two, take_one),
      meeting("put, full queue | acknowledge", nothing, put_in_vain, make_room, nothing, 14, 4),
      meeting("claim | claim", put_twelve, claim, claim),
      meeting("claim | seize", put_four, claim, take_one),
      meeting("acknowledge | take-over", put_eight, acknowledge_three, take_one),
      meeting("close in a batch | take-over", put_eight, close_in_a_batch, take_one),
      meeting("give back | take-over", put_eight, give_back_one, take_one),
      meeting("take-over | take-over", stop_in_a_batch, take_one, take_one, awake),
      meeting("seize | seize", stop_before_the_stamp, take_one, take_one, awake),
      meeting("take an orphan | take an orphan", leave_orphans, take_one, take_one),
      meeting("park | park", poison, take_one, take_one, nothing, 1),
      meeting("requeue | requeue", faults::park_to_requeue<2>, requeue, requeue_unless_busy,
              nothing, 1),
      meeting("close of a producer | find the end", put_no_more, close_with_items, find_the_end),
      meeting("get_producer | close of the queue", nothing, get_producer, close_it),
      meeting("attach | attach", nothing, attach, attach),
      meeting("create, if absent | create, if absent", nothing, create_if_absent, create_if_absent,
              use_the_name),
      meeting("destroy | create, if absent", nothing, destroy, create_if_absent, use_the_name),
      meeting("stop | claim", put_eight, stop_it, claim_unless_stopped, stop_again),
      meeting("repair | repair", die_in_a_batch, repair, repair),
  };
}

std::vector<Pair> successions() {
  const auto relay = [](const char* name, Leg leg) {
    return Pair{name, [leg] { return std::make_unique<RelayWorld>(leg); }, First::dies};
  };
  return {
      succession("put, repair", nothing, put_two),
      succession("get_producer, repair", nothing, get_producer),
      succession("close of a producer, repair", nothing, close_with_items),
      succession("claim, repair", put_twelve, claim),
      succession("acknowledge, repair", put_eight, acknowledge_three),
      succession("give back, repair", put_eight, give_back_one),
      succession("close in a batch, repair", put_eight, close_in_a_batch),
      succession("lease, repair", put_eight, lease),
      succession("take-over, repair", stop_in_a_batch, take_one, awake),
      succession("seize, repair", stop_before_the_stamp, take_one, awake),
      succession("park, repair", poison, take_one, nothing, 1),
      succession("park what is given back, repair", put_four, give_back_poison, nothing, 1),
      succession("requeue, repair", faults::park_to_requeue<2>, requeue, nothing, 1),
      succession("repair of a batch, repair", die_in_a_batch, repair),
      succession("repair of a claim, repair", die_before_the_stamp, repair),
      succession("repair of a robbed batch, repair", die_half_robbed, repair, awake),
      succession("repair of leases, repair", die_with_leases, repair),
      relay("relay, repair", Leg::first),
  };
}

}  // namespace steps
