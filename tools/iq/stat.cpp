// iq stat: one queue in full, for people.
#include "stat.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <thread>

#include "commands.hpp"
#include "terminal.hpp"

namespace tool {
namespace {

constexpr std::size_t kMostRows = 40;

class Text {
 public:
  explicit Text(const Finding& finding)
      : finding_(finding), seen_(finding.seen), terminal_(Terminal::of_stdout()) {}

  std::string all() {
    title();
    facts();
    if (!seen_.error) {
      endpoints();
      lanes();
      parked();
    }
    advice();
    return std::move(out_);
  }

 private:
  void title() {
    const Tone tone = seen_.error ? Tone::bad : seen_.stats.stopped ? Tone::warning : Tone::good;
    out_ += fmt::format("{}  {}{}\n", terminal_.paint(Tone::bold, printable(seen_.name)),
                        terminal_.paint(tone, state_of(seen_)),
                        seen_.attached == iq::Alive::no ? ", nobody attached" : "");
  }

  void fact(std::string_view what, const std::string& text) {
    constexpr std::string_view kIndent = "            ";  // two blanks, nine for `what`, one
    const std::size_t room = terminal_.columns;
    out_ += fmt::format("  {:<9} ", what);
    const std::string lines =
        wrapped(text, room == 0 ? 0 : std::max<std::size_t>(room, 40) - kIndent.size(), "");
    for (const char c : lines) {
      out_ += c;
      if (c == '\n') out_ += kIndent;
    }
    out_ += '\n';
  }

  bool has_smaller_lanes() const {
    return std::ranges::any_of(seen_.lanes, [this](const iq::LaneInfo& lane) {
      return lane.capacity < seen_.options.capacity;
    });
  }

  void facts() {
    const iq::Options& options = seen_.options;
    const iq::Stats& stats = seen_.stats;
    fact("file", fmt::format("{}, mode {:04o}, user {}, {} in memory", printable(seen_.path),
                             seen_.mode, seen_.owner, size_of(seen_.reserved_bytes)));
    if (seen_.version != 0) fact("format", fmt::format("version {}", seen_.version));
    if (seen_.error) return;
    fact("type", fmt::format("{} ({}, layout {:08x})", printable(seen_.type),
                             seen_.encoded ? std::string("encoded") : size_of(seen_.type_bytes),
                             seen_.type_layout >> 32));
    fact("creator", fmt::format("pid {}", seen_.creator_pid));
    fact("options",
         fmt::format(
             "capacity {} per producer{}, {}max_deliveries {}, {}, a dead producer {}{}",
             options.capacity, has_smaller_lanes() ? " (less from the fifth on)" : "",
             seen_.encoded ? size_of(options.bytes_per_producer) + " per producer, " : "",
             options.max_deliveries,
             options.delivery == iq::Delivery::at_least_once ? "at least once" : "at most once",
             options.on_producer_death == iq::OnProducerDeath::fail ? "is told of at the end"
                                                                    : "ends quietly",
             options.ends_with_creator ? ", ends with its creator" : ""));
    fact("items", fmt::format("{} queued, {} in hand, {} parked; {} put", stats.queued,
                              stats.in_hand, stats.parked, stats.put));
    if (finding_.rates) {
      const iq::Rates& rates = *finding_.rates;
      fact("rates", fmt::format("{} put/s, {} finished/s, over {:.1f} s", rate_of(rates.put_per_s),
                                rate_of(rates.finished_per_s), rates.seconds));
    }
    fact("history",
         fmt::format("{} repaired, {} redelivered, {} parked, {} taken over, {} unreadable",
                     stats.repaired, stats.redelivered, stats.parked_total, stats.taken_over,
                     stats.corrupt));
    if (!seen_.deaths.empty()) fact("deaths", deaths());
  }

  std::string deaths() const {
    std::string text;
    for (const iq::DeathInfo& death : seen_.deaths) {
      std::string role(to_string(death.role));
      std::ranges::replace(role, '_', ' ');
      text += fmt::format("{}{} pid {}", text.empty() ? "last: " : ", ", role, death.pid);
    }
    return text;
  }

  void more(std::size_t rows) {
    if (rows > kMostRows) out_ += fmt::format("  and {} more: --json has all\n", rows - kMostRows);
  }

  static std::string hand_of(const iq::EndpointInfo& endpoint) {
    if (endpoint.in_hand.empty()) return "";
    if (endpoint.in_hand.size() == 1) return fmt::format("1 ({})", endpoint.in_hand[0]);
    return fmt::format("{} ({}..{})", endpoint.in_hand.size(), endpoint.in_hand.front(),
                       endpoint.in_hand.back());
  }

