// Segments as bytes: taken from a living queue once, laid down as a file for each run, written to
// by the steps of an input.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "fuzz/input.hpp"
#include "shm/geometry.hpp"
#include "shm/segment.hpp"

namespace fuzz {

/// The name of the queue that each run uses; in a folder of this process, so that no other queue of
/// the machine has it.
const std::string& queue_name();

/// The pages of a file that are not empty.
class Image {
 public:
  /// Of the queue that has queue_name() now.
  static Image of_queue();

  /// Makes the file anew, as it was.
  void lay_down() const;
  std::uint64_t bytes() const noexcept { return bytes_; }
  const iq::detail::SegmentHeader& header() const noexcept;

 private:
  struct Page {
    std::uint64_t offset;
    std::vector<std::byte> bytes;
  };
  std::vector<Page> pages_;
  std::uint64_t bytes_ = 0;
};

/// Where the word lies that a step writes.
std::uint64_t place_of(const iq::detail::Geometry& geometry, const Step& step) noexcept;
/// What it writes there, given what is there.
std::uint64_t word_for(const Step& step, std::uint64_t old) noexcept;

/// The checksum that makes a header believed.
std::uint64_t checksum_of(const iq::detail::SegmentHeader& header) noexcept;

/// Around a mapped segment, and between what lies in it, so that a byte beyond is told by
/// AddressSanitizer or by SIGSEGV. Keeps the segment mapped.
class Fences {
 public:
  explicit Fences(std::shared_ptr<iq::detail::Segment> segment);
  ~Fences();
  Fences(const Fences&) = delete;
  Fences& operator=(const Fences&) = delete;

  iq::detail::Segment& segment() const noexcept { return *segment_; }
  std::byte* data() const noexcept;

 private:
  void for_each_gap(const std::function<void(std::byte*, std::size_t)>& gap) const;

  std::shared_ptr<iq::detail::Segment> segment_;
  std::vector<void*> walls_;
};

}  // namespace fuzz
