// iq stat --json: one queue in full, for programs. Keys are promised in iq.1.
#include <fmt/format.h>

#include "json.hpp"
#include "stat.hpp"

namespace tool {
namespace {

// Item ids have 62 bits, more than many readers of JSON keep of a number: they are strings.
std::string id_text(std::uint64_t id) { return std::to_string(id); }

template <class T>
void member_or_null(Json& json, std::string_view name, const std::optional<T>& content) {
  json.key(name);
  content ? json.value(*content) : json.null();
}

void write_options(Json& json, const iq::Options& options) {
  json.key("options");
  json.begin_object();
  json.member("capacity", options.capacity);
  json.member("bytes_per_producer", options.bytes_per_producer);
  json.member("max_deliveries", options.max_deliveries);
  json.member("delivery",
              options.delivery == iq::Delivery::at_least_once ? "at_least_once" : "at_most_once");
  json.member("on_producer_death",
              options.on_producer_death == iq::OnProducerDeath::fail ? "fail" : "end");
  json.member("ends_with_creator", options.ends_with_creator);
  json.end_object();
}

void write_stats(Json& json, const iq::Stats& stats) {
  json.key("stats");
  json.begin_object();
  json.member("queued", stats.queued);
  json.member("in_hand", stats.in_hand);
  json.member("put", stats.put);
  json.member("parked", stats.parked);
  json.member("parked_total", stats.parked_total);
  json.member("dropped", stats.dropped);
  json.member("redelivered", stats.redelivered);
  json.member("repaired", stats.repaired);
  json.member("taken_over", stats.taken_over);
  json.member("corrupt", stats.corrupt);
  json.member("producers", stats.producers);
  json.member("consumers", stats.consumers);
  json.end_object();
}

void write_endpoint(Json& json, const Finding& finding, const iq::EndpointInfo& endpoint) {
  json.begin_object();
  json.member("number", endpoint.number);
  json.member("role", to_string(endpoint.role));
  json.member("pid", endpoint.pid);
  json.member("pid_is_ours", endpoint.pid_is_ours);
  json.member("command", endpoint.command);
  json.member("state", state_of(endpoint));
  member_or_null(json, "lane", endpoint.lane);
  json.key("in_hand");
  json.begin_array();
  for (const std::uint64_t id : endpoint.in_hand) json.value(id_text(id));
  json.end_array();
  member_or_null(json, "held_at_least_s", finding.held_s(endpoint));
  json.member("ahead", endpoint.ahead);
  json.end_object();
}

void write_lists(Json& json, const Finding& finding) {
  json.key("endpoints");
  json.begin_array();
  for (const iq::EndpointInfo& endpoint : finding.seen.endpoints) {
    write_endpoint(json, finding, endpoint);
  }
  json.end_array();
  json.key("lanes");
  json.begin_array();
  for (const iq::LaneInfo& lane : finding.seen.lanes) {
    json.begin_object();
    json.member("number", lane.number);
    json.member("put", lane.put);
    json.member("queued", lane.queued);
    json.member("in_hand", lane.in_hand);
    member_or_null(json, "producer", lane.owner);
    json.member("sound", lane.sound);
    json.member("capacity", lane.capacity);
    json.end_object();
  }
  json.end_array();
  json.key("parked");
  json.begin_array();
  for (const iq::ParkedInfo& item : finding.seen.parked) {
    json.begin_object();
    json.member("id", id_text(item.id));
    json.member("deliveries", item.deliveries);
    json.member("bytes", item.bytes);
    json.member("in_place", item.in_place);
    json.end_object();
  }
  json.end_array();
  json.key("deaths");
  json.begin_array();
  for (const iq::DeathInfo& death : finding.seen.deaths) {
    json.begin_object();
    json.member("pid", death.pid);
    json.member("role", to_string(death.role));
    json.end_object();
  }
  json.end_array();
}

void write_contents(Json& json, const Finding& finding) {
  const iq::Inspection& seen = finding.seen;
  json.member("queue_id", seen.queue_id);
  json.member("creator_pid", seen.creator_pid);
  json.member("type", seen.type);
  json.member("type_bytes", seen.type_bytes);
  json.member("type_layout", fmt::format("{:016x}", seen.type_layout));
  json.member("encoded", seen.encoded);
  json.member("failure", seen.failure);
  json.member("stop_text", seen.stop_text);
  write_options(json, seen.options);
  write_stats(json, seen.stats);
  json.key("rates");
  if (finding.rates) {
    json.begin_object();
    json.member("seconds", finding.rates->seconds);
    json.member("put_per_s", finding.rates->put_per_s);
    json.member("finished_per_s", finding.rates->finished_per_s);
    json.member("redelivered_per_s", finding.rates->redelivered_per_s);
    json.end_object();
  } else {
    json.null();
  }
  write_lists(json, finding);
}

}  // namespace

std::string stat_json(const Finding& finding) {
  const iq::Inspection& seen = finding.seen;
  Json json;
  json.begin_object();
  json.member("name", seen.name);
  json.member("state", state_of(seen));
  json.member("attached", to_string(seen.attached));
  json.member("path", seen.path);
  json.member("mode", fmt::format("{:04o}", seen.mode));
  json.member("owner", seen.owner);
  json.member("file_bytes", seen.file_bytes);
  json.member("reserved_bytes", seen.reserved_bytes);
  json.member("version", seen.version);
  if (seen.error) {
    json.member("problem", seen.problem);
  } else {
    write_contents(json, finding);
  }
  json.key("advice");
  json.begin_array();
  for (const Advice& advice : finding.advice) {
    json.begin_object();
    json.member("code", advice.code);
    json.member("urgent", advice.urgent);
    json.member("text", advice.text);
    json.end_object();
  }
  json.end_array();
  json.end_object();
  return json.text() + "\n";
}

}  // namespace tool
