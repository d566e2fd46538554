// The board: a table in shared memory of who takes part in a batch context, who waits, and for what
// calls. docs/batching.md, "Protocol", is the source of truth; B1.. are its labels.
//
// Whoever reads it takes each word once and checks it against constants: a hostile writer can spoil
// calls, not make another process leave the mapping.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "batch/wire.hpp"
#include "iq/detail/layout.hpp"
#include "sys/mapping.hpp"
#include "sys/pinned_lock.hpp"

namespace iq::detail {

inline constexpr std::uint32_t kBoardContexts = 64;
inline constexpr std::uint32_t kBoardMembers = 256;
inline constexpr std::uint32_t kBoardSlots = 4096;  ///< calls that a member may have under way
inline constexpr std::uint64_t kBoardArenaBytes = std::uint64_t{1} << 20;  ///< per member
inline constexpr std::uint32_t kBoardHints = 64;

/// What a member of a context is doing.
enum class Phase : std::uint32_t {
  none = 0,    ///< the place is free
  runs = 1,    ///< batches wait for its call
  waits = 2,   ///< for a result: no batch waits for it
  blocks = 3,  ///< elsewhere, or it is leaving: no batch waits for it
};

/// BoardMember::state, packed: phase:4 | context:12 | - | incarnation:32.
struct MemberState {
  Phase phase = Phase::none;
  std::uint32_t context = 0;
  std::uint32_t incarnation = 0;

  static constexpr MemberState unpack(std::uint64_t word) noexcept {
    return {static_cast<Phase>(word >> 60), static_cast<std::uint32_t>(word >> 48 & 0xfff),
            static_cast<std::uint32_t>(word)};
  }
  constexpr std::uint64_t pack() const noexcept {
    return std::uint64_t{static_cast<std::uint32_t>(phase)} << 60 |
           std::uint64_t{context & 0xfff} << 48 | incarnation;
  }
  friend bool operator==(const MemberState&, const MemberState&) = default;
};

/// Where a call stands.
enum class CallPhase : std::uint32_t {
  free = 0,
  pending = 1,  ///< written, in no batch yet
  asked = 2,    ///< in the batch of that ticket, which is or will be on its way
  taken = 3,    ///< in the hands of the server that has that ticket
  failed = 4,   ///< nobody will answer
};

/// Why a call has failed.
enum class CallFailure : std::uint32_t {
  undelivered = 0,  ///< it was served, and its answer does not reach its caller
  ended = 1,        ///< the function had ended before
  not_sent = 2,     ///< for another reason
  parked = 3,       ///< its servers died, as often as an item is handed out
};

/// A call's word, packed: phase:4 | turn:28 | ticket:32, of a failed one the reason instead of the
/// ticket and, above it, how many servers died. The turn tells it from earlier calls in the slot.
struct CallWord {
  CallPhase phase = CallPhase::free;
  std::uint32_t turn = 0;
  std::uint32_t ticket = 0;

