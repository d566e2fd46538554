// What somebody in front of the terminal sees, and somebody who reads the log.
#include "pipeline/report_writer.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <ranges>
#include <string>
#include <vector>

#include "iq/iq.hpp"
#include "support/process.hpp"
#include "support/screen.hpp"

using iq::detail::ReportWriter;
using iqtest::Pty;
using iqtest::Screen;

namespace {

iq::RunReport sample(std::uint64_t done, std::size_t stages = 3) {
  iq::RunReport report;
  report.elapsed_s = static_cast<double>(done);
  for (std::size_t i = 0; i < stages; ++i) {
    iq::StageReport& stage = report.stages.emplace_back();
    stage.name = "stage" + std::to_string(i);
    stage.workers = 2;
    stage.done = done;
    stage.capacity = 8;
    stage.queued = 4;
    stage.busy = i == 1 ? 0.9 : 0.1;
  }
  report.bottleneck = 1;
  return report;
}

// For the case: a TERM that draws, whatever the tests themselves run in.
struct Term {
  explicit Term(const char* kind) { ::setenv("TERM", kind, 1); }
  ~Term() { ::unsetenv("NO_COLOR"); }
};

std::vector<std::string> expected(const iq::RunReport& report, std::size_t columns) {
  return iq::detail::table_of(report, columns - 1, false);
}

}  // namespace

TEST_CASE("ReportWriter: on a terminal the same lines are drawn again, each stage in one") {
  const Term term("xterm");
  const Pty pty(100);
  Screen screen(100);
  ReportWriter writer(pty.end());
  CHECK(writer.draws());
  for (std::uint64_t done = 1; done < 2000; done += 123) {
    writer.write(sample(done));
    screen.add(pty.read());
    CHECK(screen.rows() == expected(sample(done), 100));
  }
  iq::RunReport last = sample(2000);
  last.has_ended = true;
  writer.write(last);
  screen.add(pty.read());
  CHECK(screen.rows() == expected(last, 100));
  CHECK(screen.colours() > 0);
}

TEST_CASE("ReportWriter: what stood there before stays above") {
  const Term term("xterm");
  const Pty pty(100);
  Screen screen(100);
  screen.add("$ ./program\r\n");
  ReportWriter writer(pty.end());
  writer.write(sample(1));
  writer.write(sample(2));
  screen.add(pty.read());
  auto rows = expected(sample(2), 100);
  rows.insert(rows.begin(), "$ ./program");
  CHECK(screen.rows() == rows);
}

TEST_CASE("ReportWriter: narrow and wide, and a terminal whose width changes meanwhile") {
  const Term term("xterm");
  const Pty pty(120);
  Screen screen(120);
  ReportWriter writer(pty.end());
  std::uint64_t done = 1;
  writer.write(sample(done));
  screen.add(pty.read());
  for (const unsigned columns : {60U, 25U, 130U, 20U, 12U, 5U, 2U, 80U}) {
    pty.resize(static_cast<unsigned short>(columns));
    screen.resize(columns);  // the terminal breaks what stands there anew
    writer.write(sample(++done));
    screen.add(pty.read());
    CHECK(screen.rows() == expected(sample(done), columns));
    for (const std::string& row : screen.rows()) CHECK(row.size() < columns);
  }
}

TEST_CASE("ReportWriter: more stages than the terminal has rows") {
  const Term term("xterm");
  const Pty pty(80, 10);
  Screen screen(80);
  ReportWriter writer(pty.end());
  writer.write(sample(1, 30));
  writer.write(sample(2, 30));
  screen.add(pty.read());
  const auto all = expected(sample(2, 30), 80);
  REQUIRE(screen.rows().size() == 9);  // none has scrolled away
  CHECK(screen.rows().front() == all.front());
  CHECK(screen.rows().back() == all.back());
  iq::RunReport last = sample(3, 30);
  last.has_ended = true;
  writer.write(last);
  screen.add(pty.read());
  CHECK(screen.rows() == expected(last, 80));
}

