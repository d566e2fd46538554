// A few readings of one thing in a noisy place.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

namespace bench {

struct Spread {
  double median = 0;
  double min = 0;
  double max = 0;
};

/// Of at least one reading; the median of an even number is the mean of the middle two.
inline Spread spread_of(std::vector<double> readings) {
  std::ranges::sort(readings);
  const std::size_t half = readings.size() / 2;
  const double median =
      readings.size() % 2 == 1 ? readings[half] : (readings[half - 1] + readings[half]) / 2;
  return {median, readings.front(), readings.back()};
}

/// The mean of the middle half: as steady as the median, and finer where a clock is coarse.
inline double mid_mean(std::vector<double> readings) {
  std::ranges::sort(readings);
  const std::size_t from = readings.size() / 4, to = readings.size() - from;
  double sum = 0;
  for (std::size_t i = from; i < to; ++i) sum += readings[i];
  return sum / static_cast<double>(to - from);
}

/// The reading below which `share` of them lie. Requires: sorted, at least one.
inline double percentile(const std::vector<double>& sorted, double share) {
  const auto at = static_cast<std::size_t>(share * static_cast<double>(sorted.size()));
  return sorted[std::min(at, sorted.size() - 1)];
}

}  // namespace bench
