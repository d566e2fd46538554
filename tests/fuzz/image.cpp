// Segments as bytes, and what stands around them.
#include "fuzz/image.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "iq/detail/limit.hpp"
#include "sys/shm_file.hpp"

#if defined(__SANITIZE_ADDRESS__)
#define IQ_FUZZ_POISONS 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define IQ_FUZZ_POISONS 1
#endif
#endif
#ifdef IQ_FUZZ_POISONS
#include <sanitizer/asan_interface.h>
#endif

namespace fuzz {
namespace {

using namespace iq::detail;

constexpr std::size_t kWallBytes = std::size_t{1} << 20;
constexpr std::uint64_t kFencedLanes = 4;

[[noreturn]] void give_up(const char* what) {
  std::perror(what);
  std::_Exit(2);  // of the test, not of the library
}

/// A folder under /dev/shm that goes with the process.
struct Folder {
  Folder() {
    char path[] = "/dev/shm/iq-fuzz-XXXXXX";
    if (::mkdtemp(path) == nullptr) give_up("mkdtemp");
    name = path;
    set_shm_directory_for_test(name);
  }
  ~Folder() {
    set_shm_directory_for_test("/dev/shm");
    std::error_code ignored;
    std::filesystem::remove_all(name, ignored);
  }
  std::string name;
};

/// Where the words of a lane's control line are; the rest is padding.
constexpr std::uint64_t kLaneWords[] = {
    offsetof(LaneControl, claim),     offsetof(LaneControl, tail),
    offsetof(LaneControl, head),      offsetof(LaneControl, owner),
    offsetof(LaneControl, hand_over), offsetof(LaneControl, attention),
    offsetof(LaneControl, done_hint), offsetof(LaneControl, room_wait)};

std::uint64_t lane_word(std::uint64_t control, std::uint64_t place) noexcept {
  return control + kLaneWords[place % std::size(kLaneWords)];
}

/// A word of a lane's block; `which`: 0 stamps, 1 slots, 2 byte ring.
std::uint64_t block_word(const LaneGeometry& lane, std::uint64_t block, int which,
                         std::uint64_t place) noexcept {
  const std::uint64_t slots = std::uint64_t{1} << lane.log2_slots;
  if (which == 0) return block + place % slots * 8;
  if (which == 1) {
    const std::uint64_t words = std::max<std::uint64_t>(slots * lane.slot_bytes / 8, 1);
    return block + lane.slots_offset + place % words * 8;
  }
  const std::uint64_t words = lane.ring_bytes / 8;
  return words == 0 ? block : block + lane.ring_offset + place % words * 8;
}

}  // namespace

const std::string& queue_name() {
  static const Folder folder;
  static const std::string name = "fuzz";
  return name;
}

Image Image::of_queue() {
  Image image;
  const int file = ::open(shm_path(queue_name()).c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) give_up("open the queue's file");
  image.bytes_ = file_bytes(file);
  std::vector<std::byte> page(kPageBytes);
  for (off_t at = ::lseek(file, 0, SEEK_DATA); at >= 0; at = ::lseek(file, at, SEEK_DATA)) {
    if (::pread(file, page.data(), page.size(), at) != static_cast<ssize_t>(page.size())) break;
    const auto offset = static_cast<std::uint64_t>(at);
    const bool empty = std::ranges::all_of(page, [](std::byte b) { return b == std::byte{}; });
    if (!empty) image.pages_.push_back({offset, page});
    at += static_cast<off_t>(kPageBytes);
  }
  ::close(file);
  return image;
}

const SegmentHeader& Image::header() const noexcept {
  return *reinterpret_cast<const SegmentHeader*>(pages_.at(0).bytes.data());
}

void Image::lay_down() const {
  const std::string path = shm_path(queue_name());
  ::unlink(path.c_str());
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (file < 0) give_up("create the queue's file");
  if (::ftruncate(file, static_cast<off_t>(bytes_)) != 0) give_up("ftruncate");
  for (const Page& page : pages_) {
    if (::pwrite(file, page.bytes.data(), page.bytes.size(), static_cast<off_t>(page.offset)) < 0) {
      give_up("pwrite");
    }
  }
  ::close(file);
}

std::uint64_t checksum_of(const SegmentHeader& header) noexcept {
  std::uint64_t hash = 0xcbf29ce484222325;
  const auto* bytes = reinterpret_cast<const unsigned char*>(&header);
  for (std::size_t i = 0; i < offsetof(SegmentHeader, checksum); ++i) {
    hash = (hash ^ bytes[i]) * 0x100000001b3;
  }
  return hash;
}

std::uint64_t place_of(const Geometry& g, const Step& step) noexcept {
  const std::uint64_t place = step.place;
  const std::uint64_t endpoint = place % 16;
  const std::uint64_t word = place / 16;
  const std::uint64_t lane = place >> 14;
  const std::uint64_t control = g.lane_controls_offset + lane * sizeof(LaneControl);
  const std::uint64_t block = g.lanes_offset + lane * g.lane.block_bytes;
  switch (step.part % 16) {
    case 0: return place % (sizeof(SegmentHeader) / 8) * 8;
    case 1: return g.control_offset + place % (offsetof(Control, failure_text) / 8) * 8;
    case 2: return g.control_offset + place % (sizeof(Control) / 8) * 8;
    case 3: return g.life_offset + endpoint * 8;
    case 4: return g.endpoints_offset + endpoint * sizeof(EndpointLine) + word % 3 * 8;
    case 5: return g.extras_offset + endpoint * sizeof(EndpointExtra) + word % 9 * 8;
    case 6: return g.sleep_offset + endpoint * sizeof(SleepWord);
    case 7: return lane_word(g.parking_control_offset, place);
    case 8: return g.outputs_offset + endpoint * sizeof(OutputName) + word % 4 * 8;
    case 9: return block_word(g.parking, g.parking_offset, 0, place % 8);
    case 10: return block_word(g.parking, g.parking_offset, 1, place % 64);
    case 11: return block_word(g.parking, g.parking_offset, 2, place % 64);
    case 12: return lane_word(control, place & 0x3fff);
    case 13: return block_word(g.lane, block, 0, place & 0x3fff);
    case 14: return block_word(g.lane, block, 1, place & 0x3fff);
    default: return block_word(g.lane, block, 2, place & 0x3fff);
  }
}

std::uint64_t word_for(const Step& step, std::uint64_t old) noexcept {
  const std::uint64_t value = step.value;
  switch (step.kind % 8) {
    case 0: return value;
    case 1: return old + static_cast<std::uint64_t>(static_cast<std::int8_t>(value));
    case 2: return old ^ std::uint64_t{1} << value % 64;
    case 3:  // a stamp of this lap, or of one beside it
      return pack_stamp((old >> 28) + (value & 3) - 1, static_cast<std::uint32_t>(value >> 8) & 15,
                        static_cast<std::uint32_t>(value >> 16) & 15,
                        static_cast<StampState>((value >> 24) & 15));
    case 4:  // an endpoint's life
      return Life{(value & 1) != 0, static_cast<Role>((value >> 1) & 3),
                  static_cast<std::uint32_t>(value >> 8) & 7}
          .pack();
    case 5:  // a limit
      return pending_limit((value >> 8) & 63, static_cast<std::uint32_t>(value & 15),
                           static_cast<std::uint32_t>(value >> 4) & 3);
    case 6: return (old & ~std::uint64_t{0xffff'ffff}) | (value & 0xffff'ffff);
    default: return (old & 0xffff'ffff) | value << 32;
  }
}

Fences::Fences(std::shared_ptr<Segment> segment) : segment_(std::move(segment)) {
  std::byte* const end = data() + segment_->geometry().segment_bytes;
  for (std::byte* wall : {data() - kWallBytes, end}) {
    void* got = ::mmap(wall, kWallBytes, PROT_NONE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
    if (got != MAP_FAILED) walls_.push_back(got);
  }
#ifdef IQ_FUZZ_POISONS
  for_each_gap([](std::byte* at, std::size_t bytes) { ASAN_POISON_MEMORY_REGION(at, bytes); });
#endif
}

Fences::~Fences() {
#ifdef IQ_FUZZ_POISONS
  for_each_gap([](std::byte* at, std::size_t bytes) { ASAN_UNPOISON_MEMORY_REGION(at, bytes); });
#endif
  for (void* wall : walls_) ::munmap(wall, kWallBytes);
}

std::byte* Fences::data() const noexcept {
  return reinterpret_cast<std::byte*>(&segment_->control()) - segment_->geometry().control_offset;
}

void Fences::for_each_gap(const std::function<void(std::byte*, std::size_t)>& gap) const {
  const Geometry& g = segment_->geometry();
  const auto between = [&](std::uint64_t begin, std::uint64_t end) {
    begin = (begin + 7) / 8 * 8;
    if (begin < end) gap(data() + begin, static_cast<std::size_t>(end - begin));
  };
  between(sizeof(SegmentHeader), g.control_offset);
  between(g.control_offset + sizeof(Control), g.life_offset);
  const std::uint64_t slots = std::uint64_t{1} << g.lane.log2_slots;
  for (std::uint64_t i = 0; i < kFencedLanes; ++i) {
    const std::uint64_t block = g.lanes_offset + i * g.lane.block_bytes;
    between(block + slots * 8, block + g.lane.slots_offset);
    between(block + g.lane.slots_offset + slots * g.lane.slot_bytes, block + g.lane.ring_offset);
    between(block + g.lane.ring_offset + g.lane.ring_bytes, block + g.lane.block_bytes);
  }
}

}  // namespace fuzz