  std::string held(const iq::EndpointInfo& endpoint) const {
    if (endpoint.in_hand.empty()) return "";
    const std::optional<double> seconds = finding_.held_s(endpoint);
    if (!seconds) return "";
    return *seconds > 0 ? fmt::format("> {:.1f} s", *seconds)
                        : fmt::format("< {:.1f} s", finding_.rates->seconds);
  }

  void endpoints() {
    Table table({{"NO", true, 9},
                 {"ROLE", false, 8},
                 {"PID", true, 7},
                 {"STATE", false, 6},
                 {"IN HAND", false, 5},
                 {finding_.rates ? "FOR" : "", false, finding_.rates ? 4 : 0},
                 {"AHEAD", true, 2},
                 {"LANE", true, 3},
                 {"COMMAND", false, 1}});
    for (const iq::EndpointInfo& endpoint : seen_.endpoints) {
      if (&endpoint - seen_.endpoints.data() >= static_cast<std::ptrdiff_t>(kMostRows)) break;
      std::string role(to_string(endpoint.role));
      std::ranges::replace(role, '_', ' ');
      const Tone tone = endpoint.alive == iq::Alive::no ? Tone::dim
                        : endpoint.stopped              ? Tone::warning
                                                        : Tone::plain;
      table.add({std::to_string(endpoint.number), role,
                 fmt::format("{}{}", endpoint.pid, endpoint.pid_is_ours ? "" : "*"),
                 state_of(endpoint), hand_of(endpoint), held(endpoint),
                 endpoint.ahead == 0 ? "" : std::to_string(endpoint.ahead),
                 endpoint.lane ? std::to_string(*endpoint.lane) : "", printable(endpoint.command)},
                tone);
    }
    section(table, seen_.endpoints.size());
  }

  void lanes() {
    Table table({{"LANE", true, 9},
                 {"QUEUED", true, 8},
                 {"IN HAND", true, 7},
                 {"PUT", true, 6},
                 {"PRODUCER", true, 5},
                 {"", false, 4}});
    for (const iq::LaneInfo& lane : seen_.lanes) {
      if (lane.number >= kMostRows) break;
      table.add({std::to_string(lane.number), std::to_string(lane.queued),
                 std::to_string(lane.in_hand), std::to_string(lane.put),
                 lane.owner ? std::to_string(*lane.owner) : "none", lane.sound ? "" : "damaged"},
                lane.sound ? Tone::plain : Tone::bad);
    }
    section(table, seen_.lanes.size());
  }

  void parked() {
    Table table({{"PARKED ITEM", true, 9},
                 {"DELIVERIES", true, 8},
                 {"SIZE", true, 7},
                 {"WHERE", false, 6}});
    for (std::size_t i = 0; i < std::min(seen_.parked.size(), kMostRows); ++i) {
      const iq::ParkedInfo& item = seen_.parked[i];
      table.add({std::to_string(item.id), std::to_string(item.deliveries), size_of(item.bytes),
                 item.in_place ? "in its lane" : "parking area"});
    }
    section(table, seen_.parked.size());
  }

  void section(const Table& table, std::size_t rows) {
    if (table.empty()) return;
    out_ += '\n' + table.text(terminal_);
    more(rows);
  }

  void advice() {
    if (finding_.advice.empty()) return;
    out_ += '\n';
    for (const Advice& advice : finding_.advice) {
      out_ += terminal_.paint(advice.urgent ? Tone::warning : Tone::dim, advice.urgent ? "!" : "-");
      out_ += ' ' + wrapped(advice.text, terminal_.columns == 0 ? 0 : terminal_.columns - 2, "  ");
      out_ += '\n';
    }
  }

  const Finding& finding_;
  const iq::Inspection& seen_;
  Terminal terminal_;
  std::string out_;
};

}  // namespace

std::optional<double> Finding::held_s(const iq::EndpointInfo& endpoint) const {
  if (!rates || endpoint.in_hand.empty()) return std::nullopt;
  const bool unmoved = std::ranges::find(rates->unmoved, endpoint.number) != rates->unmoved.end();
  return unmoved ? rates->seconds : 0;
}

std::string stat_text(const Finding& finding) { return Text(finding).all(); }

int stat(const Request& request) {
  const std::string& name = request.names.front();
  Finding finding{iq::inspect(name), std::nullopt, {}};
  if (request.interval_s > 0) {
    std::this_thread::sleep_for(std::chrono::duration<double>(request.interval_s));
    iq::Inspection second = iq::inspect(name);
    finding.rates = iq::rates_between(finding.seen, second);
    finding.seen = std::move(second);
  }
  finding.advice = advise(finding.seen, finding.rates);
  fmt::print("{}", request.json ? stat_json(finding) : stat_text(finding));
  return finding.seen.error ? kFailed : kDone;
}

}  // namespace tool
