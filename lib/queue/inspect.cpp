// What a queue looks like from outside.
//
// Everything is read off a private copy (shm/photo.cpp), so a queue of any type, at work, abandoned
// or full of garbage looks the same from here and is left as it is. Who is alive is asked of the
// kernel's locks; a pid is only believed for saying what a live holder does, and only within the
// pid namespace that it was noted in. Times are not in shared memory: see rates_between().
#include "iq/inspect.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <map>

#include "ring/figures.hpp"
#include "ring/parking.hpp"
#include "ring/tend.hpp"
#include "sys/process.hpp"
#include "sys/shm_file.hpp"

namespace iq {
namespace {

using namespace detail;

template <std::size_t kBytes>
std::string text_of(const char (&text)[kBytes]) {
  return {text, ::strnlen(text, kBytes)};
}

Alive to_alive(Held held) {
  return held == Held::yes ? Alive::yes : held == Held::no ? Alive::no : Alive::unknown;
}

void note_header(const SegmentHeader& header, Inspection& seen) {
  seen.queue_id = fmt::format("{:016x}{:016x}", header.queue_id[0], header.queue_id[1]);
  seen.creator_pid = header.creator_pid;
  seen.type = text_of(header.type_name);
  seen.type_bytes = header.type_bytes;
  seen.type_layout = header.type_layout;
  seen.encoded = header.in_place == 0;
  seen.options.capacity = header.capacity;
  seen.options.bytes_per_producer = header.ring_bytes;
  seen.options.max_deliveries = header.max_deliveries;
  seen.options.delivery = static_cast<Delivery>(header.delivery);
  seen.options.on_producer_death = static_cast<OnProducerDeath>(header.on_producer_death);
  seen.options.ends_with_creator = header.ends_with_creator != 0;
  seen.options.mode = seen.mode;
}

std::string failure_of(const Control& control) {
  const std::uint64_t failure = control.failure.load(std::memory_order_relaxed);
  if (failure == 0) return {};
  const auto pid = static_cast<std::int32_t>(failure);
  if ((failure >> 60) == kFailureDied) {
    return fmt::format("a producer (pid {}) was killed or left without closing", pid);
  }
  const bool told = control.failure_text_ready.load(std::memory_order_relaxed) != 0;
  return fmt::format("a producer (pid {}) failed{}{}", pid, told ? ": " : "",
                     told ? text_of(control.failure_text) : "");
}

std::vector<DeathInfo> deaths_of(const Control& control, std::uint64_t repaired) {
  std::vector<DeathInfo> deaths;
  for (std::uint64_t back = 1; back <= std::min<std::uint64_t>(repaired, kDeathsKept); ++back) {
    const std::uint64_t word =
        control.deaths[(repaired - back) % kDeathsKept].load(std::memory_order_relaxed);
    const auto role = static_cast<std::uint8_t>(std::min<std::uint64_t>(word >> 60, 4) & 3);
    if (word != 0) {
      deaths.push_back({static_cast<std::int32_t>(word), static_cast<EndpointRole>(role)});
    }
  }
  return deaths;
}

void note_process(const Segment& segment, EndpointInfo& endpoint) {
  const EndpointExtra& extra = segment.extra(endpoint.number);
  endpoint.pid = extra.pid.load(std::memory_order_relaxed);
  const std::uint64_t space = extra.pid_namespace.load(std::memory_order_relaxed);
  endpoint.pid_is_ours = space != 0 && space == pid_namespace();
  // While the byte is held its holder lives, so nobody else can have its pid.
  if (endpoint.alive != Alive::yes || !endpoint.pid_is_ours) return;
  const char state = process_state(endpoint.pid);
  endpoint.stopped = state == 'T' || state == 't';
  endpoint.command = process_name(endpoint.pid);
}

void note_endpoints(const Segment& segment, Inspection& seen) {
  const Control& control = segment.control();
  for (std::uint32_t i = 0, n = segment.endpoints_used(); i < n; ++i) {
    const Life life = Life::unpack(segment.life(i).load(std::memory_order_relaxed));
    if (!life.live || life.role > Role::handle) continue;
    EndpointInfo endpoint;
    endpoint.number = i;
    endpoint.role = static_cast<EndpointRole>(life.role);
    endpoint.alive = to_alive(probe_lock(segment.lock_file(), endpoint_byte(i), 2));
    const std::uint64_t bits = control.waiters[i / 64].load(std::memory_order_relaxed);
    endpoint.waiting = life.role == Role::consumer && (bits >> (i % 64) & 1) != 0;
    note_process(segment, endpoint);
    seen.endpoints.push_back(std::move(endpoint));
  }
}

void note_holding(const Holding& holding, std::map<std::uint32_t, EndpointInfo*>& endpoints) {
  const auto found = endpoints.find(holding.endpoint);
  if (found == endpoints.end() || found->second->role != EndpointRole::consumer) return;
  EndpointInfo& endpoint = *found->second;
  endpoint.lane = holding.lane;
  endpoint.ahead += holding.ahead;
  for (std::uint32_t i = 0; i < holding.in_hand; ++i) {
    endpoint.in_hand.push_back(item_id(holding.lane, holding.first + i));
  }
}

void note_lanes(const Segment& segment, Inspection& seen) {
  std::map<std::uint32_t, EndpointInfo*> endpoints;
  for (EndpointInfo& endpoint : seen.endpoints) endpoints[endpoint.number] = &endpoint;
  for (std::uint32_t i = 0, n = segment.lanes_used(); i < n; ++i) {
    const LaneView lane = segment.lane(i);
    const LaneFigures figures = count_lane(
        segment, lane, [&](const Holding& holding) { note_holding(holding, endpoints); });
    LaneInfo info{i, figures.put, figures.queued, figures.in_hand, std::nullopt, figures.sound};
    info.capacity = lane.capacity;
    const std::uint64_t owner = lane.control->owner.load(std::memory_order_relaxed) >> 32;
    const auto found = endpoints.find(static_cast<std::uint32_t>(owner) - 1);
    if (owner != 0 && found != endpoints.end() && found->second->role == EndpointRole::producer) {
      info.owner = found->first;
      found->second->lane = i;
      found->second->waiting = lane.control->room_wait.load(std::memory_order_relaxed) != 0;
    }
    seen.lanes.push_back(info);
  }
}

void note_segment(Segment& segment, Inspection& seen) {
  note_header(segment.header(), seen);
  seen.stats = count_figures(segment);
  seen.stats.closed = (segment.control().flags.load(std::memory_order_relaxed) & kClosed) != 0 ||
                      !has_keeper(segment);
  seen.failure = failure_of(segment.control());
  if (segment.control().stop_text_state.load(std::memory_order_relaxed) == 2) {
    seen.stop_text = text_of(segment.control().stop_text);
  }
  seen.had_consumers = segment.control().consumers_seen.load(std::memory_order_relaxed) != 0;
  seen.deaths = deaths_of(segment.control(), seen.stats.repaired);
  note_endpoints(segment, seen);
  note_lanes(segment, seen);
  visit_parked_copy(segment, [&](const ParkedBytes& item, bool in_place) {
    seen.parked.push_back(
        {item_id(item.lane, item.position), item.deliveries, item.payload.size(), in_place});
  });
}

void note_error(const Error& error, Inspection& seen) {
  seen.error = error.code();
  seen.problem = error.what();
}

void look_inside(Fd file, const std::string& name, Inspection& seen) {
  try {
    seen.version = Segment::read_version(file.get(), name);
    note_segment(*Segment::photograph(std::move(file), name), seen);
  } catch (const Error& error) {
    note_error(error, seen);
  }
}

}  // namespace

Inspection inspect(const std::string& name) {
  Inspection seen;
  seen.name = name;
  seen.path = shm_path(name);
  seen.taken_at = std::chrono::steady_clock::now();
  try {
    const std::optional<NamedFile> file = look_at_name(name);
    std::optional<Fd> opened;
    if (file) {
      seen.mode = file->mode;
      seen.owner = file->owner;
      seen.file_bytes = file->bytes;
      seen.reserved_bytes = file->reserved_bytes;
      opened = open_to_read(name);
    }
    if (!opened) {
      throw NotFound(fmt::format(
          "cannot look at queue \"{}\": there is none. iq ls lists those that there are", name));
    }
    if (std::optional<Fd> second = open_to_read(name)) {
      const LockFile locks(std::move(*second), name);
      seen.attached = to_alive(probe_lock(locks, kLockBase, 2 * kMaxEndpoints));
    }
    look_inside(std::move(*opened), name, seen);
  } catch (const NotFound&) {
    throw;
  } catch (const Error& error) {
    note_error(error, seen);
  }
  return seen;
}

std::vector<ListedQueue> list_queues() {
  std::vector<ListedQueue> listed;
  for (const std::string& name : names_in_shm()) {
    ListedQueue queue{name, std::nullopt, {}};
    try {
      const std::optional<Fd> file = open_to_read(name);
      if (!file) continue;  // gone meanwhile
      Segment::require_openable(file->get(), name);
    } catch (const Error& error) {
      queue.error = error.code();
      queue.problem = error.what();
    }
    listed.push_back(std::move(queue));
  }
  return listed;
}

std::optional<Rates> rates_between(const Inspection& before, const Inspection& after) {
  if (before.error || after.error || before.queue_id != after.queue_id) return std::nullopt;
  Rates rates;
  rates.seconds = std::chrono::duration<double>(after.taken_at - before.taken_at).count();
  if (rates.seconds <= 0) return std::nullopt;
  const auto finished = [](const Stats& s) {
    return static_cast<double>(s.put) - static_cast<double>(s.queued + s.in_hand + s.parked);
  };
  rates.put_per_s = static_cast<double>(after.stats.put - before.stats.put) / rates.seconds;
  rates.finished_per_s = (finished(after.stats) - finished(before.stats)) / rates.seconds;
  rates.redelivered_per_s =
      static_cast<double>(after.stats.redelivered - before.stats.redelivered) / rates.seconds;
  for (const EndpointInfo& now : after.endpoints) {
    const auto same = [&](const EndpointInfo& then) {
      return then.number == now.number && then.pid == now.pid && !now.in_hand.empty() &&
             then.in_hand == now.in_hand;
    };
    if (std::ranges::any_of(before.endpoints, same)) rates.unmoved.push_back(now.number);
  }
  return rates;
}

Removal remove_unattached(const std::string& name) {
  std::optional<Fd> file = open_named(name);
  if (!file) return Removal::not_found;
  const LockFile locks(std::move(*file), name);
  const std::optional<PinnedLock> all =
      PinnedLock::try_lock(locks, kReplacerByte, 1 + 2 * kMaxEndpoints);
  if (!all) return Removal::in_use;
  return unlink_name(name, locks.id()) ? Removal::removed : Removal::not_found;
}

}  // namespace iq
