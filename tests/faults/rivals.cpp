// Two at one word: whoever was stopped between looking at a word and changing it finds, when it
// goes on, that somebody else was faster, and takes nothing. One case per CAS of the protocol.
#include <doctest/doctest.h>

#include <cstring>

#include "iq/detail/deadline.hpp"
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

constexpr int kNothing = 50;  // exit codes of rivals: the number that they got, or this

/// A process that does `f` with a consumer of its own and is stopped at `point` of that.
template <class F>
iqtest::Child stopped_at(const char* point, const Party& party, F&& f) {
  iqtest::Child rival = iqtest::spawn([&] {
    Eater eater(party.segment);
    iqtest::kill_at(point, 1, KillAction::stop);
    return f(eater);
  });
  REQUIRE(iqtest::stopped(rival.pid()));
  return rival;
}

int number_or_nothing(const std::optional<Number>& number) {
  return number ? static_cast<int>(*number) : kNothing;
}

int code_of_continued(iqtest::Child& rival) {
  rival.cont();
  return rival.wait().code;
}

}  // namespace

TEST_CASE("Rivals: a claimer whose positions were seized leaves them to whoever has them") {
  for (const char* point : {"claim_after_cas", "claim_before_stamp"}) {
    CAPTURE(point);
    Party party(8);
    party.put(0, 1);
    iqtest::Child late =
        stopped_at(point, party, [](Eater& eater) { return number_or_nothing(eater.take()); });
    Eater seizer(party.segment);
    REQUIRE(seizer.ring.seize(party.lane(), 0, 1));
    CHECK(code_of_continued(late) == kNothing);
    CHECK(party.stamp(0).owner == seizer.ring.tag());
  }
}

TEST_CASE("Rivals: of two that claim the same positions one gets them, and the claim never falls") {
  Party party(8);
  party.put(0, 4);
  iqtest::Child late = stopped_at("claim_before_cas", party, [](Eater& eater) {
    iqtest::kill_at("claim_after_cas", 1, KillAction::stop);
    return number_or_nothing(eater.take());
  });
  Eater other(party.segment);
  REQUIRE(other.take() == 0);
  REQUIRE(other.take() == 1);
  late.cont();
  REQUIRE(iqtest::wait_until([&] { return party.lane().control->claim.load() != 2; }));
  REQUIRE(iqtest::stopped(late.pid()));
  CHECK(party.lane().control->claim.load() == 3);
  CHECK(code_of_continued(late) == 2);
}

TEST_CASE("Rivals: a seizer that was slower than the claimer's stamp takes nothing") {
  Party party(8);
  party.put(0, 2);
  party.lane().control->claim.store(2);
  iqtest::Child seizer = stopped_at("seize_before_cas", party, [&](Eater& eater) {
    return eater.ring.seize(party.lane(), 0, 2) ? 1 : kNothing;
  });
  const std::uint64_t claimed = pack_stamp(party.lane().lap(0), 2, 77, StampState::leased);
  party.lane().stamp(0).store(claimed);
  CHECK(code_of_continued(seizer) == kNothing);
  CHECK(party.lane().stamp(0).load() == claimed);
}

TEST_CASE("Rivals: an orphan that somebody else took meanwhile is left alone") {
  Party party(8);
  party.put(0, 1);
  Eater first(party.segment);
  REQUIRE(first.take() == 0);
  first.ring.release(Leave::give_back);
  iqtest::Child late = stopped_at("orphan_before_cas", party,
                                  [](Eater& eater) { return number_or_nothing(eater.take()); });
  REQUIRE(first.take() == 0);
  CHECK(code_of_continued(late) == kNothing);
  CHECK(party.stamp(0).owner == first.ring.tag());
}

TEST_CASE("Rivals: a thief whose take-over was cancelled takes nothing") {
  Party party(16);
  party.put(0, 8);
  Eater owner(party.segment);
  REQUIRE(owner.take(8) == 0);
  iqtest::Child thief = stopped_at("steal_before_confirm", party, [&](Eater& eater) {
    const Boundary lease = look_at(party.lane(), 0, kMaxBatch);
    return eater.ring.steal(party.lane(), lease, owner.line().limit.load(), 4) ? 4 : kNothing;
  });
  for (Number n = 1; n < 6; ++n) REQUIRE(owner.take() == n);
  CHECK(code_of_continued(thief) == kNothing);
  CHECK(owner.take() == 6);
  CHECK(owner.take() == 7);
  CHECK(party.stamp(0).k == 8);
}

TEST_CASE("Rivals: an owner that cancels a theft too late keeps off what was stolen") {
  Party party(16);
  party.put(0, 8);
  iqtest::Gate has_batch;
  iqtest::Flag go_on;
  iqtest::Shared<std::atomic<std::uint32_t>> index;
  iqtest::Child owner = iqtest::spawn([&] {
    Eater eater(party.segment);
    *index = eater.ring.attachment().index();
    iqtest::require(eater.take(8) == 0, "a batch of eight");
    has_batch.post();
    go_on.wait();
    iqtest::kill_at("limit_before_cancel", 1, KillAction::stop);
    for (Number n = 1; n < 4; ++n) iqtest::require(eater.take() == n, "what was not stolen");
    return number_or_nothing(eater.take());
  });
  has_batch.wait();
  iqtest::Child thief = stopped_at("steal_before_confirm", party, [&](Eater& eater) {
    const Boundary lease = look_at(party.lane(), 0, kMaxBatch);
    const std::uint64_t limit = party.segment->endpoint(*index).limit.load();
    if (!eater.ring.steal(party.lane(), lease, limit, 4)) return kNothing;
    ::raise(SIGSTOP);  // its batch is there to be looked at
    return 4;
  });
  go_on.set();
  REQUIRE(iqtest::stopped(owner.pid()));
  thief.cont();
  REQUIRE(iqtest::wait_until([&] { return party.stamp(4).state == StampState::leased; }));
  REQUIRE(iqtest::stopped(thief.pid()));
  CHECK(code_of_continued(owner) == kNothing);
  CHECK(party.stamp(4).k == 4);
  CHECK(code_of_continued(thief) == 4);
}

TEST_CASE("Rivals: of two producers that want the same new lane each gets one of its own") {
  Party party(8);
  iqtest::Child late = iqtest::spawn([&] {
    iqtest::kill_at("lane_reserved", 1, KillAction::stop);
    const ProducerRing producer(Attachment::attach(party.segment, Role::producer));
    return static_cast<int>(producer.lane().index);
  });
  REQUIRE(iqtest::stopped(late.pid()));
  const ProducerRing faster(Attachment::attach(party.segment, Role::producer));
  REQUIRE(faster.lane().index == 1);
  CHECK(code_of_continued(late) == 2);
}
