// Every kill point of the sources, in every operation that passes it, dies at its first, second and
// third passing; the others must finish as if nothing but that process were missing.
//
// Points are found by playing each scene once unharmed, so a new one is tested without a change
// here; the sources are read to be sure that none was missed.
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <regex>
#include <set>

#include "faults/scenes.hpp"

namespace faults {
namespace {

constexpr int kDeepest = 3;  // nth passings
constexpr int kRunners = 4;

struct Passed {
  std::array<std::array<char, 48>, 64> names{};
  std::array<std::int64_t, 64> counts{};
  std::size_t size = 0;
};

/// One run: the scene, a point, its nth passing.
struct Task {
  std::size_t scene;
  std::string point;
  int nth;
};

struct Tally {
  std::atomic<std::size_t> next{0};
  std::atomic<unsigned> failed{0};
  std::array<std::atomic<unsigned>, 4096> died{};  // per task
};

template <class T>
void play(const Scene<T>& scene, const std::string& point, int nth, Passed* passed, bool& died) {
  using S = Stage<T>;
  S stage("scene", scene.options);
  scene.before(stage);
  iqtest::Child victim = iqtest::spawn([&] {
    for (const std::string& name : iqtest::kill_points_seen()) iqtest::kill_at(name.c_str(), 0);
    if (!point.empty()) iqtest::kill_at(point.c_str(), nth);
    scene.victim(stage);
    if (passed == nullptr) return;
    for (const std::string& name : iqtest::kill_points_seen()) {
      name.copy(passed->names.at(passed->size).data(), 47);
      passed->counts[passed->size++] = iq::detail::kill_point(name.c_str()).passed;
    }
  });
  const iqtest::Exit exit = victim.wait();
  stage.note_exit(S::kVictim, exit);
  died = exit.signal == SIGKILL;
  stage.unbooked = died;
  stage.victim_ended.set();
  scene.after(stage);
  finish(stage);
  judge(stage);
  const bool in_a_put = point.starts_with("put_") || point.starts_with("room_");
  const Outcome outcome = stage.ledger->outcome[S::kSurvivor];
  if (died && scene.dies_as_producer && in_a_put) {
    iqtest::require(outcome == Outcome::producer_died, "consumers are told that a producer died");
  }
  if (!died && std::string_view(scene.name).starts_with("an exception")) {
    iqtest::require(outcome == Outcome::producer_failed, "consumers are told of the exception");
  }
}

template <class T>
std::vector<Task> find_tasks(const std::vector<Scene<T>>& scenes) {
  std::vector<Task> tasks;
  for (std::size_t i = 0; i < scenes.size(); ++i) {
    iqtest::Shared<Passed> passed;
    bool died = false;
    INFO("unharmed: ", std::string(scenes[i].name));
    play<T>(scenes[i], "", 0, &*passed, died);
    for (std::size_t p = 0; p < passed->size; ++p) {
      const std::string point = passed->names[p].data();
      for (int nth = 1; nth <= std::min<std::int64_t>(passed->counts[p], kDeepest); ++nth) {
        tasks.push_back({i, point, nth});
      }
    }
  }
  return tasks;
}

template <class T>
void run_tasks(const std::vector<Scene<T>>& scenes, const std::vector<Task>& tasks, Tally& tally) {
  for (std::size_t i = tally.next++; i < tasks.size(); i = tally.next++) {
    const Task& task = tasks[i];
    try {
      bool died = false;
      play<T>(scenes[task.scene], task.point, task.nth, nullptr, died);
      tally.died[i] = died;
    } catch (const std::exception& error) {
      ++tally.failed;
      std::cerr << "scene \"" << scenes[task.scene].name << "\", killed at " << task.point
                << ", passing " << task.nth << ": " << error.what() << std::endl;
    }
  }
}

std::map<std::string, unsigned>& deaths_by_point() {
  static std::map<std::string, unsigned> deaths;
  return deaths;
}

template <class T>
void kill_everywhere(const std::vector<Scene<T>>& scenes) {
  iqtest::limit_seconds(120);
  const std::vector<Task> tasks = find_tasks(scenes);
  iqtest::Shared<Tally> tally;
  REQUIRE(tasks.size() <= tally->died.size());
  std::vector<iqtest::Child> runners;
  for (int i = 0; i < kRunners; ++i) {
    runners.push_back(iqtest::spawn([&] { run_tasks(scenes, tasks, *tally); }));
  }
  for (iqtest::Child& runner : runners) CHECK(runner.wait(110).ok());
  CHECK(tally->failed == 0);
  unsigned deaths = 0;
  std::set<std::string> points;
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    if (tally->died[i] == 0) continue;
    ++deaths;
    ++deaths_by_point()[tasks[i].point];
    points.insert(tasks[i].point);
  }
  std::cout << "  " << deaths << " deaths at " << points.size() << " points in " << scenes.size()
            << " scenes\n";
  CHECK(deaths > 0);
}

std::set<std::string> points_of_the_sources() {
  std::set<std::string> points;
  const std::regex use(R"(IQ_KILL_POINT\((\w+)\);)");
  for (const char* folder : {"/lib", "/include"}) {
    const std::filesystem::path root = std::string(IQ_SOURCE_ROOT) + folder;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
      if (!entry.is_regular_file()) continue;
      std::ifstream file(entry.path());
      const std::string text{std::istreambuf_iterator<char>(file), {}};
      for (auto at = std::sregex_iterator(text.begin(), text.end(), use);
           at != std::sregex_iterator(); ++at) {
        const std::string point = (*at)[1];
        if (!point.starts_with("board_")) points.insert(point);  // tests/faults/board.cpp
      }
    }
  }
  return points;
}

}  // namespace
}  // namespace faults

using namespace faults;

TEST_CASE("Kill points: a producer killed anywhere costs at most the item it was putting") {
  kill_everywhere(producer_scenes<Text>());
}

TEST_CASE("Kill points: the same with items stored in place") {
  kill_everywhere(producer_scenes<Fixed>());
}

TEST_CASE("Kill points: a consumer killed anywhere loses nothing and doubles only what it held") {
  kill_everywhere(consumer_scenes());
}

TEST_CASE("Kill points: a consumer killed while it takes from others loses and doubles nothing") {
  kill_everywhere(rivalry_scenes());
}

TEST_CASE("Kill points: a repairer killed anywhere is succeeded by the next one") {
  kill_everywhere(repair_scenes());
}

TEST_CASE("Kill points: an heir killed anywhere leaves what any dead process leaves") {
  kill_everywhere(heir_scenes());
}

TEST_CASE("Kill points: killed while it creates, closes, stops or leaves a queue, nobody hangs") {
  kill_everywhere(queue_scenes());
}

// Last, since it counts what the cases above did.
TEST_CASE("Kill points: every point of the sources killed somebody") {
  const std::map<std::string, unsigned>& deaths = deaths_by_point();
  if (deaths.empty()) iqtest::skip("the cases that kill were left out");
  const std::set<std::string> known = points_of_the_sources();
  CHECK(known.size() >= 50);
  unsigned total = 0;
  for (const auto& [point, count] : deaths) {
    total += count;
    CHECK_MESSAGE(known.contains(point), point, " is not in the sources");
  }
  for (const std::string& point : known) {
    // Two queues at a time: relay.cpp kills there, and counts.
    if (point.starts_with("relay_") || point == "repair_after_unmark") continue;
    CHECK_MESSAGE(deaths.contains(point), "no operation was killed at ", point);
  }
  std::cout << "  " << total << " deaths at " << deaths.size() << " of " << known.size()
            << " points\n";
}
