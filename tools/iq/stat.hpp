// What `iq stat` found, in its two forms.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "advice.hpp"
#include "iq/inspect.hpp"

namespace tool {

struct Finding {
  iq::Inspection seen;
  std::optional<iq::Rates> rates;  ///< with --interval
  std::vector<Advice> advice;

  /// How long the endpoint has held what it has in hand, at least; nullopt: not known.
  std::optional<double> held_s(const iq::EndpointInfo& endpoint) const;
};

std::string stat_json(const Finding& finding);
std::string stat_text(const Finding& finding);

}  // namespace tool
