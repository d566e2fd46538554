// What the reader sits in front of: colours, width, and text that cannot harm it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tool {

enum class Tone : unsigned char { plain, bold, dim, good, warning, bad };

/// Settings of the output, found once.
struct Terminal {
  bool colour = false;
  std::size_t columns = 0;  ///< 0: not a terminal, lines may have any length

  /// Colour only on a terminal, and not with NO_COLOR or TERM=dumb.
  static Terminal of_stdout();

  std::string paint(Tone tone, std::string_view text) const;
};

/// The text with '?' for what is not printable ASCII: names and types come from others.
std::string printable(std::string_view text);

/// How many of something: "1 item", "12 items".
std::string count_of(std::uint64_t count, std::string_view what);

/// A size for people: "512 B", "1.3 MiB".
std::string size_of(std::uint64_t bytes);

/// A rate for people: "0", "0.5", "12", "1.2k", "3.4M".
std::string rate_of(double per_second);

/// A table: cells are padded to the widest of their column; numbers are flush right. Where the
/// terminal is too narrow for all columns some are left out, the first one never.
class Table {
 public:
  struct Column {
    std::string title;  ///< a column without title and content is not there
    bool right = false;
    int keep = 0;  ///< the lowest are left out first
  };
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  void add(std::vector<std::string> cells, Tone tone = Tone::plain);
  bool empty() const { return rows_.empty(); }
  std::string text(const Terminal& terminal) const;

 private:
  struct Row {
    std::vector<std::string> cells;
    Tone tone;
  };
  std::vector<bool> shown(const std::vector<std::size_t>& widths, std::size_t columns) const;

  std::vector<Column> columns_;
  std::vector<Row> rows_;
};

/// `text` in lines of at most `columns` (0: any), the later ones indented.
std::string wrapped(std::string_view text, std::size_t columns, std::string_view indent);

}  // namespace tool
