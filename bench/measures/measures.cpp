#include "measures.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <exception>
#include <fstream>
#include <stdexcept>

#include "report.hpp"
#include "spread.hpp"

namespace bench {
namespace {

void print(const Measure& measure) {
  if (!measure.error.empty()) {
    fmt::print("{:<24} FAILED: {}\n", measure.name, measure.error);
  } else {
    const Spread all = spread_of(measure.readings);
    fmt::print("{:<24} {:>9} {:<22} {:<14} {}\n", measure.name, figure(all.median),
               fmt::format("({} - {})", figure(all.min), figure(all.max)), measure.unit,
               measure.about);
  }
  std::fflush(stdout);
}

std::string json_of(const Measure& measure) {
  std::string text = fmt::format(R"({{"measure": {}, "unit": {})", in_quotes(measure.name),
                                 in_quotes(measure.unit));
  if (!measure.error.empty())
    return text + fmt::format(R"(, "error": {}}})", in_quotes(measure.error));
  const Spread all = spread_of(measure.readings);
  return text + fmt::format(R"(, "median": {:.4g}, "min": {:.4g}, "max": {:.4g}, "readings": {}}})",
                            all.median, all.min, all.max, measure.readings.size());
}

}  // namespace

std::vector<Measure> run_measures(const Plan& plan) {
  MeasureEntries entries;
  add_ends(entries);
  add_lives(entries);
  add_endpoints(entries);
  const Effort effort(plan);
  std::vector<Measure> measures;
  for (MeasureEntry& entry : entries) {
    if (!fits(plan.filters, {entry.measure.name})) continue;
    try {
      entry.run(effort, entry.measure.readings);
      if (entry.measure.readings.empty()) throw std::runtime_error("no reading");
    } catch (const std::exception& error) {
      entry.measure.error = error.what();
    }
    print(entry.measure);
    measures.push_back(std::move(entry.measure));
  }
  return measures;
}

void write_json(const std::string& path, const std::vector<Measure>& measures) {
  std::ofstream file(path);
  file << "[\n";
  for (const Measure& measure : measures) {
    file << json_of(measure) << (&measure == &measures.back() ? "\n" : ",\n");
  }
  file << "]\n";
  file.close();
  if (!file) throw std::runtime_error("cannot write " + path);
}

}  // namespace bench
