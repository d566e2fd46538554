// A shared mapping of a whole file, through Boost.Interprocess's mapped_region.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace iq::detail {

class Mapping {
 public:
  Mapping() noexcept;  // maps nothing
  /// Maps [0, bytes) read-write, shared, inherited by fork, left out of core dumps.
  /// Errors: BadArgument (0 bytes, or more than the file has), NoSpace (address space),
  ///         SystemError.
  Mapping(int fd, std::uint64_t bytes);
  /// `bytes` bytes of zeros of this process alone; none of them takes memory before it is written.
  /// Errors: NoSpace (address space), SystemError.
  static Mapping blank(std::uint64_t bytes);
  /// `bytes` bytes of zeros, shared with the children that this process forks from now on.
  /// Errors: NoSpace, SystemError.
  static Mapping inherited(std::uint64_t bytes);
  Mapping(Mapping&&) noexcept;
  Mapping& operator=(Mapping&&) noexcept;
  ~Mapping();

  std::byte* data() const noexcept { return data_; }
  std::uint64_t bytes() const noexcept { return bytes_; }

  /// Faults the (reserved) pages of a range in, writable, ahead of use. Best effort.
  void populate(std::uint64_t offset, std::uint64_t bytes) const noexcept;

 private:
  static Mapping anonymous(std::uint64_t bytes, int flags);
  void unmap() noexcept;

  struct Region;  // the Boost type, kept out of this header
  std::unique_ptr<Region> region_;
  std::byte* data_ = nullptr;
  std::uint64_t bytes_ = 0;
};

}  // namespace iq::detail
