// What to do about what was found: one sentence for each fact that somebody may have to act on.
#include "advice.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "terminal.hpp"

namespace tool {
namespace {

using iq::Alive;
using iq::EndpointInfo;
using iq::EndpointRole;

class Advisor {
 public:
  Advisor(const iq::Inspection& seen, const std::optional<iq::Rates>& rates)
      : seen_(seen), rates_(rates) {}

  std::vector<Advice> all() {
    if (seen_.error) {
      say("unreadable", true, printable(seen_.problem));
      return std::move(found_);
    }
    about_stopped();
    about_unmoved();
    about_the_dead();
    about_attendance();
    about_end();
    about_parked();
    about_room();
    about_damage();
    return std::move(found_);
  }

 private:
  void say(const char* code, bool urgent, std::string text) {
    found_.push_back({code, urgent, std::move(text)});
  }

  void about_stopped() {
    for (const EndpointInfo& endpoint : seen_.endpoints) {
      if (!endpoint.stopped || endpoint.role == EndpointRole::queue_object) continue;
      const std::string remedy = fmt::format("kill -CONT {}", endpoint.pid);
      if (!endpoint.in_hand.empty()) {
        say("stopped_holding", true,
            fmt::format("{} is stopped and holds {}: {}", name_of(endpoint),
                        count_of(endpoint.in_hand.size(), "item"), remedy));
      } else if (endpoint.role == EndpointRole::producer) {
        say("stopped", true,
            fmt::format("{} is stopped, and the stream does not end before it goes on: {}",
                        name_of(endpoint), remedy));
      } else {
        say("stopped", false, fmt::format("{} is stopped: {}", name_of(endpoint), remedy));
      }
    }
    const auto foreign = std::ranges::count_if(seen_.endpoints, [](const EndpointInfo& endpoint) {
      return endpoint.alive == Alive::yes && !endpoint.pid_is_ours;
    });
    if (foreign != 0) {
      say("foreign_pid", false,
          fmt::format("{} of other pid namespaces: their pids mean nothing here, and whether they "
                      "are stopped cannot be seen from here",
                      count_of(static_cast<std::uint64_t>(foreign), "endpoint")));
    }
  }

  void about_unmoved() {
    if (!rates_) return;
    for (const EndpointInfo& endpoint : seen_.endpoints) {
      if (endpoint.stopped || endpoint.alive != Alive::yes ||
          std::ranges::find(rates_->unmoved, endpoint.number) == rates_->unmoved.end()) {
        continue;
      }
      say("slow", false,
          fmt::format("{} has had the same {} in hand for {:.1f} s or longer: it works, or waits "
                      "for something else",
                      name_of(endpoint), endpoint.in_hand.size() == 1 ? "item" : "items",
                      rates_->seconds));
    }
  }

  void about_the_dead() {
    std::vector<const EndpointInfo*> dead;
    std::uint64_t held = 0;
    for (const EndpointInfo& endpoint : seen_.endpoints) {
      if (endpoint.alive != Alive::no || endpoint.role == EndpointRole::queue_object) continue;
      dead.push_back(&endpoint);
      held += endpoint.in_hand.size() + endpoint.ahead;
    }
    if (dead.empty()) return;
    constexpr std::size_t kMostNames = 3;
    std::string names;
    for (std::size_t i = 0; i < std::min(dead.size(), kMostNames); ++i) {
      names += (i == 0 ? "" : ", ") + name_of(*dead[i]);
    }
    if (dead.size() > kMostNames) names += fmt::format(" and {} more", dead.size() - kMostNames);
    say("dead", false,
        fmt::format("{} {} dead{}: whoever waits for this queue next cleans up", names,
                    dead.size() == 1 ? "is" : "are",
                    held == 0 ? "" : fmt::format(" and had {}", count_of(held, "item"))));
  }

  void about_attendance() {
    const iq::Stats& stats = seen_.stats;
    const std::uint64_t left = stats.queued + stats.in_hand;
    if (stats.stopped) return;
    if (seen_.attached == Alive::no) {
      if (left != 0) {
        say("unattended", true,
            fmt::format("nobody is attached and {} queued: start a worker, or iq rm {}",
                        left == 1 ? "1 item is" : count_of(left, "item") + " are", seen_.name));
      } else if (stats.parked == 0) {
        say("unused", false,
            fmt::format("nobody is attached and nothing is queued: start a program that uses it, "
                        "or iq rm {}",
                        seen_.name));
      }
    } else if (alive(EndpointRole::consumer) == 0 && left != 0 &&
               (!stats.closed || alive(EndpointRole::producer) == 0)) {
      say("no_consumer", true,
          fmt::format("{} queued and there is no consumer: start a worker",
                      left == 1 ? "1 item is" : count_of(left, "item") + " are"));
    }
  }

