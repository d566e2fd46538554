// What exec_pool and exec_worker say to each other: both are compiled with this one definition.
#pragma once

#include <cstdint>

namespace exec_pool {

struct Job {
  std::uint64_t number;
};

struct Answer {
  std::uint64_t number;
  std::uint64_t factor;  ///< the smallest above 1
  int worker;            ///< process id
};

inline std::uint64_t smallest_factor(std::uint64_t number) {
  for (std::uint64_t factor = 2; factor * factor <= number; ++factor) {
    if (number % factor == 0) return factor;
  }
  return number;
}

}  // namespace exec_pool
