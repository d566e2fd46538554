// The byte ring beside a lane's slots.
//
// It has no state of its own in shared memory: a new owner of the lane reads where the ring stands
// from the slots that are still in use, so there is nothing that a killed producer could leave
// torn.
#include "ring/byte_ring.hpp"

#include <cstring>

namespace iq::detail {

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
      const std::uint64_t end = at + align_up(header.bytes);
      if (at - tail_ > size_ || end - head_ > size_ || at % kAlignment != 0) return false;
      tail_ = end;
    }
    ends_[p & mask_] = tail_;
  }
  return true;
}

}  // namespace iq::detail
