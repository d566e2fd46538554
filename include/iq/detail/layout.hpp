// Every word of the segment: who writes it, who reads it. docs/protocol.md is the source of truth.
//
// Nothing here is a pointer, every offset is checked when a process attaches, and every value that
// is read from here is taken once and range-checked against private copies.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace iq::detail {

inline constexpr std::uint64_t kMagic = 0x3165'7565'7551'7149;  // "IqQueue1"
inline constexpr std::uint32_t kSegmentVersion = 3;
inline constexpr std::uint32_t kMaxEndpoints = 1024;
inline constexpr std::uint32_t kMaxLanes = 1024;
inline constexpr std::uint32_t kWaiterWords = kMaxEndpoints / 64;
inline constexpr std::size_t kLineBytes = 128;  ///< two lines: prefetchers fetch pairs
inline constexpr std::uint64_t kPageBytes = 4096;
inline constexpr std::uint32_t kDeathsKept = 8;

template <class T>
using Shared = std::atomic<T>;
static_assert(Shared<std::uint32_t>::is_always_lock_free);
static_assert(Shared<std::uint64_t>::is_always_lock_free);

/// Constant from the moment that the segment can be found; guarded by `checksum`.
struct SegmentHeader {
  std::uint64_t magic;
  std::uint32_t version;
  std::uint32_t header_bytes;
  std::uint64_t segment_bytes;
  std::uint64_t queue_id[2];
  std::uint64_t capacity;    ///< items per producer, of the first ones
  std::uint64_t ring_bytes;  ///< bytes beside the slots of a lane, 0 for in-place payloads
  std::uint32_t log2_slots;
  std::uint32_t slot_bytes;
  std::uint32_t in_place;  ///< 1: slots hold T itself; 0: a length and encoded bytes
  std::uint32_t max_deliveries;
  std::uint32_t delivery;           ///< iq::Delivery
  std::uint32_t on_producer_death;  ///< iq::OnProducerDeath
  std::uint32_t anonymous;
  std::uint32_t ends_with_creator;
  std::uint32_t reserve_all;
  std::int32_t creator_pid;
  std::uint64_t type_layout;
  std::uint32_t type_bytes;
  std::uint32_t type_alignment;
  std::uint32_t codec_version;
  std::uint32_t lanes_shrink;  ///< 1: the more producers, the less capacity has a further one
  char type_name[512];
  std::uint64_t checksum;  ///< FNV-1a of everything above
};
static_assert(std::is_standard_layout_v<SegmentHeader> && sizeof(SegmentHeader) <= kPageBytes);

/// Bits of Control::flags. Only ever set, but for T31 when an abandoned queue is reopened.
enum : std::uint32_t {
  kClosed = 1,     ///< no new producers
  kStopped = 2,    ///< blocked calls return, what is queued is dropped
  kNeedFence = 4,  ///< some process cannot use the asymmetric fence: publishers pay for a full one
  kDraining = 8,   ///< closed, and puts are refused but those of endpoints that go on (T42)
};
/// A put with any of these set takes the cold path, which decides.
inline constexpr std::uint32_t kPutsRefused = kStopped | kDraining;

/// Bits of Control::failure: state:2 | kind:2 | - | pid:32.
enum : std::uint64_t {
  kFailureDied = 1,
  kFailureFailed = 2,
};

/// The words of the whole queue, grouped by who writes them how often.
struct Control {
  // Read on every put and every claim, written a few times in a queue's life.
  alignas(kLineBytes) Shared<std::uint32_t> flags;
  Shared<std::uint32_t> lanes_used;      ///< lanes below it have their pages (get_producer)
  Shared<std::uint32_t> endpoints_used;  ///< endpoints below it were used once (attach)
  Shared<std::uint32_t> consumers_live;  ///< a hint for claim sizes (attach, detach, repair)
  Shared<std::uint32_t> consumers_seen;  ///< 1 once a consumer existed
  Shared<std::uint64_t> failure;         ///< the first producer that died or failed (close, repair)
  Shared<std::uint64_t> creator;         ///< endpoint + 1 : 32 | incarnation : 32 of its handle
  Shared<std::uint32_t> failure_text_ready;
  Shared<std::uint32_t> stop_text_state;  ///< 0 none, 1 being written, 2 ready

  /// raised:32 | seen:32. Raised after an orphan became visible; consumers look while they differ.
  /// T24, P11
  alignas(kLineBytes) Shared<std::uint64_t> attention;

  /// Counts registrations, so that a scan of `life` can tell that it was overtaken (P8).
  alignas(kLineBytes) Shared<std::uint64_t> producer_epoch;
  Shared<std::uint64_t> consumer_epoch;

  /// Whoever advances it may sweep the endpoints for dead ones (waiters, T26).
  alignas(kLineBytes) Shared<std::uint64_t> probe_turn;

  /// One bit per word of `waiters` that may be non-zero. The only line of these that put reads.
  alignas(kLineBytes) Shared<std::uint64_t> waiters_summary;
  /// One bit per endpoint whose consumer sleeps or is about to. T22, W1
  alignas(kLineBytes) Shared<std::uint64_t> waiters[kWaiterWords];

