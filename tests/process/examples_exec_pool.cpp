// exec_pool and its worker program: a pool of programs that survives its workers' deaths.
#include "examples_programs.hpp"

using iqtest::Program;

TEST_CASE("exec_pool: every number is answered, and all programs end") {
  Program pool({iqtest::example("exec_pool"), "5000"});
  CHECK(pool.wait().ok());
  CHECK(pool.err() == "");
  CHECK(pool.out() == "4999 numbers, 669 primes, 0 restarts\n");
}

TEST_CASE("exec_pool: a number that kills its workers is given up, the pool goes on") {
  Program pool({iqtest::example("exec_pool"), "5000", "777"});
  CHECK(pool.wait().ok());
  CHECK(pool.out() ==
        "4998 numbers, 669 primes, 3 restarts\n777 killed 3 workers and is given up\n");
}

TEST_CASE("exec_worker: without tokens it says how it is started; a text that is none is refused") {
  Program alone({iqtest::example("exec_worker")});
  CHECK(alone.wait() == iqtest::Exit{2, 0});
  Program wrong({iqtest::example("exec_worker"), "jobs", "answers"});
  CHECK(wrong.wait() == iqtest::Exit{1, 0});
  CHECK(wrong.err().find("cannot read \"jobs\" as a token") != std::string::npos);
}
