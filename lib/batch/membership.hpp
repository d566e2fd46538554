// A thread's place among the callers of a context that several processes share.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include "base/clock.hpp"
#include "batch/board.hpp"
#include "batch/wire.hpp"

namespace iq::detail {

class BatchClient;
class CallWriter;
class LocalFunction;

class SharedMembership {
 public:
  /// Joins the context as a caller that runs; null when it is over, or the board is full.
  /// Errors: NoSpace, CannotProbe, SystemError.
  static std::unique_ptr<SharedMembership> join(std::shared_ptr<Board> board,
                                                const Board::Place& place, BatchClient& client);
  ~SharedMembership();
  SharedMembership(const SharedMembership&) = delete;
  SharedMembership& operator=(const SharedMembership&) = delete;

  const std::shared_ptr<Board>& board() const noexcept { return board_; }
  const Board::Place& place() const noexcept { return place_; }

  // B2: what the owner does is in its state at once, and who waits or blocks then looks whether
  // batches go.
  void runs() noexcept;
  void waits() noexcept;
  void blocks() noexcept;
  /// Something came, and nobody of this thread runs: again as waits(), unless it blocks.
  void go_on_waiting() noexcept;

  /// Writes a call on the board: its slot. Empty when there is no room for it. B3
  /// Errors: NoSpace, and what the writer throws.
  std::optional<std::uint32_t> post(const LocalFunction& function,
                                    std::span<const std::byte> object, const CallWriter& argument,
                                    std::uint64_t call);
  /// To be called behind post(): lets a batch of max_size calls go.
  void flush_if_full() noexcept;
  /// The call has ended: its slot is free.
  void finish(std::uint32_t slot) noexcept;
  /// Why nobody will answer it; empty as long as somebody may.
  std::optional<CallEnd> failure_of(std::uint32_t slot) const noexcept;

  /// When the oldest pending call with a max_delay is overdue.
  DeadlineNs first_due() const noexcept { return due_.empty() ? kForever : due_.begin()->first; }
  void send_overdue(std::int64_t now) noexcept;
  /// From time to time, by who waits: looks for the dead, and whether batches go now.
  void look_after(std::int64_t now) noexcept;
  /// Lets batches go that may. Never throws: what cannot be sent fails, and its callers see it.
  void flush() noexcept;

 private:
  /// Pending calls of one function and object.
  struct Group {
    std::vector<CallRef> calls;
    std::uint32_t max_size = 0;
    bool overdue = false;
  };
  using GroupKey = std::pair<std::uint64_t, std::vector<std::byte>>;

  SharedMembership(std::shared_ptr<Board> board, const Board::Place& place, BatchClient& client,
                   std::uint32_t index, PinnedLock lock);
  void set_phase(Phase phase) noexcept;
  Phase phase() const noexcept;
  bool everybody_waits() const noexcept;
  std::map<GroupKey, Group> gather() const;
  void send_batches();
  std::size_t send_batch(std::uint64_t function, std::span<const CallRef> calls);
  bool put_ticket(std::uint64_t function, std::uint32_t ticket, std::span<const CallRef> asked);
  void settle_asked(std::uint32_t ticket, std::span<const CallRef> asked, CallPhase to,
                    CallFailure why = {}) noexcept;
  std::uint32_t next_ticket() noexcept;
  void settle_hints(std::span<const std::uint32_t> before,
                    const std::map<GroupKey, Group>& groups) noexcept;
  void nudge_owner(const CallRef& call) noexcept;
  std::optional<std::uint32_t> take_slot();
  std::optional<std::uint32_t> take_arena(std::size_t bytes);
  BoardContext& its() const noexcept { return board_->context(place_.index); }
  BoardMember& own() const noexcept { return board_->member(index_); }

  std::shared_ptr<Board> board_;
  Board::Place place_;
  BatchClient& client_;
  std::uint32_t index_;
  PinnedLock lock_;
  std::uint32_t next_order_ = 0;
  bool is_full_ = false;  ///< the call that was posted last made a batch of max_size, perhaps
  std::uint32_t reserved_slots_ = 0;
  std::uint64_t reserved_arena_ = 0;
  std::vector<std::uint32_t> free_slots_;
  /// Of this member's slots: where a long argument lies.
  struct Piece {
    std::uint32_t offset = 0;
    std::uint32_t bytes = 0;
  };
  std::map<std::uint32_t, Piece> pieces_;
  std::map<std::uint32_t, std::uint32_t> free_pieces_;  ///< offset -> bytes
  std::multimap<DeadlineNs, std::uint32_t> due_;
  std::uint64_t turn_seen_ = UINT64_MAX;
  std::int64_t turn_since_ns_ = 0;
};

}  // namespace iq::detail
