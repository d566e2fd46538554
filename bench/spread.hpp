// A few readings of one thing in a noisy place.
#pragma once

#include <algorithm>
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

}  // namespace bench
