// A storm of SIGKILL, SIGSTOP and SIGCONT on eight producers and eight consumers of each of several
// queues at once, restarted as they die. Everybody writes down what it does (history.hpp), and a
// judge reads it afterwards (verdict.hpp).
#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <random>
#include <regex>
#include <set>

#include "stress/storm_director.hpp"

namespace storm {
namespace {

constexpr double kRoundS = 10;  // then the queues end, and new ones begin

std::vector<std::string> points_of_the_sources() {
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
        points.insert((*at)[1]);
      }
    }
  }
  return {points.begin(), points.end()};
}

/// Sums over rounds and queues.
struct Sum {
  Tally tally;
  std::uint64_t returned = 0, lost = 0, torn = 0, doubled = 0, holder_deaths = 0, parked = 0;
  std::uint64_t hung = 0, descents = 0;
  double seconds = 0;

  void add(const Tally& more) {
    tally.kills += more.kills;
    tally.point_deaths += more.point_deaths;
    tally.stops += more.stops;
    tally.restarts += more.restarts;
    tally.mid_write += more.mid_write;
  }
  void add(const Verdict& verdict) {
    returned += verdict.returned;
    lost += verdict.lost;
    torn += verdict.torn;
    doubled += verdict.doubled;
    holder_deaths += verdict.holder_deaths;
    parked += verdict.parked;
    descents += verdict.descents;
  }
  void print() const {
    std::cout << "  " << tally.kills << " kills, " << tally.point_deaths
              << " deaths at named points, " << tally.stops << " stops, " << tally.restarts
              << " restarts; " << returned << " items, "
              << static_cast<std::uint64_t>(static_cast<double>(returned) / seconds) << " items/s, "
              << parked << " parked, " << tally.mid_write << " deaths in mid-write\n  " << lost
              << " lost, " << torn << " torn, " << hung << " hung, " << doubled << " doubled for "
              << holder_deaths << " deaths (get_some and leases: several in hand)\n";
  }
};

void check(const Account& account) {
  const Verdict& verdict = account.verdict;
  const iq::Stats& stats = account.stats;
  std::cout << "    " << account.what << ": " << verdict.returned << " returned, "
            << verdict.delivered << " delivered, " << verdict.given_back << " given back, "
            << verdict.parked << " parked, " << verdict.doubled
            << " doubled; deaths: " << verdict.producer_deaths << " of producers, "
            << verdict.consumer_deaths << " of consumers; " << verdict.ends << " ends; "
            << stats.taken_over << " taken over, " << verdict.descents << " out of order\n";
  for (const std::string& complaint : verdict.complaints) {
    FAIL_CHECK(std::string(account.what), ": ", complaint);
  }
  CHECK(verdict.complaint_count == 0);
  for (const std::string& story : account.stories) std::cout << story << "\n";
  CHECK(verdict.returned > 0);
  CHECK(verdict.ends == kConsumers);
  CHECK(stats.queued == 0);
  CHECK(stats.in_hand == 0);
  CHECK(stats.parked == 0);
  CHECK(stats.corrupt == 0);
  CHECK(stats.producers == 0);
  CHECK(stats.consumers == 0);
  CHECK(stats.repaired >= verdict.producer_deaths + verdict.consumer_deaths);
}

void run_round(std::uint64_t seed, double seconds, Sum& sum) {
  std::vector<std::unique_ptr<Party>> parties;
  for (const auto& make :
       {fixed_items, variable_items, restless_workers, poisonous_items, relay_line}) {
    parties.push_back(make(seconds));
  }
  std::vector<Party*> all;
  for (const auto& party : parties) all.push_back(party.get());
  Director director(seed, std::move(parties), points_of_the_sources());
  const auto began = std::chrono::steady_clock::now();
  try {
    director.storm(seconds);
    sum.seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
    director.finish();
  } catch (const std::exception& error) {
    ++sum.hung;
    FAIL("IQ_STORM_SEED=", seed, " IQ_STORM_S=", seconds, ": ", std::string(error.what()));
  }
  sum.add(director.tally());
  for (Party* party : all) {
    for (const Account& account : party->judge()) {
      check(account);
      sum.add(account.verdict);
    }
  }
}

double storm_seconds() {
  const char* text = std::getenv("IQ_STORM_S");
  return text != nullptr ? std::max(0.1, std::atof(text)) : kRoundS;
}

std::uint64_t storm_seed() {
  const char* text = std::getenv("IQ_STORM_SEED");
  return text != nullptr ? std::strtoull(text, nullptr, 10) : std::random_device{}();
}

}  // namespace
}  // namespace storm

TEST_CASE("Storm: nothing is lost, torn, doubled without a death, or hangs") {
  const double seconds = storm::storm_seconds();
  const std::uint64_t seed = storm::storm_seed();
  std::cout << "  IQ_STORM_SEED=" << seed << " IQ_STORM_S=" << seconds << std::endl;
  INFO("again: IQ_STORM_SEED=", seed, " IQ_STORM_S=", seconds, " build/tests/stress-storm");
  iqtest::limit_seconds(60 + 4 * seconds);
  storm::Sum sum;
  std::uint64_t round = 0;
  for (double left = seconds; left > 0; left -= storm::kRoundS, ++round) {
    storm::run_round(seed + round, std::min(left, storm::kRoundS), sum);
  }
  sum.print();
  CHECK(sum.lost == 0);
  CHECK(sum.torn == 0);
}
