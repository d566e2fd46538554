// From the bytes of a file to counted words.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

namespace wordcount {

inline constexpr std::size_t kLongestWord = 255;

using Counts = std::map<std::string, std::uint64_t>;

/// Counts the words of one file, which comes in chunks that may end within a word.
class WordCounter {
 public:
  void add(std::span<const char> chunk);
  /// The file is over, and with it its last word.
  void finish();

  /// About the bytes that the counts take when they are sent.
  std::size_t bytes() const { return bytes_; }
  /// What was counted since the last take(), by word.
  Counts take();

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view word) const noexcept {
      return std::hash<std::string_view>{}(word);
    }
  };

  void end_word();

  std::unordered_map<std::string, std::uint64_t, Hash, std::equal_to<>> counts_;
  std::size_t bytes_ = 0;
  char word_[kLongestWord];
  std::size_t length_ = 0;
};

/// What became of reading one file.
struct FileRead {
  std::uint64_t bytes = 0;
  std::string error;  ///< why it could not be read to its end; empty when it could
};

/// Reads a file chunk by chunk into `counter`; `after_chunk` may take from it in between.
FileRead read_file(const std::string& path, WordCounter& counter,
                   const std::function<void()>& after_chunk);

}  // namespace wordcount
