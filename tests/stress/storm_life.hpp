// One life of a worker in a storm, and what the processes around one queue share.
#pragma once

#include <array>
#include <atomic>
#include <cmath>
#include <random>
#include <string>

#include "stress/history.hpp"

namespace storm {

inline constexpr std::uint32_t kBlock = 64;  // ids that a producer draws at a time
inline constexpr int kMostSlots = 32;

/// What the processes around one queue share besides its history.
struct Board {
  std::atomic<std::uint32_t> next_id{0};
  std::atomic<std::uint32_t> limit{UINT32_MAX};  // no block begins behind it
  std::atomic<bool> stop{false};                 // producers
  std::atomic<bool> over{false};          // operators: without them a full lane may stay full
  std::atomic<bool> steady_works{false};  // the relay that is never killed
  std::atomic<int> steady_producers{0};   // so many have attached
  std::atomic<bool> lull{false};          // no puts for now: consumers grow hungry
  std::array<std::atomic<bool>, kMostSlots> writing{};
};

/// One queue.
struct Place {
  std::string name;
  const History* history;
  Board* board;
};

/// One life of a worker.
struct Life {
  std::uint32_t number = 0;
  int slot = 0;
  std::uint64_t seed = 0;
  bool restless = false;        // leaves and comes back all the time
  bool steady = false;          // keeps its endpoints
  std::uint32_t give_back = 0;  // one of so many is given back; 0: none
  bool slow = false;            // nearly always has something in hand
  bool alone = false;           // the only consumer, unharmed
};

class Dice {
 public:
  explicit Dice(std::uint64_t seed) : random_(seed) {}
  std::uint32_t below(std::uint32_t limit) {
    return std::uniform_int_distribution<std::uint32_t>(0, limit - 1)(random_);
  }
  bool one_in(std::uint32_t many) { return many != 0 && below(many) == 0; }
  /// Each order of magnitude as likely as the others.
  double between(double low, double high) {
    return std::exp(std::uniform_real_distribution<double>(std::log(low), std::log(high))(random_));
  }

 private:
  std::mt19937_64 random_;
};

}  // namespace storm
