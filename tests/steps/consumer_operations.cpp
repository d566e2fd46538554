// Operations of one consumer with what is its own: claims, acknowledging, giving back, leases.
#include <optional>

#include "steps/acts.hpp"

namespace steps {
namespace {

using S = Stage<Text>;

// What was acknowledged by a call that returned may not come again.
void acknowledged(S& stage) { stage.ledger->in_hand[my_slot] = 0; }

}  // namespace

void put_twelve(S& stage) { stage.put(0, 12); }

void claim(S& stage) {
  RawConsumer consumer(stage.name);
  operate([&] { stage.take_batch(consumer, my_slot, 4); });
}

void give_back_one(S& stage) {
  RawConsumer consumer(stage.name);
  stage.take_batch(consumer, my_slot, 6);
  stage.take_batch(consumer, my_slot, 1);
  stage.ledger->giving_back(stage.ledger->in_hand[my_slot] - 1);
  operate([&] { consumer.ring().release(iq::detail::Leave::give_back); });
}

void close_in_a_batch(S& stage) {
  RawConsumer consumer(stage.name);
  stage.take_batch(consumer, my_slot, 6);
  stage.take_batch(consumer, my_slot, 1);
  operate([&] { consumer.ring().close(iq::detail::Leave::acknowledge); });
  acknowledged(stage);
}

void lease(S& stage) {
  auto queue = stage.open();
  auto consumer = queue.get_consumer();
  stage.consume(consumer, my_slot, 1);
  std::optional<iq::Lease<Text>> held;
  operate([&] {
    held = *consumer.lease();
    stage.ledger->receive(my_slot, **held, held->deliveries());
  });
  held->ack();
}

void acknowledge_by_hand(S& stage) {
  auto queue = stage.open();
  auto consumer = queue.get_consumer();
  stage.consume(consumer, my_slot, 1);
  operate([&] { consumer.ack(); });
  acknowledged(stage);
}

void acknowledge_three(S& stage) {
  RawConsumer consumer(stage.name);
  stage.take_batch(consumer, my_slot, 8);
  operate([&] {
    for (int i = 0; i < 3; ++i) stage.take_batch(consumer, my_slot, 1);
  });
}

namespace {

void put_twelve_for_several(S& stage) {
  stage.put(0, 12);
  stage.several_in_hand = 1;
}
void put_five(S& stage) { stage.put(0, 5); }
void put_twelve_in_place(Stage<Fixed>& stage) { stage.put(0, 12); }

void get_consumer(S& stage) {
  auto queue = stage.open();
  std::optional<iq::Consumer<Text>> consumer;
  operate([&] { consumer.emplace(queue.get_consumer()); });
}

/// Acknowledges the nth item of a batch of four by asking for the next one.
template <int n>
void acknowledge(S& stage) {
  RawConsumer consumer(stage.name);
  stage.take_batch(consumer, my_slot, 4);
  for (int i = 1; i < n; ++i) stage.take_batch(consumer, my_slot, 1);
  operate([&] { stage.take_batch(consumer, my_slot, 1); });
}

// With the end of the lane behind it: so the next lap begins in the midst of the loop.
template <class T>
void loop(Stage<T>& stage) {
  auto queue = stage.open();
  auto consumer = queue.get_consumer();
  std::uint32_t taken = 0;
  for (const T& item : consumer) {
    stage.ledger->receive(my_slot, item, consumer.deliveries());
    if (++taken == 2) begin_operation();
    if (taken == 7) break;
  }
  end_operation();
}

void leave_by_an_exception(S& stage) {
  RawConsumer consumer(stage.name);
  stage.take_batch(consumer, my_slot, 6);
  stage.take_batch(consumer, my_slot, 1);
  stage.ledger->giving_back(stage.ledger->in_hand[my_slot] - 1);
  operate([&] { consumer.ring().close(iq::detail::Leave::give_back); });
}

void close_a_consumer(S& stage) {
  auto queue = stage.open();
  auto consumer = queue.get_consumer();
  operate([&] { consumer.close(); });
}

// Of several in hand all may come again: the book has room for one, so they count as given back.
void get_some(S& stage) {
  auto queue = stage.open();
  auto consumer = queue.get_consumer();
  for (std::uint32_t id = 0; id < 4; ++id) stage.ledger->giving_back(id);
  operate([&] {
    for (const Text& item : consumer.get_some(4)) stage.ledger->receive(my_slot, item, 1);
  });
}

/// Three items under leases, the operation on one of them. Each may come again while it is held.
template <class Use>
void with_leases(S& stage, Use use) {
  auto queue = stage.open();
  auto consumer = queue.get_consumer();
  std::vector<iq::Lease<Text>> held;
  for (int i = 0; i < 3; ++i) {
    held.push_back(*consumer.lease());
    stage.ledger->giving_back(held.back()->id);
    stage.ledger->receive(my_slot, *held.back(), held.back().deliveries());
  }
  use(stage, consumer, held);
}

void acknowledge_a_lease(S& stage) {
  with_leases(stage, [](S& s, auto&, auto& held) {
    const std::uint32_t id = held[1]->id;
    operate([&] { held[1].ack(); });
    s.ledger->given_back[id].fetch_sub(1);
  });
}

void give_back_a_lease(S& stage) {
  with_leases(stage, [](S&, auto&, auto& held) { operate([&] { held[1].give_back(); }); });
}

void close_under_leases(S& stage) {
  with_leases(stage, [](S&, auto& consumer, auto&) { operate([&] { consumer.close(); }); });
}

void end_a_late_lease(S& stage) {
  with_leases(stage, [](S&, auto& consumer, auto& held) {
    consumer.close();
    held[0].ack();
    held[1].ack();
    operate([&] { held[2].give_back(); });
  });
}

void wait_in_vain(S& stage) {
  auto queue = stage.open();
  auto consumer = queue.get_consumer();
  operate([&] { iqtest::require(!consumer.get_for(20ms), "there is nothing"); });
}

// Fed each time that it sleeps.
void feed(S& stage) {
  stage.help([](S& s, int) {
    auto queue = s.open();
    auto producer = queue.get_producer();
    for (std::uint32_t id = 0; id < 2 && !s.victim_ended.is_set(); ++id) {
      const auto wanted = [&] { return s.sleepers() != 0 || s.victim_ended.is_set(); };
      iqtest::require(iqtest::wait_until(wanted, faults::kVictimPatienceS),
                      "the victim sleeps or ends");
      s.put(producer, id, 1);
    }
  });
  iqtest::require(iqtest::wait_until([&] { return stage.queue.producers() == 2; }),
                  "the feeder has its producer");
}

void wait_for_an_item(S& stage) {
  auto queue = stage.open();
  auto consumer = queue.get_consumer();
  operate([&] { stage.consume(consumer, my_slot, 1); });
}

// The end, as the last consumer finds it.
void end_the_stream(S& stage) {
  stage.put(0, 2);
  stage.producer.close();
  stage.queue.close();
  stage.stream_is_closed = true;
}

void find_the_end(S& stage) {
  auto queue = stage.open();
  auto consumer = queue.get_consumer();
  stage.consume(consumer, my_slot, 2);
  operate([&] { stage.consume(consumer, my_slot, 1); });
  acknowledged(stage);
}

}  // namespace

std::vector<Operation> consumer_operations() {
  using A = Act<Text>;
  constexpr auto nothing = A::nothing;
  const auto of = [](const char* name, void (*before)(S&), void (*victim)(S&)) {
    return operation<Text>({name, small_queue(16), before, victim});
  };
  return {
      of("get_consumer", nothing, get_consumer),
      of("claim", put_twelve, claim),
      of("acknowledge, first of a batch", put_twelve, acknowledge<1>),
      of("acknowledge, middle of a batch", put_twelve, acknowledge<2>),
      of("acknowledge, last of a batch", put_twelve, acknowledge<4>),
      of("acknowledge, last of all", put_five, acknowledge_by_hand),
      of("loop, encoded", put_twelve, loop<Text>),
      operation<Fixed>({"loop, in place", small_queue(16), put_twelve_in_place, loop<Fixed>}),
      of("give back", put_twelve, give_back_one),
      of("close of a consumer", nothing, close_a_consumer),
      of("close in the midst of a batch", put_twelve, close_in_a_batch),
      of("an exception in the midst of a batch", put_twelve, leave_by_an_exception),
      of("get_some", put_twelve_for_several, get_some),
      of("lease", put_twelve, lease),
      of("acknowledge a lease", put_twelve_for_several, acknowledge_a_lease),
      of("give back a lease", put_twelve_for_several, give_back_a_lease),
      of("close under leases", put_twelve_for_several, close_under_leases),
      of("end of a lease after its consumer's", put_twelve_for_several, end_a_late_lease),
      of("wait in vain", nothing, wait_in_vain),
      of("wait for an item", feed, wait_for_an_item),
      of("find the end", end_the_stream, find_the_end),
  };
}

}  // namespace steps
