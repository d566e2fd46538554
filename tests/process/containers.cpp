// Containers that share nothing but the memory: each has its own processes, users, mounts and
// clocks, and in each of them the only process is pid 1. Who is dead is known exactly all the same.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <string>

#include "iq/inspect.hpp"
#include "iq/iq.hpp"
#include "process/namespaces.hpp"

namespace {

using namespace std::chrono_literals;
using iqtest::Container;
using iqtest::require;
using Queue = iq::IterableQueue<int>;
constexpr int kItems = 6;

/// What the containers and the test tell each other.
struct Talk {
  iqtest::Flag made, judge, judged, release;
  iqtest::Gate holds;
  iqtest::SharedCounter victims_item = iqtest::shared_counter(-1);
  iqtest::SharedCounter others_item = iqtest::shared_counter(-1);
};

/// The consumer that is dead, or alive. Whoever reads about a dying process in /proc keeps its
/// memory a moment longer, so this asks again.
iq::EndpointInfo consumer_of(const std::string& name, iq::Alive alive) {
  iq::EndpointInfo found;
  const bool there = iqtest::wait_until([&] {
    const iq::Inspection seen = iq::inspect(name);
    const auto is_it = [&](const iq::EndpointInfo& each) {
      return each.role == iq::EndpointRole::consumer && each.alive == alive;
    };
    const auto it = std::ranges::find_if(seen.endpoints, is_it);
    if (it != seen.endpoints.end()) found = *it;
    return it != seen.endpoints.end();
  });
  require(there, "there is such a consumer");
  return found;
}

/// Makes the queue; later takes what there is to take and judges who is dead and who is not.
void create_and_judge(const std::string& name, Talk& talk) {
  Queue queue(iq::create_only, name, {.capacity = 16});
  auto producer = queue.get_producer();
  for (int i = 0; i < kItems; ++i) producer.put(i);
  talk.made.set();
  talk.judge.wait();
  const iq::EndpointInfo dead = consumer_of(name, iq::Alive::no);
  const iq::EndpointInfo alive = consumer_of(name, iq::Alive::yes);
  require(dead.pid == 1 && alive.pid == 1, "each was pid 1");
  require(!dead.pid_is_ours && !alive.pid_is_ours, "and neither is mistaken for this pid 1");
  auto consumer = queue.get_consumer();
  std::set<int> seen;
  for (int i = 0; i + 1 < kItems; ++i) {
    const auto item = consumer.get_for(5s);
    require(item.has_value(), "all comes but what the living has");
    require(seen.insert(*item).second, "and comes once");
    require((consumer.deliveries() == 2) == (*item == *talk.victims_item), "counted if it was had");
  }
  require(!seen.contains(static_cast<int>(*talk.others_item)), "the living keeps its item");
  require(consumer.get_for(100ms).status() == iq::Status::timeout, "and goes on keeping it");
  const iq::Stats stats = queue.stats();
  require(stats.repaired == 2, "one queue object and one consumer were dead");
  require(stats.in_hand == 1 && stats.consumers == 2 && stats.producers == 1, "nobody else");
  talk.judged.set();
  producer.close();
  queue.close();
  require(consumer.get_for(10s).status() == iq::Status::done, "the end comes when it is done");
}

void hold_one(const std::string& name, Talk& talk, iqtest::SharedCounter& item) {
  Queue queue(iq::open_only, name);
  auto consumer = queue.get_consumer();
  *item = consumer.get().value();
  require(consumer.deliveries() == 1, "it is the first to have it");
  talk.holds.post();
  talk.release.wait();
  require(consumer.get_for(10s).status() == iq::Status::done, "no more comes for it");
}

void judge_two_deaths(const std::string& volume) {
  const std::string name = iqtest::temp_name("containers");
  Talk talk;
  Container maker(volume, 2, [&] { create_and_judge(name, talk); });
  talk.made.wait();
  Container victim(volume, 101, [&] { hold_one(name, talk, talk.victims_item); });
  Container other(volume, 36, [&] { hold_one(name, talk, talk.others_item); });
  talk.holds.wait();
  talk.holds.wait();
  other.kill(SIGSTOP);
  victim.kill(SIGKILL);
  CHECK(victim.wait() == Container::kKilled);
  talk.judge.set();
  talk.judged.wait();
  talk.release.set();
  other.kill(SIGCONT);
  CHECK(other.wait() == 0);
  CHECK(maker.wait() == 0);
}

}  // namespace

