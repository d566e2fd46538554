// iq rm, the command line, and what the output looks like in front of different readers.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <optional>

#include "tools/runs.hpp"

namespace {

using namespace iqtest;
using Queue = iq::IterableQueue<int>;
using std::to_string;

/// What `iq` writes to a terminal of that width.
std::string on_a_terminal(int columns, std::vector<std::string> words, const char* no_colour) {
  const int master = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  REQUIRE(master >= 0);
  REQUIRE(::grantpt(master) == 0);
  REQUIRE(::unlockpt(master) == 0);
  const winsize size{24, static_cast<unsigned short>(columns), 0, 0};
  REQUIRE(::ioctl(master, TIOCSWINSZ, &size) == 0);
  const int terminal = ::open(::ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
  REQUIRE(terminal >= 0);
  words.insert(words.begin(), IQ_TOOL);
  Child child = spawn([&] {
    ::setenv("TERM", "xterm", 1);
    if (no_colour != nullptr) ::setenv("NO_COLOR", no_colour, 1);
    require(::dup2(terminal, STDOUT_FILENO) == STDOUT_FILENO, "the terminal is its output");
    Program::run(words);
  });
  ::close(terminal);
  std::string text;
  char piece[4096];
  for (ssize_t got = 0; (got = ::read(master, piece, sizeof piece)) > 0;) {
    text.append(piece, static_cast<std::size_t>(got));
  }
  ::close(master);
  CHECK(child.wait().ok());
  return text;
}

std::size_t longest_line(const std::string& text) {
  std::size_t longest = 0;
  for (const std::string& line : lines_of(text)) {
    std::size_t columns = 0;
    for (std::size_t i = 0; i < line.size(); ++i) {
      if (line[i] == '\033')
        i = line.find('m', i);
      else if (line[i] != '\r' && (line[i] & 0xc0) != 0x80)
        ++columns;
    }
    longest = std::max(longest, columns);
  }
  return longest;
}

}  // namespace

TEST_CASE("iq rm: refuses while somebody lives and says who; with --force they go on unseen") {
  Name name;
  Queue queue(iq::create_only, name);
  queue.get_producer().put(1);
  Gate ready;
  Child holder = holder_of(name, ready);
  ready.wait();
  holder.stop();  // stopped is not dead
  Run run = iq_tool({"rm", name});
  CHECK(run.code == 1);
  CHECK(exists(name));
  CHECK(has(run.err, "is in use by"));
  CHECK(has(line_with(run.err, "pid " + to_string(holder.pid())), "stopped"));
  CHECK(has(run.err, "queue object 0 (pid " + to_string(::getpid())));
  run = iq_tool({"rm", name, "--force"});
  CHECK(run.code == 0);
  CHECK(has(run.out, "removed " + name.text + ", and 1 item with it"));
  CHECK_FALSE(exists(name));
  CHECK(queue.stats().in_hand == 1);
  holder.kill_and_wait();
  queue.close();
}

TEST_CASE("iq rm: several names, dead users, other versions; a missing one is exit code 1") {
  Name first;
  Name second;
  Name foreign;
  Gate ready;
  { Queue queue(iq::create_only, first); }
  Child user = spawn([&] {
    Queue queue(iq::create_only, second);
    ready.post();
    for (;;) ::pause();
  });
  ready.wait();
  user.kill_and_wait();
  std::ofstream(path_of(foreign)) << "not a queue";
  const std::string missing = temp_name("missing");
  const Run run = iq_tool({"rm", first, missing, second, foreign});
  CHECK(run.code == 1);
  CHECK(has(run.err, "there is no queue \"" + missing + "\""));
  for (const Name* name : {&first, &second, &foreign}) CHECK_FALSE(exists(*name));
  CHECK(iq_tool({"rm", "a/b"}).code == 1);
}

TEST_CASE("iq: a wrong command line is exit code 2 and says what is wrong") {
  Name name;
  { Queue queue(iq::create_only, name); }
  const std::vector<std::vector<std::string>> wrong = {{},
                                                       {"no"},
                                                       {"rm"},
                                                       {"stat"},
                                                       {"stat", name, name},
                                                       {"ls", name},
                                                       {"ls", "--force"},
                                                       {"stat", name, "--interval"},
                                                       {"stat", name, "--interval", "0"},
                                                       {"stat", name, "--interval=x"},
                                                       {"stat", name, "--interval", "1e9"},
                                                       {"stat", name, "--interval", "nan"},
                                                       {"rm", name, "--json"},
                                                       {"rm", name, "--force=1"}};
  for (const auto& words : wrong) {
    const Run run = iq_tool(words);
    std::string line;
    for (const std::string& word : words) line += word + " ";
    INFO(line);
    CHECK(run.code == 2);
    CHECK(run.out.empty());
    CHECK(has(run.err, words.empty() ? "usage:" : "iq: "));
  }
  CHECK(exists(name));
}

TEST_CASE("iq: help of the program and of each command, and the version") {
  for (const std::vector<std::string>& words : {std::vector<std::string>{"--help"},
                                                {"ls", "--help"},
                                                {"stat", "x", "--help"},
                                                {"rm", "-h"}}) {
    const Run run = iq_tool(words);
    CHECK(run.code == 0);
    CHECK(run.out.starts_with("usage: iq "));
    CHECK(run.err.empty());
  }
  CHECK(iq_tool({"--version"}).out.starts_with("iq "));
}

TEST_CASE("iq: output that cannot be written is exit code 1") {
  Child child = spawn([] {
    const int full = ::open("/dev/full", O_WRONLY | O_CLOEXEC);
    require(::dup2(full, STDOUT_FILENO) == STDOUT_FILENO, "the full device is its output");
    Program::run({IQ_TOOL, "ls"});
  });
  CHECK(child.wait().code == 1);
}

TEST_CASE("iq: colours on a terminal only, and not with NO_COLOR; narrow ones are respected") {
  Name name;
  Queue queue(iq::create_only, name);
  auto producer = queue.get_producer();
  auto consumer = queue.get_consumer();
  producer.put(1);
  REQUIRE(consumer.get());
  CHECK_FALSE(has(iq_tool({"stat", name}).out, "\033["));
  const std::string coloured = on_a_terminal(100, {"stat", name}, nullptr);
  CHECK(has(coloured, "\033[1m"));
  CHECK(has(on_a_terminal(100, {"stat", name}, ""), "\033[1m"));  // set and empty: as if not set
  CHECK_FALSE(has(on_a_terminal(100, {"stat", name}, "1"), "\033["));
  CHECK(longest_line(coloured) <= 100);
  for (const int columns : {40, 60, 80}) {
    for (const auto& words : {std::vector<std::string>{"stat", name}, {"ls"}}) {
      const std::string text = on_a_terminal(columns, words, nullptr);
      INFO(columns, " columns:\n", text);
      // What cannot be broken, a path or a name, may stick out.
      CHECK(longest_line(text) <=
            std::max<std::size_t>(static_cast<std::size_t>(columns), path_of(name).size() + 13));
      CHECK(has(text, "consumer") == (words.size() == 2));
    }
  }
  queue.close();
}
