// The last process: makes one table of what all workers found.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <unordered_set>
#include <utility>

#include "reader.hpp"
#include "table.hpp"

namespace wordcount {

/// Each file counts exactly once, although it is read again when its worker is killed: parts are
/// collected per attempt (file, delivery), an attempt counts when all of its parts are there, and
/// of several attempts at a file only the first complete one counts.
class Adder {
 public:
  void take(const Part& part);
  void take(const UnreadableDirectory& directory) { table_.add_unreadable(directory.what); }
  void take(const Walked& walked) { files_ = walked.files; }

  /// Files that are counted or were found to be unreadable.
  std::uint64_t done() const { return done_.size(); }
  /// Files in all; nothing while the walker has not said.
  std::optional<std::uint64_t> files() const { return files_; }
  bool complete() const { return files_ == done(); }

  Table& table() { return table_; }

 private:
  struct Attempt {
    std::uint32_t parts = 0;
    Counts words;
  };
  using AttemptId = std::pair<std::uint64_t, std::uint32_t>;

  void count(const Part& last, const Counts& words);

  Table table_;
  std::map<AttemptId, Attempt> incomplete_;
  std::unordered_set<std::uint64_t> done_;
  std::optional<std::uint64_t> files_;
};

}  // namespace wordcount
