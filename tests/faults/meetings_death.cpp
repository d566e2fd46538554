// Deaths and stops between two steps that used to leave something behind: a consumer that spins, a
// queue that never closes, a count that is wrong for ever, a producer that waits for nobody.
#include <doctest/doctest.h>

#include "faults/stage.hpp"

using namespace faults;

namespace {

using S = Stage<Fixed>;
using iq::detail::Leave;
using iq::detail::StampState;
using iqtest::KillAction;

iq::detail::Stamp stamp_at(S& stage, std::uint32_t lane, iq::detail::Position position) {
  return iq::detail::Stamp::unpack(stage.spy->lane(lane).stamp(position).load());
}

/// A consumer that waits for the end of the stream of that name, and gets it.
iqtest::Child await_end(const std::string& name) {
  return iqtest::spawn([&] {
    iq::IterableQueue<int> queue(iq::open_only, name);
    auto consumer = queue.get_consumer();
    iqtest::require(consumer.get_for(bound).status() == iq::Status::done, "the stream ends");
  });
}

}  // namespace

TEST_CASE("Meeting: an orphan behind a claim whose claimer was killed keeps no consumer spinning") {
  S stage("behind", {.capacity = 16, .max_deliveries = 14});
  stage.put(0, 2);
  const int claimer = stage.help([](S& s, int slot) {
    iqtest::kill_at("claim_after_cas");
    s.consume_all(slot);
  });
  stage.await_death(claimer);
  {
    RawConsumer giver(stage.name);
    stage.take_batch(giver, S::kVictim, 1);
    stage.ledger->giving_back(1);
    giver.ring().close(Leave::give_back);
  }
  const int hungry = stage.help([](S& s, int slot) {
    auto queue = s.open();
    auto consumer = queue.get_consumer();
    for (int i = 0; i < 2; ++i) {
      const auto item = consumer.get_for(500ms);
      iqtest::require(item.has_value(), "what nobody has is to be had:\n" + describe(*s.spy));
      s.ledger->receive(slot, *item, consumer.deliveries());
    }
  });
  CHECK(stage.helper(hungry).wait(3).ok());
  finish(stage);
  judge(stage);
}

// Between the stamp that says ORPHAN and the parking of it the item is anybody's.
TEST_CASE("Meeting: who gives back a poisoned item does not touch what became of it meanwhile") {
  for (const char* point : {"split_after_stamp", "attention_before"}) {
    S stage("poison", {.capacity = 1, .max_deliveries = 1});
    stage.put(0, 1);
    const int giver = stage.help([=](S& s, int slot) {
      RawConsumer consumer(s.name);
      s.take_batch(consumer, slot, 1);
      s.ledger->giving_back(0);
      iqtest::kill_at(point, 1, KillAction::stop);
      consumer.ring().release(Leave::give_back);
    });
    stage.await_stopped(giver);
    iqtest::Flag go;
    const int parker = stage.help([&](S& s, int slot) {
      auto queue = s.open();
      auto consumer = queue.get_consumer();
      s.consume(consumer, slot, 1);  // parks item 0, then waits for the next
      go.wait();
      consumer.ack();
    });
    stage.put(1, 1);  // into the very slot, a lap later
    REQUIRE(iqtest::wait_until([&] { return stage.ledger->delivered[1] == 1; }));
    const auto before = stage.spy->lane(0).stamp(0).load();
    stage.helper(giver).cont();
    CHECK(stage.helper(giver).wait().ok());
    CHECK_MESSAGE(stage.spy->lane(0).stamp(0).load() == before, point);
    CHECK(stage.queue.parked().size() == 1);
    go.set();
    CHECK(stage.helper(parker).wait().ok());
    stage.sweep();
    finish(stage);
    judge(stage);
    CHECK(stage.ledger->delivered[1] == 1);
  }
}

TEST_CASE("End: a queue that ends with its creator ends when that one is killed while it leaves") {
  for (const char* point : {"detach_before_free", "detach_after_free"}) {
    const std::string name = iqtest::temp_name("leaving");
    iqtest::Gate created;
    iqtest::Flag leave;
    iqtest::Child creator = iqtest::spawn([&] {
      iq::IterableQueue<int> queue(iq::create_only, name, {.ends_with_creator = true});
      created.post();
      leave.wait();
      iqtest::kill_at(point);
    });
    created.wait();
    const auto spy = iq::detail::Segment::open_named(name);
    iqtest::Child waiter = await_end(name);
    CHECK(iqtest::wait_until([&] { return spy->control().waiters_summary.load() != 0; }));
    leave.set();
    CHECK(creator.wait().signal == SIGKILL);
    CHECK_MESSAGE(waiter.wait().ok(), point);
  }
}

