// iq ls and iq stat, as a person in trouble uses them.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <fstream>
#include <optional>

#include "tools/runs.hpp"

namespace {

using namespace iqtest;
using Queue = iq::IterableQueue<int>;
using std::to_string;

}  // namespace

TEST_CASE("iq stat: a stopped consumer with an item: who it is and what to do") {
  Name name;
  Queue queue(iq::create_only, name);
  queue.get_producer().put(1);
  Gate ready;
  Child holder = holder_of(name, ready);
  ready.wait();
  CHECK(line_with(iq_tool({"stat", name}).out, "is stopped").empty());
  holder.stop();
  const Run run = iq_tool({"stat", name});
  CHECK(run.code == 0);
  CHECK(run.err.empty());
  const std::string advice = line_with(run.out, "is stopped and holds 1 item");
  CHECK(has(advice, "! consumer "));
  CHECK(has(advice, "(pid " + to_string(holder.pid()) + ", "));
  CHECK(has(advice, "kill -CONT " + to_string(holder.pid())));
  CHECK(has(run.out, "0 queued, 1 in hand, 0 parked; 1 put"));
  holder.cont();
  holder.kill_and_wait();
  const std::string dead = iq_tool({"stat", name}).out;
  CHECK(has(line_with(dead, "is dead and had 1 item"), "next cleans up"));
  CHECK(queue.stats().repaired == 0);  // looking has repaired nobody
  queue.close();
}

TEST_CASE("iq stat: nobody is attached, with items and without") {
  Name name;
  {
    Queue queue(iq::create_only, name);
    auto producer = queue.get_producer();
    for (int i = 0; i < 12; ++i) producer.put(i);
  }
  std::string out = iq_tool({"stat", name}).out;
  CHECK(has(out,
            "nobody is attached and 12 items are queued: start a worker, or iq rm " + name.text));
  {
    Queue queue(iq::open_only, name);
    auto consumer = queue.get_consumer();
    for (int i = 0; i < 12; ++i) consumer.try_get();
  }
  out = iq_tool({"stat", name}).out;
  CHECK(has(out, "nobody is attached and nothing is queued"));
}

TEST_CASE("iq stat: closed, with items, and only queue objects left: there is no consumer") {
  Name name;
  Queue queue(iq::create_only, name);
  queue.get_producer().put(1);
  queue.close();
  CHECK(has(iq_tool({"stat", name}).out, "1 item is queued and there is no consumer"));
  auto consumer = queue.get_consumer();
  CHECK_FALSE(has(iq_tool({"stat", name}).out, "there is no consumer"));
  CHECK(consumer.get() == 1);
}

TEST_CASE("iq stat: parked items, a dead producer, closed without consumers, a full lane") {
  Name name;
  Queue queue(iq::create_only, name, {.capacity = 4, .max_deliveries = 1});
  auto producer = queue.get_producer();
  {
    auto consumer = queue.get_consumer();
    for (int i = 0; i < 2; ++i) {
      producer.put(i);
      REQUIRE(consumer.get());
      consumer.give_back();
    }
    consumer.try_get();
  }
  std::string out = iq_tool({"stat", name}).out;
  CHECK(has(out, "2 parked items: handed out 1 time or more"));
  CHECK(has(line_with(out, "parking area"), "4 B"));

  Gate ready;
  Child waiting = spawn([&] {
    Queue own(iq::open_only, name);
    auto full = own.get_producer();
    for (int i = 0; i < 4; ++i) full.put(i);
    ready.post();
    full.put(5);
  });
  ready.wait();
  CHECK(wait_until([&] { return has(iq_tool({"stat", name}).out, "waits for room"); }));
  CHECK(has(iq_tool({"stat", name}).out, "4 items are queued and there is no consumer"));
  waiting.kill_and_wait();
  queue.close();
  CHECK(has(iq_tool({"stat", name}).out, "closed, no consumers: producers get NoConsumers"));
  producer.close();
  auto consumer = queue.get_consumer();
  CHECK_THROWS_AS(while (consumer.get()){}, iq::ProducerDied);
  out = iq_tool({"stat", name}).out;
  CHECK(has(out, "a producer (pid " + to_string(waiting.pid()) + ") was killed"));
  CHECK(has(line_with(out, "deaths"), "producer pid " + to_string(waiting.pid())));
  CHECK(queue.drop_parked() == 2);
}

