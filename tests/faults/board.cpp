// Every kill point of batch contexts, docs/batching.md: a caller dies there, or a server, and all
// others get their results or are told; nobody hangs, and no call that was made once is carried out
// twice.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <optional>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "iq/batch.hpp"
#include "iq/batch_context.hpp"
#include "iq/error.hpp"
#include "iq/task.hpp"
#include "iq/worker_group.hpp"
#include "support/kill.hpp"
#include "support/process.hpp"

namespace {

constexpr int kCallers = 4;
constexpr int kRounds = 6;    // one call each,
constexpr int kTogether = 3;  // then so many at a time: whoever makes the last forms a batch
constexpr int kCallsEach = kRounds + kTogether;
constexpr int kCalls = kCallers * kCallsEach;
constexpr int kDeepest = 3;

/// What one play came to.
struct Play {
  std::array<std::atomic<int>, kCalls> carried_out{};
  std::array<std::atomic<int>, kCalls> answered{};
  std::array<std::atomic<int>, kCalls> told{};
  std::atomic<bool> died{false};
  std::atomic<int> victim{0};
  std::array<char, 4096> points{};  // of the victim, each followed by a blank
};

enum class Victim { caller, server };

void note_points(Play& play) {
  std::string all;
  for (const std::string& name : iqtest::kill_points_seen()) {
    if (name.starts_with("board_")) all += name + " ";
  }
  all.copy(play.points.data(), play.points.size() - 1);
}

/// `point` empty: nobody dies, the victim's points are noted.
void arm(const std::string& point, int nth) {
  if (!point.empty()) iqtest::kill_at(point.c_str(), nth);
}

/// Four processes join a context, call side by side, block once, and leave.
void play(Play& play, Victim victim, const std::string& point, int nth) {
  iqtest::Shared<std::atomic<bool>> armed(false);
  iq::batched<int(int)> f{[&](std::span<const int> batch) {
                            if (victim == Victim::server && !armed->exchange(true)) {
                              play.victim = ::getpid();
                              arm(point, nth);
                            }
                            std::vector<int> results;
                            for (const int i : batch) {
                              ++play.carried_out.at(static_cast<std::size_t>(i));
                              results.push_back(i + 1);
                            }
                            if (victim == Victim::server && play.victim == ::getpid())
                              note_points(play);
                            return results;
                          },
                          {.max_size = 3}};
  iq::WorkerGroup crew;
  crew.fork(kCallers, [&](int id) {
    const bool is_victim = victim == Victim::caller && id == 0;
    if (is_victim) {
      play.victim = ::getpid();
      arm(point, nth);
    }
    std::optional<iq::BatchContext> context;
    context.emplace("board");
    const auto finish = [&](int call, const iq::Future<int>& future) {
      const auto index = static_cast<std::size_t>(call);
      try {
        play.answered.at(index) = future.get() == call + 1;
      } catch (const iq::ServerDied&) {
        play.told.at(index) = 1;
      }
    };
    int call = id * kCallsEach;
    for (int round = 0; round < kRounds; ++round, ++call) {
      finish(call, f.async(call));
      if (round == 2) {
        const iq::may_block elsewhere;
      }
    }
    std::vector<iq::Future<int>> futures;
    for (int i = 0; i < kTogether; ++i) futures.push_back(f.async(call + i));
    for (int i = 0; i < kTogether; ++i) finish(call + i, futures[static_cast<std::size_t>(i)]);
    context.reset();
    if (is_victim) note_points(play);
  });
  try {
    crew.join();
  } catch (const iq::WorkerFailed&) {
    play.died = true;
  }
}

void judge(const Play& play, Victim victim) {
  for (int call = 0; call < kCalls; ++call) {
    const auto index = static_cast<std::size_t>(call);
    const bool is_victims = victim == Victim::caller && call < kCallsEach;
    const int ends = play.answered.at(index) + play.told.at(index);
    iqtest::require(play.carried_out.at(index) <= 1,
                    "carried out once: call " + std::to_string(call));
    if (is_victims) continue;
    iqtest::require(ends == 1, "every call has an end: call " + std::to_string(call));
    if (victim == Victim::caller) {
      iqtest::require(play.answered.at(index) == 1,
                      "a caller's death fails no other's call: " + std::to_string(call));
    }
  }
}

std::set<std::string> points_of(const Play& play) {
  std::set<std::string> points;
  const std::string all = play.points.data();
  for (std::size_t from = 0, to; (to = all.find(' ', from)) != std::string::npos; from = to + 1) {
    points.insert(all.substr(from, to - from));
  }
  return points;
}

std::set<std::string>& points_that_killed() {
  static std::set<std::string> points;
  return points;
}

void kill_everywhere(Victim victim) {
  iqtest::limit_seconds(200);
  const iqtest::Shared<Play> unharmed;
  play(*unharmed, victim, "", 0);
  judge(*unharmed, victim);
  CHECK_FALSE(unharmed->died);
  const std::set<std::string> points = points_of(*unharmed);
  CHECK(points.size() >= 3);
  int deaths = 0;
  for (const std::string& point : points) {
    for (int nth = 1; nth <= kDeepest; ++nth) {
      INFO("killed at ", point, ", passing ", nth);
      const iqtest::Shared<Play> harmed;
      play(*harmed, victim, point, nth);
      CHECK_NOTHROW(judge(*harmed, victim));
      bool told = false;
      for (const auto& call : harmed->told) told |= call.load() != 0;
      if (!harmed->died && !told) continue;
      ++deaths;
      points_that_killed().insert(point);
    }
  }
  std::cout << "  " << deaths << " deaths at " << points.size() << " points\n";
  CHECK(deaths >= static_cast<int>(points.size()));
}

std::set<std::string> points_of_the_sources() {
  std::set<std::string> points;
  const std::regex use(R"(IQ_KILL_POINT\((board_\w+)\);)");
  const std::filesystem::path root = std::string(IQ_SOURCE_ROOT) + "/lib/batch";
  for (const auto& entry : std::filesystem::directory_iterator(root)) {
    std::ifstream file(entry.path());
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    for (auto at = std::sregex_iterator(text.begin(), text.end(), use);
         at != std::sregex_iterator(); ++at) {
      points.insert((*at)[1]);
    }
  }
  return points;
}

}  // namespace

