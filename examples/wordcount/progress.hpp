// One line on a terminal that tells how far the work is.
#pragma once

#include <chrono>
#include <cstdint>

namespace wordcount {

/// Draws to stderr, and only where that is a terminal; at most ten times a second, no wider than
/// the terminal is at that moment, and gone when this object goes.
class Progress {
 public:
  Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress() { clear(); }

  /// `of` is the number of files in all, 0 while that is not known.
  void show(std::uint64_t files, std::uint64_t of, std::uint64_t bytes);
  void clear();

 private:
  using Clock = std::chrono::steady_clock;

  bool on_terminal_;
  bool drawn_ = false;
  Clock::time_point started_;
  Clock::time_point next_;
};

}  // namespace wordcount
