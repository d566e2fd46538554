// The byte ring beside a lane's slots.
//
// It has no state of its own in shared memory: a new owner of the lane reads where the ring stands
// from the slots that are still in use, so there is nothing that a killed producer could leave
// torn.
#include "ring/byte_ring.hpp"

#include <cstring>

namespace iq::detail {
namespace {
constexpr std::uint64_t kAlignment = 16;

constexpr std::uint64_t align_up(std::uint64_t value, std::uint64_t unit) {
  return (value + unit - 1) & ~(unit - 1);
}
}  // namespace

bool ByteRing::adopt(const LaneView& lane, Position head, Position tail) {
  mask_ = lane.mask();
  size_ = lane.ring_bytes;
  head_ = tail_ = 0;
  kept_ = false;
  ends_.assign(lane.slot_count(), 0);
  if (size_ == 0) return true;
  bool first = true;
  Position unplaced = head;  // slots before the first long payload free nothing of the ring
  for (Position p = head; p != tail; ++p) {
    SlotHeader header;
    std::memcpy(&header, lane.slot(p), sizeof header);
    if (header.in_ring != 0) {
      std::uint64_t at;
      std::memcpy(&at, lane.slot(p) + kSlotHeaderBytes, sizeof at);
      if (first) {
        head_ = tail_ = at;
        for (; unplaced != p; ++unplaced) ends_[unplaced & mask_] = at;
        first = false;
      }
      const std::uint64_t end = at + align_up(header.bytes, kAlignment);
      if (at - tail_ > size_ || end - head_ > size_ || at % kAlignment != 0) return false;
      tail_ = end;
    }
    ends_[p & mask_] = tail_;
  }
  return true;
}

std::optional<std::uint64_t> ByteRing::find(std::uint64_t bytes) noexcept {
  const std::uint64_t need = align_up(bytes, kAlignment);
  if (head_ == tail_) head_ = tail_ = align_up(tail_, size_);  // empty: begin at its start again
  const std::uint64_t to_end = size_ - (tail_ & (size_ - 1));
  const std::uint64_t at = need <= to_end ? tail_ : tail_ + to_end;
  if (at + need - head_ > size_) return std::nullopt;
  return at;
}

void ByteRing::restart(Position position) noexcept {
  if (kept_ && first_kept_ == position) tail_ = restart_;
  kept_ = false;
}

void ByteRing::keep_nothing(Position position) noexcept {
  if (!kept_) {
    kept_ = true;
    first_kept_ = position;
    restart_ = tail_;
  }
  ends_[position & mask_] = tail_;
}

void ByteRing::keep(Position position, std::uint64_t at, std::uint64_t bytes) noexcept {
  keep_nothing(position);
  tail_ = at + align_up(bytes, kAlignment);
  ends_[position & mask_] = tail_;
}

}  // namespace iq::detail
