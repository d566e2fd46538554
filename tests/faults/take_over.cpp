// Take-over against death: interleavings of an owner, a thief and a repairer that need three
// processes at exact places, so they are set up one by one.
#include <doctest/doctest.h>

#include "faults/stage.hpp"

using namespace faults;

namespace {

using S = Stage<Text>;
using iqtest::KillAction;

int thief_stopped_at(S& stage, const char* point) {
  return stage.help([=](S& s, int slot) {
    iqtest::require(iqtest::wait_until([&] { return s.ledger->count_delivered() != 0; }),
                    "the owner has its batch");
    iqtest::kill_at(point, 1, KillAction::stop);
    s.consume_all(slot);
  });
}

}  // namespace

TEST_CASE("Take-over: a late thief and a leaving owner's repairer take nothing twice") {
  S stage("robbed", {.capacity = 16, .max_deliveries = 14});
  stage.put(0, 8);
  iqtest::Gate leave;
  const int owner = stage.help([&](S& s, int slot) {
    RawConsumer consumer(s.name);
    s.take_batch(consumer, slot, 8);
    leave.wait();
    iqtest::kill_at("give_back_after_ack");  // its limit is sealed by now
    consumer.ring().close(iq::detail::Leave::acknowledge);
  });
  const int thief = thief_stopped_at(stage, "steal_after_confirm");
  stage.await_stopped(thief);
  leave.post();
  CHECK(stage.helper(owner).wait().signal == SIGKILL);  // its item was acknowledged: no excuse
  const int repairer = stage.help([](S& s, int) {
    iqtest::kill_at("repair_after_stamp", 1, KillAction::stop);
    s.sweep();
  });
  stage.await_stopped(repairer);
  stage.helper(thief).cont();
  REQUIRE(iqtest::wait_until([&] { return stage.ledger->count_delivered() > 1; }));
  stage.helper(repairer).cont();
  finish(stage);
  judge(stage);
}

TEST_CASE("Take-over: what a killed thief had taken and not stamped is had by others") {
  for (const char* point : {"steal_after_confirm", "steal_after_shrink"}) {
    S stage("thief", {.capacity = 16, .max_deliveries = 14});
    stage.put(0, 8);
    iqtest::Gate leave;
    const int owner = stage.help([&](S& s, int slot) {
      RawConsumer consumer(s.name);
      s.take_batch(consumer, slot, 8);
      leave.wait();
      consumer.ring().close(iq::detail::Leave::acknowledge);
    });
    const int thief = thief_stopped_at(stage, point);
    stage.await_stopped(thief);
    stage.kill_helper(thief);
    leave.post();
    CHECK(stage.helper(owner).wait().ok());
    finish(stage);
    judge(stage);
    for (std::uint32_t id = 0; id < 8; ++id) CHECK_MESSAGE(stage.ledger->delivered[id] == 1, point);
  }
}

// An orphan that lies behind a position without a stamp must not keep a consumer so busy with
// looking for it that it forgets its deadline, and what it could do about that position.
TEST_CASE("Take-over: an orphan behind an unstamped position makes no get overrun its time") {
  S stage("behind", {.capacity = 16, .max_deliveries = 14});
  stage.put(0, 8);
  const int late = stage.help([](S& s, int slot) {
    RawConsumer consumer(s.name);
    iqtest::kill_at("claim_after_cas", 1, KillAction::stop);
    if (consumer.take(4)) s.note_in_hand(consumer, slot);  // or the end, when it comes too late
    consumer.ring().close(iq::detail::Leave::acknowledge);
  });
  stage.await_stopped(late);
  const int giver = stage.help([](S& s, int slot) {
    RawConsumer consumer(s.name);
    s.take_batch(consumer, slot, 4);
    s.ledger->giving_back(4);
    consumer.ring().close(iq::detail::Leave::give_back);
  });
  CHECK(stage.helper(giver).wait().ok());
  const int hungry = stage.help([](S& s, int slot) {
    auto queue = s.open();
    auto consumer = queue.get_consumer();
    s.consume(consumer, slot, 8);
  });
  CHECK(stage.helper(hungry).wait(4).ok());
  CHECK(stage.ledger->count_delivered() == 8);
  stage.helper(late).cont();
  finish(stage);
  judge(stage);
}
