// Ours and a peer by turns, cell by cell. A cell is a size and a shape.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "peer.hpp"
#include "spread.hpp"

namespace bench {

struct Plan {
  int pairs = 7;
  std::int64_t slice_ns = 150'000'000;
  bool quick = false;        ///< without filters: two shapes, and some sizes
  std::size_t capacity = 0;  ///< of ours, in items; 0: its default
  std::vector<std::string> filters;
};

/// What a line of the table says.
struct Row {
  const Entry* entry = nullptr;
  Shape shape;
  std::vector<double> ns_per_item = {};
  std::vector<double> ratios = {};           ///< this peer's ns by ours, of each pair
  std::vector<double> ratios_in_place = {};  ///< the same by ours in place, where that copies
  std::vector<double> probes = {};           ///< a ping-pong beside each pair
  std::vector<double> trips_ns = {};         ///< round trips, of all slices
  double longest_end_ms = 0;
  std::uint64_t out_of_order = 0;  ///< items, in all slices; each after a take-over
  std::string error = {};
};

/// "8B", "4KiB", "1P2C": how cells are written in the table and in filters.
std::string size_name(std::size_t bytes);
std::string shape_name(Shape shape);

/// Whether each filter fits: one of its beginnings, with commas between, begins one of `words`.
bool fits(const std::vector<std::string>& filters, const std::vector<std::string>& words);

/// Runs every pair that the filters leave. A row with an error has ended there; the others go on.
/// Progress goes to the terminal, cell by cell.
std::vector<Row> run_plan(const Entries& entries, const Plan& plan);

}  // namespace bench