  // Counters for stats(), written by repair and the cold paths only.
  alignas(kLineBytes) Shared<std::uint64_t> repaired;
  Shared<std::uint64_t> redelivered;
  Shared<std::uint64_t> taken_over;
  Shared<std::uint64_t> parked_total;
  Shared<std::uint64_t> corrupt;
  Shared<std::uint64_t> last_death_pid;
  /// The last deaths, role:4 | - | pid:32, at the count of repairs modulo kDeathsKept.
  Shared<std::uint64_t> deaths[kDeathsKept];

  alignas(kLineBytes) char failure_text[512];
  char stop_text[512];
};
static_assert(std::is_standard_layout_v<Control>);
static_assert(sizeof(Control) <= kPageBytes);

/// Life of an endpoint, packed: state:4 | role:4 | - | inc:32. Written by its owner (holder of the
/// lock byte) and by the repairer that holds the dead owner's byte.
enum class Role : std::uint8_t { none = 0, producer = 1, consumer = 2, handle = 3 };

struct Life {
  bool live;
  Role role;
  std::uint32_t incarnation;

  static constexpr Life unpack(std::uint64_t word) noexcept {
    return {(word >> 60) == 1, static_cast<Role>((word >> 56) & 0xf),
            static_cast<std::uint32_t>(word)};
  }
  constexpr std::uint64_t pack() const noexcept {
    return std::uint64_t{live} << 60 | static_cast<std::uint64_t>(role) << 56 | incarnation;
  }
};

/// Position words of an endpoint: in_hand:1 | position:63.
inline constexpr std::uint64_t kInHand = std::uint64_t{1} << 63;

/// What a consumer is doing. Written by its owner, `limit` by thieves too; read by thieves and
/// repair.
struct alignas(kLineBytes) EndpointLine {
  Shared<std::uint64_t> cursor;  ///< in_hand | the first position not yet acknowledged
  Shared<std::uint64_t> lane;    ///< the lane that cursor and limit speak of
  Shared<std::uint64_t> limit;   ///< where the batch ends now; see docs/protocol.md, "Take-over"
};

/// What is seldom written: for repair, reports and features that the format has room for.
struct alignas(kLineBytes) EndpointExtra {
  Shared<std::int32_t> pid;                 ///< in the owner's pid namespace, for messages only
  Shared<std::uint32_t> held;               ///< explicit leases outstanding
  Shared<std::uint64_t> handover_lane;      ///< of a relay's consumer: the output's lane + 1, or 0,
  Shared<std::uint64_t> handover_tail;      ///< the tail that commits,
  Shared<std::uint64_t> handover_item;      ///< and the item that it finishes: item_id + 1. T36
  Shared<std::uint64_t> relay_from;         ///< of a relay's producer: names the input queue, or 0
  Shared<std::uint64_t> token;              ///< waits for one process: T41; 0 once it is used
  Shared<std::uint64_t> pid_namespace;      ///< inode of the owner's, 0 unknown: where pid counts
  Shared<std::uint32_t> goes_on;            ///< 1: its puts go on while the queue is drained
};

/// Which queue a relay's consumer hands over to. Reserved when its first relay begins.
struct OutputName {
  Shared<std::uint64_t> id[2];
  char name[240];  ///< empty: an anonymous queue
};
static_assert(sizeof(OutputName) == 256);

struct alignas(64) SleepWord {
  Shared<std::uint32_t> word;  ///< bumped by every wake
};

/// One lane: a ring of slots with a single producer at a time and any number of consumers.
struct LaneControl {
  alignas(kLineBytes) Shared<std::uint64_t> claim;  ///< first unclaimed position (consumers, CAS)
  alignas(kLineBytes) Shared<std::uint64_t> tail;   ///< first unpublished position (its producer)
  alignas(kLineBytes) Shared<std::uint64_t> head;  ///< first position not known DONE (its producer)
  Shared<std::uint64_t> owner;  ///< endpoint + 1 : 16 | incarnation : 32; 0 = ownerless
  /// Which relay's record its tail speaks of: nobody may take the lane while it stands. T35, T37
  Shared<std::uint64_t> hand_over;
  alignas(kLineBytes) Shared<std::uint64_t> attention;  ///< raised:32 | seen:32, as in Control
  Shared<std::uint64_t> done_hint;  ///< everything below it is DONE; may lag (any walker)
  alignas(
      kLineBytes) Shared<std::uint64_t> room_wait;  ///< stuck head + 1 while its producer sleeps
};
static_assert(std::is_standard_layout_v<LaneControl> && sizeof(LaneControl) == 5 * kLineBytes);

constexpr std::uint64_t pack_lane_owner(std::uint32_t endpoint, std::uint32_t inc) noexcept {
  return std::uint64_t{endpoint + 1} << 32 | inc;
}

/// How an encoded payload lies in its slot.
struct SlotHeader {
  std::uint32_t bytes;
  std::uint32_t in_ring;  ///< 0: the bytes follow; 1: `ring_position` follows
};
inline constexpr std::uint32_t kSlotHeaderBytes = sizeof(SlotHeader);

}  // namespace iq::detail
