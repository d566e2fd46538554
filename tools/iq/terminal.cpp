// Layout of text for people.
#include "terminal.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

namespace tool {
namespace {

constexpr std::string_view kGap = "  ";

const char* code_of(Tone tone) {
  switch (tone) {
    case Tone::plain: return "";
    case Tone::bold: return "\033[1m";
    case Tone::dim: return "\033[2m";
    case Tone::good: return "\033[32m";
    case Tone::warning: return "\033[33m";
    case Tone::bad: return "\033[31m";
  }
  return "";
}

}  // namespace

Terminal Terminal::of_stdout() {
  Terminal terminal;
  if (::isatty(STDOUT_FILENO) == 0) return terminal;
  const char* no_colour = std::getenv("NO_COLOR");
  const char* kind = std::getenv("TERM");
  const bool dumb = kind == nullptr || std::string_view(kind) == "dumb";
  terminal.colour = !dumb && (no_colour == nullptr || *no_colour == '\0');
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0) terminal.columns = size.ws_col;
  return terminal;
}

std::string Terminal::paint(Tone tone, std::string_view text) const {
  if (!colour || tone == Tone::plain) return std::string(text);
  return fmt::format("{}{}\033[0m", code_of(tone), text);
}

std::string printable(std::string_view text) {
  std::string clean(text);
  for (char& c : clean) {
    if (c < 0x20 || c > 0x7e) c = '?';
  }
  return clean;
}

std::string count_of(std::uint64_t count, std::string_view what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

std::string size_of(std::uint64_t bytes) {
  if (bytes < 1024) return fmt::format("{} B", bytes);
  auto value = static_cast<double>(bytes);
  constexpr std::string_view kUnits = "KMGTPE";
  std::size_t unit = 0;
  for (value /= 1024; value >= 1023.95 && unit + 1 < kUnits.size(); ++unit) value /= 1024;
  return fmt::format("{:.{}f} {}iB", value, value < 9.95 ? 1 : 0, kUnits[unit]);
}

std::string rate_of(double rate) {
  if (rate <= 0) return "0";
  if (rate < 9.95) return fmt::format("{:.1f}", rate);
  if (rate < 9'999.5) return fmt::format("{:.0f}", rate);
  if (rate < 999'950) return fmt::format("{:.0f}k", rate / 1e3);
  return fmt::format("{:.1f}M", rate / 1e6);
}

void Table::add(std::vector<std::string> cells, Tone tone) {
  cells.resize(columns_.size());
  rows_.push_back({std::move(cells), tone});
}

std::vector<bool> Table::shown(const std::vector<std::size_t>& widths, std::size_t columns) const {
  std::vector<bool> shown(columns_.size(), true);
  for (std::size_t i = 0; i < widths.size(); ++i) shown[i] = widths[i] != 0;
  const auto total = [&] {
    std::size_t sum = 0;
    for (std::size_t i = 0; i < widths.size(); ++i) sum += shown[i] ? widths[i] + 2 : 0;
    return sum < 2 ? 0 : sum - 2;
  };
  while (columns != 0 && total() > columns) {
    std::size_t least = 0;
    for (std::size_t i = columns_.size() - 1; i > 0; --i) {
      if (shown[i] && (least == 0 || columns_[i].keep < columns_[least].keep)) least = i;
    }
    if (least == 0) break;
    shown[least] = false;
  }
  return shown;
}

std::string Table::text(const Terminal& terminal) const {
  std::vector<std::size_t> widths;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    widths.push_back(columns_[i].title.size());
    for (const Row& row : rows_) widths[i] = std::max(widths[i], row.cells[i].size());
  }
  const std::vector<bool> shown = this->shown(widths, terminal.columns);
  const auto line = [&](const std::vector<std::string>& cells) {
    std::string text;
    for (std::size_t i = 0; i < cells.size(); ++i) {
      if (!shown[i]) continue;
      if (i != 0) text += kGap;
      text += columns_[i].right ? fmt::format("{:>{}}", cells[i], widths[i])
                                : fmt::format("{:<{}}", cells[i], widths[i]);
    }
    while (text.ends_with(' ')) text.pop_back();
    return text;
  };
  std::vector<std::string> titles;
  for (const Column& column : columns_) titles.push_back(column.title);
  std::string text = terminal.paint(Tone::bold, line(titles)) + "\n";
  for (const Row& row : rows_) text += terminal.paint(row.tone, line(row.cells)) + "\n";
  return text;
}

std::string wrapped(std::string_view text, std::size_t columns, std::string_view indent) {
  if (columns == 0) return std::string(text);
  columns = std::max(columns, indent.size() + 20);
  std::string lines;
  std::size_t used = 0;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, end);
    if (used != 0 && used + 1 + word.size() > columns) {
      lines += "\n";
      lines += indent;
      used = indent.size();
    } else if (used != 0) {
      lines += " ";
      ++used;
    }
    lines += word;
    used += word.size();
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

}  // namespace tool
