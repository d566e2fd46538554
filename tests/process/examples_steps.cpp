// steps_tour says what it should, and does not wait for its daemon.
#include <chrono>

#include "examples_programs.hpp"

using iqtest::Exit;
using iqtest::Program;

TEST_CASE("steps_tour: each way in, and each way to run, gives what it is meant to") {
  const auto begun = std::chrono::steady_clock::now();
  Program tour({iqtest::example("steps_tour")});
  CHECK(tour.wait() == Exit{0, 0});
  CHECK(tour.out() ==
        "all at once:\n"
        "  the database is there\n"
        "  300 pixels stored\n"
        "  the database is closed\n"
        "  3 entries\n"
        "streaming: 2090 bytes of names\n"
        "in the background: I feel fine!\n"
        "in the background: 100 entries\n"
        "input queue: 30 hosts are up\n"
        "chunks: 100 100 50\n"
        "errors: 9 done, 1 dropped, after 1 more tries\n"
        "errors: strict: five\n"
        "daemon: left behind\n");
  CHECK(std::chrono::steady_clock::now() - begun < std::chrono::seconds(15));
}
