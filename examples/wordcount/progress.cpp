#include "progress.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <string>

namespace wordcount {
namespace {

constexpr std::chrono::milliseconds kPause{100};
constexpr std::size_t kUsualColumns = 80;
constexpr std::size_t kBarColumns = 20;

std::size_t terminal_columns() {
  winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return kUsualColumns;
  return size.ws_col;
}

std::string bar(std::uint64_t files, std::uint64_t of) {
  const auto full = static_cast<std::size_t>(files * kBarColumns / of);
  return '[' + std::string(full, '#') + std::string(kBarColumns - full, '.') + "] ";
}

}  // namespace

Progress::Progress()
    : on_terminal_(::isatty(STDERR_FILENO) == 1), started_(Clock::now()), next_(started_) {}

void Progress::show(std::uint64_t files, std::uint64_t of, std::uint64_t bytes) {
  if (!on_terminal_) return;
  const Clock::time_point now = Clock::now();
  if (now < next_) return;
  next_ = now + kPause;
  std::string line = std::to_string(files);
  if (of != 0) line += " of " + std::to_string(of);
  line += " files, " + std::to_string(bytes / 1'000'000) + " MB, " +
          std::to_string(std::chrono::duration_cast<std::chrono::seconds>(now - started_).count()) +
          " s";
  const std::size_t room = std::max<std::size_t>(terminal_columns(), 2) - 1;  // else it wraps
  if (of != 0 && line.size() + kBarColumns + 3 <= room) line = bar(std::min(files, of), of) + line;
  std::fprintf(stderr, "\r\033[K%s", line.substr(0, room).c_str());
  drawn_ = true;
}

void Progress::clear() {
  if (drawn_) std::fputs("\r\033[K", stderr);
  drawn_ = false;
}

}  // namespace wordcount
