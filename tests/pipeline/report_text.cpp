// Reports as text: what is told, what a narrow terminal leaves out, what a name cannot do.
#include <doctest/doctest.h>

#include <algorithm>
#include <sstream>
#include <string>
#include <vector>

#include "iq/report.hpp"
#include "pipeline/report_writer.hpp"

namespace {

iq::RunReport sample() {
  iq::RunReport report;
  report.elapsed_s = 12.34;
  report.length = 5000;
  report.remaining_s = 75;
  report.bottleneck = 1;
  iq::StageReport& from = report.stages.emplace_back();
  from.name = "urls";
  from.workers = 1;
  from.done = 1500;
  from.per_s = 120.4;
  from.busy = 0.05;
  from.awaits_room = 0.95;
  iq::StageReport& fetch = report.stages.emplace_back(from);
  fetch.name = "fetch";
  fetch.workers = 3;
  fetch.done = 1490;
  fetch.queued = 4;
  fetch.in_hand = 3;
  fetch.capacity = 10;
  fetch.busy = 0.98;
  fetch.awaits_room = 0;
  fetch.awaits_item = 0.02;
  fetch.cpu_s = 1.25;
  fetch.memory = 3'500'000;
  return report;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

}  // namespace

TEST_CASE("to_text: a table with all columns") {
  const auto lines = lines_of(iq::to_text(sample()));
  REQUIRE(lines.size() == 4);
  CHECK(lines[0] ==
        "stage  workers  items  per s  queue               busy  no item  no room    cpu   memory");
  CHECK(lines[1] ==
        "urls         1   1500    120                        5%       0%      95%  0.0 s");
  CHECK(lines[2] ==
        "fetch        3   1490    120  [#######...]  7/10   98%       2%       0%  1.2 s  3.3 MiB");
  CHECK(lines[3] == "12 s; bottleneck: fetch (98% busy); 30% of 5000 items read, about 75 s left");
}

TEST_CASE("to_text: no line is wider than the terminal; the stage and its items stay longest") {
  for (std::size_t columns = 5; columns < 120; ++columns) {
    for (const std::string& line : lines_of(iq::to_text(sample(), columns))) {
      CHECK(line.size() <= columns);
      CHECK(!line.empty());
    }
  }
  const auto narrow = lines_of(iq::to_text(sample(), 40));
  CHECK(narrow[0] == "stage  items  per s  queue         busy");
  CHECK(narrow[2] == "fetch   1490    120  [#######...]   98%");
  CHECK(lines_of(iq::to_text(sample(), 14))[2] == "fetch   1490");
}

TEST_CASE("to_text: restarts and parked items have columns when there are any, and keep them") {
  iq::RunReport report = sample();
  report.stages[1].restarts = 2;
  report.stages[1].parked = 1;
  const auto lines = lines_of(iq::to_text(report, 40));
  CHECK(lines[0].find("restarts") != std::string::npos);
  CHECK(lines[0].find("parked") != std::string::npos);
}

TEST_CASE("to_text: the last one has totals, and neither queues nor an estimate") {
  iq::RunReport report = sample();
  report.has_ended = true;
  const auto lines = lines_of(iq::to_text(report));
  CHECK(lines[0] == "stage  workers  items  per s  busy  no item  no room    cpu   memory");
  CHECK(lines[3] == "ended after 12 s; bottleneck: fetch (98% busy)");
}

TEST_CASE("to_text: a name moves no cursor, breaks no line and takes no more room than it may") {
  iq::RunReport report = sample();
  report.stages[0].name =
      "a\n\033[2J\xc2\x9b"
      "b\x7f";
  report.stages[1].name =
      "pr\xc3\xbc"
      "fen, ob alles wirklich stimmt";
  const std::string text = iq::to_text(report);
  CHECK(text.find("a??[2J?b?") != std::string::npos);
  CHECK(text.find("pr\xc3\xbc"
                  "fen, ob alles wirklic~") != std::string::npos);
  CHECK(text.find('\033') == std::string::npos);
  const auto lines = lines_of(text);
  CHECK(iq::detail::width_of(lines[2].substr(0, lines[2].find("7/10"))) ==
        lines[0].find("busy") - 2 - 4);
}

TEST_CASE("to_text: durations and rates from small to large; shares that cannot be") {
  iq::RunReport report = sample();
  report.stages[0].busy = -1;
  report.stages[1].busy = 7;
  for (const auto& [seconds, text] :
       std::vector<std::pair<double, std::string>>{{0.04, "0.0 s"},
                                                   {9.94, "9.9 s"},
                                                   {9.96, "10 s"},
                                                   {99.4, "99 s"},
                                                   {200, "3 min 20 s"},
                                                   {3599.7, "1 h 0 min"},
                                                   {1e300, " min;"}}) {
    report.elapsed_s = seconds;
    CHECK(iq::to_text(report).find(text) != std::string::npos);
  }
  for (const auto& [rate, text] : std::vector<std::pair<double, std::string>>{
           {0.2, " 0.2 "}, {12, " 12 "}, {12'345, " 12k "}, {3.21e6, " 3.2M "}}) {
    report.stages[0].per_s = rate;
    CHECK(iq::to_text(report).find(text) != std::string::npos);
  }
  report.bottleneck = 7;
  CHECK(iq::to_text(report).find("no bottleneck") != std::string::npos);
  report.stages.clear();
  CHECK(!iq::to_text(report).empty());
}

TEST_CASE("to_line: one line with the same") {
  CHECK(iq::to_line(sample()) ==
        "12 s: urls 1500 (120/s, 5% busy), fetch 1490 (120/s, 98% busy); bottleneck: fetch (98% "
        "busy); 30% of 5000 items read, about 75 s left");
}
