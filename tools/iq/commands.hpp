// The commands of `iq`. Each returns the exit code of the program.
#pragma once

#include <string>
#include <vector>

namespace tool {

inline constexpr int kDone = 0;
inline constexpr int kFailed = 1;  ///< something could not be looked at, or was not removed
inline constexpr int kUsage = 2;   ///< the command line is wrong; nothing was done

struct Request {
  std::vector<std::string> names;
  bool json = false;
  bool force = false;
  double interval_s = 0;  ///< 0: one look only
};

int ls(const Request& request);
int stat(const Request& request);
int rm(const Request& request);

}  // namespace tool
