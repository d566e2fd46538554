// What the user asked for on the command line.
#pragma once

#include <optional>
#include <string>

namespace wordcount {

struct Options {
  std::string directory;
  int workers = 1;
  bool sequential = false;
  int kill_every_ms = 0;    ///< 0: nobody is killed
  std::string output_file;  ///< empty: none
};

/// Prints what is wrong, or the help, and sets `exit_code` when there is nothing to run.
std::optional<Options> parse_options(int argc, char** argv, int& exit_code);

}  // namespace wordcount
