// fetch: each page once, however often the server was too busy; a report for who wants one.
#include <algorithm>
#include <set>

#include "examples_programs.hpp"

using iqtest::Exit;
using iqtest::Program;

TEST_CASE("fetch: the pages of the introduction, and one that is missing") {
  Program fetch({iqtest::example("fetch")});
  CHECK(fetch.wait() == Exit{0, 0});
  CHECK(fetch.err().empty());
  const auto lines = iqtest::lines_of(fetch.out());
  REQUIRE(lines.size() == 9);
  CHECK(lines.back() == "4 pages, 1 answers of 503 asked again");
  for (const char* text :
       {"This is page 2.", "This is page 4.", "This is page 6.", "there is no page /missing"}) {
    CHECK(std::ranges::count(lines, text) == 1);
  }
  CHECK(fetch.out().find("/missing (404) ====") != std::string::npos);
}

TEST_CASE("fetch: what is no number of pages is refused") {
  for (const char* word : {"abc", "0", "-3", "12x", "--reports"}) {
    CAPTURE(word);
    Program fetch({iqtest::example("fetch"), word});
    CHECK(fetch.wait() == Exit{2, 0});
    CHECK(fetch.out().empty());
    CHECK(fetch.err().find("usage: fetch [N] [--report]") != std::string::npos);
  }
}

TEST_CASE("fetch: a thousand pages, each once, though hundreds of answers were 503") {
  iqtest::limit_seconds(60);
  Program fetch({iqtest::example("fetch"), "1000", "--report"});
  CHECK(fetch.child().wait(50) == Exit{0, 0});
  const auto lines = iqtest::lines_of(fetch.out());
  REQUIRE(lines.size() == 2001);
  CHECK(std::set<std::string>(lines.begin(), lines.end()).size() == 2001);
  CHECK(lines.back() == "1000 pages, 400 answers of 503 asked again");
  CHECK(fetch.err().find("download        3   1000 ") != std::string::npos);
  CHECK(fetch.err().find("ended after ") != std::string::npos);
}
