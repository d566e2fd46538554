// Who raises the storm: starts, kills, stops and continues the workers of several queues at once,
// and then sees to it that all come to an end.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "stress/storm_party.hpp"
#include "support/process.hpp"

namespace storm {

struct Tally {
  std::uint64_t kills = 0, point_deaths = 0, stops = 0, restarts = 0, mid_write = 0;
};

class Director {
 public:
  Director(std::uint64_t seed, std::vector<std::unique_ptr<Party>> parties,
           std::vector<std::string> kill_points);

  /// Everybody at work, and struck at random.
  void storm(double seconds);
  /// All is consumed, all are killed, ten times the capacity goes through one more time, all reach
  /// the end of the stream. Throws what the queues look like when something takes too long.
  void finish();

  const Tally& tally() const { return tally_; }

 private:
  struct Actor {
    Party* party;
    Job job;
    bool immune;
    int slot;
    std::uint32_t life = 0;
    iqtest::Child child{};
    bool runs = false;
    std::optional<iqtest::SteadyTime> stopped_until{};
  };
  enum class Manner : std::uint8_t { usual, alone, steady, slow };
  using Which = std::function<bool(const Actor&)>;

  const std::string& draw_point(Job job);
  void start(Actor& actor, bool harmed, Manner manner = Manner::usual);
  void bury(Actor& actor);
  void kill(Actor& actor);
  /// Those that have ended are buried and, where wanted, started again.
  void reap(const std::function<void(Actor&)>& then);
  void strike();
  void lull();
  void stop(Actor& actor);
  void wake_due();
  void continue_all();
  /// Keeps all others running until there is nothing that `which` holds for.
  void await_end(const Which& which, const char* what);
  void await(const std::function<bool()>& condition, const char* what);
  void end_in_full_work();
  void look_for_progress();
  [[noreturn]] void hung(const char* what) const;

  Dice dice_;
  std::vector<std::unique_ptr<Party>> parties_;
  std::vector<std::string> points_, held_points_, relay_points_, hand_over_points_;
  std::vector<Actor> actors_;
  std::uint32_t next_life_ = 1;
  Tally tally_;
  iqtest::SteadyTime next_look_{}, next_continue_{}, next_lull_{};
  std::vector<std::pair<std::uint64_t, iqtest::SteadyTime>> seen_;  // per party: progress, since
};

}  // namespace storm
