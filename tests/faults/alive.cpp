// Who is alive: stopped and slow processes, zombies, namespaces. A false "dead" would double items,
// a false "alive" would keep them for ever. IQ_STOPPED_S: how long the worst of them is stopped.
#include <doctest/doctest.h>

#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

#include "faults/stage.hpp"
#include "iq/inspect.hpp"

using namespace faults;

namespace {

using S = Stage<Text>;
constexpr double kStoppedS = 2;

iq::Options options() {
  return {.capacity = 16, .bytes_per_producer = 1 << 15, .max_deliveries = 3};
}

/// Watches for `seconds` that nobody is repaired, while others look after the queue all the time.
bool nobody_is_repaired(S& stage, double seconds) {
  const auto before = stage.queue.stats().repaired;
  return !iqtest::wait_until(
      [&] {
        stage.sweep();
        return stage.queue.stats().repaired != before;
      },
      seconds);
}

/// A child with an item in hand that waits for `go`, acknowledges it and goes on to the end.
int hold_an_item(S& stage, iqtest::Gate& ready, iqtest::Flag& go) {
  return stage.help([&](S& s, int slot) {
    auto queue = s.open();
    auto consumer = queue.get_consumer();
    s.consume(consumer, slot, 1);
    ready.post();
    go.wait();
    s.consume(consumer, slot, UINT32_MAX);
  });
}

}  // namespace

TEST_CASE("Alive: a stopped holder of a lease is never declared dead, others work, it finishes") {
  S stage("stopped", options());
  stage.put(0, 8);
  iqtest::Gate ready;
  iqtest::Flag go;
  const int holder = hold_an_item(stage, ready, go);
  ready.wait();
  stage.helper(holder).stop();
  const int other = stage.help([](S& s, int slot) {
    auto queue = s.open();
    auto consumer = queue.get_consumer();
    s.consume(consumer, slot, 7);
    consumer.ack();
  });
  CHECK(stage.helper(other).wait().ok());
  CHECK(nobody_is_repaired(stage, kStoppedS));
  CHECK(stage.queue.stats().in_hand == 1);
  stage.helper(holder).cont();
  go.set();
  finish(stage);
  judge(stage);
  for (std::uint32_t id = 0; id < 8; ++id) CHECK(stage.ledger->delivered[id] == 1);
}

TEST_CASE("Alive: a stopped repairer is not overtaken, others work, it finishes what it began") {
  S stage("repairer", options());
  stage.put(0, 6);
  const int dead = stage.help([](S& s, int slot) {
    RawConsumer consumer(s.name);
    s.take_batch(consumer, slot, 3);
    ::raise(SIGKILL);
  });
  stage.await_death(dead);
  const int repairer = stage.help([](S& s, int) {
    iqtest::kill_at("repair_after_stamp", 2, iqtest::KillAction::stop);
    while (!s.sweep()) {
    }
    s.sweep();
  });
  stage.await_stopped(repairer);
  const int other = stage.help([](S& s, int slot) {
    auto queue = s.open();
    auto consumer = queue.get_consumer();
    s.consume(consumer, slot, 3);  // what the dead one did not have
    consumer.ack();
  });
  CHECK(stage.helper(other).wait().ok());
  const auto repaired = stage.queue.stats().repaired;
  iqtest::wait_until([&] { return stage.sweep(); }, kStoppedS);
  CHECK(stage.queue.stats().repaired - repaired <= 1);  // the dead one's handle, not its consumer
  CHECK(stage.ledger->count_delivered() == 4);
  stage.helper(repairer).cont();
  finish(stage);
  judge(stage);
  CHECK(stage.ledger->delivered[0] == 2);
}

namespace {

constexpr std::uint32_t kPassing = kMaxItems - 1;  // of items that nobody books

double worst_stop_s() {
  const char* text = std::getenv("IQ_STOPPED_S");
  return text == nullptr ? kStoppedS : std::atof(text);
}

/// Items pass from a lane to a consumer of their own, lap after lap. Returns how many.
std::uint64_t pass_items(S& stage, double seconds) {
  auto producer = stage.queue.get_producer();
  auto consumer = stage.queue.get_consumer();
  std::uint64_t passed = 0;
  const auto deadline = iqtest::deadline_in(seconds);
  while (std::chrono::steady_clock::now() < deadline) {
    iqtest::require(producer.put_for(make<Text>(kPassing), bound) == iq::Status::ok, "room");
    const auto item = consumer.get_for(bound);
    iqtest::require(item && whole(*item), "an item comes, whole");
    if (item->id != kPassing) stage.ledger->receive(S::kSurvivor, *item, consumer.deliveries());
    passed += item->id == kPassing;
  }
  producer.close();
  while (const auto item = consumer.get_for(50ms)) passed += item->id == kPassing;
  return passed;
}

}  // namespace