  void about_end() {
    const iq::Stats& stats = seen_.stats;
    if (stats.stopped) {
      say("stopped_queue", false,
          fmt::format(
              "stopped{}: {} dropped. The next open_or_create begins anew once all have "
              "left",
              seen_.stop_text.empty() ? "" : " (" + printable(seen_.stop_text) + ")",
              stats.dropped == 1 ? "1 item was" : count_of(stats.dropped, "item") + " were"));
    } else if (stats.closed && alive(EndpointRole::consumer) == 0 &&
               alive(EndpointRole::producer) != 0) {
      say("no_consumers", true,
          seen_.had_consumers
              ? "closed, no consumers: producers get NoConsumers when they have to wait. Start a "
                "worker if what is queued matters"
              : "closed, and no consumer has come yet: start a worker");
    }
    if (!seen_.failure.empty()) {
      const bool told = seen_.options.on_producer_death == iq::OnProducerDeath::fail;
      say("producer_failure", told,
          fmt::format("{}: {}", printable(seen_.failure),
                      told ? "consumers are told at the end that the stream is not whole"
                           : "the stream ends all the same, as on_producer_death = end asks"));
    }
  }

  void about_parked() {
    if (seen_.parked.empty()) return;
    const std::uint64_t parked = seen_.parked.size();
    say("parked", true,
        fmt::format("{}: handed out {} or more and never acknowledged. Look at what the "
                    "consumers died of, then requeue_parked() or drop_parked()",
                    count_of(parked, "parked item"),
                    count_of(seen_.options.max_deliveries, "time")));
    const auto in_place = std::ranges::count_if(seen_.parked, &iq::ParkedInfo::in_place);
    if (in_place != 0) {
      say("parking_full", true,
          fmt::format("{} in its lane and keeps a producer's room: the parking area is full or too "
                      "small for it. Requeue or drop what is parked",
                      in_place == 1 ? "1 of them lies" : fmt::format("each of {} lies", in_place)));
    }
  }

  std::uint64_t capacity_of(const EndpointInfo& producer) const {
    const auto& lanes = seen_.lanes;
    const auto lane = std::ranges::find(lanes, producer.lane, &iq::LaneInfo::number);
    return lane != lanes.end() ? lane->capacity : seen_.options.capacity;
  }

  void about_room() {
    for (const EndpointInfo& endpoint : seen_.endpoints) {
      if (endpoint.role != EndpointRole::producer || !endpoint.waiting) continue;
      if (endpoint.alive != Alive::yes) continue;
      say("full", false,
          fmt::format("{} waits for room: its lane of {} is full of what is not acknowledged. More "
                      "consumers or a larger capacity would let it go on",
                      name_of(endpoint), capacity_of(endpoint)));
    }
  }

  void about_damage() {
    for (const iq::LaneInfo& lane : seen_.lanes) {
      if (lane.sound) continue;
      say("damaged", true,
          fmt::format("lane {} contradicts itself: somebody has overwritten shared memory. End the "
                      "programs that use the queue, then iq rm {}",
                      lane.number, seen_.name));
    }
    if (seen_.stats.corrupt != 0) {
      say("corrupt", true,
          fmt::format("{} could not be read: an item that no codec understands, or overwritten "
                      "shared memory",
                      count_of(seen_.stats.corrupt, "item or lane")));
    }
  }

  std::uint64_t alive(EndpointRole role) const {
    return static_cast<std::uint64_t>(
        std::ranges::count_if(seen_.endpoints, [&](const EndpointInfo& endpoint) {
          return endpoint.role == role && endpoint.alive != Alive::no;
        }));
  }

  const iq::Inspection& seen_;
  const std::optional<iq::Rates>& rates_;
  std::vector<Advice> found_;
};

}  // namespace

std::vector<Advice> advise(const iq::Inspection& seen, const std::optional<iq::Rates>& rates) {
  return Advisor(seen, rates).all();
}

std::string name_of(const EndpointInfo& endpoint) {
  const char* role = endpoint.role == EndpointRole::producer   ? "producer"
                     : endpoint.role == EndpointRole::consumer ? "consumer"
                                                               : "queue object";
  return fmt::format("{} {} (pid {}{}{})", role, endpoint.number, endpoint.pid,
                     endpoint.command.empty() ? "" : ", ", printable(endpoint.command));
}

std::string state_of(const EndpointInfo& endpoint) {
  if (endpoint.alive == Alive::no) return "dead";
  if (endpoint.alive == Alive::unknown) return "unknown";
  if (endpoint.stopped) return "stopped";
  return endpoint.waiting ? "waits" : "alive";
}

std::string state_of(const iq::Inspection& seen) {
  if (seen.error) return std::string(to_string(*seen.error));
  if (seen.stats.stopped) return "stopped";
  return seen.stats.closed ? "closed" : "open";
}

}  // namespace tool
