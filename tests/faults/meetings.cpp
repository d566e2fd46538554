// Three parties at one batch: an owner, a thief, and whoever comes while the thief is between two
// of its steps. Each case sets up one interleaving in which items used to be had twice or by
// nobody.
#include <doctest/doctest.h>

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <cstddef>

#include "faults/stage.hpp"

using namespace faults;

namespace {

using S = Stage<Fixed>;
using iq::detail::Leave;
using iqtest::KillAction;

constexpr std::uint32_t kBatch = 32;
constexpr int kOwner = S::kVictim;

iq::Options options() { return {.capacity = 64, .max_deliveries = 14}; }

/// Waits for the delivery that somebody is about to make.
void await_deliveries(S& stage, std::uint32_t count) {
  const auto made = [&] { return stage.ledger->count_delivered() >= count; };
  iqtest::require(iqtest::wait_until(made), "somebody gets an item:\n" + describe(*stage.spy));
}

int consumer_until(S& stage, const char* point, KillAction action) {
  return stage.help([=](S& s, int slot) {
    iqtest::kill_at(point, 1, action);
    s.consume_all(slot);
  });
}

void everything_came_once(S& stage, std::uint32_t except = UINT32_MAX) {
  finish(stage);
  judge(stage);
  for (std::uint32_t id = 0; id < kBatch; ++id) {
    CHECK_MESSAGE(stage.ledger->delivered[id] == (id == except ? 2 : 1), "item ", id);
  }
}

/// What the owner of a robbed batch does next.
enum class Next { step_on, give_back, leave };

void go_on(S& stage, RawConsumer& owner, Next next) {
  auto& ring = owner.ring();
  switch (next) {
    case Next::step_on:
      while (ring.next(iq::detail::kAtOnce) == iq::Status::ok) stage.note_in_hand(owner, kOwner);
      break;
    case Next::give_back:
      stage.ledger->giving_back(0);
      ring.release(Leave::give_back);
      break;
    case Next::leave: break;
  }
  ring.close(Leave::acknowledge);
}

/// From here on this process has no membarrier, as behind a filter that came late. False: the
/// system lets nobody install one.
bool forbid_membarrier() {
  sock_filter rules[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_membarrier, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program{static_cast<unsigned short>(std::size(rules)), rules};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

}  // namespace

// The owner has not looked up since the first theft; all that it meets is the second thief's word.
TEST_CASE("Meeting: an owner that meets a second thief keeps off what the first one has") {
  for (const Next next : {Next::step_on, Next::give_back, Next::leave}) {
    CAPTURE(static_cast<int>(next));
    S stage("second", options());
    stage.put(0, kBatch);
    RawConsumer owner(stage.name);
    stage.take_batch(owner, kOwner, kBatch);
    iqtest::Flag go;
    stage.help([&](S& s, int slot) {
      auto queue = s.open();
      auto consumer = queue.get_consumer();
      s.consume(consumer, slot, 1);
      go.wait();
      s.consume(consumer, slot, UINT32_MAX);
    });
    await_deliveries(stage, 2);
    const int second = consumer_until(stage, "steal_after_pending", KillAction::stop);
    stage.await_stopped(second);
    go_on(stage, owner, next);
    stage.helper(second).cont();
    go.set();
    everything_came_once(stage, next == Next::give_back ? 0 : UINT32_MAX);
  }
}

TEST_CASE("Meeting: a thief between word and deed is replaced, and takes nothing when it goes on") {
  for (const KillAction action : {KillAction::stop, KillAction::kill}) {
    S stage("stuck", options());
    stage.put(0, kBatch);
    RawConsumer owner(stage.name);
    stage.take_batch(owner, kOwner, kBatch);
    const int stuck = consumer_until(stage, "steal_after_pending", action);
    if (action == KillAction::kill) {
      stage.await_death(stuck);
    } else {
      stage.await_stopped(stuck);
    }
    stage.help([](S& s, int slot) { s.consume_all(slot); });
    await_deliveries(stage, 2);  // although the owner does not move
    stage.helper(stuck).cont();
    go_on(stage, owner, Next::step_on);
    everything_came_once(stage);
  }
}

// A dead owner stands still like nobody else, so a thief comes while it is repaired.
TEST_CASE("Meeting: nobody takes over a batch that is being repaired") {
  S stage("repaired", options());
  stage.put(0, kBatch);
  const int dead = stage.help([](S& s, int slot) {
    RawConsumer consumer(s.name);
    s.take_batch(consumer, slot, kBatch);
    ::raise(SIGKILL);
  });
  stage.await_death(dead);
  const int repairer = stage.help([](S& s, int) {
    iqtest::kill_at("repair_after_stamp", 1, KillAction::stop);
    s.sweep();
  });
  stage.await_stopped(repairer);
  stage.help([](S& s, int slot) { s.consume_all(slot); });
  CHECK_FALSE(iqtest::wait_until([&] { return stage.ledger->count_delivered() > 1; }, 0.05));
  stage.helper(repairer).cont();
  everything_came_once(stage, 0);
}

// The owner knew where its batch ends by then, and had sealed it there; its stamp still says more.
TEST_CASE("Meeting: repair ends a sealed batch where its dead owner had sealed it") {
  S stage("sealed", options());
  stage.put(0, kBatch);
  iqtest::Gate go;
  const int owner = stage.help([&](S& s, int slot) {
    RawConsumer consumer(s.name);
    s.take_batch(consumer, slot, kBatch);
    go.wait();
    std::uint32_t count = 0;
    const auto deadline = iq::detail::deadline_after(bound);
    iqtest::require(consumer.ring().next_some(4, deadline, count) == iq::Status::ok, "some more");
    s.note_in_hand(consumer, slot);
    ::raise(SIGKILL);
  });
  await_deliveries(stage, 1);
  const int thief = consumer_until(stage, "steal_after_confirm", KillAction::stop);
  stage.await_stopped(thief);
  go.post();
  stage.await_death(owner);
  const int repairer = stage.help([](S& s, int) {
    iqtest::kill_at("repair_after_stamp", 1, KillAction::stop);
    s.sweep();
  });
  stage.await_stopped(repairer);
  stage.helper(thief).cont();
  await_deliveries(stage, 3);
  stage.helper(repairer).cont();
  everything_came_once(stage, 1);
}

TEST_CASE(
    "Meeting: a thief that lost the heavy fence takes nothing over, and says that it lost it") {
  S stage("fence", options());
  stage.put(0, kBatch);
  RawConsumer owner(stage.name);
  stage.take_batch(owner, kOwner, kBatch);
  const auto flags = [&] { return stage.spy->control().flags.load() & iq::detail::kNeedFence; };
  REQUIRE(flags() == 0);
  constexpr int kRefused = 77;
  iqtest::Child thief = iqtest::spawn([&] {
    auto queue = stage.open();
    auto consumer = queue.get_consumer();
    if (!forbid_membarrier()) return kRefused;
    const auto until = iqtest::deadline_in(0.05);
    while (std::chrono::steady_clock::now() < until) {
      iqtest::require(consumer.try_get().status() == iq::Status::empty, "nothing is taken over");
    }
    iqtest::require(consumer.get_for(30ms).status() == iq::Status::timeout, "nor after sleeps");
    return 0;
  });
  const iqtest::Exit exit = thief.wait();
  const bool told = flags() != 0;
  CHECK(stage.queue.stats().taken_over == 0);
  go_on(stage, owner, Next::step_on);
  everything_came_once(stage);
  if (exit.code == kRefused) iqtest::skip("no permission to install a filter of system calls");
  CHECK(exit.ok());
  CHECK(told);
}
