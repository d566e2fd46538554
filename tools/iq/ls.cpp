// iq ls: every named queue in one line.
#include <fmt/format.h>

#include <cstdio>

#include "advice.hpp"
#include "commands.hpp"
#include "iq/inspect.hpp"
#include "json.hpp"
#include "terminal.hpp"

namespace tool {
namespace {

/// As much as is known; nullopt when it went away meanwhile.
std::optional<iq::Inspection> look(const iq::ListedQueue& listed) {
  try {
    return iq::inspect(listed.name);
  } catch (const iq::NotFound&) {
    return std::nullopt;
  } catch (const iq::Error& error) {  // no queue can be called so
    iq::Inspection seen;
    seen.name = listed.name;
    seen.error = error.code();
    seen.problem = error.what();
    return seen;
  }
}

void write_json(const std::vector<iq::Inspection>& queues) {
  Json json;
  json.begin_object();
  json.key("queues");
  json.begin_array();
  for (const iq::Inspection& seen : queues) {
    json.begin_object();
    json.member("name", seen.name);
    json.member("state", state_of(seen));
    json.member("attached", to_string(seen.attached));
    json.member("reserved_bytes", seen.reserved_bytes);
    if (seen.error) {
      json.member("problem", seen.problem);
    } else {
      json.member("type", seen.type);
      json.member("queued", seen.stats.queued);
      json.member("in_hand", seen.stats.in_hand);
      json.member("parked", seen.stats.parked);
      json.member("producers", seen.stats.producers);
      json.member("consumers", seen.stats.consumers);
    }
    json.end_object();
  }
  json.end_array();
  json.end_object();
  fmt::print("{}\n", json.text());
}

Tone tone_of(const iq::Inspection& seen) {
  if (seen.error) return Tone::bad;
  if (seen.stats.parked != 0 || seen.stats.corrupt != 0) return Tone::warning;
  return seen.attached == iq::Alive::no ? Tone::dim : Tone::plain;
}

void write_text(const std::vector<iq::Inspection>& queues) {
  const Terminal terminal = Terminal::of_stdout();
  if (queues.empty()) {
    fmt::print("no named queues\n");
    return;
  }
  Table table({{"NAME", false, 9},
               {"STATE", false, 8},
               {"ATTACHED", false, 4},
               {"QUEUED", true, 7},
               {"IN HAND", true, 6},
               {"PARKED", true, 5},
               {"PROD", true, 3},
               {"CONS", true, 3},
               {"MEMORY", true, 2},
               {"TYPE", false, 1}});
  for (const iq::Inspection& seen : queues) {
    const iq::Stats& stats = seen.stats;
    std::vector<std::string> cells{
        printable(seen.name), state_of(seen),
        seen.attached == iq::Alive::no ? "nobody" : std::string(to_string(seen.attached))};
    for (const std::uint64_t figure :
         {stats.queued, stats.in_hand, stats.parked, std::uint64_t{stats.producers},
          std::uint64_t{stats.consumers}}) {
      cells.push_back(seen.error ? "-" : std::to_string(figure));
    }
    cells.push_back(size_of(seen.reserved_bytes));
    cells.push_back(printable(seen.type));
    table.add(std::move(cells), tone_of(seen));
  }
  fmt::print("{}", table.text(terminal));
  for (const iq::Inspection& seen : queues) {
    if (!seen.error) continue;
    fmt::print("\n{}\n", wrapped(printable(seen.problem), terminal.columns, "  "));
  }
}

}  // namespace

int ls(const Request& request) {
  std::vector<iq::Inspection> queues;
  for (const iq::ListedQueue& listed : iq::list_queues()) {
    if (auto seen = look(listed)) queues.push_back(std::move(*seen));
  }
  request.json ? write_json(queues) : write_text(queues);
  return kDone;
}

}  // namespace tool