TEST_CASE("End: a queue whose creator is dead ends although its repairer is killed too") {
  for (const char* point : {"repair_begin", "repair_before_free", "repair_after_free"}) {
    const std::string name = iqtest::temp_name("creator");
    iqtest::Child creator = iqtest::spawn([&] {
      iq::IterableQueue<int> queue(iq::create_only, name, {.ends_with_creator = true});
      ::raise(SIGKILL);
    });
    CHECK(creator.wait().signal == SIGKILL);
    iqtest::Child repairer = iqtest::spawn([&] {
      const auto segment = iq::detail::Segment::open_named(name);
      iqtest::kill_at(point);
      iq::detail::sweep(*segment, 0, iq::detail::kMaxEndpoints);
    });
    CHECK(repairer.wait().signal == SIGKILL);
    CHECK_MESSAGE(await_end(name).wait().ok(), point);
  }
}

TEST_CASE("Registry: the count of consumers is right again once the dead are repaired") {
  S stage("count", {.capacity = 16});
  auto living = stage.queue.get_consumer();
  const auto& count = stage.spy->control().consumers_live;
  for (const char* point :
       {"attach_before_live", "attach_after_live", "detach_before_free", "detach_after_free"}) {
    for (int i = 0; i < 3; ++i) {
      iqtest::Child dead = iqtest::spawn([&] {
        auto queue = stage.open();
        iqtest::kill_at(point);
        queue.get_consumer().close();
      });
      CHECK(dead.wait().signal == SIGKILL);
      stage.sweep();
      CHECK_MESSAGE(count.load() == 1, point);
    }
  }
  living.close();
  CHECK(count.load() == 0);
  stage.producer.close();
  stage.queue.close();
}

// Consumers that always find something elsewhere never look behind others: the producer that waits
// must do so itself.
TEST_CASE("Meeting: a producer frees the head that its claimer has not stamped") {
  S stage("head", {.capacity = 4, .max_deliveries = 14});
  stage.put(0, 4);
  const int late = stage.help([](S& s, int slot) {
    iqtest::kill_at("claim_after_cas", 1, KillAction::stop);
    s.consume_all(slot);
  });
  stage.await_stopped(late);
  CHECK(iqtest::wait_until([&] {
    REQUIRE(stage.producer.put_for(make<Fixed>(4), 60ms) == iq::Status::timeout);
    return stamp_at(stage, 0, 0).state == StampState::orphan;
  }));

  auto other = stage.queue.get_producer();  // a lane with something in it
  stage.put(other, 100, 1);
  auto busy = stage.queue.get_consumer();
  stage.consume(busy, S::kVictim, 1);
  CHECK(stage.ledger->delivered[0] == 1);  // that first: it is what somebody waits for
  busy.ack();
  CHECK(stage.producer.try_put(make<Fixed>(4)) == iq::Status::ok);
  stage.ledger->returned[4] = 1;
  busy.close();
  other.close();
  stage.helper(late).cont();
  finish(stage);
  judge(stage);
}

TEST_CASE("Meeting: the head that a dying producer freed is found by consumers that are busy") {
  S stage("freed", {.capacity = 4, .max_deliveries = 14});
  const int late = stage.help([](S& s, int slot) {
    iqtest::kill_at("claim_after_cas", 1, KillAction::stop);
    s.consume_all(slot);
  });
  const int dead = stage.help([](S& s, int) {
    auto queue = s.open();
    auto producer = queue.get_producer();
    s.put(producer, 0, 4);
    iqtest::require(iqtest::wait_until([&] { return s.spy->lane(1).control->claim.load() != 0; }),
                    "somebody claims the first");
    iqtest::kill_at("room_after_orphan");
    producer.put(make<Fixed>(4));
  });
  stage.await_stopped(late);
  stage.await_death(dead);
  REQUIRE(stamp_at(stage, 1, 0).state == StampState::orphan);
  stage.sweep();
  stage.put(100, 1);
  auto busy = stage.queue.get_consumer();
  stage.consume(busy, S::kVictim, 1);
  CHECK(stage.ledger->delivered[0] == 1);
  busy.close();
  stage.helper(late).cont();
  finish(stage);
  judge(stage);
}
