// feeder and worker: two programs that meet by name.
#include <csignal>
#include <cstdio>
#include <map>

#include <iq/iq.hpp>

#include "examples_programs.hpp"
#include "jobs/jobs.hpp"

using iqtest::Program;

namespace {

// The answers by job id, as `delivery`s; and the feeder's last line.
struct Printed {
  std::map<std::uint64_t, unsigned> deliveries;
  std::string last;
};

Printed read_feeder(const std::string& text) {
  Printed printed;
  for (const std::string& line : iqtest::lines_of(text)) {
    unsigned long long id = 0, sum = 0, item = 0;
    unsigned delivery = 0;
    if (std::sscanf(line.c_str(), "job %llu: sum %llu, item %llu, delivery %u,", &id, &sum, &item,
                    &delivery) == 4) {
      const unsigned long long most = id % 100 + 1;
      CHECK(sum == most * (most + 1) / 2);
      CHECK(printed.deliveries.emplace(id, delivery).second);
    }
    printed.last = line;
  }
  return printed;
}

std::vector<std::string> feeder(const std::string& name, int count) {
  return {iqtest::example("feeder"), name, "--count", std::to_string(count)};
}

std::vector<std::string> worker(const std::string& name) {
  return {iqtest::example("worker"), name};
}

// Takes a job and then does nothing with it for longer than any test runs.
std::vector<std::string> stuck_worker(const std::string& name) {
  return {iqtest::example("worker"), name, "--delay", "1000000"};
}

bool has_job(const Program& program) {
  return iqtest::wait_until([&] { return program.out().find("job ") != std::string::npos; });
}

// True when `count` workers have both of their endpoints.
bool workers_are_there(const std::string& name, std::uint32_t count) {
  return iqtest::wait_until([&] {
    const auto answers = jobs::open_answers(name);
    return answers.producers() == count && jobs::open_jobs(name).consumers() == count;
  });
}

}  // namespace

TEST_CASE("feeder, then worker: each job is answered once, both exit, the names are gone") {
  const std::string name = iqtest::temp_name("jobs");
  Program feeding(feeder(name, 300));
  REQUIRE(iqtest::wait_until([&] { return jobs::open_jobs(name).size() == 300; }));
  Program working(worker(name));
  CHECK(feeding.wait().ok());
  CHECK(working.wait().ok());
  const Printed printed = read_feeder(feeding.out());
  CHECK(printed.deliveries.size() == 300);
  CHECK(printed.last ==
        "300 jobs answered, 0 of them delivered again, 0 answered again, "
        "total 515100");
}

TEST_CASE("three workers, then feeder: each job is answered once, all exit, the names are gone") {
  const std::string name = iqtest::temp_name("jobs");
  Program one(worker(name)), two(worker(name)), three(worker(name));
  REQUIRE(workers_are_there(name, 3));
  Program feeding(feeder(name, 1000));
  CHECK(feeding.wait().ok());
  for (Program* working : {&one, &two, &three}) CHECK(working->wait().ok());
  CHECK(read_feeder(feeding.out()).deliveries.size() == 1000);
}

TEST_CASE("a worker killed -9 with a job in hand: that one job is delivered again, none is lost") {
  const std::string name = iqtest::temp_name("jobs");
  Program victim(stuck_worker(name));
  REQUIRE(workers_are_there(name, 1));
  Program feeding(feeder(name, 200));
  REQUIRE(has_job(victim));
  Program one(worker(name)), two(worker(name));
  REQUIRE(workers_are_there(name, 3));  // before the end can come
  victim.child().kill_and_wait();
  CHECK(feeding.wait().ok());
  CHECK(one.wait().ok());
  CHECK(two.wait().ok());
  unsigned in_hand = 9999;
  std::sscanf(victim.out().c_str(), "job %u ", &in_hand);
  const Printed printed = read_feeder(feeding.out());
  REQUIRE(printed.deliveries.size() == 200);
  for (const auto& [id, deliveries] : printed.deliveries) {
    CAPTURE(id);
    CHECK(deliveries == (id == in_hand ? 2 : 1));
  }
  CHECK(printed.last.find("200 jobs answered, 1 of them delivered again") == 0);
}

TEST_CASE("a job that three workers died with is given up and named; the others are answered") {
  const std::string name = iqtest::temp_name("jobs");
  Program feeding(feeder(name, 50));
  for (int death = 0; death < 3; ++death) {
    Program victim(stuck_worker(name));
    REQUIRE(has_job(victim));
    CHECK(victim.out() == "job 0 (item 0, delivery " + std::to_string(death + 1) + ")\n");
    victim.child().kill_and_wait();
  }
  Program working(worker(name));
  CHECK(feeding.wait() == iqtest::Exit{1, 0});
  CHECK(working.wait().ok());
  CHECK(feeding.out().find("job 0: no answer, 3 workers died with it\n") != std::string::npos);
  CHECK(read_feeder(feeding.out()).deliveries.size() == 49);
}

TEST_CASE("feeder and worker: a wrong command line is exit code 2 and one line of usage") {
  for (const char* program : {"feeder", "worker"}) {
    Program wrong({iqtest::example(program), "--delay", "much"});
    CHECK(wrong.wait() == iqtest::Exit{2, 0});
    CHECK(wrong.err().find("[--delay N]") != std::string::npos);
  }
}
