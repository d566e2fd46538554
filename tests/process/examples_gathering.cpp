// The first example of batched calls, with the output that its model's documentation shows.
#include "examples_programs.hpp"

using iqtest::Program;

TEST_CASE(
    "gathering: six calls of two tasks are one batch, and each task has its own three results") {
  Program gathering({iqtest::example("gathering")});
  CHECK(gathering.wait().ok());
  CHECK(gathering.err().empty());
  CHECK(iqtest::lines_of(gathering.out()) ==
        std::vector<std::string>{"In batch function with args:", "\t0", "\t1", "\t2", "\t0", "\t1",
                                 "\t2", "Batch function done", "[1, 2, 3]", "[1, 2, 3]"});
}
