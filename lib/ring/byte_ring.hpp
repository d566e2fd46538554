// The byte ring beside a lane's slots: payloads that are longer than a slot.
//
// Positions count bytes for ever; a payload lies in one piece. Space is freed in the order of the
// slots, so it is enough to remember, per slot, where the ring stood after it. Private to the
// lane's producer; the slots in shared memory say where each payload lies.
#pragma once

#include <cstdint>
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
  void restart(Position position) noexcept {
    if (kept_ && first_kept_ == position) tail_ = restart_;
    kept_ = false;
  }

  /// Room for `bytes` in one piece: false, or where it is through `at`. `bytes` is at most the
  /// ring's size: then it fits at the latest when every slot is free. The place is kept by keep().
  ///
  /// No std::optional: returned by value it was written as a word and a byte and read as two words,
  /// which waits until every store before it has left the core (docs/performance.md).
  bool find(std::uint64_t bytes, std::uint64_t& at) noexcept {
    const std::uint64_t need = align_up(bytes);
    if (head_ == tail_) head_ = tail_ = (tail_ + size_ - 1) & ~(size_ - 1);  // empty: begin again
    const std::uint64_t to_end = size_ - (tail_ & (size_ - 1));
    at = need <= to_end ? tail_ : tail_ + to_end;
    return at + need - head_ <= size_;
  }

  /// The slot at `position` uses [at, at + bytes) from find(), or nothing of the ring.
  void keep(Position position, std::uint64_t at, std::uint64_t bytes) noexcept {
    note_first(position);
    tail_ = at + align_up(bytes);
    ends_[position & mask_] = tail_;
  }
  void keep_nothing(Position position) noexcept {
    note_first(position);
    ends_[position & mask_] = tail_;
  }
  /// Every slot before `head` is free.
  void free_until(Position head) noexcept {
    const std::uint64_t end = ends_[(head - 1) & mask_];
    // find() may have begun anew meanwhile, beyond what slots without payloads remember.
    if (static_cast<std::int64_t>(end - head_) > 0) head_ = end;
  }

 private:
  static constexpr std::uint64_t kAlignment = 16;
  static constexpr std::uint64_t align_up(std::uint64_t bytes) {
    return (bytes + kAlignment - 1) & ~(kAlignment - 1);
  }
  void note_first(Position position) noexcept {
    if (kept_) return;
    kept_ = true;
    first_kept_ = position;
    restart_ = tail_;
  }

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
