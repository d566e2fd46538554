// exec(): programs with endpoints of their own, and every way in which a token is not used.
#include <doctest/doctest.h>

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

#include "examples_programs.hpp"
#include "launched.hpp"

namespace {

using Queue = iq::IterableQueue<int>;

const std::string kProgram = IQ_LAUNCHED;

std::vector<int> drain(iq::Consumer<int>& in) {
  std::vector<int> items;
  for (const int item : in) items.push_back(item);
  std::sort(items.begin(), items.end());
  return items;
}

iq::WorkerFailed failure_of(iq::WorkerGroup& crew) {
  try {
    crew.join();
  } catch (const iq::WorkerFailed& failed) {
    return failed;
  }
  throw std::runtime_error("join() found nothing wrong");
}

/// One launch of `launched VERB 0 TOKEN` with a producer's token, and what came of it.
struct Launch {
  Queue queue;
  iq::Consumer<int> in = queue.get_consumer();
  iq::WorkerGroup crew;
  std::optional<iq::WorkerFailed> failed;
  std::vector<int> items;
  std::string told;  // by ProducerFailed or ProducerDied

  Launch(const std::string& program, const std::string& verb, const std::string& word = "0") {
    crew.exec(program, {verb, word}, queue.producer_token());
    queue.close();
    try {
      for (;;) {
        const auto item = in.get();
        if (!item) break;
        items.push_back(*item);
      }
    } catch (const iq::ProducerFailed& error) {
      told = error.what();
    } catch (const iq::ProducerDied& error) {
      told = std::string("died: ") + error.what();
    }
    try {
      crew.join();
    } catch (const iq::WorkerFailed& error) {
      failed.emplace(error);
    }
  }
  bool consumers_heard(const std::string& part) const {
    return told.find(part) != std::string::npos;
  }
  bool join_said(const std::string& part) const {
    return failed && std::string(failed->what()).find(part) != std::string::npos;
  }
  int errc() const { return crew_result().exit_code; }
  iq::WorkerOutcome crew_result() const { return const_cast<iq::WorkerGroup&>(crew).results()[0]; }
};

}  // namespace

TEST_CASE("exec: programs produce into an anonymous queue and the stream ends with them") {
  Queue queue;
  auto in = queue.get_consumer();
  iq::WorkerGroup crew;
  for (int i = 0; i < 3; ++i) crew.exec(kProgram, {"put", "100"}, queue.producer_token());
  queue.close();
  std::vector<int> expected;
  for (int i = 0; i < 100; ++i) expected.insert(expected.end(), 3, i);
  CHECK(drain(in) == expected);
  crew.join();
  for (const iq::WorkerOutcome& outcome : crew.results()) {
    CHECK(outcome.end == iq::WorkerEnd::returned);
    CHECK(outcome.program == kProgram);
    CHECK(outcome.role == "producer of an anonymous queue");
  }
}

TEST_CASE("exec: a program between two queues, by two tokens, named and anonymous") {
  bool named = false;
  SUBCASE("named") { named = true; }
  SUBCASE("anonymous") {}
  const std::string name = iqtest::temp_name("exec");
  std::optional<Queue> numbers, squares;
  if (named) {
    numbers.emplace(iq::create_only, name + ".n");
    squares.emplace(iq::create_only, name + ".s");
  } else {
    numbers.emplace();
    squares.emplace();
  }
  auto out = numbers->get_producer();
  auto in = squares->get_consumer();
  iq::WorkerGroup crew;
  crew.exec(kProgram, {"square"}, numbers->consumer_token(), squares->producer_token());
  crew.exec(kProgram, {"square"}, numbers->consumer_token(), squares->producer_token());
  numbers->close();
  squares->close();
  for (int n = 0; n < 50; ++n) out.put(n);
  out.close();
  const auto items = drain(in);
  CHECK(std::accumulate(items.begin(), items.end(), 0) == 49 * 50 * 99 / 6);
  crew.join();
}

TEST_CASE("exec: a named queue is gone when its last program has ended") {
  const std::string name = iqtest::temp_name("gone");
  iq::WorkerGroup crew;
  {
    Queue queue(iq::create_only, name);
    crew.exec(kProgram, {"put", "0"}, queue.producer_token());
    queue.close();
  }
  crew.join();
  CHECK_THROWS_AS(Queue(iq::open_only, name), iq::NotFound);
}

TEST_CASE("exec: counted from the token on; one that is not given away closes its endpoint") {
  Queue queue;
  {
    iq::Token producer = queue.producer_token();
    iq::Token consumer = queue.consumer_token();
    CHECK(queue.producers() == 1);
    CHECK(queue.consumers() == 1);
    producer = queue.producer_token();
    CHECK(queue.producers() == 1);
  }
  CHECK(queue.producers() == 0);
  CHECK(queue.consumers() == 0);
  queue.close();
  auto in = queue.get_consumer();
  CHECK_FALSE(in.get().has_value());
}

TEST_CASE("exec: a token that was given away cannot be given again") {
  Queue queue;
  iq::Token token = queue.producer_token();
  iq::WorkerGroup crew;
  crew.exec(kProgram, {"put", "1"}, std::move(token));
  CHECK_THROWS_AS(crew.exec(kProgram, {"put", "1"}, std::move(token)), iq::BadArgument);
  CHECK_THROWS_AS(crew.exec({.restarts = -1}, kProgram, {}), iq::BadArgument);
  crew.join();
}

