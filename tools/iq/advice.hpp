// What to do about what was found.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "iq/inspect.hpp"

namespace tool {

struct Advice {
  const char* code;  ///< for programs; listed in iq.1
  bool urgent;       ///< something is wrong; otherwise good to know
  std::string text;
};

std::vector<Advice> advise(const iq::Inspection& seen, const std::optional<iq::Rates>& rates);

/// `consumer 3 (pid 4711, worker)`.
std::string name_of(const iq::EndpointInfo& endpoint);

/// "alive", "waits", "stopped", "dead" or "unknown".
std::string state_of(const iq::EndpointInfo& endpoint);

/// "open", "closed" or "stopped"; the code of the error when it could not be read.
std::string state_of(const iq::Inspection& seen);

}  // namespace tool
