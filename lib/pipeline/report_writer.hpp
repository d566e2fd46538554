// Reports for people: drawn on a terminal, or written into a log.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "iq/report.hpp"
#include "sys/fd.hpp"

namespace iq::detail {

/// A table without colours or with them. Lines are not ended, and no wider than `columns` unless
/// that is 0.
std::vector<std::string> table_of(const RunReport& report, std::size_t columns, bool colours);

/// How many places of a terminal a text takes, colours not counted.
std::size_t width_of(const std::string& text) noexcept;

class ReportWriter {
 public:
  explicit ReportWriter(int descriptor);

  /// Whether there is a terminal, on which the same lines are drawn again and again.
  bool draws() const noexcept { return draws_; }
  void write(const RunReport& report);

 private:
  void draw(const RunReport& report);

  Fd own_;  // where it is a terminal
  int descriptor_;
  bool draws_;
  bool colours_;
  std::vector<std::size_t> drawn_;  // the widths of the lines that stand there
};

}  // namespace iq::detail
