// Creating, checking and opening segments; a header with anything garbled in it.
#include "shm/segment.hpp"

#include <doctest/doctest.h>

#include <fcntl.h>
#include <unistd.h>

#include <cstring>
#include <functional>
#include <random>
#include <string>

#include "iq/error.hpp"
#include "support/process.hpp"

using namespace iq::detail;

namespace {

SegmentHeader small_header() {
  SegmentHeader header{};
  header.capacity = 4;
  header.slot_bytes = 8;
  header.in_place = 1;
  header.type_bytes = 8;
  header.max_deliveries = 3;
  std::strcpy(header.type_name, "int");
  return header;
}

/// A named segment's file, to be written to behind the library's back.
class File {
 public:
  File() {
    const auto segment = Segment::create_named(small_header(), name, 0600);
    REQUIRE(segment->link());
    fd_ = ::open(path().c_str(), O_RDWR | O_CLOEXEC);
    REQUIRE(fd_ >= 0);
    REQUIRE(::pread(fd_, &header, sizeof header, 0) == sizeof header);
  }
  ~File() {
    ::close(fd_);
    ::unlink(path().c_str());
  }
  std::string path() const { return "/dev/shm/iq." + name; }

  void write(const SegmentHeader& to) { REQUIRE(::pwrite(fd_, &to, sizeof to, 0) == sizeof to); }
  /// As an enemy would, who knows how the checksum is made.
  void write_with_checksum(SegmentHeader to) {
    std::uint64_t hash = 0xcbf29ce484222325;
    const auto* bytes = reinterpret_cast<const unsigned char*>(&to);
    for (std::size_t i = 0; i < offsetof(SegmentHeader, checksum); ++i) {
      hash = (hash ^ bytes[i]) * 0x100000001b3;
    }
    to.checksum = hash;
    write(to);
  }
  void resize(std::uint64_t bytes) { REQUIRE(::ftruncate(fd_, static_cast<off_t>(bytes)) == 0); }

  std::string name = iqtest::temp_name("segment");
  SegmentHeader header{};

 private:
  int fd_ = -1;
};

enum class Outcome { opened, corrupt, version, other };

Outcome open_it(const File& file) {
  try {
    const auto segment = Segment::open_named(file.name);
    return segment ? Outcome::opened : Outcome::other;
  } catch (const iq::Corrupt& error) {
    const bool named = std::string(error.what()).find(file.name) != std::string::npos;
    return named ? Outcome::corrupt : Outcome::other;
  } catch (const iq::WrongVersion&) {
    return Outcome::version;
  }
}

}  // namespace

TEST_CASE("segment: an anonymous one has no name, a named one has it once it is linked") {
  const auto anonymous = Segment::create_anonymous(small_header());
  CHECK(anonymous->anonymous());
  CHECK(anonymous->is_current());
  CHECK(anonymous->description() == "an anonymous queue");

  const std::string name = iqtest::temp_name("linked");
  const auto named = Segment::create_named(small_header(), name, 0600);
  CHECK(Segment::open_named(name) == nullptr);
  CHECK_FALSE(named->is_current());
  CHECK(named->link());
  CHECK(named->is_current());
  const auto second = Segment::create_named(small_header(), name, 0600);
  CHECK_FALSE(second->link());
  const auto opened = Segment::open_named(name);
  REQUIRE(opened != nullptr);
  CHECK(std::memcmp(&opened->header(), &named->header(), sizeof(SegmentHeader)) == 0);
  opened->control().lanes_used.store(7);
  CHECK(named->control().lanes_used.load() == 7);
  named->unlink();
  CHECK_FALSE(opened->is_current());
  CHECK(Segment::open_named(name) == nullptr);
}

TEST_CASE("segment: two have different ids, and both know who made them") {
  const auto a = Segment::create_anonymous(small_header());
  const auto b = Segment::create_anonymous(small_header());
  CHECK(std::memcmp(a->header().queue_id, b->header().queue_id, 16) != 0);
  CHECK(a->header().creator_pid == ::getpid());
}

TEST_CASE("segment: any byte of the header changed is refused, and the file is left as it is") {
  File file;
  CHECK(open_it(file) == Outcome::opened);
  for (std::size_t byte = 0; byte < sizeof(SegmentHeader); ++byte) {
    SegmentHeader garbled = file.header;
    reinterpret_cast<unsigned char*>(&garbled)[byte] ^= static_cast<unsigned char>(1 + byte % 255);
    file.write(garbled);
    const Outcome outcome = open_it(file);
    const bool in_version =
        byte >= offsetof(SegmentHeader, version) && byte < offsetof(SegmentHeader, header_bytes);
    INFO("byte ", byte);
    CHECK(outcome == (in_version ? Outcome::version : Outcome::corrupt));
  }
  file.write(file.header);
  CHECK(open_it(file) == Outcome::opened);
}