TEST_CASE("ReportWriter: no colours with NO_COLOR; no drawing on a terminal that cannot") {
  {
    const Term term("xterm");
    ::setenv("NO_COLOR", "1", 1);
    const Pty pty(80);
    Screen screen(80);
    ReportWriter(pty.end()).write(sample(1));
    screen.add(pty.read());
    CHECK(screen.colours() == 0);
    CHECK(screen.rows() == expected(sample(1), 80));
  }
  const Term term("dumb");
  const Pty pty(80);
  ReportWriter writer(pty.end());
  CHECK(!writer.draws());
  writer.write(sample(1));
  CHECK(pty.read() == iq::to_line(sample(1)) + "\r\n");
}

TEST_CASE("ReportWriter: into a file lines, at the end a table") {
  const Term term("xterm");
  const int file = ::open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  REQUIRE(file >= 0);
  ReportWriter writer(file);
  CHECK(!writer.draws());
  writer.write(sample(1));
  writer.write(sample(2));
  iq::RunReport last = sample(3);
  last.has_ended = true;
  writer.write(last);
  std::string text(10'000, '\0');
  text.resize(static_cast<std::size_t>(::pread(file, text.data(), text.size(), 0)));
  CHECK(text == iq::to_line(sample(1)) + "\n" + iq::to_line(sample(2)) + "\n" + iq::to_text(last));
  ::close(file);
}

TEST_CASE("ReportWriter: a terminal that has hardly any room left is not waited for") {
  const Term term("xterm");
  const Pty pty(120);
  const int filling = ::open(::ttyname(pty.end()), O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
  REQUIRE(filling >= 0);
  const std::string line(200, '.');
  while (::write(filling, line.data(), line.size()) > 0) {
  }
  ::close(filling);
  ReportWriter writer(pty.end());
  for (std::uint64_t done = 0; done < 300; ++done) writer.write(sample(done, 20));
  Screen screen(120);
  pty.read();
  writer.write(sample(1000));
  screen.add(pty.read());
  CHECK(screen.rows() == expected(sample(1000), 120));
}

TEST_CASE("report_to: a pipeline on a terminal, from the first drawing to the last table") {
  const Term term("xterm");
  const Pty pty(70);
  Screen screen(70);
  std::FILE* stream = ::fdopen(::dup(pty.end()), "w");
  auto pipeline = iq::pipeline({.report = iq::report_to(stream, std::chrono::milliseconds(20))})
                      .from(std::views::iota(0, 300), {.name = "numbers"})
                      .map(
                          [](int x) {
                            ::usleep(1000);
                            return x;
                          },
                          {.workers = 2, .name = "slow"});
  pipeline.start();
  std::string before;
  for (const int x : pipeline) {
    static_cast<void>(x);
    screen.add(pty.read());
    const auto rows = screen.rows();
    if (rows.size() == 5 && before.empty() && rows[2].starts_with("slow  ")) before = rows[2];
  }
  pipeline.join();
  screen.add(pty.read(100));
  const auto rows = screen.rows();
  CHECK(before.find("[") != std::string::npos);
  REQUIRE(rows.size() == 5);  // titles, two stages, the caller, the whole
  CHECK(rows[0].starts_with("stage"));
  CHECK(rows[1].starts_with("numbers"));
  CHECK(rows[1].find(" 300 ") != std::string::npos);
  CHECK(rows[2].find(" 300 ") != std::string::npos);
  CHECK(rows[3].starts_with("(caller)"));
  CHECK(rows[4].starts_with("ended after "));
  CHECK(rows[4].find("bottleneck: slow (") != std::string::npos);
  std::fclose(stream);
}

TEST_CASE("report_to: a log that nobody reads, and one that is closed, keep no pipeline") {
  for (const bool is_closed : {false, true}) {
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    if (is_closed) ::close(ends[0]);
    std::FILE* stream = ::fdopen(ends[1], "w");
    std::uint64_t count =
        iq::pipeline({.report = iq::report_to(stream, std::chrono::milliseconds(1))})
            .from(std::views::iota(0, 200))
            .map([](int x) {
              ::usleep(1000);
              return x;
            })
            .join();
    CHECK(count == 200);
    if (!is_closed) ::close(ends[0]);
    std::fclose(stream);
  }
  CHECK_THROWS_AS(iq::report_to(static_cast<std::FILE*>(nullptr)), std::invalid_argument);
}