  static constexpr CallWord unpack(std::uint64_t word) noexcept {
    return {static_cast<CallPhase>(word >> 60), static_cast<std::uint32_t>(word >> 32 & 0xfff'ffff),
            static_cast<std::uint32_t>(word)};
  }
  constexpr std::uint64_t pack() const noexcept {
    return std::uint64_t{static_cast<std::uint32_t>(phase)} << 60 |
           std::uint64_t{turn & 0xfff'ffff} << 32 | ticket;
  }
};

/// The end of a call that nobody will answer, as its word has it.
struct CallEnd {
  CallFailure why = CallFailure::undelivered;
  std::uint32_t deaths = 0;  ///< of its servers, where it is parked

  static constexpr CallEnd unpack(std::uint32_t ticket) noexcept {
    return {static_cast<CallFailure>(ticket & 0xff), ticket >> 8};
  }
  constexpr std::uint32_t pack() const noexcept {
    return deaths << 8 | static_cast<std::uint32_t>(why);
  }
};

struct BoardHeader {
  std::uint64_t id;                    ///< random, constant
  Shared<std::uint32_t> members_used;  ///< members below it were used once
  /// Whoever advances it may look for dead members (who waits).
  alignas(kLineBytes) Shared<std::uint64_t> turn;
};

/// One context. Free while `id` is 0.
struct alignas(kLineBytes) BoardContext {
  Shared<std::uint64_t> id;       ///< random; set by who shares it, cleared by the last to leave
  Shared<std::uint32_t> flusher;  ///< member + 1 that forms batches now, or 0 (members, repair)
  Shared<std::uint32_t> wanted;   ///< raised by who wants that looked at (members)
  Shared<std::uint32_t> full;     ///< 1: some function may have max_size calls, or an overdue one
  /// Calls pending per function and object that have a max_size, by hash: a hint, never too low,
  /// too high after deaths until everybody waits.
  alignas(kLineBytes) Shared<std::uint32_t> hints[kBoardHints];
};

/// One member: a thread of a process. Written by its owner but for `state`, which servers move from
/// waits to runs, and all of it by the repairer that holds the dead owner's byte.
struct alignas(kLineBytes) BoardMember {
  Shared<std::uint64_t> state;
  Shared<std::uint64_t> context_id;
  Shared<std::uint64_t> inbox;    ///< inode of the queue that answers go to,
  Shared<std::int32_t> pid;       ///< and which process has it open
  Shared<std::int32_t> number;    ///< under which number
  Shared<std::uint32_t> used;     ///< slots below it were used
  Shared<std::uint32_t> forming;  ///< the ticket of a batch that it forms, until that is put
  Shared<std::uint32_t> tickets;  ///< how many there were of members in this place
};

inline constexpr std::size_t kInlineBytes = 88;

/// A call's data; its word says when it may be read.
struct BoardSlot {
  std::uint64_t function;
  std::uint64_t call;
  std::uint32_t object_bytes;  ///< they come first
  std::uint32_t bytes;         ///< of the argument
  std::uint32_t max_size;      ///< of the function
  std::uint32_t order;         ///< of the member's calls
  std::uint32_t offset;        ///< in the arena, or kInline
  Shared<std::uint32_t> overdue;
  std::byte data[kInlineBytes];
};
static_assert(sizeof(BoardSlot) == 128);
inline constexpr std::uint32_t kInline = UINT32_MAX;

/// A call as tickets name it.
struct CallRef {
  std::uint16_t member;
  std::uint16_t slot;
  std::uint32_t turn;
};

/// The mapped table. One per process and its children, made by the first who needs one.
class Board {
 public:
  /// The one of this process, made if there is none. Errors: NoSpace, SystemError, CannotProbe.
  static std::shared_ptr<Board> of_process();
  /// Whether there is one.
  static bool is_known();
  /// The one in another process's file, for a process that has none of its own so far; its own
  /// otherwise. Null when the file cannot be had. Errors: as above.
  static std::shared_ptr<Board> join_process(const InboxAddress& file, std::uint64_t id);
  Board();
  /// Errors: BadArgument for another file.
  explicit Board(Fd file);
  Board(const Board&) = delete;
  Board& operator=(const Board&) = delete;

  std::uint64_t id() const noexcept { return header().id; }
  BoardHeader& header() const noexcept { return *at<BoardHeader>(0); }
  BoardContext& context(std::uint32_t index) const noexcept;
  BoardMember& member(std::uint32_t index) const noexcept;
  Shared<std::uint64_t>& word(std::uint32_t member, std::uint32_t slot) const noexcept;
  BoardSlot& slot(std::uint32_t member, std::uint32_t slot) const noexcept;
  std::byte* arena(std::uint32_t member) const noexcept;
  /// Members below it may be in use.
  std::uint32_t members_used() const noexcept;
  void raise_members_used(std::uint32_t to) noexcept;
  /// `used` of a member, within bounds.
  std::uint32_t used(std::uint32_t member) const noexcept;

  /// The bytes of a call: object and argument. Empty when its fields cannot be right.
  std::span<const std::byte> data_of(std::uint32_t member, std::uint32_t slot) const noexcept;

  /// Reserves pages of a member's part. Errors: NoSpace "needs N, has M".
  void reserve_words(std::uint32_t member);
  void reserve_slots(std::uint32_t member, std::uint32_t first, std::uint32_t count);
  void reserve_arena(std::uint32_t member, std::uint64_t offset, std::uint64_t bytes);

  /// A new context: its index and id. Empty when all are in use. B1
  struct Place {
    std::uint32_t index = 0;
    std::uint64_t id = 0;
  };
  std::optional<Place> new_context();
  /// The context of that name, begun if there is none. Empty when all are in use.
  std::optional<Place> named_context(std::string_view name);
  /// Whether somebody takes part in it, or did and died.
  bool has_member(std::uint32_t context) const noexcept;
  /// Where another process finds the file, while this one lives.
  InboxAddress address() const noexcept;

  /// The lock byte of a member, if nobody holds it.
  std::optional<PinnedLock> lock_member(std::uint32_t member) const;
  Held probe_member(std::uint32_t member) const noexcept;

  /// Its calls are none any more: who owns the member, or holds its byte.
  void free_calls(std::uint32_t member) noexcept;

  /// Repairs every member whose process is dead. True when there was one. B7
  bool repair_dead();
  /// The same, if nobody has looked for a while. `seen` and `since_ns` are the caller's memory of
  /// the turn.
  bool take_turn(std::uint64_t& seen, std::int64_t& since_ns, std::int64_t now);

 private:
  template <class T>
  T* at(std::uint64_t offset) const noexcept {
    return reinterpret_cast<T*>(mapping_.data() + offset);
  }
  std::optional<Place> begin_context(std::uint64_t id);
  std::optional<Place> find_context(std::uint64_t id) const noexcept;
  std::optional<std::uint64_t> id_of_others(std::uint32_t context, std::uint64_t id) const noexcept;
  bool repair_member(std::uint32_t member);
  void take_back(std::uint32_t context, std::uint32_t ticket) noexcept;

  std::unique_ptr<LockFile> file_;
  Mapping mapping_;
};

/// Counts a function's and object's pending calls in a context's hints.
std::uint32_t hint_of(std::uint64_t function, std::span<const std::byte> object) noexcept;

}  // namespace iq::detail
