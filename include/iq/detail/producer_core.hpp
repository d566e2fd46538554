// The untyped producer: what put needs inline, the rest compiled in lib/ring.
#pragma once

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

/// One producer endpoint: the owner of one lane. One thread at a time.
class IQ_API ProducerCore {
 public:
  ProducerCore(const ProducerCore&) = delete;
  ProducerCore& operator=(const ProducerCore&) = delete;

  /// Whether the next slot is known to be free. Also false when closed, stopped, or in another
  /// process: the cold path tells why.
  bool has_room() const noexcept {
    return tail_ != run_end_ && generation_word_->load(std::memory_order_relaxed) == generation_ &&
           (control_->flags.load(std::memory_order_relaxed) & kPutsRefused) == 0;
  }
  /// How many slots in a row are known to be free. Requires: has_room().
  std::uint64_t contiguous_room() const noexcept { return run_end_ - tail_; }

  /// Waits for a free slot. ok, or full (deadline_ns == kAtOnce), timeout, no_consumers, stopped,
  /// closed. Errors: WrongProcess, WouldDeadlock, NoSpace (parking area full), CannotProbe.
  Status wait_for_room(std::int64_t deadline_ns);

  /// Where a payload of `bytes` encoded bytes goes: its slot, or the lane's byte ring. Waits for
  /// both. Nothing is visible before publish(). Errors: as above, TooLarge with both sizes.
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

  /// Requires: has_room(). Only where items are stored in place.
  std::byte* next_slot() const noexcept { return next_slot_; }

  /// Makes the next `count` slots visible to consumers: the linearization point of put. T1.
  void publish(std::uint32_t count) noexcept {
    IQ_KILL_POINT(put_before_publish);
    tail_ += count;
    next_slot_ += count * std::size_t{lane_.slot_bytes};
    // P1: whoever sees the tail also sees the payload.
    lane_.control->tail.store(tail_, std::memory_order_release);
    IQ_KILL_POINT(put_after_publish);
    // P6: no fence here; whoever is about to sleep issues it for us (membarrier).
    std::atomic_signal_fence(std::memory_order_seq_cst);
    if ((control_->flags.load(std::memory_order_relaxed) & kNeedFence) != 0) {
      std::atomic_thread_fence(std::memory_order_seq_cst);
    }
    if (control_->waiters_summary.load(std::memory_order_relaxed) != 0) wake();
  }

  /// Raises the errors that a status other than ok stands for in the throwing forms.
  [[noreturn]] void raise(Status status) const;

  /// Ends this producer; what was put stays. Never blocks. Once is enough.
  void close() noexcept { end(false, {}); }
  /// Ends it as failed: consumers learn that the stream is not whole.
  void fail(std::string_view text) noexcept { end(true, text); }
  bool closed() const noexcept { return closed_; }

  /// The largest encoded payload.
  std::uint64_t max_bytes() const noexcept;

 protected:
  ProducerCore() = default;
  ~ProducerCore() = default;

  void wake() noexcept;
  void end(bool failed, std::string_view text) noexcept;

  LaneView lane_;
  Control* control_ = nullptr;
  Position tail_ = 0;  ///< private copy of the lane's tail
  /// Slots below it are known to be free and lie in a row, from next_slot_ on: the fast path of a
  /// put neither computes an address nor looks for the ring's end.
  Position run_end_ = 0;
  std::byte* next_slot_ = nullptr;
  Position head_ = 0;         ///< private copy of the lane's head
  std::uint32_t staged_ = 0;  ///< items of an open stage; there is no run meanwhile
  /// A page that the kernel clears in every child: tells an inherited producer from an own one.
  const std::atomic<std::uint64_t>* generation_word_ = nullptr;
  std::uint64_t generation_ = 0;
  bool closed_ = false;
};

using ProducerHandle = std::shared_ptr<ProducerCore>;

/// Ends a producer that an exception has unwound as failed: at once, or, in a worker's function,
/// when the exception has been caught and can be told.
IQ_API void fail_unwound(const ProducerHandle& producer) noexcept;

}  // namespace iq::detail
