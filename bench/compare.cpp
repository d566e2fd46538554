#include "compare.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <deque>
#include <ranges>
#include <set>
#include <string_view>

#include "report.hpp"
#include "slice.hpp"

namespace bench {
namespace {

constexpr std::array<Shape, 5> kShapes = {{{1, 1}, {2, 2}, {4, 4}, {1, 4}, {4, 1}}};
// What --quick runs where nobody said what.
constexpr std::array kQuickShapes = {"1P1C", "4P4C"};
constexpr std::array<std::size_t, 7> kQuickSizes = {8, 64, 200, 256, 4'096, 65'536, 1'048'576};
constexpr std::string_view kOurs = "iq";

bool fits_filter(std::string_view filter, const std::vector<std::string>& words) {
  for (const auto part : std::views::split(filter, ',')) {
    const std::string_view beginning(part.begin(), part.end());
    if (std::ranges::any_of(words, [&](const auto& w) { return w.starts_with(beginning); })) {
      return true;
    }
  }
  return false;
}

bool wanted(const Entry& entry, Shape shape, const Plan& plan) {
  if (shape.producers > entry.most.producers || shape.consumers > entry.most.consumers) {
    return false;
  }
  if (plan.quick && plan.filters.empty() &&
      (std::ranges::find(kQuickShapes, shape_name(shape)) == kQuickShapes.end() ||
       std::ranges::find(kQuickSizes, entry.bytes) == kQuickSizes.end() || entry.one_core)) {
    return false;
  }
  const std::vector<std::string> words = {entry.peer, entry.mode, size_name(entry.bytes),
                                          shape_name(shape)};
  return fits(plan.filters, words);
}

bool run_once(Row& row, const Plan& plan) {
  if (!row.error.empty()) return false;
  const SliceResult result = run_slice(*row.entry, row.shape, plan.slice_ns);
  row.error = result.error;
  if (!row.error.empty()) {
    complain(row);
    return false;
  }
  row.ns_per_item.push_back(result.ns_per_item);
  row.trips_ns.insert(row.trips_ns.end(), result.trips_ns.begin(), result.trips_ns.end());
  row.out_of_order += result.out_of_order;
  row.longest_end_ms = std::max(row.longest_end_ms, result.end_ms);
  return true;
}

double probe_beside(const Plan& plan) {
  constexpr std::int64_t kMostNs = 20'000'000;
  return ping_pong_ns(std::min(kMostNs, plan.slice_ns / 4));
}

bool run_ours(Row& row, double probe, const Plan& plan) {
  if (!run_once(row, plan)) return false;
  row.probes.push_back(probe);
  row.ratios.push_back(1);
  return true;
}

// By turns who of a pair is first, so that a machine that becomes slower favours nobody.
// `in_place`: ours without copies, beside a peer that copies; null where there is none.
void compare(Row& ours, Row* in_place, Row& theirs, const Plan& plan) {
  for (int pair = 0; pair < plan.pairs; ++pair) {
    const double probe = probe_beside(plan);
    const bool they_begin = pair % 2 == 1;
    if (they_begin && !run_once(theirs, plan)) return;
    const bool in_place_ran = in_place != nullptr && run_ours(*in_place, probe, plan);
    const bool ours_ran = run_ours(ours, probe, plan);
    if (!they_begin && !run_once(theirs, plan)) return;
    theirs.probes.push_back(probe);
    const double theirs_ns = theirs.ns_per_item.back();
    if (ours_ran) theirs.ratios.push_back(theirs_ns / ours.ns_per_item.back());
    if (in_place_ran) theirs.ratios_in_place.push_back(theirs_ns / in_place->ns_per_item.back());
  }
}

void run_alone(Row& row, const Plan& plan) {
  for (int i = 0; i < plan.pairs; ++i) {
    if (!run_ours(row, probe_beside(plan), plan)) return;
  }
}

// A peer is compared with ours of the same mode; one that copies, with ours in place, too.
std::vector<Row> run_cell(const Entries& entries, std::size_t bytes, Shape shape,
                          const Plan& plan) {
  std::deque<Row> ours, theirs;
  for (const Entry& entry : entries) {
    if (entry.bytes != bytes) continue;
    if (entry.peer == kOurs && entry.against.empty()) {
      ours.push_back({.entry = &entry, .shape = shape});
    } else if (wanted(entry, shape, plan)) {
      theirs.push_back({.entry = &entry, .shape = shape});
    }
  }
  const auto ours_of = [&](const std::string& mode) -> Row* {
    const auto found =
        std::ranges::find_if(ours, [&](const Row& our) { return our.entry->mode == mode; });
    return found == ours.end() ? nullptr : &*found;
  };
  for (Row& row : theirs) {
    const Entry& entry = *row.entry;
    Row* const in_place = entry.mode == "copy" ? ours_of("in_place") : nullptr;
    compare(*ours_of(entry.against.empty() ? entry.mode : entry.against), in_place, row, plan);
  }
  std::vector<Row> rows;
  for (Row& row : ours) {
    const bool ran = !row.ns_per_item.empty() || !row.error.empty();
    if (!ran && wanted(*row.entry, shape, plan)) run_alone(row, plan);
    if (!row.ns_per_item.empty() || !row.error.empty()) rows.push_back(std::move(row));
  }
  std::ranges::move(theirs, std::back_inserter(rows));
  return rows;
}

}  // namespace

std::string size_name(std::size_t bytes) {
  if (bytes % (1 << 20) == 0) return fmt::format("{}MiB", bytes >> 20);
  if (bytes % (1 << 10) == 0) return fmt::format("{}KiB", bytes >> 10);
  return fmt::format("{}B", bytes);
}

bool fits(const std::vector<std::string>& filters, const std::vector<std::string>& words) {
  return std::ranges::all_of(filters,
                             [&](const auto& filter) { return fits_filter(filter, words); });
}

std::string shape_name(Shape shape) {
  return fmt::format("{}P{}C", shape.producers, shape.consumers);
}

std::vector<Row> run_plan(const Entries& entries, const Plan& plan) {
  std::set<std::size_t> sizes;
  for (const Entry& entry : entries) sizes.insert(entry.bytes);
  std::vector<Row> all;
  for (const std::size_t bytes : sizes) {
    for (Shape shape : kShapes) {
      shape.capacity = plan.capacity;
      std::vector<Row> rows = run_cell(entries, bytes, shape, plan);
      print_rows(rows);
      std::ranges::move(rows, std::back_inserter(all));
    }
  }
  return all;
}

}  // namespace bench
