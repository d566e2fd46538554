// The watchdog, the leak checks and the counting, on cases that misbehave on purpose.
#include <doctest/doctest.h>
#include <sys/wait.h>

#include <cstdio>
#include <string>

#include "support/process.hpp"

namespace {

struct Run {
  int code = -1;
  std::string text;
  bool says(const std::string& part) const { return text.find(part) != std::string::npos; }
};

/// Runs one case of the misbehaving program. `setting`: an environment variable; by default the
/// limit that this test itself was given does not count there.
Run run_case(const std::string& name, const std::string& setting = "IQ_TEST_LIMIT_S=") {
  const std::string command = setting + " '" IQ_MISBEHAVING "' -tc='" + name + "' </dev/null 2>&1";
  Run run;
  FILE* pipe = ::popen(command.c_str(), "re");
  REQUIRE(pipe != nullptr);
  char buffer[4096];
  while (const std::size_t length = std::fread(buffer, 1, sizeof buffer, pipe)) {
    run.text.append(buffer, length);
  }
  run.code = WEXITSTATUS(::pclose(pipe));
  INFO(run.text);
  CHECK(run.says("iqtest: "));
  return run;
}

void check_fails_saying(const std::string& name, const std::string& what) {
  const Run run = run_case(name);
  INFO(run.text);
  CHECK(run.code != 0);
  CHECK(run.says(what));
  CHECK(run.says("iqtest: 0 passed, 1 failed, 0 skipped"));
}

}  // namespace

TEST_CASE("Watchdog: a case that hangs is ended with its stack") {
  const Run run = run_case("hangs alone", "IQ_TEST_LIMIT_S=1");
  INFO(run.text);
  CHECK(run.code == 124);
  CHECK(run.says("iqtest: \"hangs alone\" HANGS"));
  CHECK(run.says("hang_here_for_ever"));
  CHECK(run.says("iqtest: 0 passed, 1 failed, 0 skipped"));
}

TEST_CASE("Watchdog: stopped, orphaned, deaf and threaded processes are shown and ended") {
  const Run run = run_case("hangs with a tree");
  INFO(run.text);
  CHECK(run.code == 124);
  CHECK(run.says("\" HANGS: over its limit; 3 processes:"));
  CHECK(run.says("state T"));
  CHECK(run.says("does not answer; wchan"));
  std::size_t shown = 0;
  for (std::size_t at = 0; (at = run.text.find("hang_here_for_ever", at)) != std::string::npos;) {
    ++shown;
    ++at;
  }
  CHECK(shown == 2);  // the stopped child and the second thread; the deaf one cannot answer
}

TEST_CASE("Watchdog: a program started by exec is shown through /proc") {
  const Run run = run_case("hangs in a program started by exec");
  INFO(run.text);
  CHECK(run.code == 124);
  CHECK(run.says("sleep 1000"));
}

TEST_CASE("Leak check: descriptors, files, zombies and processes fail the case by name") {
  check_fails_saying("leaves a descriptor", "-> /dev/null: close it");
  check_fails_saying("leaves a file", ".left: unlink it");
  check_fails_saying("leaves a zombie", "a zombie): wait for it");
  check_fails_saying("leaves a process and throws", "): wait for it");
}

TEST_CASE("Counting: a crash, an early exit and a child's failed check count as failed") {
  check_fails_saying("crashes", "\"crashes\" CRASHED: signal 6");
  check_fails_saying("crashes", "crash_here");
  check_fails_saying("crashes in a child", "crash_here");
  check_fails_saying("exits in the middle", "ended before the end of its cases");
  check_fails_saying("fails in a child only", "1 == 2");
}

TEST_CASE("Counting: a skipped case is counted with its reason") {
  const Run run = run_case("skips");
  INFO(run.text);
  CHECK(run.code == 0);
  CHECK(run.says("iqtest: skipped: skips: the moon is full"));
  CHECK(run.says("iqtest: 0 passed, 0 failed, 1 skipped"));
}

TEST_CASE("limit_seconds: a case may ask for more time") {
  const Run run = run_case("takes long and says so", "IQ_TEST_LIMIT_S=1");
  INFO(run.text);
  CHECK(run.code == 0);
  CHECK(run.says("iqtest: 1 passed, 0 failed, 0 skipped"));
}
