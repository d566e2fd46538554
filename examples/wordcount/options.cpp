#include "options.hpp"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <stdexcept>
#include <string_view>
#include <thread>

namespace wordcount {
namespace {

constexpr int kMostWorkers = 256;
constexpr int kLongestPauseMs = 60'000;

constexpr const char* kUsage =
    "usage: wordcount DIR [-j N] [--output FILE] [--sequential] [--kill-every MS]\n";
constexpr const char* kHelp =
    "Counts the words in all regular files below DIR; symbolic links are not followed.\n"
    "A word is a run of ASCII letters, as long as possible, in lower case. Of a longer run than\n"
    "255 letters, each 255 make a word and the rest makes one.\n"
    "\n"
    "  -j N             worker processes that read files, 1 to 256 (default: one per processor)\n"
    "  --output FILE    write the whole table, sorted by word, one `word count` a line\n"
    "  --sequential     count in this process alone, without queues\n"
    "  --kill-every MS  chaos: kill a worker with SIGKILL every MS milliseconds, 1 to 60000, and\n"
    "                   start another one. Slower, with the same result\n"
    "Exit status: 0, 1 when the work failed, 2 when the command line is wrong.\n";

struct UsageError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

int parse_number(std::string_view option, std::string_view text, int most) {
  int number = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || stop != end || number < 1 || number > most) {
    throw UsageError(std::string(option) + " needs a number from 1 to " + std::to_string(most) +
                     ", not \"" + std::string(text) + '"');
  }
  return number;
}

class Arguments {
 public:
  Arguments(int argc, char** argv) : count_(argc), values_(argv) {}
  bool done() const { return at_ >= count_; }
  std::string_view next() { return values_[at_++]; }
  std::string_view value_of(std::string_view option) {
    if (done()) throw UsageError(std::string(option) + " needs a value");
    return next();
  }

 private:
  int count_;
  char** values_;
  int at_ = 1;
};

int processors() {
  return std::clamp(static_cast<int>(std::thread::hardware_concurrency()), 1, kMostWorkers);
}

Options parse(Arguments& arguments) {
  Options options;
  options.workers = processors();
  bool has_workers = false;
  while (!arguments.done()) {
    const std::string_view word = arguments.next();
    if (word == "-j") {
      options.workers = parse_number(word, arguments.value_of(word), kMostWorkers);
      has_workers = true;
    } else if (word == "--kill-every") {
      options.kill_every_ms = parse_number(word, arguments.value_of(word), kLongestPauseMs);
    } else if (word == "--output") {
      options.output_file = arguments.value_of(word);
    } else if (word == "--sequential") {
      options.sequential = true;
    } else if (word.starts_with('-')) {
      throw UsageError("there is no option \"" + std::string(word) + '"');
    } else if (!options.directory.empty()) {
      throw UsageError("one directory at a time, not \"" + options.directory + "\" and \"" +
                       std::string(word) + '"');
    } else {
      options.directory = word;
    }
  }
  if (options.directory.empty()) throw UsageError("which directory?");
  if (options.sequential && (has_workers || options.kill_every_ms != 0)) {
    throw UsageError("--sequential has no workers: drop -j and --kill-every");
  }
  return options;
}

}  // namespace

std::optional<Options> parse_options(int argc, char** argv, int& exit_code) {
  exit_code = 0;
  for (int i = 1; i < argc; ++i) {
    if (std::string_view(argv[i]) == "--help" || std::string_view(argv[i]) == "-h") {
      std::printf("%s%s", kUsage, kHelp);
      return std::nullopt;
    }
  }
  try {
    Arguments arguments(argc, argv);
    return parse(arguments);
  } catch (const UsageError& error) {
    std::fprintf(stderr, "wordcount: %s\n%s", error.what(), kUsage);
    exit_code = 2;
    return std::nullopt;
  }
}

}  // namespace wordcount
