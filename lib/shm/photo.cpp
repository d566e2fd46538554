// A private copy of a segment, for looking at a queue from outside.
//
// It is read and not mapped: looking adds no page to a sparse file, no file that is cut short
// kills who looks at it (SIGBUS), and everything that counts works on the copy as on a segment
// that stands still. Words are read one after the other, so figures of a queue at work are about
// right; a lane whose words contradict each other is read again before it is believed.
#include <fmt/format.h>

#include <algorithm>

#include "iq/error.hpp"
#include "shm/segment.hpp"
#include "sys/process.hpp"
#include "sys/shm_file.hpp"

namespace iq::detail {
namespace {

constexpr int kTries = 4;
/// A stranger may have written a header that asks for any size; no honest queue has more in use.
constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 30;

/// How many stamps from the head on say what is in the lane.
std::uint64_t stamps_in_use(const LaneView& lane) noexcept {
  const Position head = lane.control->head.load(std::memory_order_relaxed);
  for (const auto* end : {&lane.control->tail, &lane.control->claim}) {
    const std::uint64_t items = end->load(std::memory_order_relaxed) - head;
    if (items <= lane.slot_count()) return items;
  }
  return 0;
}

bool is_sound(const LaneView& lane) noexcept {
  const Position head = lane.control->head.load(std::memory_order_relaxed);
  const std::uint64_t items = lane.control->tail.load(std::memory_order_relaxed) - head;
  return items <= lane.slot_count() &&
         lane.control->claim.load(std::memory_order_relaxed) - head <= items;
}

}  // namespace

/// What is copied from, and how much may still be.
struct Segment::Copying {
  int fd;
  std::uint64_t left_bytes;
};

Segment::Segment(Fd file, std::string name, const SegmentHeader& header, Mapping copy)
    : name_(std::move(name)),
      header_(header),
      geometry_(lay_out(header)),
      lock_file_(std::make_unique<LockFile>(std::move(file), name_)),
      mapping_(std::move(copy)) {}

std::shared_ptr<Segment> Segment::photograph(Fd file, const std::string& name) {
  const SegmentHeader header = read_header(file.get(), name);
  require_sizes(header, name);
  Mapping blank = Mapping::blank(header.segment_bytes);
  std::shared_ptr<Segment> copy(new Segment(std::move(file), name, header, std::move(blank)));
  Copying from{copy->lock_file_->probe_fd(), kMostBytes};
  copy->copy_words(from);
  return copy;
}

void Segment::copy_words(Copying& from) {
  copy_range(from, 0, geometry_.base_bytes);
  for (std::uint32_t i = 0, n = lanes_used(); i < n; ++i) copy_lane(from, i);
  // Last: a lease that is seen in a lane is then no newer than its owner's cursor.
  copy_range(from, geometry_.endpoints_offset, kMaxEndpoints * sizeof(EndpointLine));
  copy_parked(from);
}

void Segment::copy_lane(Copying& from, std::uint32_t index) {
  const LaneView lane = this->lane(index);
  const std::uint64_t words = geometry_.lane_controls_offset + index * sizeof(LaneControl);
  const std::uint64_t block = geometry_.lanes_offset + index * geometry_.lane.block_bytes;
  for (int tries = 0; tries < kTries; ++tries) {
    copy_range(from, words, sizeof(LaneControl));
    if (is_sound(lane)) break;
  }
  const Position head = lane.control->head.load(std::memory_order_relaxed);
  const std::uint64_t first = head & lane.mask();
  const std::uint64_t items = stamps_in_use(lane);
  const std::uint64_t to_end = std::min(items, lane.slot_count() - first);
  copy_range(from, block + first * sizeof(std::uint64_t), to_end * sizeof(std::uint64_t));
  copy_range(from, block, (items - to_end) * sizeof(std::uint64_t));
  if (header_.in_place != 0) return;
  // Of items that are parked in place, what tells their size.
  for (Position p = head; p != head + items; ++p) {
    const Stamp stamp = Stamp::unpack(lane.stamp(p).load(std::memory_order_relaxed));
    if (stamp.state != StampState::parked) continue;
    const std::uint64_t slot = (p & lane.mask()) * geometry_.lane.slot_bytes;
    copy_range(from, block + geometry_.lane_of(index).slots_offset + slot, sizeof(SlotHeader));
  }
}

void Segment::copy_parked(Copying& from) {
  const LaneView area = parking();
  if (area.control->tail.load(std::memory_order_relaxed) ==
      area.control->head.load(std::memory_order_relaxed)) {
    return;
  }
  copy_range(from, geometry_.parking_offset, geometry_.parking.block_bytes);
}

void Segment::copy_range(Copying& from, std::uint64_t offset, std::uint64_t bytes) {
  if (bytes > from.left_bytes) {
    throw NoSpace(fmt::format(
        "cannot look at queue \"{}\": needs more than {} bytes of memory for what is in "
        "use of it. Let a program that uses it tell its stats()",
        name_, kMostBytes));
  }
  from.left_bytes -= bytes;
  if (read_at(from.fd, offset, mapping_.data() + offset, static_cast<std::size_t>(bytes))) return;
  throw Corrupt(fmt::format(
      "cannot look at queue \"{0}\": {1} bytes at {2} cannot be read, somebody is cutting its file "
      "short. Remove the queue: iq rm {0}",
      name_, bytes, offset));
}

}  // namespace iq::detail
