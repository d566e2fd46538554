// Reports as text. Columns that a narrow terminal has no room for are left out, the least telling
// first; those that would only say 0 are not there. Names are the user's and may hold anything:
// what would move the cursor is replaced.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string_view>

#include "pipeline/report_writer.hpp"

namespace iq {
namespace detail {
namespace {

constexpr std::size_t kMostName = 24;
constexpr std::size_t kBar = 10;

bool begins_character(char c) noexcept { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }

std::string shown_name(std::string_view name) {
  std::string clean;
  std::size_t width = 0;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const auto byte = static_cast<unsigned char>(name[i]);
    const auto next = i + 1 < name.size() ? static_cast<unsigned char>(name[i + 1]) : 0U;
    const bool is_control = byte < 0x20 || byte == 0x7f || (byte == 0xc2 && next < 0xa0);
    if (begins_character(name[i]) && ++width > kMostName) return clean + "~";
    clean += is_control ? '?' : name[i];
    if (byte == 0xc2 && is_control) ++i;
  }
  return clean;
}

std::string duration_text(double seconds) {
  if (seconds < 9.95) return fmt::format("{:.1f} s", std::max(seconds, 0.0));
  if (seconds < 99.5) return fmt::format("{:.0f} s", seconds);
  const auto whole = static_cast<std::uint64_t>(std::min(seconds, 1e15) + 0.5);
  if (whole < 3600) return fmt::format("{} min {} s", whole / 60, whole % 60);
  return fmt::format("{} h {} min", whole / 3600, whole % 3600 / 60);
}

std::string rate_text(double per_s) {
  if (per_s < 9.95) return fmt::format("{:.1f}", std::max(per_s, 0.0));
  if (per_s < 9'999.5) return fmt::format("{:.0f}", per_s);
  if (per_s < 999'950) return fmt::format("{:.0f}k", per_s / 1e3);
  return fmt::format("{:.1f}M", per_s / 1e6);
}

std::string bytes_text(std::uint64_t bytes) {
  const auto mib = static_cast<double>(bytes) / (1 << 20);
  return mib < 9.95 ? fmt::format("{:.1f} MiB", mib) : fmt::format("{:.0f} MiB", mib);
}

int percent(double share) noexcept {
  return static_cast<int>(std::lround(std::clamp(share, 0.0, 1.0) * 100));
}

std::string bar_of(const StageReport& stage) {
  if (stage.capacity == 0) return "";
  const double full =
      static_cast<double>(stage.queued + stage.in_hand) / static_cast<double>(stage.capacity);
  const auto filled =
      static_cast<std::size_t>(std::lround(std::clamp(full, 0.0, 1.0) * static_cast<double>(kBar)));
  return fmt::format("[{:#<{}}{:.<{}}]", "", filled, "", kBar - filled);
}

struct Column {
  std::string title;
  int keep;  // the lowest are left out first
  bool is_right;
  std::string (*cell)(const StageReport&);
};

std::vector<Column> columns_of(const RunReport& report) {
  std::vector<Column> columns{
      {"stage", 99, false, [](const StageReport& s) { return shown_name(s.name); }},
      {"workers", 4, true, [](const StageReport& s) { return fmt::format("{}", s.workers); }},
      {"items", 9, true, [](const StageReport& s) { return fmt::format("{}", s.done); }},
      {"per s", 8, true, [](const StageReport& s) { return rate_text(s.per_s); }},
      {"busy", 7, true, [](const StageReport& s) { return fmt::format("{}%", percent(s.busy)); }},
      {"no item", 5, true,
       [](const StageReport& s) { return fmt::format("{}%", percent(s.awaits_item)); }},
      {"no room", 5, true,
       [](const StageReport& s) { return fmt::format("{}%", percent(s.awaits_room)); }},
      {"cpu", 2, true, [](const StageReport& s) { return duration_text(s.cpu_s); }},
  };
  if (!report.has_ended) {  // then they are empty
    const auto place = columns.begin() + 4;
    const auto bar = columns.insert(place, {"queue", 6, false, bar_of});
    columns.insert(bar + 1, {"", 3, true, [](const StageReport& s) {
                               const std::uint64_t held = s.queued + s.in_hand;
                               return s.capacity == 0 ? "" : fmt::format("{}/{}", held, s.capacity);
                             }});
  }
  const auto any = [&](auto member) {
    return std::ranges::any_of(report.stages, [&](const StageReport& s) { return s.*member != 0; });
  };
  if (any(&StageReport::memory)) {
    columns.push_back({"memory", 1, true, [](const StageReport& s) {
                         return s.memory == 0 ? "" : bytes_text(s.memory);
                       }});
  }
  if (any(&StageReport::restarts)) {
    columns.push_back(
        {"restarts", 8, true, [](const StageReport& s) { return fmt::format("{}", s.restarts); }});
  }
  if (any(&StageReport::parked)) {
    columns.push_back(
        {"parked", 8, true, [](const StageReport& s) { return fmt::format("{}", s.parked); }});
  }
  return columns;
}

using Rows = std::vector<std::vector<std::string>>;  // titles first

std::vector<std::size_t> widths_of(const Rows& rows, const std::vector<Column>& columns,
                                   std::size_t most) {
  std::vector<std::size_t> widths(columns.size(), 0);
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < widths.size(); ++i) {
      widths[i] = std::max(widths[i], width_of(row[i]));
    }
  }
  const auto total = [&] {
    std::size_t sum = 0;
    for (const std::size_t width : widths) sum += width == 0 ? 0 : width + 2;
    return sum < 2 ? 0 : sum - 2;
  };
  while (most != 0 && total() > most) {
    std::size_t least = 0;
    for (std::size_t i = 1; i < widths.size(); ++i) {
      if (widths[i] != 0 && (least == 0 || columns[i].keep <= columns[least].keep)) least = i;
    }
    if (least == 0) break;
    widths[least] = 0;  // not shown
  }
  return widths;
}

// No wider than `most`, without cutting a character.
std::string cut_to(std::string text, std::size_t most) {
  if (most == 0) return text;
  std::size_t width = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (begins_character(text[i]) && ++width > most) return text.substr(0, i);
  }
  return text;
}

std::string row_text(const std::vector<std::string>& row, const std::vector<Column>& columns,
                     const std::vector<std::size_t>& widths) {
  std::string text;
  for (std::size_t i = 0; i < row.size(); ++i) {
    if (widths[i] == 0) continue;
    const std::string pad(widths[i] - width_of(row[i]), ' ');
    if (!text.empty()) text += "  ";
    text += columns[i].is_right ? pad + row[i] : row[i] + pad;
  }
  while (text.ends_with(' ')) text.pop_back();
  return text;
}

std::string bottleneck_text(const RunReport& report) {
  if (report.bottleneck < 0 || report.bottleneck >= static_cast<int>(report.stages.size())) {
    return "no bottleneck";
  }
  const StageReport& stage = report.stages[static_cast<std::size_t>(report.bottleneck)];
  return fmt::format("bottleneck: {} ({}% busy)", shown_name(stage.name), percent(stage.busy));
}

std::string progress_text(const RunReport& report) {
  if (!report.length || report.stages.empty()) return "";
  const std::uint64_t length = *report.length;
  const std::uint64_t done = std::min(report.stages.front().done, length);
  std::string text =
      fmt::format("{}% of {} items read", length == 0 ? 100 : done * 100 / length, length);
  if (report.remaining_s)
    text += fmt::format(", about {} left", duration_text(*report.remaining_s));
  return text;
}

// The most telling first: what does not fit is cut.
std::string foot_text(const RunReport& report) {
  std::string text = report.has_ended ? "ended after " : "";
  text += duration_text(report.elapsed_s) + "; " + bottleneck_text(report);
  if (!report.has_ended) {
    const std::string progress = progress_text(report);
    if (!progress.empty()) text += "; " + progress;
  }
  return text;
}

std::string paint(const std::string& text, const char* code, bool colours) {
  return colours ? fmt::format("\033[{}m{}\033[0m", code, text) : text;
}

}  // namespace

