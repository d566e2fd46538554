// The creator of a queue is killed at each of its steps, while others want the same name.
#include <doctest/doctest.h>

#include "faults/stage.hpp"
#include "iq/inspect.hpp"
#include "sys/shm_file.hpp"

using namespace faults;

namespace {

using Queue = iq::IterableQueue<Fixed>;
constexpr unsigned kOpeners = 8;
const char* const kStepsOfACreator[] = {"attach_after_lock", "attach_before_live",
                                        "attach_after_live", "create_before_link",
                                        "create_after_link"};

struct Race {
  iqtest::Flag go;
  iqtest::Flag leave;
  iqtest::Shared<std::atomic<unsigned>> opened{0u};
  iqtest::Shared<std::atomic<unsigned>> busy{0u};
  unsigned answered() const { return *opened + *busy; }
};

void open_and_put(const std::string& name, Race& race, std::uint32_t id) {
  race.go.wait();
  const auto begin = std::chrono::steady_clock::now();
  try {
    Queue queue(iq::open_or_create, name, {.capacity = 64});
    iqtest::require(std::chrono::steady_clock::now() - begin < 2s, "opened within its second");
    auto producer = queue.get_producer();
    producer.put(make<Fixed>(id));
    ++*race.opened;
    race.leave.wait();
  } catch (const iq::Busy&) {
    iqtest::require(std::chrono::steady_clock::now() - begin < 2s, "told within its second");
    ++*race.busy;
  }
}

/// Takes away what nobody uses, again and again.
void clean_up(const std::string& name, Race& race) {
  while (!race.leave.is_set()) {
    (void)iq::remove_unattached(name);
    ::sched_yield();
  }
}

/// All who have opened the name are in the queue that the name leads to now.
void check_one_queue(const std::string& name, Race& race) {
  Queue queue(iq::open_only, name);
  auto consumer = queue.get_consumer();
  unsigned found = 0;
  while (found < *race.opened && consumer.get_for(bound)) ++found;
  CHECK(found == *race.opened);
  CHECK(queue.stats().producers == *race.opened);
}

std::vector<iqtest::Child> openers_and_a_cleaner(const std::string& name, Race& race) {
  std::vector<iqtest::Child> others;
  for (std::uint32_t id = 0; id < kOpeners; ++id) {
    others.push_back(iqtest::spawn([&, id] { open_and_put(name, race, id); }));
  }
  others.push_back(iqtest::spawn([&] { clean_up(name, race); }));
  race.go.set();
  return others;
}

void check_all_meet(const std::string& name, Race& race, std::vector<iqtest::Child>& others) {
  CHECK(*race.opened > 0);
  check_one_queue(name, race);
  race.leave.set();
  for (iqtest::Child& other : others) CHECK(other.wait().ok());
}

void race_with(const std::string& name, iqtest::Child& creator, int kill_after) {
  Race race;
  std::vector<iqtest::Child> others = openers_and_a_cleaner(name, race);
  if (kill_after >= 0) {
    const auto enough = static_cast<unsigned>(kill_after);
    REQUIRE(iqtest::wait_until([&] { return race.answered() >= enough; }));
    creator.kill_and_wait();
  }
  REQUIRE(iqtest::wait_until([&] { return race.answered() == kOpeners; }));
  check_all_meet(name, race, others);
}

}  // namespace

TEST_CASE("Creation: these are all of its steps") {
  iqtest::Child creator = iqtest::spawn([] {
    Queue queue(iq::create_only, iqtest::temp_name("steps"));
    std::vector<std::string> steps(std::begin(kStepsOfACreator), std::end(kStepsOfACreator));
    std::ranges::sort(steps);
    iqtest::require(iqtest::kill_points_seen() == steps, "killed at each of them, and no other");
    queue.close();
  });
  CHECK(creator.wait().ok());
}

