// A registration that meets the end of the queue: stopped or killed at each of its steps while the
// queue is closed, the end of the stream waits for it exactly as long as it may still put (P8).
#include <doctest/doctest.h>

#include <optional>

#include "faults/stage.hpp"

using namespace faults;

namespace {

using S = Stage<Fixed>;
using iqtest::KillAction;

/// Registers a producer, tells whether that was refused, and puts one item if it was not.
enum class Registered : int { refused = 10, put = 11 };

int register_at(S& stage, const char* point, KillAction action) {
  return stage.help([=](S& s, int slot) {
    auto queue = s.open();
    iqtest::kill_at(point, 1, action);
    try {
      auto producer = queue.get_producer();
      s.put(producer, static_cast<std::uint32_t>(slot), 1);
    } catch (const iq::Closed&) {
      return static_cast<int>(Registered::refused);
    }
    return static_cast<int>(Registered::put);
  });
}

const char* const kBeforeLive[] = {"attach_after_lock", "attach_before_live"};

}  // namespace

TEST_CASE("Registration: stopped before it is LIVE, the stream ends without it, it is refused") {
  for (const char* point : kBeforeLive) {
    S stage("late", {.capacity = 16});
    const int late = register_at(stage, point, KillAction::stop);
    stage.await_stopped(late);
    stage.producer.close();
    stage.queue.close();
    auto consumer = stage.queue.get_consumer();
    CHECK_MESSAGE(consumer.get_for(bound).status() == iq::Status::done, point);
    stage.helper(late).cont();
    CHECK(stage.helper(late).wait().code == static_cast<int>(Registered::refused));
    CHECK(consumer.get_for(bound).status() == iq::Status::done);
    CHECK(stage.queue.stats().put == 0);
  }
}

TEST_CASE("Registration: stopped when LIVE, before the close was looked at: no end until it goes") {
  S stage("between", {.capacity = 16});
  const int late = register_at(stage, "attach_after_live", KillAction::stop);
  stage.await_stopped(late);
  stage.producer.close();
  stage.queue.close();
  auto consumer = stage.queue.get_consumer();
  CHECK(consumer.get_for(80ms).status() == iq::Status::timeout);  // it might yet be let in
  stage.helper(late).cont();
  CHECK(stage.helper(late).wait().code == static_cast<int>(Registered::refused));
  CHECK(consumer.get_for(bound).status() == iq::Status::done);
}

TEST_CASE("Registration: stopped behind the look at the close, it is in: its item is delivered") {
  S stage("inside", {.capacity = 16});
  const int late = register_at(stage, "lane_owned", KillAction::stop);
  stage.await_stopped(late);
  stage.producer.close();
  stage.queue.close();
  auto consumer = stage.queue.get_consumer();
  CHECK(consumer.get_for(80ms).status() == iq::Status::timeout);
  stage.helper(late).cont();
  CHECK(stage.helper(late).wait().code == static_cast<int>(Registered::put));
  CHECK(consumer.get_for(bound)->id == static_cast<std::uint32_t>(late));
  CHECK(consumer.get_for(bound).status() == iq::Status::done);
}

TEST_CASE("Registration: killed at any step while the queue is closed, the stream ends") {
  for (const char* point : {"attach_after_lock", "attach_before_live", "attach_after_live",
                            "lane_reserved", "lane_owned"}) {
    S stage("killed", {.capacity = 16, .on_producer_death = iq::OnProducerDeath::end});
    if (std::string_view(point) == "lane_owned") stage.producer.close();  // then its lane is taken
    const int late = register_at(stage, point, KillAction::kill);
    stage.await_death(late);
    stage.producer.close();
    stage.queue.close();
    auto consumer = stage.queue.get_consumer();
    CHECK_MESSAGE(consumer.get_for(bound).status() == iq::Status::done, point);
  }
}

// A scan that finds nobody is not valid when somebody came meanwhile: the epoch moved.
TEST_CASE("Registration: a consumer that comes behind a scan of the others is not overlooked") {
  S stage("scan", {.capacity = 1});
  std::optional first(stage.queue.get_consumer());
  std::optional second(stage.queue.get_consumer());
  iqtest::Gate got;
  iqtest::Flag go;
  const int blocked = stage.help([&](S& s, int) {
    auto queue = s.open();
    auto producer = queue.get_producer();
    got.post();
    go.wait();
    s.put(producer, 0, 1);
    iqtest::kill_at("scan_life", 3, KillAction::stop);  // past the place of the first consumer
    s.put(producer, 1, 1);
  });
  got.wait();
  stage.queue.close();
  first.reset();
  go.set();
  stage.await_stopped(blocked);
  auto late = stage.queue.get_consumer();
  second.reset();
  stage.helper(blocked).cont();
  CHECK(late.get_for(bound)->id == 0);
  CHECK(late.get_for(bound)->id == 1);
  late.ack();
  CHECK(stage.helper(blocked).wait().ok());
  stage.producer.close();
  CHECK(late.get_for(bound).status() == iq::Status::done);
}
