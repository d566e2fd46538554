#include "words.hpp"

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

namespace wordcount {
namespace {

constexpr std::size_t kChunkBytes = 64 * 1024;
constexpr std::size_t kBytesPerEntry = 16;  // a count and the length of its word, rounded up

// The lower case of each ASCII letter, 0 for every other byte: no locale has a say.
constexpr std::array<char, 256> kLower = [] {
  std::array<char, 256> lower{};
  for (char c = 'a'; c <= 'z'; ++c) {
    lower[static_cast<unsigned char>(c)] = c;
    lower[static_cast<unsigned char>(c - 'a' + 'A')] = c;
  }
  return lower;
}();

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

}  // namespace

void WordCounter::add(std::span<const char> chunk) {
  for (const char byte : chunk) {
    const char letter = kLower[static_cast<unsigned char>(byte)];
    if (letter == 0) {
      if (length_ != 0) end_word();
      continue;
    }
    word_[length_++] = letter;
    if (length_ == kLongestWord) end_word();
  }
}

void WordCounter::finish() {
  if (length_ != 0) end_word();
}

void WordCounter::end_word() {
  const std::string_view word(word_, length_);
  length_ = 0;
  const auto known = counts_.find(word);
  if (known != counts_.end()) {
    ++known->second;
    return;
  }
  counts_.emplace(word, 1);
  bytes_ += word.size() + kBytesPerEntry;
}

Counts WordCounter::take() {
  Counts sorted(counts_.begin(), counts_.end());
  counts_.clear();
  bytes_ = 0;
  return sorted;
}

FileRead read_file(const std::string& path, WordCounter& counter,
                   const std::function<void()>& after_chunk) {
  FileRead result;
  const std::unique_ptr<std::FILE, CloseFile> file(std::fopen(path.c_str(), "rbe"));
  if (!file) {
    result.error = std::strerror(errno);
    return result;
  }
  std::setvbuf(file.get(), nullptr, _IONBF, 0);
  static std::vector<char> chunk(kChunkBytes);
  while (const std::size_t bytes = std::fread(chunk.data(), 1, chunk.size(), file.get())) {
    result.bytes += bytes;
    counter.add({chunk.data(), bytes});
    after_chunk();
  }
  if (std::ferror(file.get()) != 0) result.error = std::strerror(errno);
  counter.finish();
  return result;
}

}  // namespace wordcount
