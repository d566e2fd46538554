// Kills each operation wherever that makes a difference, and counts what came of it.
#pragma once

#include <vector>

#include "steps/operation.hpp"

namespace steps {

/// What came of all deaths in one operation, or in one pair.
struct Tally {
  std::uint64_t instructions = 0;  ///< of the operation, or of both, undisturbed
  std::uint64_t kills = 0;
  std::uint64_t pairs = 0;
  std::uint64_t lost = 0;
  std::uint64_t torn = 0;
  std::uint64_t hung = 0;
  std::uint64_t wrong = 0;  ///< anything else, such as an item twice

  bool clean() const noexcept { return lost + torn + hung + wrong == 0; }
  Tally& operator+=(const Tally& other) noexcept;
};

/// Each operation, killed at every place. Prints a line for each; returns the sum.
Tally kill_alone(const std::vector<Operation>& operations);

/// Each pair, killed at every two places; or at as many, drawn by chance, as `seconds` allow, which
/// 0 does not limit.
Tally kill_in_pairs(const std::vector<Pair>& pairs, double seconds);

}  // namespace steps
