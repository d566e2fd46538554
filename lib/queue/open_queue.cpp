// Creating, opening and removing queues by name.
//
// There is no gate file and no daemon: a queue is built without a name and linked whole; whoever
// replaces or removes one first locks every endpoint byte of it, which fails while anybody lives
// and keeps newcomers out; and whoever opens one attaches first and then looks whether the name
// still leads to it. docs/architecture.md, "Names".
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/clock.hpp"
#include "iq/detail/kill_point.hpp"
#include "iq/error.hpp"
#include "queue/shared_queue.hpp"
#include "ring/tend.hpp"
#include "sys/process.hpp"
#include "sys/shm_file.hpp"

namespace iq::detail {
namespace {

constexpr std::int64_t kPatienceNs = 1'000'000'000;
constexpr int kFewTries = 200;  // on a machine so busy that a second is no time
constexpr std::uint64_t kEncodedSlotBytes = 64;

// A lane that is larger than a core's own cache and smaller than the shared one is two to six times
// as fast as a smaller one (docs/decisions/0010-size-of-a-lane.md). A small file system should hold
// the lanes of many producers.
constexpr std::uint64_t kDefaultLaneBytes = std::uint64_t{4} << 20;
constexpr std::uint64_t kLeastLaneBytes = std::uint64_t{64} << 10;
constexpr std::uint64_t kLanesInFileSystem = 32;

std::uint64_t default_lane_bytes_in_files() {
  const std::uint64_t share = std::bit_floor(shm_directory_bytes() / kLanesInFileSystem);
  return std::clamp(share, kLeastLaneBytes, kDefaultLaneBytes);
}

std::uint64_t default_capacity(const ItemType& type, std::uint64_t lane_bytes) {
  return std::clamp<std::uint64_t>(std::bit_floor(lane_bytes / type.bytes), 4, 262'144);
}

// Slots with half as much room as the payloads beside them.
std::uint64_t default_encoded_capacity(std::uint64_t ring_bytes) {
  const std::uint64_t items = std::bit_floor(ring_bytes / (2 * kEncodedSlotBytes));
  return std::clamp<std::uint64_t>(items, 1024, 32'768);
}

SegmentHeader header_for(const ItemType& type, const Options& options,
                         std::uint64_t lane_bytes = kDefaultLaneBytes) {
  if (options.max_deliveries < 1 || options.max_deliveries > 14) {
    throw BadArgument(
        fmt::format("Options::max_deliveries is {}: it must be 1 to 14", options.max_deliveries));
  }
  if (options.reserve_lanes > kMaxLanes) {
    throw BadArgument(fmt::format("Options::reserve_lanes is {}: it must be 0 to {}",
                                  options.reserve_lanes, kMaxLanes));
  }
  if (options.bytes_per_producer > kMaxRingBytes) {
    throw BadArgument(fmt::format("Options::bytes_per_producer is {}: it must be 0 to {}",
                                  options.bytes_per_producer, kMaxRingBytes));
  }
  if ((options.mode & ~0666U) != 0 || (options.mode & 0600U) != 0600) {
    throw BadArgument(
        fmt::format("Options::mode is {:04o}: it must be 0600, with bits of 0066 for others who "
                    "take part",
                    options.mode));
  }
  SegmentHeader header;
  std::memset(&header, 0, sizeof header);
  if (type.in_place) {
    header.slot_bytes = type.bytes;
    header.capacity = default_capacity(type, lane_bytes);
  } else {
    header.slot_bytes = kEncodedSlotBytes;
    header.ring_bytes =
        options.bytes_per_producer == 0
            ? lane_bytes
            : std::bit_ceil(std::max<std::uint64_t>(options.bytes_per_producer, 64));
    header.capacity = default_encoded_capacity(header.ring_bytes);
  }
  if (options.capacity != 0) header.capacity = options.capacity;
  header.lanes_shrink = type.in_place && options.capacity == 0;
  header.in_place = type.in_place;
  header.max_deliveries = options.max_deliveries;
  header.delivery = static_cast<std::uint32_t>(options.delivery);
  header.on_producer_death = static_cast<std::uint32_t>(options.on_producer_death);
  header.ends_with_creator = options.ends_with_creator;
  header.type_layout = type.layout;
  header.type_bytes = type.bytes;
  header.type_alignment = type.alignment;
  header.codec_version = type.codec_version;
  const std::size_t name_bytes = std::min(type.name.size(), sizeof header.type_name - 1);
  std::memcpy(header.type_name, type.name.data(), name_bytes);
  return header;
}

std::string type_text(std::string_view name, std::uint32_t bytes, std::uint64_t layout) {
  return fmt::format("`{}` ({} bytes, layout {:08x})", name, bytes, layout >> 32);
}

std::string type_name_of(const SegmentHeader& header) {
  return {header.type_name, ::strnlen(header.type_name, sizeof header.type_name)};
}

bool same_type(const SegmentHeader& a, const SegmentHeader& b) {
  return a.type_layout == b.type_layout && a.codec_version == b.codec_version &&
         a.in_place == b.in_place && (a.in_place == 0 || a.type_bytes == b.type_bytes);
}

[[noreturn]] void refuse_type(const std::string& name, const SegmentHeader& theirs,
                              const SegmentHeader& ours) {
  throw WrongType(fmt::format(
      "cannot open queue \"{0}\": its items are {1}, this program's are {2}. Rebuild both "
      "programs, or remove the queue: iq rm {0}",
      name, type_text(type_name_of(theirs), theirs.type_bytes, theirs.type_layout),
      type_text(type_name_of(ours), ours.type_bytes, ours.type_layout)));
}

void require_options(const std::string& name, const SegmentHeader& theirs,
                     const SegmentHeader& ours) {
  const auto compare = [&](const char* what, std::uint64_t has, std::uint64_t wanted) {
    if (has == wanted) return;
    throw WrongOptions(
        fmt::format("cannot open queue \"{0}\": its {1} is {2}, this program requires {3}. Agree "
                    "on the options, "
                    "or remove the queue: iq rm {0}",
                    name, what, has, wanted));
  };
  compare("capacity", theirs.capacity, ours.capacity);
  compare("use of the default capacity", theirs.lanes_shrink, ours.lanes_shrink);
  compare("bytes_per_producer", theirs.ring_bytes, ours.ring_bytes);
  compare("max_deliveries", theirs.max_deliveries, ours.max_deliveries);
  compare("delivery", theirs.delivery, ours.delivery);
  compare("on_producer_death", theirs.on_producer_death, ours.on_producer_death);
  compare("ends_with_creator", theirs.ends_with_creator, ours.ends_with_creator);
}

std::shared_ptr<SharedQueue> attach_handle(const std::shared_ptr<Segment>& segment, bool created,
                                           const Options& options) {
  Attachment handle = attach_repairing(segment, Role::handle, false);
  if (created) {
    segment->control().creator.store(pack_lane_owner(handle.index(), handle.incarnation()),
                                     std::memory_order_release);
    try {
      for (std::uint32_t i = 0; i < options.reserve_lanes; ++i) segment->reserve_lane(i);
    } catch (...) {
      handle.detach();
      throw;
    }
  }
  return std::make_shared<SharedQueue>(std::move(handle));
}

/// One try. Null: somebody else was faster, try again.
std::shared_ptr<SharedQueue> create(const std::string& name, const SegmentHeader& header,
                                    const Options& options) {
  const auto segment = Segment::create_named(header, name, options.mode);
  auto queue = attach_handle(segment, true, options);
  IQ_KILL_POINT(create_before_link);
  const bool linked = segment->link();
  IQ_KILL_POINT(create_after_link);
  if (linked) return queue;
  queue->leave();
  return nullptr;
}

std::shared_ptr<SharedQueue> open(const std::shared_ptr<Segment>& segment, OpenMode mode,
                                  const SegmentHeader& ours, const Options& options) {
  const std::string& name = segment->name();
  const bool replaceable = mode != OpenMode::open_only;
  if (replaceable && is_closed(*segment)) {
    sweep(*segment, 0, kMaxEndpoints);  // the dead may be all that keeps it from being finished
    const auto finished = [&] { return is_finished(*segment); };
    if (finished()) {
      const Unlinked done = segment->unlink_if_unattached(finished);
      if (done == Unlinked::yes || done == Unlinked::raced) return nullptr;
    }
  }
  if (mode == OpenMode::create_only) {
    throw NameInUse(
        fmt::format("cannot create queue \"{0}\": a queue of this name exists. Use "
                    "open_or_create, or remove it: iq rm {0}",
                    name));
  }
  if (!same_type(segment->header(), ours)) {
    if (replaceable && segment->unlink_if_unattached() != Unlinked::in_use) return nullptr;
    refuse_type(name, segment->header(), ours);
  }
  if (options.require_options) require_options(name, segment->header(), ours);
  // Closed by a run of which nobody is left, with items in it: consumers get those and the end, a
  // producer may go on behind them.
  const bool rest = mode == OpenMode::open_or_create && is_closed(*segment) &&
                    segment->lock_if_unattached().has_value();
  std::shared_ptr<SharedQueue> queue;
  try {
    queue = attach_handle(segment, false, options);
    if (rest) queue->allow_reopening();
  } catch (const TooManyEndpoints&) {
    // Unless they are really all in use: somebody holds the range to replace or remove the queue.
    if (count_registered(*segment) >= kMaxEndpoints) throw;
    return nullptr;
  }
  if (segment->is_current()) return queue;
  queue->leave();
  return nullptr;
}

}  // namespace

void require_type(const Segment& segment, const ItemType& ours) {
  const SegmentHeader& theirs = segment.header();
  const SegmentHeader wanted = header_for(ours, {});
  if (same_type(theirs, wanted)) return;
  throw WrongType(fmt::format(
      "cannot use a token of {}: its items are {}, this program's are {}. Rebuild both "
      "programs with one definition of the type",
      segment.description(), type_text(type_name_of(theirs), theirs.type_bytes, theirs.type_layout),
      type_text(type_name_of(wanted), wanted.type_bytes, wanted.type_layout)));
}

std::shared_ptr<QueueCore> QueueCore::make_anonymous(const ItemType& type, const Options& options) {
  return attach_handle(Segment::create_anonymous(header_for(type, options)), true, options);
}

std::shared_ptr<QueueCore> QueueCore::make_named(OpenMode mode, const std::string& name,
                                                 const ItemType& type, const Options& options) {
  shm_path(name);
  const SegmentHeader ours = header_for(type, options, default_lane_bytes_in_files());
  const std::int64_t until = now_ns() + kPatienceNs;
  int tries = 0;
  do {
    const auto segment = Segment::open_named(name);
    if (!segment && mode == OpenMode::open_only) {
      throw NotFound(
          fmt::format("cannot open queue \"{}\": there is none. Start the program that "
                      "creates it, or use open_or_create",
                      name));
    }
    auto queue = segment ? open(segment, mode, ours, options) : create(name, ours, options);
    if (queue) return queue;
    yield_processor();
  } while (now_ns() < until || ++tries < kFewTries);
  throw Busy(
      fmt::format("cannot open queue \"{}\": other processes kept replacing it for a second. "
                  "Try again",
                  name));
}

bool QueueCore::remove(const std::string& name) {
  const auto id = named_file_id(name);
  if (!id) return false;
  return unlink_name(name, *id);
}

}  // namespace iq::detail
