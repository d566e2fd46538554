// The complete table: the same bytes for the same tree, whoever counted it in whatever order.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "words.hpp"

namespace wordcount {

class Table {
 public:
  /// One more file, read to its end.
  void add_file(std::uint64_t bytes, const Counts& words);
  /// One more file or directory that could not be read, as `path: reason`.
  void add_unreadable(std::string what) { unreadable_.push_back(std::move(what)); }

  std::uint64_t files() const { return files_; }
  std::uint64_t bytes() const { return bytes_; }

  /// Totals, the most frequent words and the checksum to stdout; what was unreadable to stderr.
  void print();
  /// Every word and its count, sorted by word. Errors: std::runtime_error with the reason.
  void write(const std::string& path) const;

 private:
  /// Does not depend on the order of the words.
  std::uint64_t checksum() const;

  std::unordered_map<std::string, std::uint64_t> counts_;
  std::vector<std::string> unreadable_;
  std::uint64_t files_ = 0;
  std::uint64_t bytes_ = 0;
  std::uint64_t words_ = 0;
};

}  // namespace wordcount
