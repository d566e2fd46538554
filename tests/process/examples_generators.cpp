// The example of generators says what it should.
#include "examples_programs.hpp"

using iqtest::Program;

TEST_CASE("generators: each form gives what it is meant to") {
  Program generators({iqtest::example("generators")});
  CHECK(generators.wait().ok());
  CHECK(generators.err().empty());
  CHECK(generators.out() ==
        "without the odd ones: 2450\n"
        "sent 2048 products, the first is number 1\n"
        "sent 2048 products, the first is number 3073\n"
        "sent 2048 products, the first is number 6145\n"
        "sent 522 products, the first is number 9217\n"
        "6666 products in all\n"
        "a chunk of 2\n"
        "a chunk of 1\n"
        "in two processes: 2450\n");
}
