// Lookups in a database, one query each and batched: the same names with fewer queries.
#include <cstdio>

#include "examples_programs.hpp"

using iqtest::Program;

TEST_CASE(
    "lookups: batched, 8 workers' lookups take an eighth of the queries, with tasks far less") {
  Program lookups({iqtest::example("lookups"), "100"});
  CHECK(lookups.wait().ok());
  CHECK(lookups.err().empty());
  const std::vector<std::string> lines = iqtest::lines_of(lookups.out());
  REQUIRE(lines.size() == 3);
  std::vector<int> queries;
  for (const std::string& line : lines) {
    CAPTURE(line);
    int calls = 0;
    int count = 0;
    REQUIRE(std::sscanf(line.c_str() + 28, "%d lookups %d queries", &calls, &count) == 2);
    CHECK(calls == 800);
    queries.push_back(count);
  }
  CHECK(queries[0] == 800);
  CHECK(queries[1] == 100);
  CHECK(queries[2] == 2);
}