TEST_CASE("Board: a caller killed anywhere costs the others nothing, and no call is made twice") {
  kill_everywhere(Victim::caller);
}

TEST_CASE("Board: a server killed anywhere fails calls or serves them, once, and the next serves") {
  kill_everywhere(Victim::server);
}

// A first caller dies while it forms a batch; who repairs it dies at each point of that, and so
// does the next, until the last one calls.
TEST_CASE("Board: a repairer killed anywhere is succeeded by the next one") {
  iqtest::limit_seconds(100);
  for (const char* point :
       {"board_repair_taken_back", "board_repair_freed", "board_repair_unlocked"}) {
    INFO("killed at ", std::string(point));
    auto right = iqtest::shared_counter();
    iqtest::Shared<std::array<std::atomic<int>, 4>> pids;
    iqtest::Shared<std::array<std::atomic<int>, 4>> made;
    iq::batched<int(int)> f{[&](std::span<const int> batch) {
                              std::vector<int> results;
                              for (const int i : batch) {
                                ++made->at(static_cast<std::size_t>(i));
                                results.push_back(i + 1);
                              }
                              return results;
                            },
                            {.max_size = 3}};
    const iq::BatchContext context;
    iq::WorkerGroup crew;
    crew.fork(4, [&](int id) {
      pids->at(static_cast<std::size_t>(id)) = ::getpid();
      const auto has_ended = [&](std::size_t other) {
        return (*pids)[other] != 0 && iqtest::has_ended((*pids)[other]);
      };
      if (id == 0) {
        iqtest::kill_at("board_asked");
        std::vector<iq::Future<int>> futures;
        for (int i = 0; i < 3; ++i) futures.push_back(f.async(0));
      }
      iqtest::require(iqtest::wait_until([&] { return has_ended(0); }), "the first dies");
      if (id != 3) iqtest::kill_at(point);
      if (id == 3) {
        iqtest::require(iqtest::wait_until([&] { return has_ended(1) || has_ended(2); }),
                        "whoever repairs it dies");
      }
      *right += f(id) == id + 1;
    });
    CHECK_THROWS_AS(crew.join(), iq::WorkerFailed);
    int dead = 0;
    for (const iq::WorkerOutcome& outcome : crew.results()) dead += outcome.signal == SIGKILL;
    CHECK(right->load() + dead == 4);
    CHECK(right->load() >= 1);
    for (const auto& count : *made) CHECK(count <= 1);
    if (dead >= 2) points_that_killed().insert(point);
  }
}

