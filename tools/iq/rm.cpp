// iq rm: takes names away, never under somebody who is attached unless told to.
#include <fmt/format.h>

#include <cstdio>

#include "advice.hpp"
#include "commands.hpp"
#include "iq/inspect.hpp"
#include "iq/queue.hpp"
#include "terminal.hpp"

namespace tool {
namespace {

/// ": 12 items, 2 of them parked, are gone"; empty when nothing was in it.
std::string losses(const iq::Inspection& seen) {
  const iq::Stats& stats = seen.stats;
  const std::uint64_t items = stats.queued + stats.in_hand + stats.parked;
  if (seen.error || items == 0) return {};
  return fmt::format(", and {} with it{}", count_of(items, "item"),
                     stats.parked == 0 ? "" : fmt::format(" ({} parked)", stats.parked));
}

std::string users_of(const iq::Inspection& seen) {
  std::string users;
  for (const iq::EndpointInfo& endpoint : seen.endpoints) {
    if (endpoint.alive == iq::Alive::no) continue;
    users += "\n  " + name_of(endpoint) + (endpoint.stopped ? ", stopped" : "");
  }
  if (!users.empty()) return users;
  return seen.error ? "\n  somebody who cannot be named, since the queue cannot be read"
                    : "\n  somebody who is just coming or leaving";
}

void say_in_use(const iq::Inspection& seen) {
  fmt::print(
      stderr,
      "iq rm: \"{0}\" is in use by{1}\nEnd them first; or iq rm --force {0}: then they go on "
      "with it unseen, and whoever opens the name gets a new queue\n",
      seen.name, users_of(seen));
}

bool remove_one(const std::string& name, bool force) {
  std::optional<iq::Inspection> seen;
  try {
    seen = iq::inspect(name);
  } catch (const iq::NotFound&) {
    fmt::print(stderr, "iq rm: there is no queue \"{}\": iq ls lists those that there are\n", name);
    return false;
  }
  const iq::Removal done = !force             ? iq::remove_unattached(name)
                           : iq::remove(name) ? iq::Removal::removed
                                              : iq::Removal::not_found;
  if (done == iq::Removal::in_use) {
    say_in_use(iq::inspect(name));
    return false;
  }
  if (done == iq::Removal::not_found) {
    fmt::print(stderr, "iq rm: \"{}\" was removed by somebody else meanwhile\n", name);
    return false;
  }
  fmt::print("removed {}{}\n", name, losses(*seen));
  return true;
}

}  // namespace

int rm(const Request& request) {
  int code = kDone;
  for (const std::string& name : request.names) {
    try {
      if (!remove_one(name, request.force)) code = kFailed;
    } catch (const iq::Error& error) {
      fmt::print(stderr, "iq rm: {}\n", printable(error.what()));
      code = kFailed;
    }
  }
  return code;
}

}  // namespace tool