// Its own item is 3, and it repairs who had 0 to 2: it has just written the second of three stamps.
TEST_CASE("Alive: stopped with a lease in the middle of a repair it is never taken for dead") {
  iqtest::limit_seconds(worst_stop_s() + 30);
  S stage("both", options());
  stage.put(0, 4);
  iqtest::Gate ready;
  const int dead = stage.help([&](S& s, int slot) {
    RawConsumer consumer(s.name);
    s.take_batch(consumer, slot, 3);
    ready.post();
    for (;;) ::pause();
  });
  ready.wait();
  const int worst = stage.help([&](S& s, int slot) {
    RawConsumer consumer(s.name);
    s.take_batch(consumer, slot, 1);
    ready.post();
    iqtest::kill_at("repair_after_stamp", 2, iqtest::KillAction::stop);
    while (!s.sweep()) {
    }
    s.sweep();
    while (consumer.take(1)) s.note_in_hand(consumer, slot);
  });
  ready.wait();
  stage.kill_helper(dead);
  stage.await_stopped(worst);
  stage.sweep();
  const auto repaired = stage.queue.stats().repaired;
  stage.put(4, 12);  // all of its lane: from here on there is no room behind what it holds

  CHECK(pass_items(stage, worst_stop_s()) > 1000);
  CHECK(nobody_is_repaired(stage, 0.1));
  CHECK(stage.queue.stats().repaired == repaired);
  CHECK(stage.producer.try_put(make<Text>(kPassing)) == iq::Status::full);
  for (std::uint32_t id = 0; id < 16; ++id) {
    CHECK(stage.ledger->delivered[id] == (id == 1 || id == 2 ? 0 : 1));
  }
  const iq::Inspection seen = iq::inspect(stage.name);
  const auto pid = static_cast<int>(stage.helper(worst).pid());
  CHECK(std::ranges::count_if(seen.endpoints, [&](const iq::EndpointInfo& each) {
          return each.pid == pid && each.alive == iq::Alive::yes && each.stopped;
        }) == 2);

  stage.helper(worst).cont();
  finish(stage);
  judge(stage);
  CHECK(stage.ledger->delivered[0] == 2);
  for (std::uint32_t id = 1; id < 16; ++id) CHECK(stage.ledger->delivered[id] == 1);
}

TEST_CASE("Alive: a slow consumer is never evicted and the others get the rest") {
  S stage("slow", options());
  stage.put(0, 12);
  iqtest::Gate ready;
  iqtest::Flag go;
  const int slow = stage.help([&](S& s, int slot) {
    RawConsumer consumer(s.name);
    s.take_batch(consumer, slot, 12);  // claims everything, works on the first
    ready.post();
    go.wait();
    consumer.ring().close(iq::detail::Leave::acknowledge);
  });
  ready.wait();
  const int fast = stage.help([](S& s, int slot) {
    auto queue = s.open();
    auto consumer = queue.get_consumer();
    s.consume(consumer, slot, 11);
    consumer.ack();
  });
  CHECK(stage.helper(fast).wait().ok());
  CHECK(nobody_is_repaired(stage, 0.3));
  go.set();
  CHECK(stage.helper(slow).wait().ok());
  finish(stage);
  judge(stage);
  for (std::uint32_t id = 0; id < 12; ++id) CHECK(stage.ledger->delivered[id] == 1);
}

TEST_CASE("Alive: a killed child that nobody has reaped is dead") {
  S stage("zombie", options());
  stage.put(0, 4);
  const int dead = stage.help([](S& s, int slot) {
    RawConsumer consumer(s.name);
    s.take_batch(consumer, slot, 4);
    ::raise(SIGKILL);
  });
  REQUIRE(iqtest::gone(stage.helper(dead).pid()));
  iqtest::Child survivor = iqtest::spawn([&] {
    auto queue = stage.open();
    auto consumer = queue.get_consumer();
    stage.consume(consumer, S::kSurvivor, 4);
    consumer.ack();
  });
  CHECK(survivor.wait().ok());
  CHECK(stage.ledger->count_delivered() == 4);
  stage.await_death(dead);  // reaped only now
  finish(stage);
  judge(stage);
}

TEST_CASE("Alive: two processes with pid 1 in namespaces of their own are told apart") {
  S stage("namespaces", options());
  stage.put(0, 4);
  // A child whose child is pid 1 of a new namespace and does `work` there.
  const auto in_a_namespace = [&](auto work) {
    return iqtest::spawn([&] {
      if (::unshare(CLONE_NEWPID) != 0) return 77;
      const pid_t first = ::fork();
      if (first == 0) {
        ::_exit(::getpid() == 1 && work() ? 0 : 1);
      }
      int status = 0;
      ::waitpid(first, &status, 0);
      return WIFEXITED(status) ? WEXITSTATUS(status) : 9;
    });
  };
  iqtest::Gate holds;
  iqtest::Flag release;
  iqtest::Child holder = in_a_namespace([&] {
    auto queue = stage.open();
    auto consumer = queue.get_consumer();
    stage.consume(consumer, S::kVictim, 1);
    holds.post();
    return release.wait_for(iqtest::kPatienceS);
  });
  if (!holds.wait_for(1)) {
    release.set();
    const bool refused = holder.wait().code == 77;
    finish(stage);
    if (refused) iqtest::skip("no permission to make a pid namespace");
    FAIL("the holder has its item");
  }
  iqtest::Child dies = in_a_namespace([&] {
    auto queue = stage.open();
    auto consumer = queue.get_consumer();
    stage.consume(consumer, 2, 1);
    ::_exit(0);  // without closing: as good as killed
    return true;
  });
  CHECK(dies.wait().ok());
  ++stage.excused[stage.ledger->in_hand[2] - 1];
  iqtest::wait_until([&] { return stage.sweep(); }, 0.2);
  const auto stats = stage.queue.stats();
  CHECK(stats.repaired == 2);  // a handle and a consumer
  CHECK(stats.in_hand == 1);   // the other pid 1 has its item
  release.set();
  CHECK(holder.wait().ok());
  finish(stage);
  judge(stage);
}
