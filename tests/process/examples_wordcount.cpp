// wordcount: the same table, byte for byte, with any number of workers, living or dying.
#include <linux/capability.h>
#include <sys/prctl.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <random>

#include "examples_programs.hpp"
#include "wordcount/adder.hpp"

using iqtest::Exit;
using iqtest::Folder;
using iqtest::Program;
namespace fs = std::filesystem;

namespace {

void write_file(const fs::path& path, const std::string& text) {
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << text;
}

std::string random_words(std::mt19937& random, int words, int most_letters) {
  std::string text;
  for (int i = 0; i < words; ++i) {
    const int letters = 1 + static_cast<int>(random() % static_cast<unsigned>(most_letters));
    for (int k = 0; k < letters; ++k) {
      text += static_cast<char>((random() % 8 == 0 ? 'A' : 'a') + static_cast<int>(random() % 26));
    }
    text += " \n.,-0"[random() % 6];
  }
  return text;
}

// 500 small files, two whose counts do not fit into one item, and what is not to be read.
void make_tree(const fs::path& root) {
  std::mt19937 random(4711);
  std::string text = random_words(random, 12'000, 2);
  for (int i = 0; i < 500; ++i) {
    text = text.substr(17) + random_words(random, 10, 2);
    write_file(root / std::to_string(i % 7) / std::to_string(i % 11) / std::to_string(i), text);
  }
  write_file(root / "large", random_words(random, 30'000, 9));
  write_file(root / "deep" / "er" / "large too", random_words(random, 20'000, 9));
  write_file(root / "empty", "");
  fs::create_directory_symlink(root, root / "deep" / "loop");
  fs::create_symlink(root / "large", root / "another name");
}

// What a run says that must not depend on how it was done.
std::string without_time(const std::string& text) {
  const std::size_t at = text.find("elapsed");
  CHECK(at != std::string::npos);
  return text.substr(0, at);
}

struct Counted {
  Exit exit;
  std::string result, table, err;
};

Counted count(const fs::path& root, std::vector<std::string> options) {
  const Folder folder;
  std::vector<std::string> words{iqtest::example("wordcount"), root.string(), "--output",
                                 folder / "table"};
  words.insert(words.end(), options.begin(), options.end());
  Program program(words);
  Counted counted;
  counted.exit = program.wait();
  counted.result = without_time(program.out());
  counted.table = iqtest::read_file(folder / "table");
  counted.err = program.err();
  return counted;
}

// Root may read everything, unless what it executes next is without these two capabilities.
void obey_permissions() {
  if (::geteuid() != 0) return;
  for (const int capability : {CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH}) {
    iqtest::require(::prctl(PR_CAPBSET_DROP, capability) == 0, "a capability can be dropped");
  }
}

}  // namespace

TEST_CASE("wordcount: words are runs of ASCII letters in lower case, 255 letters at most") {
  const Folder folder;
  write_file(folder.path() / "a", "Hello, hello HELLO\nworld's w0rld \xc3\xa4x");
  write_file(folder.path() / "b", std::string(600, 'z') + " end");
  // A word across the border of two chunks is still one.
  write_file(folder.path() / "c", std::string(65'533, ' ') + "chunks");
  const std::string table = "chunks 1\nend 1\nhello 3\nrld 1\ns 1\nw 1\nworld 1\nx 1\n" +
                            std::string(90, 'z') + " 1\n" + std::string(255, 'z') + " 2\n";
  for (const auto& options : {std::vector<std::string>{"--sequential"}, {"-j", "2"}}) {
    const Counted counted = count(folder.path(), options);
    CHECK(counted.exit.ok());
    CHECK(counted.table == table);
    CHECK(counted.err.empty());
    CHECK(counted.result.find("files       3\nbytes ") == 0);
    CHECK(counted.result.find("words       13\ndistinct    10\n") != std::string::npos);
    CHECK(counted.result.find("\n          3 hello\n") != std::string::npos);
  }
}

TEST_CASE("wordcount: 1, 4 and dying workers give the sequential table, bit for bit") {
  const Folder folder;
  make_tree(folder.path());
  const auto started = std::chrono::steady_clock::now();
  const Counted expected = count(folder.path(), {"--sequential"});
  const auto took = std::chrono::steady_clock::now() - started;
  REQUIRE(expected.exit.ok());
  CHECK(expected.result.find("files       503\n") == 0);
  const auto check = [&](std::vector<std::string> options) {
    CAPTURE(options.back());
    const Counted counted = count(folder.path(), options);
    CHECK_MESSAGE(counted.exit.ok(), counted.err);
    CHECK(counted.result == expected.result);
    CHECK((counted.table == expected.table));
    return counted.err;
  };
  CHECK(check({"-j", "1"}).empty());
  CHECK(check({"-j", "4"}).empty());
  // So often that many die, and so seldom, on any machine, that no file meets death 14 times.
  for (const int deaths : {8, 20}) {
    const auto pause = std::chrono::duration_cast<std::chrono::milliseconds>(took / deaths).count();
    const std::string text =
        check({"-j", "4", "--kill-every", std::to_string(std::clamp<long>(pause, 1, 1000))});
    int killed = 0;
    std::sscanf(text.c_str(), "wordcount: killed %d workers", &killed);
    CHECK(killed >= 1);
  }
}

TEST_CASE("wordcount: an attempt counts when it is complete, and only one of each file does") {
  const auto part = [](std::uint64_t file, std::uint32_t delivery, std::uint32_t parts,
                       wordcount::Counts words) {
    return wordcount::Part{file, delivery, parts, parts == 0 ? 0U : 10U, "", std::move(words)};
  };
  wordcount::Adder adder;
  adder.take(part(1, 1, 0, {{"a", 1}}));
  adder.take(part(1, 1, 0, {{"b", 2}}));  // and then its reader was killed
  adder.take(wordcount::Walked{2});
  adder.take(part(1, 2, 0, {{"a", 1}}));
  CHECK(adder.done() == 0);
  adder.take(part(1, 2, 2, {{"b", 2}}));  // complete
  CHECK(adder.done() == 1);
  CHECK(!adder.complete());
  adder.take(part(1, 3, 2, {{"b", 2}}));  // after the end of it
  adder.take(part(2, 1, 1, {{"c", 3}}));
  adder.take(part(2, 2, 1, {{"c", 3}}));  // its first reader was killed before the acknowledgement
  CHECK(adder.complete());
  CHECK(adder.table().files() == 2);
  CHECK(adder.table().bytes() == 20);
  const Folder folder;
  adder.table().write(folder / "table");
  CHECK(iqtest::read_file(folder / "table") == "a 1\nb 2\nc 3\n");
}

TEST_CASE("wordcount: what cannot be read is named and counted, the rest is complete") {
  const Folder folder;
  write_file(folder.path() / "open", "one two");
  write_file(folder.path() / "secret", "three");
  write_file(folder.path() / "closed" / "file", "four");
  fs::permissions(folder.path() / "secret", fs::perms::none);
  fs::permissions(folder.path() / "closed", fs::perms::none);
  for (const char* how : {"-j2", "--sequential"}) {
    std::vector<std::string> words{iqtest::example("wordcount"), folder.path().string()};
    if (how[1] == '-') words.push_back(how);
    Program program(words, obey_permissions);
    CHECK(program.wait().ok());
    CHECK(program.err() == "wordcount: cannot read " + folder / "closed" +
                               ": Permission denied\nwordcount: cannot read " + folder / "secret" +
                               ": Permission denied\n");
    CHECK(program.out().find("files       1\nunreadable  2\nbytes       7\n") == 0);
  }
  fs::permissions(folder.path() / "closed", fs::perms::all);
}

TEST_CASE("wordcount: a wrong command line is 2, a missing directory or a full disk 1") {
  const Folder folder;
  const std::string program = iqtest::example("wordcount");
  const auto exit_of = [&](std::vector<std::string> words, const char* text) {
    words.insert(words.begin(), program);
    Program run(words);
    const Exit exit = run.wait();
    CHECK(run.out().empty());
    CHECK(run.err().find(text) != std::string::npos);
    return exit;
  };
  CHECK(exit_of({}, "which directory?") == Exit{2, 0});
  CHECK(exit_of({"x", "-j", "0"}, "-j needs a number from 1 to 256, not \"0\"") == Exit{2, 0});
  CHECK(exit_of({"x", "-j"}, "-j needs a value") == Exit{2, 0});
  CHECK(exit_of({"x", "--fast"}, "no option \"--fast\"") == Exit{2, 0});
  CHECK(exit_of({folder / "none"}, "No such file or directory") == Exit{1, 0});
  write_file(folder.path() / "a", "word");
  CHECK(exit_of({folder.path().string(), "--output", "/dev/full"}, "No space left") == Exit{1, 0});
}