TEST_CASE("segment: sizes that contradict each other are refused, with a checksum that is right") {
  const std::function<void(SegmentHeader&)> changes[] = {
      [](auto& h) { h.segment_bytes += 4096; }, [](auto& h) { h.segment_bytes = 0; },
      [](auto& h) { h.capacity = 0; },          [](auto& h) { h.capacity = 5; },
      [](auto& h) { h.capacity = UINT64_MAX; }, [](auto& h) { h.log2_slots = 3; },
      [](auto& h) { h.log2_slots = 77; },       [](auto& h) { h.slot_bytes = 0; },
      [](auto& h) { h.slot_bytes = 1 << 20; },  [](auto& h) { h.slot_bytes = UINT32_MAX; },
      [](auto& h) { h.ring_bytes = 4096; },     [](auto& h) { h.ring_bytes = UINT64_MAX; },
      [](auto& h) { h.ring_bytes = 3; },        [](auto& h) { h.in_place = 2; },
      [](auto& h) { h.max_deliveries = 15; },   [](auto& h) { h.header_bytes = 8; }};
  File file;
  int number = 0;
  for (const auto& change : changes) {
    SegmentHeader changed = file.header;
    change(changed);
    file.write_with_checksum(changed);
    INFO("change ", number++);
    CHECK(open_it(file) == Outcome::corrupt);
  }
  SegmentHeader newer = file.header;
  newer.version = kSegmentVersion + 1;
  file.write_with_checksum(newer);
  CHECK(open_it(file) == Outcome::version);
}

TEST_CASE("segment: a slot too small for what it must hold is refused") {
  File file;
  SegmentHeader changed = file.header;
  changed.in_place = 0;  // a length, then a place in the ring: 16 bytes
  changed.type_bytes = 32;
  file.write_with_checksum(changed);
  CHECK(open_it(file) == Outcome::corrupt);
  changed.slot_bytes = 8;
  changed.in_place = 1;  // 32 bytes into slots of 8
  file.write_with_checksum(changed);
  CHECK(open_it(file) == Outcome::corrupt);
}

TEST_CASE("segment: a file cut short or made longer is refused") {
  File file;
  for (const std::uint64_t bytes :
       {std::uint64_t{0}, std::uint64_t{100}, kPageBytes - 1, kPageBytes,
        file.header.segment_bytes - 1, file.header.segment_bytes + 1}) {
    file.resize(bytes);
    if (bytes >= sizeof(SegmentHeader)) file.write(file.header);
    INFO(bytes, " bytes");
    CHECK(open_it(file) == Outcome::corrupt);
  }
}

TEST_CASE("segment: counters above their limits are read as the limits") {
  const auto segment = Segment::create_anonymous(small_header());
  segment->control().lanes_used.store(UINT32_MAX);
  segment->control().endpoints_used.store(UINT32_MAX);
  CHECK(segment->lanes_used() == kMaxLanes);
  CHECK(segment->endpoints_used() == kMaxEndpoints);
}

TEST_CASE("segment: unlink_if_unattached keeps a name that is in use or leads elsewhere") {
  const std::string name = iqtest::temp_name("keep");
  const auto first = Segment::create_named(small_header(), name, 0600);
  REQUIRE(first->link());
  {
    const auto user = PinnedLock::try_lock(first->lock_file(), endpoint_byte(1023) + 1, 1);
    REQUIRE(user.has_value());
    CHECK(first->unlink_if_unattached() == Unlinked::in_use);
  }
  {
    const auto rival = first->lock_if_unattached();
    REQUIRE(rival.has_value());
    CHECK(first->unlink_if_unattached() == Unlinked::raced);
  }
  first->unlink();
  const auto second = Segment::create_named(small_header(), name, 0600);
  REQUIRE(second->link());
  CHECK(first->unlink_if_unattached() == Unlinked::raced);
  {
    const auto user = PinnedLock::try_lock(first->lock_file(), endpoint_byte(7), 1);
    CHECK(first->unlink_if_unattached() == Unlinked::raced);  // somebody uses the old one
  }
  CHECK(second->is_current());
  CHECK(second->unlink_if_unattached() == Unlinked::yes);
}
