// The command line of both programs: [NAME] and options with a number.
#pragma once

#include <map>
#include <optional>
#include <string>

namespace jobs {

struct Options {
  std::string name = "iq-example-jobs";
  std::map<std::string, int> numbers;  ///< by option; comes in with the defaults
};

/// Nothing, after saying why on stderr, when the command line is wrong.
std::optional<Options> parse_options(int argc, char** argv, Options options);

}  // namespace jobs