// ---- a batch whose servers die as often as the queue hands an item out ----

namespace {

/// Every server of it dies where `points` say, whichever comes first, at its first passing. What
/// this process and its later children do is not concerned.
class Deadly {
 public:
  explicit Deadly(const std::vector<const char*>& points,
                  const std::string& name = iqtest::temp_name("deadly")) {
    for (const char* point : points) iqtest::kill_at(point);
    f.emplace(iq::create_only, name, [](std::span<const int> batch) {
      std::vector<int> results;
      for (const int i : batch) results.push_back(i + 1);
      return results;
    });
    for (const char* point : points) iqtest::kill_at(point, 0);
    expected = "batched function \"" + name + "\": 14 processes died one after the other";
    advice = "iq stat " + name;
  }

  /// Whether the call ends with the error that says so.
  bool tells(const iq::Future<int>& future) const {
    try {
      future.get();
    } catch (const iq::ServerDied& error) {
      const std::string text = error.what();
      if (text.starts_with(expected) && text.ends_with(advice)) return true;
      std::cerr << text << std::endl;
    }
    return false;
  }

  std::optional<iq::batched<int(int)>> f;
  std::string expected;
  std::string advice;
};

}  // namespace

TEST_CASE("Board: a batch whose servers all died is an error to each of its callers") {
  // The second time the server that parks it dies, too, behind the copy.
  const std::vector<std::vector<const char*>> ways = {{"board_taken"},
                                                      {"board_taken", "park_after_publish"}};
  for (const auto& points : ways) {
    const Deadly deadly(points);
    auto told = iqtest::shared_counter();
    iq::WorkerGroup crew;
    {
      const iq::BatchContext context;
      crew.fork(3, [&](int id) { *told += deadly.tells(deadly.f->async(id)); });
    }
    crew.join();
    CHECK(told->load() == 3);
    CHECK((*deadly.f)(5) == 6);  // alone, it does not come where they die
  }
}

TEST_CASE("Board: the same of a call outside any context, whose servers die when they answer") {
  const Deadly deadly({"put_before_publish"});
  const iq::Future<int> first = deadly.f->async(1);
  const iq::Future<int> second = deadly.f->async(2);
  CHECK(deadly.tells(first));
  CHECK(deadly.tells(second));
}

TEST_CASE(
    "Board: who finds a parked batch and dies of it is succeeded by the next of its callers") {
  const Deadly deadly({"board_taken"});
  auto told = iqtest::shared_counter();
  iqtest::SharedCounter victim = iqtest::shared_counter();
  iq::WorkerGroup crew;
  {
    const iq::BatchContext context;
    crew.fork(3, [&](int id) {
      if (id == 0) {
        victim->store(::getpid());
        iqtest::kill_at("board_call_failed");
      }
      const iq::Future<int> future = deadly.f->async(id);
      if (id != 0) {
        // Both call, so that the batch goes; then the first one alone looks.
        const iq::may_block elsewhere;
        iqtest::require(iqtest::wait_until([&] {
                          return *victim != 0 && iqtest::has_ended(static_cast<pid_t>(*victim));
                        }),
                        "the first one dies");
      }
      *told += deadly.tells(future);
    });
  }
  CHECK_THROWS_AS(crew.join(), iq::WorkerFailed);
  CHECK(told->load() == 2);
  points_that_killed().insert("board_call_failed");
}

// Last, since it counts what the cases above did.
TEST_CASE("Board: every point of the sources killed somebody") {
  if (points_that_killed().empty()) iqtest::skip("the cases that kill were left out");
  for (const std::string& point : points_of_the_sources()) {
    CHECK_MESSAGE(points_that_killed().contains(point), point, " killed nobody");
  }
}