std::size_t width_of(const std::string& text) noexcept {
  std::size_t width = 0;
  bool is_code = false;
  for (const char c : text) {
    if (is_code) {
      is_code = c != 'm';
    } else if (c == '\033') {
      is_code = true;
    } else if (begins_character(c)) {
      ++width;
    }
  }
  return width;
}

std::vector<std::string> table_of(const RunReport& report, std::size_t columns, bool colours) {
  const std::vector<Column> all = columns_of(report);
  Rows rows(1);
  for (const Column& column : all) rows.front().push_back(column.title);
  for (const StageReport& stage : report.stages) {
    std::vector<std::string>& row = rows.emplace_back();
    for (const Column& column : all) row.push_back(column.cell(stage));
  }
  const std::vector<std::size_t> widths = widths_of(rows, all, columns);
  std::vector<std::string> lines;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::string line = cut_to(row_text(rows[i], all, widths), columns);
    const bool is_bottleneck = i > 0 && static_cast<int>(i) - 1 == report.bottleneck;
    lines.push_back(i == 0 ? paint(line, "1", colours)
                           : paint(line, "33", colours && is_bottleneck));
  }
  lines.push_back(paint(cut_to(foot_text(report), columns), "2", colours));
  return lines;
}

}  // namespace detail

std::string to_text(const RunReport& report, std::size_t columns) {
  std::string text;
  for (const std::string& line : detail::table_of(report, columns, false)) text += line + "\n";
  return text;
}

std::string to_line(const RunReport& report) {
  std::string text = detail::duration_text(report.elapsed_s) + ":";
  for (const StageReport& stage : report.stages) {
    text += fmt::format(" {} {} ({}/s, {}% busy)", detail::shown_name(stage.name), stage.done,
                        detail::rate_text(stage.per_s), detail::percent(stage.busy));
    if (stage.restarts != 0) text += fmt::format(" {} restarts", stage.restarts);
    if (stage.parked != 0) text += fmt::format(" {} parked", stage.parked);
    text += ",";
  }
  if (text.ends_with(',')) text.back() = ';';
  text += fmt::format(" {}", detail::bottleneck_text(report));
  const std::string progress = detail::progress_text(report);
  if (!progress.empty() && !report.has_ended) text += "; " + progress;
  return text;
}

}  // namespace iq
