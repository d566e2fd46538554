// The deaths are shared out to one process per core: each makes a world, kills in it, lets it
// finish, and writes down what it saw where it outlives everybody.
#include "steps/campaign.hpp"

#include <dlfcn.h>
#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <random>
#include <string_view>

#include "steps/walk.hpp"

namespace steps {
namespace {

constexpr unsigned kTaskSeconds = 120;  // a death and what follows; far more than it ever needs
constexpr std::size_t kMostEntries = 64;
constexpr long kRunnersPerCore = 6;

struct Counts {
  std::atomic<std::uint64_t> instructions{0}, kills{0}, pairs{0}, lost{0}, torn{0}, hung{0},
      wrong{0};

  Tally read() const { return {instructions, kills, pairs, lost, torn, hung, wrong}; }
};

struct Board {
  std::atomic<std::size_t> next{0};
  std::array<Counts, kMostEntries> counts;
};

void complain(Counts& counts, const std::string& where, const std::exception& error) {
  const std::string_view text = error.what();
  const auto says = [text](std::string_view word) { return text.find(word) != text.npos; };
  if (says("lost")) {
    ++counts.lost;
  } else if (says("torn")) {
    ++counts.torn;
  } else if (says("hangs") || says("did not end") || says("finds room") || says("or the end")) {
    ++counts.hung;
  } else {
    ++counts.wrong;
  }
  std::cerr << where << ": " << text << std::endl;
}

// The address is one for addr2line -e FILE.
std::string describe(const Stop& stop, std::size_t nth) {
  Dl_info info{};
  ::dladdr(reinterpret_cast<const void*>(stop.place.address), &info);
  const auto base = reinterpret_cast<std::uintptr_t>(info.dli_fbase);
  const std::string file = info.dli_fname == nullptr ? "?" : info.dli_fname;
  char text[64];
  std::snprintf(text, sizeof text, "%#llx, passing %u",
                static_cast<unsigned long long>(stop.place.address - base), stop.place.nth);
  return "stop " + std::to_string(nth) + " (before " + file.substr(file.find_last_of('/') + 1) +
         " " + text + ")";
}

// Nobody in a task may wait for ever: not even this process, for a victim that never comes.
void limit_task() { ::alarm(kTaskSeconds); }

// ---- alone ----

void kill_at_stop(const Operation& operation, const Route& route, std::size_t nth, Counts& counts) {
  limit_task();
  try {
    auto world = operation.make();
    iqtest::Child victim = world->start_victim();
    if (!jump_to(*world, victim, route.stops[nth])) {
      world->note_victim(victim.kill_and_wait());
      world->finish();
      world = operation.make();
      victim = world->start_victim();
      walk_to(*world, victim, nth);
    }
    world->note_victim(victim.kill_and_wait());
    ++counts.kills;
    world->finish();
  } catch (const std::exception& error) {
    complain(counts, operation.name + ", killed at " + describe(route.stops[nth], nth), error);
  }
}

Route explore_alone(const Operation& operation, Counts& counts) {
  limit_task();
  Route route;
  try {
    auto world = operation.make();
    iqtest::Child victim = world->start_victim();
    route = explore(*world, victim);
    counts.instructions = route.instructions;
    world->note_victim(victim.kill_and_wait());
    world->finish();
  } catch (const std::exception& error) {
    complain(counts, operation.name + ", killed at the end", error);
  }
  return route;
}

// ---- pairs ----

// Leads the first of a pair to its stop, and there lets it stand or die.
class Midst {
 public:
  Midst(const Pair& pair, const Stop& stop) : pair_(pair), world_(pair.make()) {
    first_ = world_->start_victim();
    arrived_ = jump_to(*world_, first_, stop);
    if (pair.first == First::dies) end_first();
    second_ = world_->start_second();
  }
  bool arrived() const noexcept { return arrived_; }
  World& world() { return *world_; }
  iqtest::Child& second() { return second_; }

  void finish() {
    if (pair_.first == First::stops) first_.kill();
    world_->note_second(second_.kill_and_wait());
    if (pair_.first == First::stops) end_first();
    world_->finish();
  }

 private:
  void end_first() { world_->note_victim(first_.kill_and_wait()); }

