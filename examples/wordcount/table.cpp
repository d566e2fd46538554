#include "table.hpp"

#include <algorithm>
#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <stdexcept>
#include <utility>

namespace wordcount {
namespace {

constexpr std::size_t kTopWords = 10;
constexpr std::size_t kMostNamed = 10;  // of what was unreadable

using Entry = std::pair<std::string, std::uint64_t>;

bool more_frequent(const Entry& a, const Entry& b) {
  return a.second != b.second ? a.second > b.second : a.first < b.first;
}

// FNV-1a over the word and its count, then mixed, so that sums of these keep telling.
std::uint64_t hash_of(const std::string& word, std::uint64_t count) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char letter : word) {
    hash = (hash ^ static_cast<unsigned char>(letter)) * 0x100000001b3;
  }
  hash = (hash ^ count) * 0xbf58476d1ce4e5b9;
  return hash ^ (hash >> 29);
}

void report(const std::vector<std::string>& unreadable) {
  for (std::size_t i = 0; i < std::min(unreadable.size(), kMostNamed); ++i) {
    std::fprintf(stderr, "wordcount: cannot read %s\n", unreadable[i].c_str());
  }
  if (unreadable.size() > kMostNamed) {
    std::fprintf(stderr, "wordcount: cannot read %zu more\n", unreadable.size() - kMostNamed);
  }
}

}  // namespace

void Table::add_file(std::uint64_t bytes, const Counts& words) {
  ++files_;
  bytes_ += bytes;
  for (const auto& [word, count] : words) {
    counts_[word] += count;
    words_ += count;
  }
}

void Table::print() {
  std::sort(unreadable_.begin(), unreadable_.end());
  report(unreadable_);
  std::printf("files       %" PRIu64 "\n", files_);
  if (!unreadable_.empty()) std::printf("unreadable  %zu\n", unreadable_.size());
  std::printf("bytes       %" PRIu64 "\n", bytes_);
  std::printf("words       %" PRIu64 "\n", words_);
  std::printf("distinct    %zu\n", counts_.size());
  std::printf("checksum    %016" PRIx64 "\n", checksum());
  std::vector<Entry> top(std::min(kTopWords, counts_.size()));
  std::partial_sort_copy(counts_.begin(), counts_.end(), top.begin(), top.end(), more_frequent);
  for (const auto& [word, count] : top) std::printf("%11" PRIu64 " %s\n", count, word.c_str());
}

void Table::write(const std::string& path) const {
  std::vector<Entry> sorted(counts_.begin(), counts_.end());
  std::sort(sorted.begin(), sorted.end());
  std::FILE* file = std::fopen(path.c_str(), "w");
  bool good = file != nullptr;
  for (const auto& [word, count] : sorted) {
    good = good && std::fprintf(file, "%s %" PRIu64 "\n", word.c_str(), count) > 0;
  }
  if (file != nullptr) good = std::fclose(file) == 0 && good;
  if (!good) throw std::runtime_error("cannot write " + path + ": " + std::strerror(errno));
}

std::uint64_t Table::checksum() const {
  std::uint64_t sum = 0;
  for (const auto& [word, count] : counts_) sum += hash_of(word, count);
  return sum;
}

}  // namespace wordcount
