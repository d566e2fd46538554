// The byte ring beside a lane's slots: payloads that are longer than a slot.
//
// Positions count bytes for ever; a payload lies in one piece. Space is freed in the order of the
// slots, so it is enough to remember, per slot, where the ring stood after it. Private to the
// lane's producer; the slots in shared memory say where each payload lies.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "iq/detail/lane_view.hpp"

namespace iq::detail {

class ByteRing {
 public:
  /// Takes over a lane whose slots [head, tail) are in use. False when what their slots say cannot
  /// be true (somebody has overwritten shared memory).
  bool adopt(const LaneView& lane, Position head, Position tail);

  /// Before places are asked for: `position` is the first slot that is not published. What was kept
  /// for it and for slots behind it is free again.
  void restart(Position position) noexcept;
  /// Room for `bytes` in one piece, or nullopt. `bytes` is at most the ring's size: then it fits at
  /// the latest when every slot is free. The place is kept by keep().
  std::optional<std::uint64_t> find(std::uint64_t bytes) noexcept;
  /// The slot at `position` uses [at, at + bytes) from find(), or nothing of the ring.
  void keep(Position position, std::uint64_t at, std::uint64_t bytes) noexcept;
  void keep_nothing(Position position) noexcept;
  /// Every slot before `head` is free.
  void free_until(Position head) noexcept {
    const std::uint64_t end = ends_[(head - 1) & mask_];
    // find() may have begun anew meanwhile, beyond what slots without payloads remember.
    if (static_cast<std::int64_t>(end - head_) > 0) head_ = end;
  }

 private:
  std::vector<std::uint64_t> ends_;  ///< per slot: the ring's tail after it
  std::uint64_t mask_ = 0;
  std::uint64_t size_ = 0;
  std::uint64_t head_ = 0;
  std::uint64_t tail_ = 0;
  Position first_kept_ = 0;     ///< since restart()
  std::uint64_t restart_ = 0;   ///< where the tail stood before that
  bool kept_ = false;
};

}  // namespace iq::detail
