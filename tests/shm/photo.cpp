// A segment's private copy: the same words, an own memory, and no trust in what it was read from.
#include <doctest/doctest.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <string>

#include "iq/error.hpp"
#include "shm/attachment.hpp"
#include "shm/segment.hpp"
#include "support/process.hpp"
#include "sys/shm_file.hpp"

namespace {

using namespace iq::detail;

/// A named segment of ints with one lane, and its file.
struct Photographed {
  std::string name = iqtest::temp_name("photo");
  std::shared_ptr<Segment> segment;

  explicit Photographed(std::uint64_t capacity = 16) {
    SegmentHeader header;
    std::memset(&header, 0, sizeof header);
    header.capacity = capacity;
    header.slot_bytes = header.type_bytes = 4;
    header.in_place = 1;
    header.max_deliveries = 3;
    segment = Segment::create_named(header, name, 0600);
    segment->reserve_lane(0);
    segment->control().lanes_used = 1;
    REQUIRE(segment->link());
  }
  ~Photographed() { ::unlink(shm_path(name).c_str()); }

  std::shared_ptr<Segment> copy() const {
    return Segment::photograph(std::move(*open_to_read(name)), name);
  }
};

}  // namespace

TEST_CASE("photograph: the words of the moment, in memory of its own") {
  Photographed p;
  LaneControl& words = *p.segment->lane(0).control;
  words.tail = 20;
  words.claim = 18;
  words.head = 14;
  p.segment->lane(0).stamp(14) = 0x1234;  // the window [14, 20) goes over the end of the ring
  p.segment->lane(0).stamp(19) = 0x5678;
  p.segment->endpoint(7).cursor = 99;
  const auto copy = p.copy();
  words.tail = 25;
  p.segment->endpoint(7).cursor = 100;
  CHECK(copy->lane(0).control->tail == 20);
  CHECK(copy->lane(0).control->claim == 18);
  CHECK(copy->lane(0).stamp(14) == 0x1234);
  CHECK(copy->lane(0).stamp(19) == 0x5678);
  CHECK(copy->endpoint(7).cursor == 99);
  copy->endpoint(7).cursor = 5;
  CHECK(p.segment->endpoint(7).cursor == 100);
}

TEST_CASE("photograph: holes of the file are read as zeros and stay holes") {
  Photographed p;
  p.segment->control().lanes_used = 9;  // lanes 1 to 8 have no pages
  p.segment->parking().control->tail = 3;
  struct stat before {};
  REQUIRE(::stat(shm_path(p.name).c_str(), &before) == 0);
  const auto copy = p.copy();
  CHECK(copy->lane(8).control->tail == 0);
  struct stat after {};
  REQUIRE(::stat(shm_path(p.name).c_str(), &after) == 0);
  CHECK(after.st_blocks == before.st_blocks);
}

TEST_CASE("photograph: words that cannot be true are copied, and nothing outside is touched") {
  Photographed p;
  LaneControl& words = *p.segment->lane(0).control;
  words.tail = UINT64_MAX - 3;
  words.claim = 1u << 30;
  words.head = 77;
  p.segment->control().lanes_used = UINT32_MAX;
  const auto copy = p.copy();
  CHECK(copy->lanes_used() == kMaxLanes);
  CHECK(copy->lane(0).control->head == 77);
}

TEST_CASE("photograph: a file that is cut short is Corrupt, and no SIGBUS") {
  Photographed p;
  const int file = ::open(shm_path(p.name).c_str(), O_RDWR | O_CLOEXEC);
  REQUIRE(::ftruncate(file, 3 * 4096) == 0);
  ::close(file);
  CHECK_THROWS_AS(p.copy(), iq::Corrupt);
}

TEST_CASE("photograph: its locks can be probed, of who is attached to the segment") {
  Photographed p;
  Attachment attached = Attachment::attach(p.segment, Role::consumer);
  const auto copy = p.copy();
  CHECK(probe_lock(copy->lock_file(), endpoint_byte(attached.index()), 2) == Held::yes);
  attached.detach();
  CHECK(probe_lock(copy->lock_file(), endpoint_byte(0), 2) == Held::no);
}

TEST_CASE("photograph: a queue whose lanes ask for more memory than a look is worth is NoSpace") {
  Photographed p(std::uint64_t{1} << 24);
  p.segment->control().lanes_used = 9;
  for (std::uint32_t i = 0; i < 9; ++i) p.segment->lane(i).control->tail = std::uint64_t{1} << 24;
  CHECK_THROWS_AS(p.copy(), iq::NoSpace);
}
