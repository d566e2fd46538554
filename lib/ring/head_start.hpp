// How long a consumer that has caught up lets its producers run ahead before it looks again.
#pragma once

#include <cstdint>

namespace iq::detail {

/// Learns the number of pauses from what they bring.
///
/// A consumer that is faster than its producers and close behind them takes lines away that they
/// are about to write: then waiting a little makes all of it faster, up to five times. But what
/// waits is late, and where the producers have work of their own nothing is gained. So the pauses
/// become more only where items then take less time, and fewer where they do not take more
/// (docs/decisions/0017-consumers-let-producers-run-ahead.md).
///
///     steady -> more -> more ... -> fewer -> fewer ... -> steady, for 32 times as long as the rest
class HeadStart {
 public:
  static constexpr std::uint32_t kLeast = 4;
  static constexpr std::uint32_t kMost = 1024;

  /// To make before the next look.
  std::uint32_t pauses() const noexcept { return pauses_; }

  /// A batch of `items` is finished, and the look after pauses() has found so many. True when
  /// tell() is to be told the time.
  bool looked(std::uint32_t items, std::uint64_t found) noexcept {
    if (found < 2) {
      give_up();
      return false;
    }
    items_ += items;
    return ++looks_ == kLooks;
  }
  void tell(std::int64_t now_ns) noexcept;

  /// The consumer was not close behind in between: what was counted says nothing.
  void interrupt() noexcept {
    began_ns_ = 0;
    items_ = 0;
    looks_ = 0;
  }

 private:
  enum class Phase : unsigned char { steady, more, fewer };
  static constexpr std::uint32_t kLooks = 32;

  void begin(Phase phase, std::uint32_t pauses) noexcept;
  void give_up() noexcept;
  void decide(std::int64_t now_ns) noexcept;
  void try_fewer(std::int64_t now_ns) noexcept;
  void rest(std::int64_t now_ns) noexcept;

  std::uint32_t pauses_ = 16;
  std::uint32_t usual_ = 16;  ///< pauses of the best so far
  Phase phase_ = Phase::steady;
  std::int64_t trial_ns_ = 0;        ///< when the last one began
  std::int64_t rest_until_ns_ = 0;   ///< no trial before
  std::uint32_t looks_ = 0;          ///< of this measurement
  std::uint64_t items_ = 0;          ///< the same
  std::int64_t began_ns_ = 0;        ///< the same; 0: the next look begins it
  std::uint32_t measured_ = 0;       ///< measurements of this phase
  std::uint64_t cost_ = UINT64_MAX;  ///< the least of them, in 1/1024 ns per item
  std::uint64_t usual_cost_ = UINT64_MAX;
};

}  // namespace iq::detail
