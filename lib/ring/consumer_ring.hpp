// The consumer's side of the ring: claims, orphans, take-over, give-back, waiting.
//
// Split over claim.cpp (taking what is there), take_over.cpp (taking what others cannot finish),
// give_back.cpp (giving up), lease.cpp (explicit leases), consumer_ring.cpp (steps), hunger.cpp
// (waiting).
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include "base/clock.hpp"
#include "iq/detail/consumer_core.hpp"
#include "ring/head_start.hpp"
#include "ring/tend.hpp"
#include "ring/wait.hpp"
#include "ring/walk.hpp"
#include "shm/attachment.hpp"
#include "sys/process.hpp"

namespace iq::detail {

/// Hungry for so long, a consumer seizes positions whose claimer has not stamped them.
inline constexpr std::int64_t kSeizeAfterNs = 5'000'000;
/// A batch whose cursor stood still for so long may lose what it has not started.
inline constexpr std::int64_t kStealAfterNs = 1'000'000;
/// A claim is sized so that its items take about this long.
inline constexpr std::int64_t kBatchWorkNs = 50'000;
inline constexpr std::uint32_t kMaxClaim = 1024;

class ConsumerRing final : public ConsumerCore {
 public:
  explicit ConsumerRing(Attachment attachment);
  ~ConsumerRing();

  Attachment& attachment() noexcept { return attachment_; }
  const Attachment& attachment() const noexcept { return attachment_; }
  Segment& segment() const noexcept { return attachment_.segment(); }
  /// Whether a relay of this process uses it.
  bool is_relaying() const noexcept { return relaying_; }
  void set_relaying(bool is) noexcept { relaying_ = is; }
  /// From any thread: it waits no longer, as if its queue was stopped.
  void dismiss() noexcept { dismissed_.store(true, std::memory_order_relaxed); }
  std::uint32_t tag() const noexcept { return attachment_.index() + 1; }

  /// In the former owner, once a child has adopted the endpoint: this object is closed, it lives
  /// on.
  void surrender() noexcept;
  /// In a child that has adopted the endpoint: this process is its owner now.
  void rebind() noexcept;
  /// In a process that has locked the endpoint's byte: what a dead predecessor had goes back, and
  /// the endpoint is as if new (T40). Errors: Busy when lanes moved too fast for seconds.
  void resume();
  /// Before resume(): another registration than the one that was inherited.
  void replace(Attachment attachment) noexcept;
  /// Errors: BadArgument when items are under explicit leases, which stay with their process.
  void require_no_leases() const;
  /// Acknowledges what is in hand and gives the rest back.
  void settle() noexcept;
  void forget() noexcept;
  /// The note in this process that a put of the same thread reads (room.cpp).
  Segment::LocalConsumer& local() noexcept;

  // consumer_ring.cpp
  Status next_for(std::uint32_t want, DeadlineNs deadline);
  Status after_step(Position position, DeadlineNs deadline);
  bool resolve_limit(Position position) noexcept;
  void shrink_to(Position position, std::uint64_t word) noexcept;
  void finish_batch() noexcept;
  void put_in_hand(std::uint32_t count) noexcept;

  // claim.cpp
  Status try_take(std::uint32_t want);
  bool claim_from(const LaneView& lane, std::uint32_t want);
  void announce(const LaneView& lane, Position begin, Position end) noexcept;
  void accept(const LaneView& lane, Position begin, Position end, std::uint32_t attempts) noexcept;
  enum class Orphans : unsigned char { took, none, blocked };
  Orphans take_orphan(const LaneView& lane);
  bool take_any_orphan();
  bool take_this_orphan(const LaneView& lane, const Boundary& orphan);

  // take_over.cpp
  bool look_behind(std::int64_t now);
  bool seize(const LaneView& lane, Position position, Position claim);
  bool take_over(const LaneView& lane, const Boundary& lease, std::int64_t now);
  bool steal(const LaneView& lane, const Boundary& lease, std::uint64_t limit, Position from);
  static void cancel_steal(EndpointLine& line, const LaneView& lane, const Boundary& lease,
                           std::uint64_t pending) noexcept;

