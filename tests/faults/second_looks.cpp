// Who is about to sleep announces it and looks once more: what came between its last look and the
// announcement wakes nobody, so it must be seen. Sleeps are bounded by 40 ms, so a look that is
// missing costs just that: each case takes the fastest of some rounds.
#include <doctest/doctest.h>

#include <algorithm>
#include <functional>

#include "iq/detail/deadline.hpp"
#include "ring/party.hpp"
#include "ring/wait.hpp"
#include "support/kill.hpp"
#include "support/process.hpp"

using namespace iq::detail;
using namespace std::chrono_literals;
using iq::Status;
using iqtest::Eater;
using iqtest::KillAction;
using iqtest::Party;

namespace {

constexpr int kRounds = 8;
constexpr std::int64_t kMissedNs = kMaxSleepNs - 3'000'000;  // a sleep to its end takes longer

/// How long the fastest of the rounds took from the sleeper's going on to its coming back, when it
/// was stopped at `point` while `meanwhile` was done.
template <class Blocked, class Meanwhile>
std::int64_t fastest_ns(const char* point, std::uint64_t capacity, Blocked&& blocked,
                        Meanwhile&& meanwhile) {
  std::int64_t fastest = INT64_MAX;
  for (int i = 0; i < kRounds && fastest >= kMissedNs; ++i) {
    Party party(capacity);
    iqtest::Shared<std::atomic<std::int64_t>> back;
    iqtest::Gate ready;
    iqtest::Flag go;
    iqtest::Child sleeper = iqtest::spawn([&] {
      blocked(party, [&] {
        ready.post();
        go.wait();
        iqtest::kill_at(point, 1, KillAction::stop);
      });
      *back = now_ns();
    });
    ready.wait();
    go.set();
    REQUIRE(iqtest::stopped(sleeper.pid()));
    meanwhile(party);
    const std::int64_t start = now_ns();
    sleeper.cont();
    CHECK(sleeper.wait().ok());
    fastest = std::min(fastest, *back - start);
  }
  return fastest;
}

void get_one(Party& party, const std::function<void()>& begin) {
  Eater eater(party.segment);
  begin();
  iqtest::require(eater.ring.next(deadline_after(5s)) == Status::ok, "an item comes");
  eater.ring.release(Leave::acknowledge);
}

}  // namespace

TEST_CASE("Second look: an item put before its consumer could be seen to sleep is not slept over") {
  CHECK(fastest_ns("sleep_after_bit", 8, get_one, [](Party& party) { party.put(0, 1); }) <
        kMissedNs);
}

TEST_CASE("Second look: a wake that came before the sleep ends it at once") {
  // Nothing to be seen by then: the word moved, and that must be enough.
  const auto sleep_once = [](Party& party, const std::function<void()>& begin) {
    Eater eater(party.segment);
    eater.take();
    begin();
    eater.ring.sleep_once(kForever, now_ns(), 6, false);
  };
  CHECK(fastest_ns("sleep_after_bit", 8, sleep_once,
                   [](Party& party) { wake_all_consumers(*party.segment); }) < kMissedNs);
}

TEST_CASE("Second look: room made before its producer could be seen to wait is not slept over") {
  const auto put_one = [](Party& party, const std::function<void()>& begin) {
    ProducerRing producer(Attachment::attach(party.segment, Role::producer));
    const auto put = [&] { iqtest::append(producer, iqtest::Number{0}, deadline_after(5s)); };
    put();
    begin();
    put();
  };
  const auto finish_one = [](Party& party) {
    Eater eater(party.segment);
    REQUIRE(eater.take() == 0);
    eater.ring.release(Leave::acknowledge);
  };
  CHECK(fastest_ns("room_before_announce", 1, put_one, finish_one) < kMissedNs);
}
