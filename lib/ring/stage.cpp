// Stages: items that are written into their slots one by one and published by a single store of the
// tail. A loan is a stage of one item; a hand-over stages all outputs of an input.
//
// Until the commit nobody sees the slots, so there is nothing to repair when the producer is
// killed. While a stage is open the fast path of put finds no room and ends up in a refusal.
#include <fmt/format.h>

#include "iq/error.hpp"
#include "ring/producer_ring.hpp"

namespace iq::detail {

void ProducerCore::require_no_stage() const {
  const auto& ring = static_cast<const ProducerRing&>(*this);
  if (ring.is_relaying()) {
    throw WouldDeadlock(
        fmt::format("put on {}: this producer is in a relay, whose outputs appear together with "
                    "the end of their input. Put through the relay's emit, or return the output",
                    ring.segment().description()));
  }
  if (staged_ == 0) return;
  throw WouldDeadlock(
      fmt::format("put on {}: a loan of this producer is open, and its item comes first. commit() "
                  "or drop the loan, then put",
                  ring.segment().description()));
}

void ProducerRing::refuse_stage() const {
  throw TooLarge(fmt::format(
      "put on {}: {} items of one hand-over wait for room for the next, and the lane is empty but "
      "for them ({} items, {} bytes beside them). Create the queue with a larger capacity or "
      "bytes_per_producer",
      segment().description(), staged_, lane_.capacity, lane_.ring_bytes));
}

Status ProducerCore::stage(std::uint64_t bytes, std::int64_t deadline_ns, std::byte*& to) {
  auto& ring = static_cast<ProducerRing&>(*this);
  require_usable();
  if (staged_ == lane_.capacity) ring.refuse_stage();
  if (staged_ == 0 && lane_.ring_bytes != 0) ring.ring_.restart(tail_);
  const Position position = tail_ + staged_;
  Status status = Status::ok;
  if (ring.segment().header().in_place != 0) {
    const bool refused = (control_->flags.load(std::memory_order_relaxed) & kPutsRefused) != 0;
    std::uint64_t at = 0;
    if (refused || !ring.room_for(kNoRingNeed, at)) {
      status = ring.wait_until_free(deadline_ns, kNoRingNeed, at);
    }
    to = lane_.slot(position);
  } else {
    if (bytes > max_bytes()) ring.refuse_size(bytes);
    status = ring.place(position, bytes, deadline_ns, to);
  }
  if (status != Status::ok) return status;
  ++staged_;
  ring.end_run();
  return status;
}

void ProducerCore::commit_stage() {
  const std::uint32_t count = staged_;
  drop_stage();
  require_usable();
  if ((control_->flags.load(std::memory_order_relaxed) & kStopped) != 0) raise(Status::stopped);
  if (count == 0) return;
  publish_placed(count);
  static_cast<ProducerRing&>(*this).begin_run();
}

void ProducerCore::unstage() noexcept {
  if (staged_ == 1) return drop_stage();
  if (staged_ != 0) --staged_;
}

void ProducerCore::drop_stage() noexcept {
  if (staged_ == 0) return;
  staged_ = 0;
  static_cast<ProducerRing&>(*this).begin_run();
}

}  // namespace iq::detail