  // give_back.cpp
  void seal_limit(Position position) noexcept;
  void unseal_limit() noexcept;
  void give_back(Leave how) noexcept;
  bool counts(Position in_hand) const noexcept { return blamed_ == kAll || blamed_ == in_hand; }
  void give_back_unstarted() noexcept;
  void put_stamp(Position at, std::uint64_t k, StampState state) noexcept;

  void drop_hold() noexcept;

  // lease.cpp
  void hold(HeldItem& item) noexcept;
  void require_others() const;

  // hunger.cpp
  Status acquire(std::uint32_t want, DeadlineNs deadline);
  Status start_batch();
  Status nothing_now();
  Status end_of_stream();
  Status stopped();
  Status pass_wake_on(Status status) noexcept;
  bool visible_work() noexcept;
  bool nothing_to_do() noexcept;
  bool work_in_flight() noexcept;
  bool spin_for_work(DeadlineNs deadline) noexcept;
  bool sleep_once(DeadlineNs deadline, std::int64_t now, std::uint32_t round, bool hopeless);

  void refresh_lanes();

 private:
  friend class ConsumerCore;

  /// A batch whose owner was seen standing still: who, where, since when.
  struct Suspect {
    std::uint32_t lane = kMaxLanes;
    Position begin = 0;
    std::uint64_t cursor = 0;
    std::uint64_t limit = 0;
    std::int64_t since_ns = 0;
  };
  std::uint32_t claim_size(const LaneView& lane, std::uint64_t available, std::uint32_t want,
                           Position at) noexcept;
  void learn_batch_time() noexcept;

  Attachment attachment_;
  Tender tender_;
  std::vector<LaneView> lanes_;     ///< of the lanes in use, extended as they come
  std::uint32_t lane_turn_ = 0;     ///< where the next look begins
  std::uint32_t lane_batches_ = 0;  ///< batches in a row from that lane
  std::uint32_t claim_limit_ = 1;   ///< items that make about kBatchWorkNs of work
  std::uint32_t last_batch_ = 0;
  std::uint64_t available_ = 0;  ///< items that its lane had when that was claimed
  bool is_close_ = false;        ///< and that was just behind its producer
  HeadStart head_start_;
  std::int64_t batch_started_ns_ = 0;  ///< 0: not measured
  std::int64_t hungry_since_ns_ = 0;   ///< 0: not hungry
  std::int64_t looked_ns_ = 0;         ///< when it last looked behind others without sleeping
  std::int64_t asked_ns_ = 0;          ///< when it last looked at the clock in vain
  std::uint32_t close_asks_ = 0;       ///< of those looks, in a row: less than 20 us apart
  std::uint32_t asks_to_skip_ = 0;     ///< asks that need not look at the clock
  std::vector<Suspect> suspects_;  ///< per owner, which has one batch at a time
  std::uint32_t want_ = 1;
  EndpointLine nobodys_line_{};
  bool claim_one_ = false;  ///< it acknowledges by hand: what it claims ahead would wait for it
  /// Which of several in hand counts a delivery more when they are given back.
  static constexpr Position kAll = UINT64_MAX;
  Position blamed_ = kAll;
  std::uint32_t processors_ = processors();
  std::uint32_t vain_spins_ = 0;  ///< in a row, before a yield that brought the work
  Patience patience_;
  bool ended_ = false;
  bool relaying_ = false;
  std::atomic<bool> dismissed_{false};  ///< read before each sleep
  /// One for the user of this object, one per explicit lease; those end in any thread.
  std::atomic<std::uint32_t> holds_{1};
  bool wake_owed_ = false;  ///< a waker chose us; passed on if we leave without taking
};

}  // namespace iq::detail
