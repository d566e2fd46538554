// The order of two stores, shown by who dies or stops between them: what the first one leaves must
// be something that others can finish, or must not act upon.
#include <doctest/doctest.h>

#include <csignal>
#include <cstring>

#include "iq/iq.hpp"
#include "ring/parking.hpp"
#include "ring/party.hpp"
#include "ring/tend.hpp"
#include "support/kill.hpp"
#include "support/process.hpp"

using namespace iq::detail;
using iqtest::Eater;
using iqtest::KillAction;
using iqtest::Number;
using iqtest::Party;

namespace {

void killed(iqtest::Child&& child) { REQUIRE(child.wait().signal == SIGKILL); }

/// A batch of four with two acknowledged and the third in hand.
void take_three(Eater& eater) {
  for (Number n = 0; n < 3; ++n) iqtest::require(eater.take(4) == n, "a batch of four");
}

void check_third_was_in_hand(const Party& party) {
  CHECK(party.stamp(0).state == StampState::done);
  CHECK(party.stamp(0).k == 2);
  CHECK(party.stamp(2).state == StampState::orphan);
  CHECK(party.stamp(2).k == 1);
  CHECK(party.stamp(3).state == StampState::orphan);
  CHECK(party.stamp(3).k == 0);
}

int sweep_all(const Party& party) {
  return static_cast<int>(sweep(*party.segment, 0, kMaxEndpoints));
}

}  // namespace

TEST_CASE("Order: a claimer is announced before it claims, so repair knows where to look") {
  for (const char* point : {"claim_after_cas", "claim_before_stamp"}) {
    CAPTURE(point);
    Party party(8);
    party.put(0, 4);
    killed(iqtest::spawn([&] {
      Eater eater(party.segment);
      iqtest::kill_at(point);
      eater.take(4);
    }));
    CHECK(sweep_all(party) == 1);
    for (Position p = 0; p < 4; ++p) CHECK(party.stamp(p).state == StampState::orphan);
  }
}

TEST_CASE("Order: killed at any store of a give-back, its repair comes to the same result") {
  for (int nth = 1; nth <= 3; ++nth) {
    CAPTURE(nth);
    Party party(8);
    party.put(0, 4);
    killed(iqtest::spawn([&] {
      Eater eater(party.segment);
      take_three(eater);
      iqtest::kill_at("split_after_stamp", nth);
      eater.ring.release(Leave::give_back);
    }));
    CHECK(sweep_all(party) == 1);
    check_third_was_in_hand(party);
  }
}

TEST_CASE("Order: a repairer killed at any of its stores, the next one comes to the same result") {
  for (const char* point : {"repair_after_seal", "repair_after_stamp", "repair_before_free"}) {
    for (int nth = 1; nth <= (std::strcmp(point, "repair_after_stamp") == 0 ? 3 : 1); ++nth) {
      CAPTURE(point);
      CAPTURE(nth);
      Party party(8);
      party.put(0, 4);
      killed(iqtest::spawn([&] {
        Eater eater(party.segment);
        take_three(eater);
        ::raise(SIGKILL);
      }));
      killed(iqtest::spawn([&] {
        iqtest::kill_at(point, nth);
        sweep_all(party);
      }));
      CHECK(sweep_all(party) == 1);
      check_third_was_in_hand(party);
    }
  }
}

TEST_CASE("Order: killed at any step of a parking, the item is parked in the end, once") {
  for (const char* point : {"park_before_publish", "park_after_publish", "park_after_origin"}) {
    CAPTURE(point);
    Party party(4, 1);
    party.put(0, 1);
    killed(iqtest::spawn([&] {
      Eater eater(party.segment);
      iqtest::require(eater.take() == 0, "the item");
      iqtest::kill_at(point);
      eater.ring.release(Leave::give_back);
    }));
    CHECK(sweep_all(party) == 1);
    Eater next(party.segment);
    CHECK_FALSE(next.take());
    CHECK(count_parked(*party.segment) == 1);
    std::uint32_t seen = 0;
    visit_parked(*party.segment, [&](const ParkedBytes& item) {
      Number number = 1;
      REQUIRE(item.payload.size() == sizeof number);
      std::memcpy(&number, item.payload.data(), sizeof number);
      CHECK(number == 0);
      return ++seen == 0;
    });
    CHECK(seen == 1);
  }
}

TEST_CASE("Order: who leaves is FREE before it lets go, so nobody takes it for dead") {
  Party party(8);
  iqtest::Child leaver = iqtest::spawn([&] {
    Eater eater(party.segment);
    iqtest::kill_at("detach_before_free", 1, KillAction::stop);
    eater.ring.close(Leave::acknowledge);
  });
  REQUIRE(iqtest::stopped(leaver.pid()));
  CHECK(sweep_all(party) == 0);
  leaver.cont();
  CHECK(leaver.wait().ok());
  CHECK(party.segment->control().repaired.load() == 0);
}

