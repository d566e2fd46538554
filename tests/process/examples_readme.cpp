// The first example, and the program in README.md.
#include <algorithm>
#include <cstdio>
#include <map>

#include "examples_programs.hpp"

using iqtest::Program;

namespace {

// 17 producers put their number 10 times; 13 consumers say so, a line for each.
void check_lines(const std::vector<std::string>& lines) {
  std::map<int, int> seen;
  for (const std::string& line : lines) {
    CAPTURE(line);
    int consumer = -1, item = -1, length = 0;
    REQUIRE(std::sscanf(line.c_str(), "consumer %d saw item %d%n", &consumer, &item, &length) == 2);
    CHECK(static_cast<std::size_t>(length) == line.size());
    CHECK((consumer >= 0 && consumer < 13));
    ++seen[item];
  }
  CHECK(lines.size() == 170);
  std::map<int, int> expected;
  for (int id = 0; id < 17; ++id) expected[id] = 10;
  CHECK(seen == expected);
}

}  // namespace

TEST_CASE("readme: each item is printed once, then everything exits by itself") {
  Program readme({iqtest::example("readme")});
  CHECK(readme.wait().ok());
  CHECK(readme.err().empty());
  check_lines(iqtest::lines_of(readme.out()));
}

TEST_CASE("readme: no line is torn in a pipe that is nearly always full") {
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  REQUIRE(::fcntl(ends[1], F_SETPIPE_SZ, 4096) == 4096);
  iqtest::Child readme = iqtest::spawn([&] {
    ::dup2(ends[1], STDOUT_FILENO);
    Program::run({iqtest::example("readme")});
  });
  ::close(ends[1]);
  // The watchdog bounds this: the pipe ends when the last of 30 processes has.
  std::string text;
  char few[7];
  while (true) {
    const ssize_t bytes = ::read(ends[0], few, sizeof few);
    if (bytes <= 0) break;
    text.append(few, static_cast<std::size_t>(bytes));
  }
  ::close(ends[0]);
  CHECK(readme.wait().ok());
  check_lines(iqtest::lines_of(text));
}

TEST_CASE("README.md: its program compiles and prints what it says") {
  Program program({iqtest::example("readme-program")});
  CHECK(program.wait().ok());
  CHECK(program.err().empty());
  CHECK(program.out() == "285\n");
}
