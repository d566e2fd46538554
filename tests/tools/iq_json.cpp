// iq --json: valid, the same keys always, each of them in the man page; texts from others harmless.
#include <doctest/doctest.h>
#include <unistd.h>

#include <fstream>

#include "tools/runs.hpp"

namespace {

using namespace iqtest;

/// Valid JSON whose keys are all in iq.1; complaints otherwise.
std::string complaints_about(const std::string& json) {
  Folder folder;
  std::ofstream(folder / "json") << json;
  Program check({IQ_PYTHON, IQ_CHECK_JSON, IQ_MAN_PAGE, folder / "json"});
  const Exit exit = check.wait();
  return exit.ok() ? "" : check.out() + check.err() + json;
}

struct Page {
  int number;
};

}  // namespace

TEST_CASE("iq --json: a queue with everything in it, and one that cannot be read") {
  Name name;
  iq::IterableQueue<Page> queue(iq::create_only, name, {.max_deliveries = 1});
  auto producer = queue.get_producer();
  for (int i = 0; i < 5; ++i) producer.put({i});
  auto consumer = queue.get_consumer();
  REQUIRE(consumer.get());
  consumer.give_back();
  Gate ready;
  Child holder = holder_of<Page>(name, ready);
  ready.wait();
  Run run = iq_tool({"stat", name, "--json", "--interval", "0.1"});
  CHECK(run.code == 0);
  CHECK(complaints_about(run.out) == "");
  CHECK(has(run.out, "\"held_at_least_s\": 0.1"));
  CHECK(has(run.out, "\"code\": \"parked\""));
  holder.kill_and_wait();
  std::ofstream(path_of(name) + ".broken") << "garbage";
  run = iq_tool({"stat", name.text + ".broken", "--json"});
  CHECK(run.code == 1);
  CHECK(complaints_about(run.out) == "");
  CHECK(has(run.out, "\"state\": \"corrupt\""));
  run = iq_tool({"ls", "--json"});
  CHECK(complaints_about(run.out) == "");
  ::unlink((path_of(name) + ".broken").c_str());
  queue.drop_parked();
  queue.close();
}

TEST_CASE("iq: names and texts of others reach a terminal and JSON without their poison") {
  const std::string token = temp_name("poison");
  const std::string file = path_of(token + "\033]0;x\a\xff\"\\\n");
  std::ofstream(file) << "garbage";
  const Run json = iq_tool({"ls", "--json"});
  const Run text = iq_tool({"ls"});
  ::unlink(file.c_str());
  CHECK(complaints_about(json.out) == "");
  CHECK(has(json.out, token + "\\u001b]0;x\\u0007\\ufffd\\\"\\\\\\u000a"));
  CHECK_FALSE(has(text.out, "\033"));
  CHECK(has(line_with(text.out, token), "bad_name"));

  Name name;
  iq::IterableQueue<int> queue(iq::create_only, name);
  queue.stop(std::runtime_error("\033[2Jgone\xc3\x28"));
  CHECK_FALSE(has(iq_tool({"stat", name}).out, "\033"));
  CHECK(complaints_about(iq_tool({"stat", name, "--json"}).out) == "");
}