TEST_CASE("Creation: killed at any step, eight openers and a cleaner meet in one queue") {
  iqtest::limit_seconds(60);
  for (const char* step : kStepsOfACreator) {
    // How many of the others are through when it is killed; -1: it races with them.
    for (const int kill_after : {0, 1, 5, 8, -1, -1, -1}) {
      const bool held = kill_after >= 0;
      INFO(step, held ? ", held there" : "");
      const std::string name = iqtest::temp_name("creation");
      iqtest::Child creator = iqtest::spawn([&] {
        iqtest::kill_at(step, 1, held ? iqtest::KillAction::stop : iqtest::KillAction::kill);
        Queue queue(iq::open_or_create, name);
        for (;;) ::pause();
      });
      if (held) REQUIRE(iqtest::stopped(creator.pid()));
      race_with(name, creator, kill_after);
      if (!held) CHECK(creator.kill_and_wait().signal == SIGKILL);
      CHECK(iq::remove_unattached(name) != iq::Removal::in_use);  // the cleaner may have been first
      CHECK_FALSE(iq::detail::look_at_name(name));
    }
  }
}

TEST_CASE("Creation: stopped at any step, who is late joins those who were faster, or is told") {
  for (const char* step : kStepsOfACreator) {
    INFO(step);
    const std::string name = iqtest::temp_name("creation");
    Race race;
    iqtest::Child late = iqtest::spawn([&] {
      iqtest::kill_at(step, 1, iqtest::KillAction::stop);
      try {
        Queue queue(iq::open_or_create, name);
        auto producer = queue.get_producer();
        producer.put(make<Fixed>(kOpeners));
        ++*race.opened;
        race.leave.wait();
      } catch (const iq::Busy&) {  // it was stopped for longer than its second
        ++*race.busy;
      }
    });
    REQUIRE(iqtest::stopped(late.pid()));
    std::vector<iqtest::Child> others = openers_and_a_cleaner(name, race);
    REQUIRE(iqtest::wait_until([&] { return race.answered() == kOpeners; }));
    late.cont();
    REQUIRE(iqtest::wait_until([&] { return race.answered() == kOpeners + 1; }));
    others.push_back(std::move(late));
    check_all_meet(name, race, others);
    CHECK(iq::remove_unattached(name) != iq::Removal::in_use);
  }
}

TEST_CASE("Creation: killed before its name is there, nothing is left") {
  for (const char* step : kStepsOfACreator) {
    const std::string name = iqtest::temp_name("creation");
    iqtest::Child creator = iqtest::spawn([&] {
      iqtest::kill_at(step);
      Queue queue(iq::create_only, name);
    });
    CHECK(creator.wait().signal == SIGKILL);
    INFO(step);
    const bool named = std::string_view(step) == "create_after_link";
    CHECK(iq::detail::look_at_name(name).has_value() == named);
    Queue queue(iq::open_or_create, name);  // whole or absent: it can be used
    queue.get_producer().put(make<Fixed>(1));
    CHECK(queue.get_consumer().get()->id == 1);
    queue.close();
  }
}

TEST_CASE("Creation: an attacher killed between lock and entry leaves its place to the next one") {
  using S = Stage<Fixed>;
  for (const char* step : {"attach_after_lock", "attach_before_live"}) {
    INFO(step);
    S stage("attacher", {.capacity = 16});
    const auto free_place = [&] {
      auto consumer = stage.queue.get_consumer();
      const iq::Inspection seen = iq::inspect(stage.name);
      return std::ranges::find(seen.endpoints, iq::EndpointRole::consumer, &iq::EndpointInfo::role)
          ->number;
    };
    const std::uint32_t before = free_place();
    const int attacher = stage.help([&](S& s, int) {
      auto queue = s.open();
      iqtest::kill_at(step, 1);
      auto consumer = queue.get_consumer();
    });
    stage.await_death(attacher);
    CHECK(stage.sweep());  // its queue object only
    CHECK(stage.queue.stats().repaired == 1);
    CHECK(free_place() == before);
    stage.producer.close();
    stage.queue.close();
  }
}

TEST_CASE("Creation: who has opened a name has what it leads to, whatever a cleaner takes away") {
  const std::string name = iqtest::temp_name("creation");
  Race race;
  std::vector<iqtest::Child> openers;
  for (int i = 0; i < 3; ++i) {
    openers.push_back(iqtest::spawn([&] {
      for (int n = 0; n < 150; ++n) {
        Queue queue(iq::open_or_create, name, {.capacity = 4});
        iqtest::require(queue.is_current(), "nobody can take it away from here on");
      }
    }));
  }
  iqtest::Child cleaner = iqtest::spawn([&] { clean_up(name, race); });
  for (iqtest::Child& opener : openers) CHECK(opener.wait().ok());
  race.leave.set();
  CHECK(cleaner.wait().ok());
  (void)iq::remove_unattached(name);
}
