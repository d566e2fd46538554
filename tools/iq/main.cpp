// iq: looks at the named queues of this machine and removes them.
#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <cstdio>
#include <exception>
#include <optional>
#include <string_view>

#include "commands.hpp"
#include "iq/error.hpp"
#include "terminal.hpp"

namespace tool {
namespace {

struct Command {
  std::string_view name;
  int (*run)(const Request&);
  std::size_t fewest_names;
  std::size_t most_names;
  std::string_view options;  ///< that it knows, in blanks
  std::string_view help;
};

constexpr Command kCommands[] = {
    {"ls", ls, 0, 0, " --json ",
     "usage: iq ls [--json]\n"
     "Lists the named queues of this machine, and why some cannot be read.\n"
     "\n"
     "  --json   for programs; see iq(1)\n"},
    {"stat", stat, 1, 1, " --json --interval ",
     "usage: iq stat NAME [--json] [--interval SECONDS]\n"
     "Shows what is in a queue, who uses it, who holds what, and what to do about it.\n"
     "Nobody is disturbed and nothing is changed.\n"
     "\n"
     "  --interval SECONDS   look twice, so far apart: rates, and who has not moved\n"
     "  --json               for programs; see iq(1)\n"},
    {"rm", rm, 1, SIZE_MAX, " --force ",
     "usage: iq rm NAME... [--force]\n"
     "Removes queues with what is in them, unless somebody alive is attached.\n"
     "\n"
     "  --force   also then: they go on with it, and the name is free for another\n"},
};

constexpr std::string_view kHelp =
    "usage: iq ls [--json]\n"
    "       iq stat NAME [--json] [--interval SECONDS]\n"
    "       iq rm NAME... [--force]\n"
    "       iq --help | --version\n"
    "Looks at the named queues of IterableQueue and removes them.\n"
    "iq COMMAND --help says more.\n"
    "\n"
    "Exit code: 0 done; 1 a queue could not be read or was not removed;\n"
    "2 wrong command line.\n";

int wrong(const std::string& what) {
  fmt::print(stderr, "iq: {}. Try iq --help\n", what);
  return kUsage;
}

bool parse_interval(std::string_view text, double& seconds) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  return error == std::errc() && end == text.data() + text.size() && std::isfinite(seconds) &&
         seconds > 0 && seconds <= 86'400;
}

/// kDone, or kUsage after saying what is wrong.
int parse(const Command& command, const std::vector<std::string>& arguments, Request& request) {
  bool only_names = false;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    std::string argument = arguments[i];
    if (only_names || argument.empty() || argument[0] != '-') {
      request.names.push_back(argument);
      continue;
    }
    if (argument == "--") {
      only_names = true;
      continue;
    }
    std::optional<std::string> value;
    if (const std::size_t equals = argument.find('='); equals != std::string::npos) {
      value = argument.substr(equals + 1);
      argument.resize(equals);
    }
    if (command.options.find(" " + argument + " ") == std::string_view::npos) {
      return wrong(fmt::format("{} knows no option {}", command.name, printable(argument)));
    }
    if (argument == "--interval") {
      if (!value && i + 1 < arguments.size()) value = arguments[++i];
      if (!value || !parse_interval(*value, request.interval_s)) {
        return wrong("--interval needs seconds, more than 0 and at most 86400");
      }
    } else if (value) {
      return wrong(fmt::format("{} takes no value", argument));
    }
    request.json = request.json || argument == "--json";
    request.force = request.force || argument == "--force";
  }
  if (request.names.size() < command.fewest_names) {
    return wrong(fmt::format("{} needs the name of a queue", command.name));
  }
  if (request.names.size() > command.most_names) {
    return wrong(fmt::format("{} takes {}", command.name,
                             command.most_names == 0 ? "no names" : "one name only"));
  }
  return kDone;
}

bool asks_for(const std::vector<std::string>& arguments, std::string_view option) {
  for (const std::string& argument : arguments) {
    if (argument == "--") return false;
    if (argument == option) return true;
  }
  return false;
}

int run(const std::vector<std::string>& arguments) {
  if (arguments.empty()) {
    fmt::print(stderr, "{}", kHelp);
    return kUsage;
  }
  const std::string& first = arguments.front();
  if (first == "--version") {
    fmt::print("iq {}\n", IQ_VERSION);
    return kDone;
  }
  if (first == "--help" || first == "-h" || first == "help") {
    fmt::print("{}", kHelp);
    return kDone;
  }
  for (const Command& command : kCommands) {
    if (first != command.name) continue;
    const std::vector<std::string> rest(arguments.begin() + 1, arguments.end());
    if (asks_for(rest, "--help") || asks_for(rest, "-h")) {
      fmt::print("{}", command.help);
      return kDone;
    }
    Request request;
    const int code = parse(command, rest, request);
    return code != kDone ? code : command.run(request);
  }
  return wrong(fmt::format("there is no command {}", printable(first)));
}

}  // namespace
}  // namespace tool

int main(int argc, char** argv) {
  int code = tool::kFailed;
  try {
    code = tool::run({argv + 1, argv + argc});
  } catch (const std::exception& error) {
    fmt::print(stderr, "iq: {}\n", tool::printable(error.what()));
  }
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
    fmt::print(stderr, "iq: cannot write the output\n");
    return tool::kFailed;
  }
  return code;
}
