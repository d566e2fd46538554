// What is not a throughput or a round trip: how long an end takes, what an endpoint costs.
#pragma once

#include <unistd.h>

#include <functional>
#include <string>
#include <vector>

#include "compare.hpp"
#include "iq/iq.hpp"

namespace bench {

struct Measure {
  std::string name;
  std::string unit;
  std::string about;
  std::vector<double> readings = {};
  std::string error = {};
};

/// A name that goes when this does. Forked children have it too and leave it alone: they end by
/// _exit.
class QueueName {
 public:
  QueueName() : text_("bench-measures-" + std::to_string(getpid())) {}
  QueueName(const QueueName&) = delete;
  QueueName& operator=(const QueueName&) = delete;
  ~QueueName() { iq::remove(text_); }
  operator const std::string&() const noexcept { return text_; }
  const std::string& text() const noexcept { return text_; }

 private:
  std::string text_;
};

/// How much of it there is to be: taken from the length of a slice.
struct Effort {
  explicit Effort(const Plan& plan)
      : slice_ns(plan.slice_ns), pairs(plan.pairs), capacity(plan.capacity) {}
  std::int64_t slice_ns;
  int pairs;
  std::size_t capacity;  ///< of what is at work, in items; 0: the default
  int times() const { return 3 * pairs; }
  std::int64_t long_ns() const { return 30 * slice_ns; }
  int lives() const {
    return slice_ns >= 150'000'000 ? 10'000 : slice_ns >= 20'000'000 ? 1'000 : 100;
  }
};

/// Runs one and fills in its readings. Errors: exceptions.
struct MeasureEntry {
  Measure measure;
  std::function<void(const Effort&, std::vector<double>& readings)> run;
};
using MeasureEntries = std::vector<MeasureEntry>;

void add_ends(MeasureEntries& entries);   ///< from a kill to what others see of it
void add_lives(MeasureEntries& entries);  ///< attaching, leaving, and processes that do little else
void add_endpoints(MeasureEntries& entries);  ///< what endpoints cost: idle, many, in memory

/// Runs and prints all that the filters leave: beginnings of names.
std::vector<Measure> run_measures(const Plan& plan);
/// A list of objects with "measure", "unit", "median", "min", "max", "readings", or "error".
void write_json(const std::string& path, const std::vector<Measure>& measures);

}  // namespace bench
