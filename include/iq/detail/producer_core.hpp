// The untyped producer: what put needs inline, the rest compiled in lib/ring.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "iq/detail/api.hpp"
#include "iq/detail/kill_point.hpp"
#include "iq/detail/lane_view.hpp"
#include "iq/status.hpp"

namespace iq::detail {

/// From here on the way that a copy takes is worth a decision.
inline constexpr std::size_t kLargeBytes = 2048;

/// One producer endpoint: the owner of one lane. One thread at a time.
class IQ_API ProducerCore {
 public:
  ProducerCore(const ProducerCore&) = delete;
  ProducerCore& operator=(const ProducerCore&) = delete;

  /// Slots in a row that are known to be free, the next one first.
  struct Free {
    std::byte* first = nullptr;
    std::uint64_t count = 0;
    Position position = 0;  ///< of the first
  };
  /// For items that are stored in place, `stride` bytes each. None also when closed, stopped, or in
  /// another process: wait_for_room() tells why.
  ///
  /// The lane's own tail is not read here: a consumer that polls it has taken its line away, and to
  /// get that back costs as much as the item's own way (docs/performance.md).
  [[gnu::always_inline]] Free free_slots(std::size_t stride) const noexcept {
    if (tail_ >= run_end_ || generation_word_->load(std::memory_order_relaxed) != generation_ ||
        (control_->flags.load(std::memory_order_relaxed) & kPutsRefused) != 0) {
      return {};
    }
    const std::uint64_t count = run_end_ - tail_;
    return {run_limit_ - count * stride, count, tail_};
  }

  /// What wait_for_room() has found, also for those whose puts go on while others' are refused.
  Free found_slots() const noexcept { return {lane_.slot(tail_), run_end_ - tail_, tail_}; }

  /// Copies into a slot or a payload, the way that was fastest of late. For kLargeBytes and more.
  void copy_large(std::byte* to, const void* from, std::size_t bytes) noexcept;

  /// Waits for a free slot. ok, or full (deadline_ns == kAtOnce), timeout, no_consumers, stopped,
  /// closed. Errors: WrongProcess, WouldDeadlock, NoSpace (parking area full), CannotProbe.
  Status wait_for_room(std::int64_t deadline_ns);

  /// The place of one more item, for those in no hurry: publish_placed() makes it visible. As
  /// wait_for_room(). Only where items are stored in place.
  Status next_slot(std::int64_t deadline_ns, std::byte*& to);

  /// Where a payload of `bytes` encoded bytes goes: its slot, or the lane's byte ring. Waits for
  /// both. Nothing is visible before publish_placed(). Errors: as above, TooLarge with both sizes.
  Status begin_encoded(std::uint64_t bytes, std::int64_t deadline_ns, std::byte*& to);

  /// Where the next item of a stage goes: a run of items that commit_stage() publishes together and
  /// drop_stage() forgets. While a stage is open every put is refused. Waits for room.
  /// Errors: as begin_encoded(); TooLarge when the lane cannot hold so many at a time.
  Status stage(std::uint64_t bytes, std::int64_t deadline_ns, std::byte*& to);
  /// Publishes what was staged. Errors: Closed, Stopped, WrongProcess: nothing was appended.
  void commit_stage();
  void drop_stage() noexcept;
  /// Forgets the item that was staged last.
  void unstage() noexcept;
  /// Errors: WouldDeadlock while a stage is open.
  void require_no_stage() const;
  std::uint32_t staged() const noexcept { return staged_; }
  /// Errors: Closed, WrongProcess.
  void require_usable() const;

  /// Makes the slots below `tail` visible to consumers: the linearization point of put. T1.
  [[gnu::always_inline]] void publish_until(Position tail) noexcept {
    IQ_KILL_POINT(put_before_publish);
    // P1: whoever sees the tail also sees the payload.
    lane_.control->tail.store(tail, std::memory_order_release);
    tail_ = tail;
    IQ_KILL_POINT(put_after_publish);
    // P6: no fence here; whoever is about to sleep issues it for us (membarrier).
    std::atomic_signal_fence(std::memory_order_seq_cst);
    if ((control_->flags.load(std::memory_order_relaxed) & kNeedFence) != 0) {
      std::atomic_thread_fence(std::memory_order_seq_cst);
    }
    if (control_->waiters_summary.load(std::memory_order_relaxed) != 0) wake();
  }

  /// The same for what begin_encoded() or stage() has placed.
  void publish_placed(std::uint32_t count) noexcept { publish_until(tail_ + count); }

  /// Raises the errors that a status other than ok stands for in the throwing forms.
  [[noreturn]] void raise(Status status) const;

  /// Ends this producer; what was put stays. Never blocks. Once is enough.
  void close() noexcept { end(false, {}); }
  /// Ends it as failed: consumers learn that the stream is not whole.
  void fail(std::string_view text) noexcept { end(true, text); }
  bool closed() const noexcept { return closed_; }

  /// The largest encoded payload.
  std::uint64_t max_bytes() const noexcept {
    return std::max<std::uint64_t>(lane_.ring_bytes, lane_.slot_bytes - kSlotHeaderBytes);
  }

 protected:
  ProducerCore() = default;
  ~ProducerCore() = default;

  void wake() noexcept;
  void end(bool failed, std::string_view text) noexcept;

  LaneView lane_;
  Control* control_ = nullptr;
  Position tail_ = 0;  ///< private copy of the lane's tail
  /// The run: slots from the tail on that are known to be free, and lie in a row. 0: none.
  Position run_end_ = 0;
  std::byte* run_limit_ = nullptr;  ///< behind its last slot
  Position head_ = 0;         ///< private copy of the lane's head
  std::uint32_t staged_ = 0;  ///< items of an open stage; there is no run meanwhile
  /// A page that the kernel clears in every child: tells an inherited producer from an own one.
  const std::atomic<std::uint64_t>* generation_word_ = nullptr;
  std::uint64_t generation_ = 0;
  bool closed_ = false;
};

using ProducerHandle = std::shared_ptr<ProducerCore>;

/// Ends a producer that an exception has unwound as failed: at once, or, if it is a worker's own,
/// when the exception has left the worker's function and can be told.
IQ_API void fail_unwound(const ProducerHandle& producer) noexcept;

}  // namespace iq::detail
