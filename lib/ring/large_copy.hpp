// How a large item gets into its slot: through the caches, or past them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace iq::detail {

/// Decides by the time that copies take.
///
/// Where producer and consumer share a cache, an ordinary copy is the fastest. Where they do not,
/// each line has to be fetched from the other's cache before it is written, and again before it is
/// read: five to ten times slower than writing to memory directly. No system call tells which it
/// is: processes move, and virtual machines show no caches. So now and then copies go the other
/// way, and the times are compared (docs/decisions/0016-large-items-past-the-caches.md).
///
///     rest -> usual -> settle -> trial -> rest ...
///                   -> rest, where the usual way is the caches' and is fast
///
/// What a copy costs depends on how its slot was written the last time: each phase is a lap of the
/// lane, and settle is a lap that is not timed.
class CopyChooser {
 public:
  struct Copy {
    bool streamed = false;  ///< past the caches
    bool timed = false;     ///< whoever copies tells took() what it took
  };

  /// For the next copy. `lap`: the bytes of all slots, or of the byte ring.
  Copy next(std::uint64_t bytes, std::uint64_t lap) noexcept;
  void took(std::uint64_t ns, std::uint64_t bytes) noexcept;

 private:
  enum class Phase : unsigned char {
    rest,    ///< the usual way
    usual,   ///< the same, timed
    settle,  ///< the other way
    trial,   ///< the same, timed
  };
  static constexpr std::size_t kSamples = 8;

  /// Costs of some copies. The median counts: a copy in whose midst the process lost its processor
  /// says nothing.
  struct Costs {
    std::array<std::uint64_t, kSamples> all{};
    std::size_t count = 0;
    void add(std::uint64_t cost) noexcept {
      if (count < kSamples) all[count++] = cost;
    }
    std::uint64_t median() noexcept;
  };

  void begin_next_phase() noexcept;
  void decide() noexcept;
  void rest(std::uint64_t laps) noexcept;

  bool streams_ = false;
  Phase phase_ = Phase::rest;
  std::uint64_t laps_ = 1;       ///< of this phase
  std::uint64_t rest_laps_ = 8;  ///< more while the answer stays the same
  std::uint64_t bytes_ = 0;      ///< copied in this phase
  std::uint64_t copies_ = 0;     ///< the same
  Costs usual_;
  Costs other_;
};

}  // namespace iq::detail