TEST_CASE("exec: a program that is not there: the endpoint fails, join names program and errno") {
  Launch launch("/nowhere/worker", "put");
  CHECK(launch.consumers_heard("program /nowhere/worker could not be run: No such file"));
  CHECK(launch.join_said("could not be run: No such file or directory (ENOENT"));
  CHECK(launch.failed->outcome().end == iq::WorkerEnd::not_executed);
  CHECK(launch.failed->outcome().error_number == ENOENT);
}

TEST_CASE("exec: a file that may not be executed, and one without a slash that PATH has") {
  iqtest::Folder folder;
  std::ofstream(folder / "data") << "no program";
  Launch refused(folder / "data", "put");
  CHECK(refused.failed->outcome().error_number == EACCES);
  Launch found("true", "put");
  CHECK(found.join_said("program true"));
  CHECK(found.join_said("without using its token"));
}

TEST_CASE("exec: a failed start is not repeated, whatever the restarts") {
  Queue queue;
  iq::WorkerGroup crew;
  crew.exec({.restarts = 5}, "/nowhere/worker", {}, queue.consumer_token());
  CHECK(failure_of(crew).outcome().restarts == 0);
  CHECK(queue.consumers() == 0);
}

TEST_CASE("exec: a program that ignores its token, or dies before, has failed") {
  Launch ignoring(kProgram, "ignore");
  CHECK(ignoring.consumers_heard("ended with code 0 and never took this endpoint"));
  CHECK(ignoring.join_said("ended with code 0 without using its token"));
  Launch dying(kProgram, "die");
  CHECK(dying.consumers_heard("was killed by signal 9 before it took this endpoint"));
  CHECK(dying.failed->signal() == SIGKILL);
  Launch failing(kProgram, "ignore", "3");
  CHECK(failing.failed->exit_code() == 3);
}

TEST_CASE("exec: a token is good for one use, in the one process") {
  Launch twice(kProgram, "twice");
  CHECK_FALSE(twice.failed.has_value());
  CHECK(twice.items == std::vector{1});
  Launch in_child(kProgram, "in_child");
  CHECK_FALSE(in_child.failed.has_value());
  CHECK(in_child.items == std::vector{7});
}

TEST_CASE("exec: wrong type and wrong end are refused, and the endpoint fails with the program") {
  Launch type(kProgram, "wrong_type");
  CHECK(type.errc() == static_cast<int>(iq::Errc::wrong_type));
  CHECK(type.consumers_heard("never took this endpoint"));
  Launch end(kProgram, "wrong_end");
  CHECK(end.errc() == static_cast<int>(iq::Errc::bad_argument));
}

TEST_CASE("exec: a program that closed all descriptors before finds its anonymous queue") {
  Launch launch(kProgram, "without_descriptors");
  CHECK_FALSE(launch.failed.has_value());
  CHECK(launch.items == std::vector{1});
}

TEST_CASE("exec: a program that leaves with 0 and an open producer has died as a producer") {
  Launch launch(kProgram, "leave_without_closing");
  CHECK_FALSE(launch.failed.has_value());
  CHECK(launch.items == std::vector{1});
  CHECK(launch.consumers_heard("died: a producer of an anonymous queue"));
}

TEST_CASE("exec: a program killed with an item in hand is started again and goes on") {
  Queue jobs, answers;
  auto out = jobs.get_producer();
  auto in = answers.get_consumer();
  iq::WorkerGroup crew;
  crew.exec({.restarts = 4}, kProgram, {"die_with_first"}, jobs.consumer_token(),
            answers.producer_token());
  jobs.close();
  answers.close();
  for (int n = 1; n <= 4; ++n) out.put(n);
  out.close();
  CHECK(drain(in) == std::vector{11, 12, 21, 22, 31, 32, 41, 42});
  crew.join();
  CHECK(crew.results()[0].restarts == 4);
  CHECK(crew.results()[0].end == iq::WorkerEnd::returned);
}

TEST_CASE("exec: a program that relays is started again and again, each item goes on once") {
  Queue jobs, answers;
  jobs.get_producer().put_all({1, 2, 3, 4, 5, 6, 7, 8, 9});
  auto in = answers.get_consumer();
  iq::WorkerGroup crew;
  crew.exec({.restarts = 10}, kProgram, {"relay_two"}, jobs.consumer_token(),
            answers.producer_token());
  jobs.close();
  answers.close();
  CHECK(drain(in) == std::vector{1, 2, 3, 4, 5, 6, 7, 8, 9});
  crew.join();
  CHECK(crew.results()[0].restarts == 4);
}

TEST_CASE("exec: a killed parent takes its programs along") {
  const std::string name = iqtest::temp_name("along");
  Queue queue(iq::create_only, name);
  auto in = queue.get_consumer();
  auto parent = iqtest::spawn([&] {
    Queue mine(iq::open_only, name);
    iq::WorkerGroup crew;
    crew.exec(kProgram, {"ignore_term"}, mine.producer_token());
    crew.join();
  });
  const int pid = in.get().value();
  parent.kill_and_wait();
  CHECK(iqtest::gone(pid, 2));
  CHECK(iqtest::reap_orphans());
  queue.close();
  CHECK_THROWS_AS(in.get(), iq::ProducerDied);
}
