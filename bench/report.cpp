#include "report.hpp"

#include <fmt/format.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace bench {
namespace {

std::string processor() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  }
  return "unknown processor";
}

struct Latency {
  double p50, p99, p999;
};

Latency latency_of(const Row& row) {
  std::vector<double> sorted = row.trips_ns;
  std::ranges::sort(sorted);
  return {percentile(sorted, 0.5), percentile(sorted, 0.99), percentile(sorted, 0.999)};
}

std::string json_of(const Row& row) {
  const Entry& entry = *row.entry;
  std::string text =
      fmt::format(R"({{"peer": {}, "mode": {}, "bytes": {}, "producers": {}, "consumers": {})",
                  in_quotes(entry.peer), in_quotes(entry.mode), entry.bytes, row.shape.producers,
                  row.shape.consumers);
  if (!row.error.empty()) {
    text += fmt::format(R"(, "error": {})", in_quotes(row.error));
  } else {
    const Spread ns = spread_of(row.ns_per_item);
    text += fmt::format(R"(, "ns_per_item": {{"median": {:.4g}, "min": {:.4g}, "max": {:.4g}}})",
                        ns.median, ns.min, ns.max);
    text += fmt::format(R"(, "pairs": {}, "probe_ns": {:.4g})", row.ns_per_item.size(),
                        spread_of(row.probes).median);
    if (!row.ratios.empty()) {
      const Spread ratio = spread_of(row.ratios);
      text += fmt::format(R"(, "ratio_to_iq": {:.4g}, "ratio_range": [{:.4g}, {:.4g}])",
                          ratio.median, ratio.min, ratio.max);
    }
  }
  if (!row.ratios_in_place.empty()) {
    text +=
        fmt::format(R"(, "ratio_to_iq_in_place": {:.4g})", spread_of(row.ratios_in_place).median);
  }
  if (!row.trips_ns.empty()) {
    const Latency trip = latency_of(row);
    text += fmt::format(R"(, "latency_ns": {{"p50": {:.4g}, "p99": {:.4g}, "p999": {:.4g}}})",
                        trip.p50, trip.p99, trip.p999);
  }
  if (row.out_of_order != 0) text += fmt::format(R"(, "out_of_order": {})", row.out_of_order);
  if (entry.limit) text += R"(, "limit": true)";
  return text + "}";
}

std::string ratio_of(const std::vector<double>& ratios) {
  return ratios.empty() ? "" : fmt::format("{:.2f}", spread_of(ratios).median);
}

std::string note_of(const Row& row) {
  std::string note;
  if (!row.trips_ns.empty()) {
    const Latency trip = latency_of(row);
    note += fmt::format(" trip p50 {} p99 {} p99.9 {}", figure(trip.p50), figure(trip.p99),
                        figure(trip.p999));
  }
  if (row.entry->limit) note += " limit";
  if (row.out_of_order != 0) note += fmt::format(" {} out of order", row.out_of_order);
  return note;
}

}  // namespace

std::string in_quotes(const std::string& text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += static_cast<unsigned char>(c) < ' ' ? ' ' : c;
  }
  return quoted + '"';
}

std::string figure(double value) {
  if (value >= 100) return fmt::format("{:.0f}", value);
  return fmt::format("{:.{}f}", value, value < 1 ? 3 : 2);
}

void print_heading() {
  utsname system{};
  ::uname(&system);
  double load[1] = {0};
  ::getloadavg(load, 1);
  const long cores = ::sysconf(_SC_NPROCESSORS_ONLN);
  fmt::print("{}, {} cores, Linux {}, {} {}, load {:.1f}{}\n", processor(), cores, system.release,
#if defined(__clang__)
             "clang", __clang_version__,
#else
             "g++", __VERSION__,
#endif
             load[0], load[0] > 0.5 ? " (not quiet: trust ratios only)" : "");
  std::fflush(stdout);
}

void print_table_heading(const Plan& plan) {
  fmt::print("{} pairs of slices of {} ms; median (min - max)\n", plan.pairs,
             plan.slice_ns / 1'000'000);
  for (const std::string& peer : left_out()) fmt::print("left out: {}\n", peer);
  fmt::print("\n{:<5} {:<5} {:<14} {:<14} {:>8} {:<20} {:>8} {:>8} {:>8} {:>9} {:>7}\n", "size",
             "shape", "peer", "mode", "ns/item", "", "M/s", "peer/iq", "in place", "probe ns",
             "end ms");
}

void print_rows(const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    fmt::print("{:<5} {:<5} {:<14} {:<14} ", size_name(row.entry->bytes), shape_name(row.shape),
               row.entry->peer, row.entry->mode);
    if (!row.error.empty()) {
      fmt::print("{}\n", row.error);
      continue;
    }
    const Spread ns = spread_of(row.ns_per_item);
    fmt::print("{:>8} {:<20} {:>8} {:>8} {:>8} {:>9.0f} {:>7.1f}{}\n", figure(ns.median),
               fmt::format("({} - {})", figure(ns.min), figure(ns.max)), figure(1e3 / ns.median),
               ratio_of(row.ratios), ratio_of(row.ratios_in_place), spread_of(row.probes).median,
               row.longest_end_ms, note_of(row));
  }
  std::fflush(stdout);
}

void complain(const Row& row) {
  std::fflush(stdout);
  fmt::print(stderr, "bench: {} {}, {} {}: {}\n", row.entry->peer, row.entry->mode,
             size_name(row.entry->bytes), shape_name(row.shape), row.error);
}

void write_json(const std::string& path, const std::vector<Row>& rows) {
  std::ofstream file(path);
  file << "[\n";
  for (const Row& row : rows) file << json_of(row) << (&row == &rows.back() ? "\n" : ",\n");
  file << "]\n";
  file.close();
  if (!file) throw std::runtime_error("cannot write " + path);
}

}  // namespace bench