TEST_CASE("iq stat --interval: rates, and who has had its item all the time") {
  Name name;
  Queue queue(iq::create_only, name);
  auto producer = queue.get_producer();
  producer.put(0);
  Gate ready;
  Child holder = holder_of(name, ready);
  ready.wait();
  CHECK_FALSE(has(iq_tool({"stat", name}).out, " FOR "));  // how long: not known from one look
  Program watching({IQ_TOOL, "stat", name, "--interval", "0.5"});
  Flag stop;
  Child busy = spawn([&] {
    Queue own(iq::open_only, name);
    auto in = own.get_consumer();
    auto out = own.get_producer();
    while (!stop.is_set()) {
      out.put(1);
      (void)in.get_for(std::chrono::seconds(5));
      in.ack();
    }
  });
  CHECK(watching.wait().code == 0);
  stop.set();
  CHECK(busy.wait().ok());
  const std::string out = watching.out();
  CHECK(has(out, "> 0.5 s"));
  CHECK(has(out, "has had the same item in hand for 0.5 s or longer"));
  const std::string rates = line_with(out, "put/s");
  CHECK(has(rates, "finished/s, over 0.5 s"));
  CHECK_FALSE(has(rates, "  0 put/s"));
  queue.close();
}

TEST_CASE("iq stat: of another version, or damaged: what is known, why, and exit code 1") {
  Name name;
  { Queue queue(iq::create_only, name); }
  const std::uint32_t other = 77;
  const int file = ::open(path_of(name).c_str(), O_WRONLY | O_CLOEXEC);
  REQUIRE(::pwrite(file, &other, sizeof other, 8) == sizeof other);
  ::close(file);
  Run run = iq_tool({"stat", name});
  CHECK(run.code == 1);
  CHECK(has(run.out, "wrong_version"));
  CHECK(has(run.out, "its format is version 77"));
  CHECK(has(run.out, "iq rm " + name.text));
  std::ofstream(path_of(name)) << "garbage";
  run = iq_tool({"stat", name});
  CHECK(run.code == 1);
  CHECK(has(run.out, "is not a queue of this library"));
  run = iq_tool({"stat", temp_name("none")});
  CHECK(run.code == 1);
  CHECK(has(run.err, "there is none"));
}

TEST_CASE("iq stat: a holder in another pid namespace: its pid is not believed") {
  Name name;
  Queue queue(iq::create_only, name);
  queue.get_producer().put(1);
  Gate ready;
  Flag refused;
  Flag leave;
  Child outer = spawn([&] {
    if (::unshare(CLONE_NEWPID) != 0) {
      refused.set();
      ready.post();
      return;
    }
    Child inner = holder_of(name, ready);  // pid 1 there
    leave.wait();
  });
  ready.wait();
  if (refused.is_set()) skip("no permission to make a pid namespace");
  const Run run = iq_tool({"stat", name});
  const std::string line = line_with(run.out, "consumer");
  CHECK(has(line, "1*"));
  CHECK(has(line, "alive"));
  CHECK(has(run.out, "2 endpoints of other pid namespaces"));
  CHECK_FALSE(has(run.out, "kill -CONT"));
  leave.set();
  CHECK(outer.wait().ok());
  queue.close();
}

TEST_CASE("iq ls: each queue with its figures, and those that cannot be read with the reason") {
  Name whole;
  Name broken;
  Queue queue(iq::create_only, whole);
  queue.get_producer().put(1);
  std::ofstream(path_of(broken)) << std::string(5000, 'z');
  const Run run = iq_tool({"ls"});
  CHECK(run.code == 0);
  CHECK(has(line_with(run.out, whole), "open"));
  CHECK(has(line_with(run.out, whole), "int"));
  CHECK(has(line_with(run.out, broken), "corrupt"));
  CHECK(has(run.out, "cannot open queue \"" + broken.text + "\""));
  queue.close();
  queue.get_consumer().get();
}
