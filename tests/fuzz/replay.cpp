// Feeds the kept inputs of a fuzz target to it, without libFuzzer: each finding stays a test.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <vector>

#include "support/process.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t bytes);

TEST_CASE("Fuzz: every kept input of " IQ_FUZZ_TARGET " ends in order") {
  iqtest::limit_seconds(300);
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(IQ_FUZZ_CORPUS)) {
    files.push_back(entry.path());
  }
  std::ranges::sort(files);
  REQUIRE(files.size() >= 5);
  for (const auto& path : files) {
    INFO(path);
    std::ifstream file(path, std::ios::binary);
    const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
    // Exactly as large as the input, so that a sanitizer sees one byte too many.
    const auto copy = std::make_unique<std::uint8_t[]>(bytes.size());
    std::ranges::copy(bytes, reinterpret_cast<char*>(copy.get()));
    CHECK(LLVMFuzzerTestOneInput(copy.get(), bytes.size()) == 0);
  }
}
