// What a process's death and life mean for its endpoints when it forked, when the thread that made
// them is gone, and when its descriptors are.
#include <doctest/doctest.h>

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>
#include <thread>

#include "faults/stage.hpp"
#include "iq/detail/endpoint_access.hpp"
#include "sys/shm_file.hpp"

using namespace faults;

namespace {

using S = Stage<Text>;

iq::Options options() {
  return {.capacity = 16, .bytes_per_producer = 1 << 15, .max_deliveries = 3};
}

/// What the child of a consumer's owner does with its life.
enum class Heir { waits, leaves, crashes, execs };

void live(Heir heir, iqtest::Flag& end) {
  switch (heir) {
    case Heir::waits: end.wait(); ::_exit(0);
    case Heir::leaves: ::_exit(0);
    case Heir::crashes: ::raise(SIGKILL); ::_exit(1);
    case Heir::execs: ::execl("/bin/sleep", "sleep", "5", nullptr); ::_exit(1);
  }
}

}  // namespace

TEST_CASE("Fork: the owner of a lease is dead although its child lives, leaves, crashes or execs") {
  for (const Heir heir : {Heir::waits, Heir::leaves, Heir::crashes, Heir::execs}) {
    S stage("heir", options());
    stage.put(0, 4);
    iqtest::Flag end;
    iqtest::Shared<std::atomic<pid_t>> child(0);
    const int owner = stage.help([&](S& s, int slot) {
      auto queue = s.open();
      auto consumer = queue.get_consumer();
      s.consume(consumer, slot, 1);
      const pid_t forked = ::fork();
      if (forked == 0) live(heir, end);
      *child = forked;
      if (heir != Heir::waits && heir != Heir::execs) iqtest::gone(forked);
      ::raise(SIGKILL);
    });
    stage.await_death(owner);
    iqtest::Child survivor = iqtest::spawn([&] {
      auto queue = stage.open();
      auto consumer = queue.get_consumer();
      stage.consume(consumer, S::kSurvivor, 4);
      consumer.ack();
    });
    CHECK(survivor.wait(2).ok());
    CHECK(stage.ledger->delivered[0] == 2);
    finish(stage);
    judge(stage);
    end.set();
    if (heir == Heir::execs) ::kill(*child, SIGKILL);
    CHECK(iqtest::reap_orphans());
  }
}

TEST_CASE("Fork: the owner stays alive when its child crashes, and its item stays in its hands") {
  S stage("owner", options());
  stage.put(0, 1);
  auto consumer = stage.queue.get_consumer();
  stage.consume(consumer, S::kVictim, 1);
  iqtest::Child child = iqtest::spawn([&] { ::raise(SIGKILL); });
  CHECK(child.wait().signal == SIGKILL);
  CHECK(!stage.sweep());
  CHECK(stage.queue.stats().in_hand == 1);
  consumer.close();
  finish(stage);
  judge(stage);
}

TEST_CASE("Fork: an inherited endpoint refuses with WrongProcess, and works once it is adopted") {
  S stage("adopt", options());
  stage.put(0, 2);
  auto consumer = stage.queue.get_consumer();
  auto producer = stage.queue.get_producer();
  iqtest::Gate adopted;
  iqtest::Flag surrendered;
  iqtest::Child child = iqtest::spawn([&] {
    CHECK_THROWS_AS(consumer.get(), iq::WrongProcess);
    CHECK_THROWS_AS(producer.put(make<Text>(9)), iq::WrongProcess);
    CHECK_THROWS_AS(stage.queue.get_producer(), iq::WrongProcess);
    iq::detail::EndpointAccess::adopt(consumer);
    iq::detail::EndpointAccess::adopt(producer);
    adopted.post();
    surrendered.wait();
    stage.put(producer, 2, 2);
    stage.consume(consumer, S::kVictim, 3);
    ::raise(SIGKILL);
  });
  adopted.wait();
  iq::detail::EndpointAccess::surrender(consumer);
  iq::detail::EndpointAccess::surrender(producer);
  CHECK_THROWS_AS(consumer.get(), iq::Closed);
  surrendered.set();
  stage.note_exit(S::kVictim, child.wait());
  finish(stage);
  judge(stage);
  CHECK(stage.ledger->outcome[S::kSurvivor] == Outcome::producer_died);
}

TEST_CASE("Thread: an endpoint outlives the thread that made it, not the process") {
  S stage("thread", options());
  stage.put(0, 2);
  iqtest::Gate ready;
  iqtest::Flag go;
  const int owner = stage.help([&](S& s, int slot) {
    std::optional<iq::IterableQueue<Text>> queue;
    std::optional<iq::Consumer<Text>> consumer;
    std::thread([&] {
      queue.emplace(iq::open_only, s.name);
      consumer.emplace(queue->get_consumer());
    }).join();
    std::thread([&] { s.consume(*consumer, slot, 1); }).join();
    ready.post();
    go.wait();
    ::raise(SIGKILL);
  });
  ready.wait();
  CHECK(!stage.sweep());
  CHECK(stage.queue.stats().in_hand == 1);
  go.set();
  stage.await_death(owner);
  CHECK(stage.sweep());
  finish(stage);
  judge(stage);
  CHECK(stage.ledger->delivered[0] == 2);
}

TEST_CASE("Descriptors: a process that closed all of them keeps its lease and goes on") {
  S stage("close", options());
  stage.put(0, 3);
  iqtest::Gate ready;
  iqtest::Flag go;
  stage.help([&](S& s, int slot) {
    auto queue = s.open();
    auto consumer = queue.get_consumer();
    s.consume(consumer, slot, 1);
    ::syscall(SYS_close_range, 3U, ~0U, 0U);
    // And the file itself opened and closed by the user's code.
    const int file = ::open(iq::detail::shm_path(s.name).c_str(), O_RDWR);
    ::close(file);
    ready.post();
    go.wait();
    s.consume(consumer, slot, UINT32_MAX);
  });
  ready.wait();
  CHECK(!stage.sweep());
  CHECK(stage.queue.stats().in_hand == 1);
  go.set();
  finish(stage);
  judge(stage);
  CHECK(stage.ledger->delivered[0] == 1);
}

TEST_CASE("Descriptors: a process that closed all of them still finds and repairs the dead") {
  S stage("probe", options());
  stage.put(0, 3);
  iqtest::Gate ready;
  iqtest::Flag go;
  const int blind = stage.help([&](S& s, int slot) {
    auto queue = s.open();
    auto consumer = queue.get_consumer();
    ::syscall(SYS_close_range, 3U, ~0U, 0U);
    ready.post();
    go.wait();
    s.consume(consumer, slot, 3);
    consumer.ack();
  });
  ready.wait();
  const int dead = stage.help([](S& s, int slot) {
    RawConsumer consumer(s.name);
    s.take_batch(consumer, slot, 3);
    ::raise(SIGKILL);
  });
  stage.await_death(dead);
  go.set();
  CHECK(stage.helper(blind).wait(3).ok());
  finish(stage);
  judge(stage);
}