TEST_CASE("Containers: over one /dev/shm a death is seen, a stopped one lives, both are pid 1") {
  iqtest::require_containers();
  judge_two_deaths({});
}

TEST_CASE("Containers: over a volume of their own the same, and it is empty in the end") {
  iqtest::require_containers();
  const std::string volume = std::filesystem::path("/dev/shm") / iqtest::temp_name("volume");
  std::filesystem::create_directory(volume);
  judge_two_deaths(volume);
  CHECK(std::filesystem::is_empty(volume));
  std::filesystem::remove(volume);
}

TEST_CASE("Containers: an anonymous queue by an inherited descriptor: the same exactness") {
  iqtest::require_containers();
  Queue queue({.capacity = 16});
  iqtest::Gate put, holds;
  iqtest::Flag release;
  Container victim({}, 1, [&] {
    queue.adopt();
    auto producer = queue.get_producer();
    producer.put(1);
    auto consumer = queue.get_consumer();
    put.post();
    release.wait();
  });
  put.wait();
  Container other({}, 40, [&] {
    queue.adopt();
    auto consumer = queue.get_consumer();
    auto producer = queue.get_producer();
    require(consumer.get() == 1 && consumer.deliveries() == 1, "the item crosses");
    holds.post();
    release.wait();
    producer.put(2);
  });
  holds.wait();
  other.kill(SIGSTOP);
  victim.kill(SIGKILL);
  CHECK(victim.wait() == Container::kKilled);
  auto consumer = queue.get_consumer();
  const auto waits_for_nothing = [&] {
    return consumer.get_for(50ms).status() == iq::Status::timeout;
  };
  CHECK(iqtest::wait_until([&] { return !waits_for_nothing() || queue.stats().repaired >= 3; }));
  CHECK(waits_for_nothing());
  const iq::Stats stats = queue.stats();
  CHECK(stats.repaired == 3);  // its queue object, producer and consumer
  CHECK(stats.last_death_pid == 1);
  CHECK(stats.producers == 1);
  CHECK(stats.consumers == 2);
  CHECK(stats.in_hand == 1);
  other.kill(SIGCONT);
  release.set();
  CHECK(*consumer.get_for(10s) == 2);
  CHECK(other.wait() == 0);
  queue.close();
  CHECK_THROWS_AS(consumer.get_for(10s), iq::ProducerDied);  // the victim's, pid 1
}

TEST_CASE("Containers: a pid that is used again at once does not bring its dead back to life") {
  iqtest::require_containers();
  const std::string name = iqtest::temp_name("reused");
  Queue queue(iq::create_only, name);
  queue.get_producer().put(7);
  iqtest::Flag refused;
  Container container({}, 2, [&] {
    iqtest::Gate holds;
    iqtest::Child dead = iqtest::spawn([&] {
      Queue own(iq::open_only, name);
      auto consumer = own.get_consumer();
      require(consumer.get() == 7, "it has the item");
      holds.post();
      for (;;) ::pause();
    });
    holds.wait();
    dead.kill_and_wait();
    if (!iqtest::write_to("/proc/sys/kernel/ns_last_pid", std::to_string(dead.pid() - 1))) {
      return refused.set();
    }
    iqtest::Child next = iqtest::spawn([&] {
      require(::getpid() == dead.pid(), "the number is used again");
      Queue own(iq::open_only, name);
      require(consumer_of(name, iq::Alive::no).pid == ::getpid(), "alive by number, dead by lock");
      auto consumer = own.get_consumer();
      require(*consumer.get_for(5s) == 7 && consumer.deliveries() == 2, "its item comes again");
    });
    require(next.wait().ok(), "the next one is content");
  });
  CHECK(container.wait() == 0);
  if (refused.is_set()) {
    iq::remove(name);
    iqtest::skip("no permission to choose a pid");
  }
  CHECK(queue.stats().repaired == 2);
  queue.close();
}