  const Pair& pair_;
  std::unique_ptr<World> world_;
  iqtest::Child first_, second_;
  bool arrived_ = false;
};

void kill_both(const Pair& pair, const Stop& first, const Route& second, std::size_t nth,
               Counts& counts) {
  limit_task();
  Midst midst(pair, first);
  if (jump_to(midst.world(), midst.second(), second.stops[nth])) {
    ++counts.pairs;
    counts.kills += 2;
  }
  midst.finish();
}

struct Draw {
  std::mt19937_64 random;
  std::size_t stride;
};

// The first one at its stop; the second one at each of its own, or at every nth of them.
void kill_pairs_at(const Pair& pair, const Route& route, std::size_t nth, Draw& draw,
                   iqtest::SteadyTime until, Counts& counts) {
  std::string where = pair.name + ", the first at " + describe(route.stops[nth], nth);
  try {
    limit_task();
    Midst midst(pair, route.stops[nth]);
    const Route second = explore(midst.world(), midst.second());
    counts.instructions =
        std::max<std::uint64_t>(counts.instructions, route.instructions + second.instructions);
    midst.finish();
    const std::string first = where;
    for (std::size_t i = draw.random() % draw.stride; i < second.stops.size(); i += draw.stride) {
      if (std::chrono::steady_clock::now() >= until) return;
      where = first + ", the second at " + describe(second.stops[i], i);
      kill_both(pair, route.stops[nth], second, i, counts);
    }
  } catch (const std::exception& error) {
    complain(counts, where, error);
  }
}

Route explore_first(const Pair& pair, Counts& counts) {
  return explore_alone({pair.name, pair.make}, counts);
}

// ---- all of it ----

struct Task {
  std::size_t entry;
  std::size_t stop;
};

// Runs `work` for every task, in several processes per core: most of the time is spent waiting for
// others to notice a death.
template <class Work>
void share_out(const std::vector<Task>& tasks, Board& board, Work work) {
  std::vector<iqtest::Child> runners;
  const long count = kRunnersPerCore * std::max(1L, ::sysconf(_SC_NPROCESSORS_ONLN));
  for (long runner = 0; runner < count; ++runner) {
    runners.push_back(iqtest::spawn([&] {
      struct sigaction action {};
      action.sa_handler = [](int) {};  // no SA_RESTART: it ends waitpid()
      ::sigaction(SIGALRM, &action, nullptr);
      for (std::size_t i = board.next++; i < tasks.size(); i = board.next++) work(tasks[i]);
    }));
  }
  for (iqtest::Child& runner : runners) {
    iqtest::require(runner.wait(7200).ok(), "a runner ends well");
  }
}

template <class Entry, class Explore>
std::vector<Route> explore_all(const std::vector<Entry>& entries, Board& board, Explore explore,
                               std::vector<Task>& tasks) {
  iqtest::require(entries.size() <= kMostEntries, "the board has a line for each operation");
  std::vector<Route> routes;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    routes.push_back(explore(entries[i], board.counts[i]));
    for (std::size_t stop = 0; stop < routes[i].stops.size(); ++stop) tasks.push_back({i, stop});
  }
  ::alarm(0);  // the tasks have limits of their own
  return routes;
}

void print(const std::string& name, const Tally& tally) {
  std::cout << "  " << name << ": " << tally.instructions << " instructions, " << tally.kills
            << " kills, " << tally.pairs << " pairs: " << tally.lost << " lost, " << tally.torn
            << " torn, " << tally.hung << " hung";
  if (tally.wrong != 0) std::cout << ", " << tally.wrong << " wrong";
  std::cout << std::endl;
}

template <class Entry>
Tally report(const std::vector<Entry>& entries, const Board& board) {
  Tally sum;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const Tally tally = board.counts[i].read();
    print(entries[i].name, tally);
    sum += tally;
  }
  print("together", sum);
  return sum;
}

}  // namespace

Tally& Tally::operator+=(const Tally& other) noexcept {
  instructions += other.instructions;
  kills += other.kills;
  pairs += other.pairs;
  lost += other.lost;
  torn += other.torn;
  hung += other.hung;
  wrong += other.wrong;
  return *this;
}

Tally kill_alone(const std::vector<Operation>& operations) {
  iqtest::Shared<Board> board;
  std::vector<Task> tasks;
  const std::vector<Route> routes = explore_all(operations, *board, explore_alone, tasks);
  share_out(tasks, *board, [&](const Task& task) {
    kill_at_stop(operations[task.entry], routes[task.entry], task.stop, board->counts[task.entry]);
  });
  return report(operations, *board);
}

Tally kill_in_pairs(const std::vector<Pair>& pairs, double seconds) {
  iqtest::Shared<Board> board;
  std::vector<Task> tasks;
  const std::vector<Route> routes = explore_all(pairs, *board, explore_first, tasks);
  const auto seed = std::random_device{}();
  std::cout << "  seed " << seed << '\n';
  std::shuffle(tasks.begin(), tasks.end(), std::mt19937_64(seed));
  const bool all = seconds == 0;
  const auto until = all ? iqtest::SteadyTime::max() : iqtest::deadline_in(seconds);
  share_out(tasks, *board, [&](const Task& task) {
    Draw draw{std::mt19937_64(seed + task.stop), all ? 1U : 5U};
    if (std::chrono::steady_clock::now() >= until) return;
    kill_pairs_at(pairs[task.entry], routes[task.entry], task.stop, draw, until,
                  board->counts[task.entry]);
  });
  return report(pairs, *board);
}

}  // namespace steps
