// The words for failures, and which of several stands first.
#include "work/worker_failed.hpp"

#include <doctest/doctest.h>

#include <csignal>

using iq::WorkerEnd;
using iq::WorkerOutcome;
using namespace iq::detail;

namespace {

WorkerRecord record(int worker, WorkerEnd end, std::int64_t failed_at_ns) {
  WorkerRecord result;
  result.outcome.worker = worker;
  result.outcome.pid = 100 + worker;
  result.outcome.role = "worker";
  result.outcome.end = end;
  result.failed_at_ns = failed_at_ns;
  return result;
}

}  // namespace

TEST_CASE("describe: each way to end") {
  WorkerOutcome outcome = record(3, WorkerEnd::threw, 0).outcome;
  outcome.exception_type = "std::runtime_error";
  outcome.exception_text = "no luck";
  CHECK(describe(outcome) == "worker 3 (pid 103, worker) threw std::runtime_error: no luck");
  outcome.exception_type = "int";
  outcome.exception_text.clear();
  CHECK(describe(outcome) == "worker 3 (pid 103, worker) threw int");
  outcome.end = WorkerEnd::exited;
  outcome.exit_code = 0;
  CHECK(describe(outcome) ==
        "worker 3 (pid 103, worker) exited with code 0 before its function returned");
  outcome.end = WorkerEnd::killed;
  outcome.signal = SIGTERM;
  CHECK(describe(outcome) == "worker 3 (pid 103, worker) was killed by signal 15 (SIGTERM)");
  outcome.signal = SIGRTMIN + 1;
  CHECK(describe(outcome).ends_with("was killed by signal " + std::to_string(SIGRTMIN + 1)));
  outcome.end = WorkerEnd::lost;
  CHECK(describe(outcome).ends_with("was lost: its supervisor process was killed"));
  outcome.end = WorkerEnd::never_started;
  outcome.pid = 0;
  CHECK(describe(outcome) == "worker 3 (worker) never started");
}

TEST_CASE("worker_failure: none when all returned") {
  const WorkerRecord good = record(0, WorkerEnd::returned, 0);
  CHECK_FALSE(worker_failure({}).has_value());
  CHECK_FALSE(worker_failure({&good}).has_value());
}

TEST_CASE("worker_failure: causes before consequences, then by time; the text counts the rest") {
  WorkerRecord echo = record(0, WorkerEnd::threw, 10);
  echo.outcome.is_consequence = true;
  const WorkerRecord late = record(1, WorkerEnd::lost, 30);
  const WorkerRecord early = record(2, WorkerEnd::lost, 20);
  const WorkerRecord good = record(3, WorkerEnd::returned, 5);
  const auto failure = worker_failure({&echo, &late, &good, &early});
  REQUIRE(failure);
  CHECK(failure->worker() == 2);
  const std::string text = failure->what();
  const auto others = text.find("; 2 more workers failed: worker 1 ");
  REQUIRE(others != std::string::npos);
  CHECK(text.find("; worker 0 ", others) != std::string::npos);
}

TEST_CASE("worker_failure: of many others only three are described") {
  std::vector<WorkerRecord> records;
  for (int i = 0; i < 20; ++i) records.push_back(record(i, WorkerEnd::lost, i + 1));
  std::vector<const WorkerRecord*> all;
  for (const WorkerRecord& one : records) all.push_back(&one);
  const std::string text = worker_failure(all)->what();
  CHECK(text.find("; 19 more workers failed: worker 1 ") != std::string::npos);
  CHECK(text.find("worker 4 ") == std::string::npos);
  CHECK(text.ends_with("; and 16 more"));
}
