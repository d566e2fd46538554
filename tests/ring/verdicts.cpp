// What is decided by looking: whether a stream is over, whom repair takes for dead, and what it
// believes of a dead one's words.
#include <doctest/doctest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <cstring>

#include "iq/error.hpp"
#include "ring/party.hpp"
#include "ring/tend.hpp"
#include "support/process.hpp"

using namespace iq::detail;
using iq::Status;
using iqtest::Eater;
using iqtest::Number;
using iqtest::Party;

namespace {

void end_production(Party& party) {
  party.producer.close();
  close_queue(*party.segment);
}

std::uint64_t repaired(const Party& party) { return party.segment->control().repaired.load(); }

}  // namespace

TEST_CASE("end: not while an item is leased, in hand or claimed ahead") {
  Party party(8);
  Eater owner(party.segment);
  Eater other(party.segment);
  party.put(0, 2);
  REQUIRE(owner.take(2) == 0);
  end_production(party);
  CHECK_FALSE(stream_ended(*party.segment));
  CHECK(other.ring.next(kAtOnce) == Status::empty);
  REQUIRE(owner.take() == 1);
  CHECK_FALSE(stream_ended(*party.segment));
  owner.ring.release(Leave::acknowledge);
  CHECK(stream_ended(*party.segment));
  CHECK(other.ring.next(kAtOnce) == Status::done);
}

TEST_CASE("end: not while an item that came back is in hand, or waits to be taken") {
  Party party(8);
  Eater owner(party.segment);
  party.put(0, 1);
  REQUIRE(owner.take() == 0);
  end_production(party);
  owner.ring.release(Leave::give_back);
  REQUIRE(party.stamp(0).state == StampState::orphan);
  CHECK_FALSE(stream_ended(*party.segment));
  REQUIRE(owner.take() == 0);
  REQUIRE(party.stamp(0).state == StampState::held);
  CHECK_FALSE(stream_ended(*party.segment));
  owner.ring.release(Leave::acknowledge);
  CHECK(stream_ended(*party.segment));
}

TEST_CASE("end: not while a position is claimed and nobody has stamped it") {
  Party party(8);
  Eater other(party.segment);
  party.put(0, 2);
  party.lane().control->claim.store(2);  // as of a claimer that was stopped before its stamp
  end_production(party);
  CHECK_FALSE(stream_ended(*party.segment));
  CHECK(other.ring.next(kAtOnce) == Status::empty);
}

TEST_CASE("room: neither DONE of the lap before nor a lease of this one frees anything") {
  Party party(4);
  Eater eater(party.segment);
  party.put(0, 4);
  for (Number n = 0; n < 4; ++n) REQUIRE(eater.take() == n);
  eater.ring.release(Leave::acknowledge);
  party.put(4, 4);
  CHECK(party.producer.wait_for_room(kAtOnce) == Status::full);
  CHECK(eater.take() == 4);
  CHECK(party.producer.wait_for_room(kAtOnce) == Status::full);
}

TEST_CASE("repair: who holds one byte of the two is alive, whatever a probe said before") {
  Party party(8);
  Attachment endpoint = Attachment::attach(party.segment, Role::consumer);
  const std::uint32_t index = endpoint.index();
  iqtest::Gate adopted;
  iqtest::Flag leave;
  iqtest::Child heir = iqtest::spawn([&] {
    endpoint.adopt();
    adopted.post();
    leave.wait();
    endpoint.detach();
  });
  adopted.wait();
  endpoint.surrender();
  CHECK_FALSE(repair_endpoint(*party.segment, index));
  CHECK(Life::unpack(party.segment->life(index).load()).live);
  CHECK(repaired(party) == 0);
  leave.set();
  CHECK(heir.wait().ok());
}

TEST_CASE("repair: who has left meanwhile is not repaired, and not counted as dead") {
  Party party(8);
  Attachment endpoint = Attachment::attach(party.segment, Role::consumer);
  const std::uint32_t index = endpoint.index();
  endpoint.detach();
  CHECK_FALSE(repair_endpoint(*party.segment, index));
  CHECK(repaired(party) == 0);
}