// Whoever cleans up in between must not find the queue's word new and the lane's word old.
TEST_CASE(
    "Order: a lane's attention is raised before the queue's, so no cleaner misses an orphan") {
  Party party(8);
  Eater busy(party.segment);
  party.put(0, 4);
  iqtest::Child giver = iqtest::spawn([&] {
    Eater eater(party.segment);
    iqtest::require(eater.take() == 0, "the first one");
    iqtest::kill_at("attention_between", 1, KillAction::stop);
    eater.ring.release(Leave::give_back);
  });
  REQUIRE(iqtest::stopped(giver.pid()));
  CHECK_FALSE(busy.ring.take_any_orphan());
  giver.cont();
  CHECK(giver.wait().ok());
  CHECK(busy.take() == 0);  // and not what is new
}

// The epoch moves when the newcomer can be seen, not before: else a scan that began in between
// would be believed.
TEST_CASE("Order: who registers is LIVE before the epoch moves, so no scan overlooks it") {
  Party party(8);
  std::optional<Eater> first(std::in_place, party.segment);
  Eater second(party.segment);
  REQUIRE(first->ring.attachment().index() == 2);
  REQUIRE(second.ring.attachment().index() == 3);
  first.reset();
  iqtest::Flag leave;
  iqtest::Child late = iqtest::spawn([&] {
    iqtest::kill_at("attach_before_live", 1, KillAction::stop);
    const Eater eater(party.segment);
    leave.wait();
  });
  REQUIRE(iqtest::stopped(late.pid()));
  iqtest::Child scanner = iqtest::spawn([&] {
    iqtest::kill_at("scan_life", 3, KillAction::stop);  // past the place of the late one
    return any_registered(*party.segment, Role::consumer) ? 1 : 0;
  });
  REQUIRE(iqtest::stopped(scanner.pid()));
  late.cont();
  REQUIRE(
      iqtest::wait_until([&] { return count_registered(*party.segment, Role::consumer) == 2; }));
  // Its epoch follows at once; the second one goes only then.
  REQUIRE(iqtest::wait_until([&] { return party.segment->control().consumer_epoch.load() == 3; }));
  second.ring.close(Leave::acknowledge);
  scanner.cont();
  CHECK(scanner.wait().code == 1);
  leave.set();
  CHECK(late.wait().ok());
}

// It is alone then, and nothing is there any more: what a consumer would be told that nobody can
// end.
TEST_CASE("Order: the last producer leaves a closed queue between two looks of a lonely consumer") {
  iqtest::Flag leave;
  iqtest::Flag left;
  iqtest::Child lonely = iqtest::spawn([&] {
    iq::IterableQueue<Number> queue;
    iq::WorkerGroup crew;
    crew.fork(
        1,
        [&](iq::Producer<Number> producer) {
          leave.wait();
          producer.close();
          left.set();
        },
        queue);
    auto consumer = queue.get_consumer();
    queue.close();
    iqtest::kill_at("hunger_not_ended", 1, KillAction::stop);
    iqtest::require(!consumer.get(), "there was nothing, and the end is found");
    crew.join();
  });
  REQUIRE(iqtest::stopped(lonely.pid()));
  leave.set();
  left.wait();
  lonely.cont();
  CHECK(lonely.wait().ok());
}

TEST_CASE("Order: the last consumer makes room and leaves between two looks of a lonely producer") {
  for (const bool closed : {false, true}) {
    CAPTURE(closed);
    iqtest::Flag leave;
    iqtest::Flag left;
    iqtest::Child lonely = iqtest::spawn([&] {
      iq::IterableQueue<Number> queue({.capacity = 1});
      iq::WorkerGroup crew;
      crew.fork(
          1,
          [&](iq::Consumer<Number> consumer) {
            leave.wait();
            if (!closed) consumer.get();
            consumer.close();
            left.set();
          },
          queue);
      auto producer = queue.get_producer();
      producer.put(0);
      if (closed) queue.close();
      iqtest::kill_at("room_none", 1, KillAction::stop);
      try {
        producer.put(1);
        iqtest::require(!closed, "there was room");
      } catch (const iq::NoConsumers&) {
        iqtest::require(closed, "the last consumer of a closed queue had left");
      }
      crew.join();
    });
    REQUIRE(iqtest::stopped(lonely.pid()));
    leave.set();
    left.wait();
    lonely.cont();
    CHECK(lonely.wait().ok());
  }
}

TEST_CASE("Order: the end looks for producers first, so what the last one put is not missed") {
  Party party(8);
  iqtest::Child last = iqtest::spawn([&] {
    iqtest::kill_at("lane_reserved", 1, KillAction::stop);
    ProducerRing producer(Attachment::attach(party.segment, Role::producer));
    const Number number = 7;
    iqtest::append(producer, number, kNow);
  });
  REQUIRE(iqtest::stopped(last.pid()));
  party.producer.close();
  close_queue(*party.segment);
  iqtest::Child looker = iqtest::spawn([&] {
    iqtest::kill_at("scan_life", 2, KillAction::stop);  // before the place of the last one
    return stream_ended(*party.segment) ? 1 : 0;
  });
  REQUIRE(iqtest::stopped(looker.pid()));
  last.cont();
  CHECK(last.wait().ok());
  looker.cont();
  CHECK(looker.wait().code == 0);
}
