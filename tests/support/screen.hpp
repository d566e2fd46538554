// A small terminal: what a program draws on it, as somebody in front of it would see it. Knows what
// the library uses: rows that break at the edge, cursor up, erase; colours are counted, not shown.
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <vector>

namespace iqtest {

/// What is drawn into it, row by row. All rows that ever were: nothing scrolls away.
class Screen {
 public:
  explicit Screen(std::size_t columns) : columns_(columns) {}

  void add(const std::string& text) {
    for (const char c : text) {
      if (!code_.empty() || c == '\033')
        escape(c);
      else
        show(c);
    }
  }
  /// From now on, as when its window gets another width: lines are broken anew.
  void resize(std::size_t columns) {
    std::vector<std::string> lines;
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      if (i > 0 && rows_[i - 1].is_broken)
        lines.back() += rows_[i].text;
      else
        lines.push_back(rows_[i].text);
    }
    columns_ = columns;
    rows_.assign(1, {});
    row_ = column_ = 0;
    for (std::size_t i = 0; i < lines.size(); ++i) {
      if (i > 0) add("\n");
      add("\r" + lines[i]);
    }
  }
  std::vector<std::string> rows() const {
    std::vector<std::string> texts;
    for (const Row& row : rows_) texts.push_back(row.text);
    while (!texts.empty() && texts.back().empty()) texts.pop_back();
    return texts;
  }
  int colours() const noexcept { return colours_; }

 private:
  struct Row {
    std::string text;
    bool is_broken = false;  // it goes on in the next one
  };

  void show(char c) {
    if (c == '\r') {
      column_ = 0;
    } else if (c == '\n') {
      next_row();
    } else {
      if (column_ == columns_) {
        rows_[row_].is_broken = true;
        next_row();
        column_ = 0;
      }
      std::string& text = rows_[row_].text;
      if (text.size() <= column_) text.resize(column_ + 1, ' ');
      text[column_++] = c;
    }
  }
  void next_row() {
    if (++row_ == rows_.size()) rows_.emplace_back();
  }
  void escape(char c) {
    code_ += c;
    if (code_.size() < 3 || (c >= '0' && c <= '9') || c == ';') return;
    const std::string number = code_.substr(2, code_.size() - 3);
    if (c == 'A') {
      const std::size_t up = number.empty() ? 1 : std::stoul(number);
      row_ = up > row_ ? 0 : row_ - up;
    } else if (c == 'K') {
      rows_[row_].text.resize(std::min(rows_[row_].text.size(), column_));
      rows_[row_].is_broken = false;
    } else if (c == 'J') {
      rows_.resize(row_ + 1);
      rows_[row_].text.resize(std::min(rows_[row_].text.size(), column_));
    } else if (c == 'm') {
      ++colours_;
    } else {
      throw std::runtime_error("a code that no drawing may have: " + code_.substr(1));
    }
    code_.clear();
  }

  std::size_t columns_;
  std::vector<Row> rows_ = std::vector<Row>(1);
  std::size_t row_ = 0;
  std::size_t column_ = 0;
  std::string code_;
  int colours_ = 0;
};

/// A pseudo terminal: what is written to `end()` comes out of read().
class Pty {
 public:
  explicit Pty(unsigned short columns, unsigned short rows = 24) {
    master_ = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (master_ < 0 || ::grantpt(master_) != 0 || ::unlockpt(master_) != 0) {
      throw std::runtime_error("no pseudo terminal");
    }
    end_ = ::open(::ptsname(master_), O_RDWR | O_NOCTTY | O_CLOEXEC);
    resize(columns, rows);
  }
  Pty(const Pty&) = delete;
  Pty& operator=(const Pty&) = delete;
  ~Pty() {
    ::close(end_);
    ::close(master_);
  }
  int end() const noexcept { return end_; }
  void resize(unsigned short columns, unsigned short rows = 24) const {
    const winsize size{rows, columns, 0, 0};
    if (::ioctl(master_, TIOCSWINSZ, &size) != 0) throw std::runtime_error("no size");
  }
  /// What has come, waiting at most so long for more of it.
  std::string read(int wait_ms = 0) const {
    std::string text;
    pollfd asked{master_, POLLIN, 0};
    while (::poll(&asked, 1, wait_ms) == 1 && (asked.revents & POLLIN) != 0) {
      char buffer[4096];
      const ssize_t got = ::read(master_, buffer, sizeof buffer);
      if (got <= 0) break;
      text.append(buffer, static_cast<std::size_t>(got));
      wait_ms = 0;
    }
    return text;
  }

 private:
  int master_ = -1;
  int end_ = -1;
};

}  // namespace iqtest