TEST_CASE("repair: a cursor of another lane blames nobody and acknowledges nothing") {
  Party party(8);
  const ProducerRing second(Attachment::attach(party.segment, Role::producer));
  party.put(0, 4);
  iqtest::Shared<std::atomic<std::uint32_t>> index;
  iqtest::Child dead = iqtest::spawn([&] {
    Eater eater(party.segment);
    *index = eater.ring.attachment().index();
    for (Number n = 0; n < 3; ++n) iqtest::require(eater.take(4) == n, "a batch of four");
    ::raise(SIGKILL);
  });
  REQUIRE(dead.wait().signal == SIGKILL);
  party.segment->endpoint(*index).lane.store(second.lane().index);
  party.segment->extra(*index).held.store(1);  // sends its repairer through all lanes
  CHECK(sweep(*party.segment, 0, kMaxEndpoints) == 1);
  for (Position p = 0; p < 4; ++p) {
    CHECK(party.stamp(p).state == StampState::orphan);
    CHECK(party.stamp(p).k == 0);
  }
}

TEST_CASE("repair: an item that was claimed and not yet in hand is nobody's fault") {
  Party party(8);
  party.put(0, 4);
  iqtest::Child dead = iqtest::spawn([&] {
    Eater eater(party.segment);
    iqtest::require(eater.take(4).has_value(), "a batch of four");
    eater.line().cursor.store(0);  // as between its stamp and its first item
    ::raise(SIGKILL);
  });
  REQUIRE(dead.wait().signal == SIGKILL);
  CHECK(sweep(*party.segment, 0, kMaxEndpoints) == 1);
  for (Position p = 0; p < 4; ++p) {
    CHECK(party.stamp(p).state == StampState::orphan);
    CHECK(party.stamp(p).k == 0);
  }
}

TEST_CASE("repair: explicit leases in other lanes than its last one come again, counted") {
  Party party(8);
  ProducerRing second(Attachment::attach(party.segment, Role::producer));
  party.put(0, 1);
  iqtest::Gate leased;
  iqtest::Flag more;
  iqtest::Child dead = iqtest::spawn([&] {
    Eater eater(party.segment);
    HeldItem item;
    iqtest::require(eater.ring.lease(kAtOnce, item) == Status::ok, "the first lane's");
    leased.post();
    more.wait();
    iqtest::require(eater.take().has_value(), "the second lane's");
    ::raise(SIGKILL);
  });
  leased.wait();
  iqtest::append(second, Number{0}, kNow);
  more.set();
  REQUIRE(dead.wait().signal == SIGKILL);
  CHECK(sweep(*party.segment, 0, kMaxEndpoints) == 1);
  CHECK(party.stamp(0).state == StampState::orphan);
  CHECK(party.stamp(0).k == 1);
}

TEST_CASE("repair: a dead producer's lane is anybody's, with what is in it") {
  Party party(8);
  iqtest::Child dead = iqtest::spawn([&] {
    ProducerRing producer(Attachment::attach(party.segment, Role::producer));
    iqtest::append(producer, Number{0}, kNow);
    ::raise(SIGKILL);
  });
  REQUIRE(dead.wait().signal == SIGKILL);
  const LaneView lane = party.segment->lane(1);
  REQUIRE(lane.control->owner.load() != 0);
  CHECK(sweep(*party.segment, 0, kMaxEndpoints) == 1);
  CHECK(lane.control->owner.load() == 0);
  CHECK(lane.control->tail.load() == 1);
}

TEST_CASE("tend: a process whose probes tell nothing says so instead of finding nobody dead") {
  Party party(8);
  iqtest::Child blind = iqtest::spawn([&] {
    Eater eater(party.segment);
    ::syscall(SYS_close_range, 3U, ~0U, 0U);
    Tender tender;
    const std::uint32_t self = eater.ring.attachment().index();
    const std::int64_t now = now_ns();
    tender.tend(*party.segment, self, now);
    try {
      tender.tend(*party.segment, self, now + 2'000'000'000);
    } catch (const iq::CannotProbe&) {
      return 0;
    }
    return 1;
  });
  CHECK(blind.wait() == iqtest::Exit{0, 0});
}
