#include "options.hpp"

#include <charconv>
#include <cstdio>
#include <string_view>

namespace jobs {
namespace {

constexpr int kMost = 1'000'000;

bool parse_number(std::string_view text, int& number) {
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  return error == std::errc() && stop == end && number >= 0 && number <= kMost;
}

}  // namespace

std::optional<Options> parse_options(int argc, char** argv, Options options) {
  bool named = false;
  bool good = true;
  for (int i = 1; i < argc && good; ++i) {
    const std::string word = argv[i];
    if (const auto option = options.numbers.find(word); option != options.numbers.end()) {
      good = ++i < argc && parse_number(argv[i], option->second);
    } else {
      good = !named && !word.starts_with('-');
      named = true;
      options.name = word;
    }
  }
  if (good) return options;
  std::fprintf(stderr, "usage: %s [NAME]", argv[0]);
  for (const auto& [option, number] : options.numbers) {
    std::fprintf(stderr, " [%s N]", option.c_str());
  }
  std::fprintf(stderr, "\nN is 0 to %d\n", kMost);
  return std::nullopt;
}

}  // namespace jobs
