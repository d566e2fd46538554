// pipeline_tour says what it should; pipeline_zip gives the same lines with any number of workers,
// living or dying.
#include <algorithm>
#include <fstream>
#include <random>
#include <vector>

#include "examples_programs.hpp"

using iqtest::Exit;
using iqtest::Folder;
using iqtest::Program;
namespace fs = std::filesystem;

namespace {

void make_tree(const fs::path& root, int files) {
  std::mt19937 random(42);
  for (int i = 0; i < files; ++i) {
    const fs::path path = root / std::to_string(i % 5) / ("file " + std::to_string(i));
    fs::create_directories(path.parent_path());
    std::ofstream file(path, std::ios::binary);
    for (unsigned long k = random() % 60'000; k > 0; --k) {
      file.put(static_cast<char>('a' + static_cast<int>(random() % 7)));
    }
  }
}

}  // namespace

TEST_CASE("pipeline_tour: each form gives what it is meant to") {
  Program tour({iqtest::example("pipeline_tour")});
  CHECK(tour.wait() == Exit{0, 0});
  CHECK(tour.out() ==
        "the slowest below a half: yes\n"
        "twice the odd ones: 5000\n"
        "the same through a queue: 5000\n"
        "in any order, all of them: yes\n"
        "in the order of the inputs: 0 1 2 3 4 5 6 7 8 9\n"
        "the odd ones as they are, the even ones twice: 7400\n"
        "stage doubling: std::invalid_argument: oh no!\n"
        "hello\n"
        "then nothing: yes\n");
}

TEST_CASE("pipeline_zip: the same lines in the same order with any number of workers") {
  iqtest::limit_seconds(120);
  const Folder folder;
  make_tree(folder.path(), 300);
  const auto lines_with = [&](std::vector<std::string> words) {
    words.insert(words.begin(), iqtest::example("pipeline_zip"));
    words.push_back(folder.path().string());
    Program zip(words);
    CHECK(zip.child().wait(60) == Exit{0, 0});
    return zip.out();
  };
  const std::string alone = lines_with({"--workers", "0"});
  const auto lines = iqtest::lines_of(alone);
  CHECK(lines.size() == 300);
  CHECK(lines_with({"--workers", "1"}) == alone);
  CHECK(lines_with({"--workers", "4"}) == alone);
  CHECK(lines_with({"--workers", "4", "--kill-every", "20"}) == alone);
}

TEST_CASE("pipeline_zip: a path that is not there, and no path at all, are told") {
  const Folder folder;
  Program zip({iqtest::example("pipeline_zip"), (folder.path() / "nothing").string()});
  CHECK(zip.wait().code == 1);
  CHECK(zip.err().find("nothing") != std::string::npos);
  Program none({iqtest::example("pipeline_zip")});
  CHECK(none.wait().code == 1);
  CHECK(none.err().find("usage: ") != std::string::npos);
}
