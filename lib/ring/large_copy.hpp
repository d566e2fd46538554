// How a large item gets into its slot: through the caches, or past them.
#pragma once

#include <cstddef>
#include <cstdint>

namespace iq::detail {

/// Decides by the time that copies take.
///
/// Where producer and consumer share a cache, an ordinary copy is the fastest. Where they do not,
/// each line has to be fetched from the other's cache before it is written, and again before it is
/// read: five to ten times slower than writing to memory directly. No system call tells which it
/// is: processes move, and virtual machines show no caches. So now and then a copy goes the other
/// way, and the times are compared (docs/decisions/0012-large-items-past-the-caches.md).
class CopyChooser {
 public:
  struct Copy {
    bool streamed = false;  ///< past the caches
    bool timed = false;     ///< whoever copies tells took() what it took
  };

  Copy next() noexcept;
  void took(Copy copy, std::uint64_t ns, std::uint64_t bytes) noexcept;

 private:
  static constexpr std::uint64_t kNever = UINT64_MAX;

  void decide() noexcept;

  bool streams_ = false;
  std::uint32_t copies_ = 0;
  std::uint32_t trial_every_ = 4;  ///< a power of two; doubles while the answer is the same
  std::uint32_t trials_ = 0;       ///< since the last decision, as what follows
  std::uint64_t usual_ = kNever;  ///< the least cost of a copy the usual way; others were disturbed
  std::uint64_t other_ = kNever;  ///< the same of the other way
};

}  // namespace iq::detail
