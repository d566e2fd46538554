// Repair itself, of each kind of dead.
#include "steps/acts.hpp"

namespace steps {
namespace {

using S = Stage<Text>;

template <class F>
void die(S& stage, F&& f) {
  stage.await_death(stage.help([&](S& s, int slot) {
    f(s, slot);
    ::raise(SIGKILL);
  }));
}

}  // namespace

void die_in_a_batch(S& stage) {
  stage.put(0, 6);
  die(stage, [](S& s, int slot) {
    RawConsumer consumer(s.name);
    s.take_batch(consumer, slot, 6);
    for (int i = 0; i < 2; ++i) s.take_batch(consumer, slot, 1);
    ::raise(SIGKILL);
  });
}

void die_before_the_stamp(S& stage) {
  stage.put(0, 5);
  die(stage, [](S& s, int slot) {
    RawConsumer consumer(s.name);
    iqtest::kill_at("claim_after_cas", 1);
    s.take_batch(consumer, slot, 3);
  });
}

void die_with_leases(S& stage) {
  stage.put(0, 6);
  stage.several_in_hand = 1;
  die(stage, [](S& s, int slot) {
    auto queue = s.open();
    auto consumer = queue.get_consumer();
    std::vector<iq::Lease<Text>> held;
    for (int i = 0; i < 3; ++i) {
      held.push_back(*consumer.lease());
      s.ledger->giving_back(held.back()->id);
      s.ledger->receive(slot, *held.back(), held.back().deliveries());
    }
    const std::uint32_t id = held[1]->id;
    held[1].ack();
    s.ledger->given_back[id].fetch_sub(1);
    ::raise(SIGKILL);
  });
}

void die_producing(S& stage) {
  die(stage, [](S& s, int) {
    auto queue = s.open();
    auto producer = queue.get_producer();
    s.put(producer, 10, 4);
    ::raise(SIGKILL);
  });
}

void die_asleep(S& stage) {
  const int sleeper = stage.help([](S& s, int slot) { s.consume_all(slot); });
  iqtest::require(iqtest::wait_until([&] { return stage.sleepers() != 0; }), "a consumer sleeps");
  stage.helper(sleeper).stop();
  stage.kill_helper(sleeper);
}

void die_with_a_handle(S& stage) {
  die(stage, [](S& s, int) {
    auto queue = s.open();
    ::raise(SIGKILL);
  });
}

void repair(S& stage) {
  auto queue = stage.open();
  operate([&] { stage.sweep(); });
}

std::vector<Operation> repair_operations() {
  const auto of = [](const char* name, void (*before)(S&), void (*after)(S&)) {
    return operation<Text>({name, small_queue(16), before, repair, nullptr, after});
  };
  constexpr auto nothing = Act<Text>::nothing;
  return {
      of("repair of a batch", die_in_a_batch, nothing),
      of("repair of a claim without a stamp", die_before_the_stamp, nothing),
      of("repair of single items", die_with_an_orphan, nothing),
      of("repair of explicit leases", die_with_leases, nothing),
      of("repair of a robbed batch", die_half_robbed, awake),
      of("repair of a producer", die_producing, nothing),
      of("repair of a sleeper", die_asleep, nothing),
      of("repair of a handle", die_with_a_handle, nothing),
  };
}

}  // namespace steps
