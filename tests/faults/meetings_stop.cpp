// stop() against consumers that are just taking something: whoever announces its batch after the
// flag is set sees the flag, whoever announced it before is nudged.
#include <doctest/doctest.h>

#include "faults/stage.hpp"

using namespace faults;

namespace {

using S = Stage<Fixed>;
using iq::Status;
using iqtest::KillAction;

constexpr std::uint32_t kBatch = 16;

iq::Options options() { return {.capacity = 64, .max_deliveries = 14}; }

Status take(RawConsumer& consumer, std::uint32_t want) {
  return consumer.ring().next_for(want, iq::detail::deadline_after(bound));
}

/// A consumer that is stopped at `point` while it takes something, and must be told afterwards.
int taker_stopped_at(S& stage, const char* point) {
  const int taker = stage.help([=](S& s, int) {
    RawConsumer consumer(s.name);
    iqtest::kill_at(point, 1, KillAction::stop);
    iqtest::require(take(consumer, kBatch) == Status::stopped, "told at once");
    iqtest::require(!consumer.ring().in_hand(), "nothing is in hand");
    iqtest::require(take(consumer, 1) == Status::stopped, "told again");
  });
  stage.await_stopped(taker);
  return taker;
}

void stop_and_let_go(S& stage, int taker, const char* point) {
  iqtest::Child stopper = iqtest::spawn([&] { stage.open().stop(); });
  CHECK(stopper.wait().ok());
  stage.stream_is_stopped = true;
  stage.helper(taker).cont();
  CHECK_MESSAGE(stage.helper(taker).wait().ok(), point);
}

void nothing_is_held(S& stage, std::uint64_t dropped, const char* point) {
  const iq::Stats stats = stage.queue.stats();
  CHECK_MESSAGE(stats.in_hand == 0, point);
  CHECK_MESSAGE(stats.dropped == dropped, point);
  finish(stage);
  judge(stage);
  iq::remove(stage.name);  // with items that nobody will have it stays until the next start
}

}  // namespace

TEST_CASE("Stop: a claim that it meets at any step hands out nothing") {
  for (const char* point :
       {"claim_before_cas", "claim_after_cas", "claim_after_stamp", "claim_in_hand"}) {
    S stage("claim", options());
    stage.put(0, kBatch);
    stop_and_let_go(stage, taker_stopped_at(stage, point), point);
    nothing_is_held(stage, kBatch, point);
  }
}

TEST_CASE("Stop: the taking of an orphan that it meets hands out nothing") {
  for (const char* point : {"orphan_before_cas", "orphan_after_cas"}) {
    S stage("orphan", options());
    stage.put(0, 1);
    {
      RawConsumer giver(stage.name);
      stage.take_batch(giver, S::kVictim, 1);
      stage.ledger->giving_back(0);
      giver.ring().close(iq::detail::Leave::give_back);
    }
    stop_and_let_go(stage, taker_stopped_at(stage, point), point);
    nothing_is_held(stage, 1, point);
  }
}

TEST_CASE("Stop: a seizure that it meets hands out nothing") {
  for (const char* point : {"seize_before_cas", "seize_after_cas", "seize_after_orphan"}) {
    S stage("seize", options());
    stage.put(0, kBatch);
    const int late = taker_stopped_at(stage, "claim_after_cas");  // alive, so nobody repairs it
    stop_and_let_go(stage, taker_stopped_at(stage, point), point);
    stage.helper(late).cont();
    CHECK_MESSAGE(stage.helper(late).wait().ok(), point);
    nothing_is_held(stage, kBatch, point);
  }
}

TEST_CASE("Stop: a take-over that it meets hands out nothing, and the robbed owner is told too") {
  for (const char* point : {"steal_after_pending", "steal_before_confirm", "steal_after_confirm",
                            "steal_after_shrink"}) {
    S stage("steal", options());
    stage.put(0, kBatch);
    RawConsumer owner(stage.name);
    stage.take_batch(owner, S::kVictim, kBatch);
    stop_and_let_go(stage, taker_stopped_at(stage, point), point);
    int more = 0;
    while (take(owner, 1) != Status::stopped) ++more;
    CHECK_MESSAGE(more <= static_cast<int>(kBatch) / 2 - 1, point);  // to where the thief came
    owner.ring().close(iq::detail::Leave::acknowledge);
    const auto finished = static_cast<std::uint64_t>(more) + 1;
    nothing_is_held(stage, kBatch - finished, point);
  }
}

TEST_CASE("Stop: a consumer in the middle of its batch is told at its next step") {
  S stage("middle", options());
  stage.put(0, 2 * kBatch);
  RawConsumer consumer(stage.name);
  stage.take_batch(consumer, S::kVictim, kBatch);
  stage.take_batch(consumer, S::kVictim, 1);
  iqtest::Child stopper = iqtest::spawn([&] { stage.open().stop(); });
  CHECK(stopper.wait().ok());
  stage.stream_is_stopped = true;
  CHECK(stage.queue.stats().in_hand == 1);
  CHECK(take(consumer, 1) == Status::stopped);
  CHECK_FALSE(consumer.ring().in_hand());
  nothing_is_held(stage, 2 * kBatch - 2, "middle");
}

TEST_CASE("Stop: a loop over a long batch ends with the item at which the queue was stopped") {
  iq::IterableQueue<int> queue({.capacity = 1024});
  auto producer = queue.get_producer();
  auto consumer = queue.get_consumer();
  for (int i = 0; i < 1024; ++i) producer.put(i);
  int seen = 0;
  for (const int item : consumer) {
    ++seen;
    if (item == 700) queue.stop();
  }
  CHECK(seen == 701);
  CHECK(queue.stats().dropped == 1024 - 701);
}

// A stopper that dies after its flag leaves consumers that end by themselves with their batch.
TEST_CASE("Stop: although the stopper is killed in the middle, everybody is told within a batch") {
  S stage("stopper", options());
  stage.put(0, 2 * kBatch);
  RawConsumer consumer(stage.name);
  stage.take_batch(consumer, S::kVictim, kBatch);
  iqtest::Child stopper = iqtest::spawn([&] {
    iqtest::kill_at("stop_after_flag");
    stage.open().stop();
  });
  CHECK(stopper.wait().signal == SIGKILL);
  stage.stream_is_stopped = true;
  int more = 0;
  while (take(consumer, 1) != Status::stopped) ++more;
  CHECK(more < static_cast<int>(kBatch));
  finish(stage);
  judge(stage);
  iq::remove(stage.name);
}
