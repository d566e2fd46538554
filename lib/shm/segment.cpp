// Creating, checking and opening segments.
//
// A named segment is built without a name and linked when it is whole, so whoever finds it finds
// all of it, whenever the creator is killed. The header is copied once and only the copy is
// believed: a peer that scribbles over it later changes nothing here.
#include "shm/segment.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <vector>

#include "iq/error.hpp"
#include "sys/futex.hpp"
#include "sys/process.hpp"
#include "sys/shm_file.hpp"

namespace iq::detail {
namespace {

std::uint64_t checksum(const SegmentHeader& header) {
  std::uint64_t hash = 0xcbf29ce484222325;
  const auto* bytes = reinterpret_cast<const unsigned char*>(&header);
  for (std::size_t i = 0; i < offsetof(SegmentHeader, checksum); ++i) {
    hash = (hash ^ bytes[i]) * 0x100000001b3;
  }
  return hash;
}

void complete(SegmentHeader& header, const Geometry& geometry, bool anonymous) {
  header.magic = kMagic;
  header.version = kSegmentVersion;
  header.header_bytes = sizeof(SegmentHeader);
  header.segment_bytes = geometry.segment_bytes;
  header.log2_slots = geometry.lane.log2_slots;
  header.anonymous = anonymous;
  header.creator_pid = process_id();
  std::random_device random;
  for (auto& word : header.queue_id) word = std::uint64_t{random()} << 32 | random();
  header.checksum = checksum(header);
}

}  // namespace

Segment::Segment(Fd file, std::string name, const SegmentHeader& header)
    : name_(std::move(name)),
      header_(header),
      geometry_(lay_out(header)),
      local_consumers_(std::make_unique<LocalConsumer[]>(kMaxEndpoints)) {
  mapping_ = Mapping(file.get(), geometry_.segment_bytes);
  lock_file_ = std::make_unique<LockFile>(std::move(file), name_);
  self_test_liveness(*lock_file_);
}

void Segment::initialise() {
  std::memcpy(mapping_.data(), &header_, sizeof header_);
  if (!register_asymmetric_fence()) control().flags.fetch_or(kNeedFence);  // T25
}

std::shared_ptr<Segment> Segment::create_anonymous(SegmentHeader header) {
  const Geometry geometry = lay_out(header);
  complete(header, geometry, true);
  Fd file = iq::detail::create_anonymous(geometry.segment_bytes);
  reserve_pages(file.get(), 0, geometry.base_bytes, "an anonymous queue");
  std::shared_ptr<Segment> segment(new Segment(std::move(file), {}, header));
  segment->initialise();
  return known(std::move(segment));
}

namespace {
/// All segments of this process, so that a repairer finds the queue that a relay put into. Under
/// the ForkGuard, which a fork takes too.
std::vector<std::weak_ptr<Segment>>& all_segments() {
  static auto* all = new std::vector<std::weak_ptr<Segment>>;
  return *all;
}
}  // namespace

std::shared_ptr<Segment> Segment::known(std::shared_ptr<Segment> made) {
  const ForkGuard guard;
  auto& all = all_segments();
  std::erase_if(all, [](const std::weak_ptr<Segment>& segment) { return segment.expired(); });
  all.push_back(made);
  return made;
}

std::shared_ptr<Segment> Segment::find(const std::uint64_t (&id)[2]) {
  std::shared_ptr<Segment> found;  // not destroyed under the guard
  const ForkGuard guard;
  for (const std::weak_ptr<Segment>& each : all_segments()) {
    auto segment = each.lock();
    if (segment && std::memcmp(segment->header_.queue_id, id, sizeof id) == 0) {
      found = std::move(segment);
      break;
    }
  }
  return found;
}

std::shared_ptr<Segment> Segment::create_named(SegmentHeader header, const std::string& name,
                                               std::uint32_t mode) {
  shm_path(name);  // refuses a bad name before anything is made
  const Geometry geometry = lay_out(header);
  complete(header, geometry, false);
  Fd file = create_unnamed(geometry.segment_bytes, static_cast<mode_t>(mode));
  reserve_pages(file.get(), 0, geometry.base_bytes, fmt::format("queue \"{}\"", name));
  std::shared_ptr<Segment> segment(new Segment(std::move(file), name, header));
  segment->initialise();
  return known(std::move(segment));
}

namespace {
/// The header as it is, of a file that begins like a queue.
SegmentHeader unchecked_header(int fd, const std::string& name) {
  SegmentHeader header;
  const std::uint64_t bytes = file_bytes(fd);
  if (bytes < kPageBytes || !read_at(fd, 0, &header, sizeof header) || header.magic != kMagic) {
    throw Corrupt(fmt::format(
        "cannot open queue \"{0}\": {1} ({2} bytes) is not a queue of this library; it was left "
        "as it is. Choose another name, or remove the file yourself",
        name, shm_path(name), bytes));
  }
  return header;
}
}  // namespace

std::uint32_t Segment::read_version(int fd, const std::string& name) {
  return unchecked_header(fd, name).version;
}

SegmentHeader Segment::read_header(int fd, const std::string& name) {
  const SegmentHeader header = unchecked_header(fd, name);
  const std::uint64_t bytes = file_bytes(fd);
  if (header.version != kSegmentVersion) {
    throw WrongVersion(fmt::format(
        "cannot open queue \"{0}\": its format is version {1}, this program's is {2}. Rebuild the "
        "programs with one version of the library, or remove the queue: iq rm {0}",
        name, header.version, kSegmentVersion));
  }
  if (header.header_bytes != sizeof header || header.checksum != checksum(header) ||
      header.segment_bytes != bytes || header.in_place > 1 || header.lanes_shrink > 1 ||
      header.max_deliveries > 14 ||
      (header.in_place == 1 && header.slot_bytes != header.type_bytes) ||
      (header.in_place == 0 && header.slot_bytes < 2 * kSlotHeaderBytes)) {
    throw Corrupt(
        fmt::format("cannot open queue \"{0}\": its header is damaged (checksum or size; "
                    "{1} bytes). Remove the queue: iq rm {0}",
                    name, bytes));
  }
  return header;
}

void Segment::require_sizes(const SegmentHeader& header, const std::string& name) {
  try {
    const Geometry g = lay_out(header);
    if (g.segment_bytes == header.segment_bytes && g.lane.log2_slots == header.log2_slots) return;
  } catch (const BadArgument&) {  // said below
  }
  throw Corrupt(
      fmt::format("cannot open queue \"{0}\": its sizes contradict each other. Remove the queue: "
                  "iq rm {0}",
                  name));
}

void Segment::require_openable(int fd, const std::string& name) {
  require_sizes(read_header(fd, name), name);
}

std::shared_ptr<Segment> Segment::open_named(const std::string& name) {
  std::optional<Fd> file = iq::detail::open_named(name);
  return file ? open_file(std::move(*file), name) : nullptr;
}

std::shared_ptr<Segment> Segment::open_file(Fd file, const std::string& name) {
  const SegmentHeader header = read_header(file.get(), name);
  require_sizes(header, name);
  std::shared_ptr<Segment> segment(new Segment(std::move(file), name, header));
  if (!register_asymmetric_fence()) segment->control().flags.fetch_or(kNeedFence);  // T25
  return known(std::move(segment));
}

bool Segment::link() { return link_name(lock_file_->reopen(), name_); }

bool Segment::is_current() const {
  if (anonymous()) return true;
  const std::optional<FileId> now = named_file_id(name_);
  return now && *now == lock_file_->id();
}

std::optional<PinnedLock> Segment::lock_if_unattached() const {
  return PinnedLock::try_lock(*lock_file_, kReplacerByte, 1 + 2 * kMaxEndpoints);
}

std::optional<std::array<PinnedLock, 2>> Segment::lock_all_but(std::uint32_t endpoint) const {
  const std::uint64_t own = endpoint_byte(endpoint);
  auto before = PinnedLock::try_lock(*lock_file_, kReplacerByte, own - kReplacerByte);
  if (!before) return std::nullopt;
  auto behind = PinnedLock::try_lock(*lock_file_, own + 2, endpoint_byte(kMaxEndpoints) - own - 2);
  if (!behind) return std::nullopt;
  return std::array{*std::move(before), *std::move(behind)};
}

Unlinked Segment::unlink_if_unattached(const std::function<bool()>& still) {
  if (anonymous()) return Unlinked::in_use;
  if (const std::optional<PinnedLock> all = lock_if_unattached()) {
    if (!still()) return Unlinked::kept;
    return unlink_name(name_, lock_file_->id()) ? Unlinked::yes : Unlinked::raced;
  }
  const bool rival = probe_lock(*lock_file_, kReplacerByte, 1) == Held::yes;
  return rival || !is_current() ? Unlinked::raced : Unlinked::in_use;
}

void Segment::unlink() { unlink_name(name_, lock_file_->id()); }

void Segment::reserve_lane(std::uint32_t index) {
  const std::uint64_t control =
      geometry_.lane_controls_offset + index * std::uint64_t{sizeof(LaneControl)};
  const std::uint64_t block = geometry_.lanes_offset + index * geometry_.lane.block_bytes;
  const std::string what = "the lane of a producer of " + description();
  const int fd = lock_file_->probe_fd();
  if (fd < 0) {
    throw CannotProbe(
        fmt::format("cannot add a producer to {}: the file descriptor was closed by "
                    "this process (close_range?)",
                    description()));
  }
  reserve_pages(fd, control, sizeof(LaneControl), what);
  reserve_pages(fd, block, geometry_.lane_of(index).block_bytes, what);
  mapping_.populate(block, geometry_.lane_of(index).block_bytes);
}

OutputName& Segment::reserve_output(std::uint32_t endpoint) {
  const int fd = lock_file_->probe_fd();
  if (fd < 0) {
    throw CannotProbe(fmt::format("cannot relay from {}: the file descriptor was closed by this "
                                  "process (close_range?)",
                                  description()));
  }
  reserve_pages(fd, geometry_.outputs_offset + endpoint * std::uint64_t{sizeof(OutputName)},
                sizeof(OutputName), "a relay from " + description());
  return output(endpoint);
}

bool Segment::reserve_parking() noexcept {
  try {
    reserve_pages(lock_file_->probe_fd(), geometry_.parking_offset, geometry_.parking.block_bytes,
                  "the parking area of " + description());
    return true;
  } catch (...) {
    return false;
  }
}

std::string Segment::description() const {
  return anonymous() ? "an anonymous queue" : fmt::format("queue \"{}\"", name_);
}

namespace {
LaneView view_of(LaneControl* control, std::byte* block, const LaneGeometry& g,
                 std::uint32_t index) {
  return {control,
          reinterpret_cast<Shared<std::uint64_t>*>(block),
          block + g.slots_offset,
          block + g.ring_offset,
          g.capacity,
          g.ring_bytes,
          g.log2_slots,
          g.slot_bytes,
          index};
}
}  // namespace

LaneView Segment::lane(std::uint32_t index) const noexcept {
  return view_of(at<LaneControl>(geometry_.lane_controls_offset) + index,
                 mapping_.data() + geometry_.lanes_offset + index * geometry_.lane.block_bytes,
                 geometry_.lane_of(index), index);
}

LaneView Segment::parking() const noexcept {
  return view_of(at<LaneControl>(geometry_.parking_control_offset),
                 mapping_.data() + geometry_.parking_offset, geometry_.parking, kMaxLanes);
}

std::uint32_t Segment::lanes_used() const noexcept {
  return std::min(control().lanes_used.load(std::memory_order_acquire), kMaxLanes);
}

std::uint32_t Segment::endpoints_used() const noexcept {
  return std::min(control().endpoints_used.load(std::memory_order_acquire), kMaxEndpoints);
}

}  // namespace iq::detail
