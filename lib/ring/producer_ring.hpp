// The producer's side of the ring: its lane, room in it, the end.
#pragma once

#include <atomic>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "iq/detail/producer_core.hpp"
#include "ring/byte_ring.hpp"
#include "ring/large_copy.hpp"
#include "ring/tend.hpp"
#include "ring/wait.hpp"
#include "shm/attachment.hpp"

namespace iq::detail {

/// Stands for "none" where room in the byte ring is asked for.
inline constexpr std::uint64_t kNoRingNeed = UINT64_MAX;

class ProducerRing final : public ProducerCore {
 public:
  /// Takes a lane for a registered producer: a drained one, a new one, or one that still has items
  /// of a former owner. Errors: NoSpace "needs N, has M", Corrupt.
  explicit ProducerRing(Attachment attachment);
  /// Of an endpoint whose byte this process has locked already: goes on where its former owner
  /// ended (T40). Errors: as above.
  struct Succeed {};
  ProducerRing(Attachment attachment, Succeed);
  ~ProducerRing() { end(false, {}); }

  Attachment& attachment() noexcept { return attachment_; }
  const Attachment& attachment() const noexcept { return attachment_; }
  const LaneView& lane() const noexcept { return lane_; }
  /// Whether a relay of this process uses it.
  bool is_relaying() const noexcept { return relaying_; }
  void set_relaying(bool is) noexcept {
    relaying_ = is;
    if (!closed_) begin_run();
  }
  /// From any thread: it waits no longer, as if its queue was stopped.
  void dismiss() noexcept { dismissed_.store(true, std::memory_order_relaxed); }
  /// Where the lane's tail stands once what is staged is published.
  Position staged_tail() const noexcept { return tail_ + staged_; }
  Segment& segment() const noexcept { return attachment_.segment(); }
  /// In a child that has adopted the endpoint: this process is its owner now.
  void rebind() noexcept;
  /// In a process that has locked the endpoint's byte: goes on in its lane, at the tail (T40).
  void resume();
  /// Its puts go on while the queue is drained.
  void go_on() noexcept;
  void require_no_leases() const noexcept {}
  void settle() noexcept { drop_stage(); }
  /// In the former owner, once a child has adopted the endpoint: this object is closed, it lives
  /// on.
  void surrender() noexcept;

 private:
  friend class ProducerCore;
  friend class UnwoundProducers;

  bool take_lane();
  bool take_existing(bool drained_only);
  bool take_new();
  bool own(std::uint32_t lane);
  bool read_lane(const LaneView& lane);
  bool lane_is_drained(const LaneView& lane) const noexcept;

  [[noreturn]] void refuse_size(std::uint64_t bytes) const;
  [[noreturn]] void refuse_stage() const;
  [[noreturn]] void refuse_own_item() const;
  [[noreturn]] void refuse_without_readers() const;
  bool slots_full() const noexcept;
  std::string full_of() const;
  bool refresh_room() noexcept;
  void begin_run() noexcept;
  void end_run() noexcept { run_end_ = 0; }
  Status place(Position position, std::uint64_t bytes, DeadlineNs deadline, std::byte*& to);
  Status wait_until_free(DeadlineNs deadline, std::uint64_t ring_need, std::uint64_t& at);
  bool room_for(std::uint64_t ring_need, std::uint64_t& at) noexcept;
  Status refusal() noexcept;
  Status outcome() noexcept;
  void release_own_batch();
  bool watch_head(std::int64_t now) noexcept;
  void sleep_for_room(DeadlineNs deadline, std::int64_t now, std::int64_t longest);

  Attachment attachment_;
  ByteRing ring_;
  Tender tender_;
  Patience patience_;
  CopyChooser copy_chooser_;
  Position stuck_at_ = UINT64_MAX;
  std::int64_t stuck_since_ns_ = 0;
  bool relaying_ = false;
  std::atomic<bool> dismissed_{false};  ///< read before each sleep
  bool told_to_end_ = false;            ///< a put was refused because the queue is drained
  /// How many producers this process, or those it was forked from, had made.
  static inline std::atomic<std::uint64_t> made_{0};
  const std::uint64_t serial_ = made_.fetch_add(1, std::memory_order_relaxed);
};

/// Gathers what is unwound in this thread while it stands, to fail with the exception's text. Only
/// what was there before it: what a worker's function makes may be unwound by an exception that
/// never leaves the function, which may go on for long. A worker's own that it unwinds like that
/// fails when the worker waits for something: see fail_caught().
class UnwoundProducers {
 public:
  UnwoundProducers() noexcept;
  ~UnwoundProducers();
  UnwoundProducers(const UnwoundProducers&) = delete;
  UnwoundProducers& operator=(const UnwoundProducers&) = delete;
  /// False: it came later. Errors: std::bad_alloc.
  bool gather(const ProducerHandle& producer);
  /// What they fail with; before it is told: that an exception unwound it.
  void tell(std::string text) noexcept { text_ = std::move(text); }
  void fail_all() noexcept;

 private:
  const std::uint64_t end_;  ///< the first serial number of those that came after it
  std::string text_;
  std::vector<ProducerHandle> producers_;
};

/// Fails what this thread has unwound by an exception that it caught, before it waits for what may
/// follow from that end only.
void fail_caught() noexcept;

}  // namespace iq::detail
