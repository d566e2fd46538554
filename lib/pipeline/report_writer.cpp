// Reports for people. On a terminal the same lines are drawn again and again: the cursor goes up as
// many rows as they take. How many that is depends on how wide the terminal is now, since it breaks
// lines that have become too long; so it is asked at each drawing, and no signal is needed for it.
// What others print meanwhile is overwritten, or stays above.
#include "pipeline/report_writer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <stdexcept>
#include <string_view>

#include "sys/terminal.hpp"

namespace iq::detail {
namespace {

bool is_set(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0';
}

bool is_dumb() {
  const char* kind = std::getenv("TERM");
  return kind == nullptr || std::string_view(kind) == "dumb";
}

}  // namespace

int descriptor_of(std::FILE* stream) {
  const int descriptor = stream != nullptr ? descriptor_behind(stream) : -1;
  if (descriptor < 0) {
    throw std::invalid_argument(
        "iq::report_to: the stream has no descriptor: it is closed, or "
        "in memory");
  }
  return descriptor;
}

ReportWriter::ReportWriter(int descriptor)
    : own_(is_terminal(descriptor) ? opened_without_waiting(descriptor) : Fd()),
      descriptor_(own_ ? own_.get() : descriptor),
      draws_(is_terminal(descriptor_) && !is_dumb()),
      colours_(draws_ && !is_set("NO_COLOR")) {}

void ReportWriter::write(const RunReport& report) {
  if (draws_) return draw(report);
  std::string text;
  if (report.has_ended) {
    for (const std::string& line : table_of(report, 0, false)) text += line + "\n";
  } else {
    text = to_line(report) + "\n";
  }
  write_without_waiting(descriptor_, text);
}

void ReportWriter::draw(const RunReport& report) {
  TerminalSize size = terminal_size(descriptor_);
  if (size.columns == 0) size = {80, 24};
  std::string text = "\r";
  std::size_t up = 0;
  for (const std::size_t width : drawn_)
    up += std::max<std::size_t>(width + size.columns - 1, 1) / size.columns;
  if (up != 0) text += fmt::format("\033[{}A", up);
  // One column less: behind a full line terminals differ in where the cursor is.
  std::vector<std::string> lines =
      table_of(report, std::max<std::size_t>(size.columns, 2) - 1, colours_);
  // What has scrolled away could not be drawn over. The last table may be of any length.
  const std::size_t most = size.rows > 2 ? size.rows - 1 : lines.size();
  if (!report.has_ended && lines.size() > most) {
    lines.erase(lines.begin() + static_cast<std::ptrdiff_t>(most) - 1, lines.end() - 1);
  }
  drawn_.clear();
  for (const std::string& line : lines) {
    text += line + "\033[K\n";
    drawn_.push_back(std::max<std::size_t>(width_of(line), 1));
  }
  text += "\033[J";
  if (!write_without_waiting(descriptor_, text)) drawn_.clear();  // nobody knows what stands there
  if (report.has_ended) drawn_.clear();
}

}  // namespace iq::detail
