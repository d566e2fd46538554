// One caller's place on the board: joining, waiting, posting calls, leaving.
//
// A call's word is pending from the moment that its data can be read; from then on it belongs to
// whoever forms batches, then to the server that has its ticket, and comes back to its owner with
// the answer. The owner alone frees it.
#include "batch/membership.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "batch/client.hpp"
#include "batch/function.hpp"
#include "iq/detail/kill_point.hpp"

namespace iq::detail {
namespace {

constexpr std::uint32_t kSlotsPerReserve = 256;
constexpr std::uint64_t kArenaPerReserve = std::uint64_t{64} << 10;

std::optional<std::uint32_t> free_member(const Board& board, std::optional<PinnedLock>& lock) {
  for (std::uint32_t m = 0; m < kBoardMembers; ++m) {
    const auto is_free = [&] {
      const auto state = MemberState::unpack(board.member(m).state.load(std::memory_order_acquire));
      return state.phase == Phase::none;
    };
    if (!is_free()) continue;
    lock = board.lock_member(m);
    if (lock && is_free()) return m;
    lock.reset();
  }
  return std::nullopt;
}

}  // namespace

// B1. The byte first, then the state: killed in between, nothing is left.
std::unique_ptr<SharedMembership> SharedMembership::join(std::shared_ptr<Board> board,
                                                         const Board::Place& place,
                                                         BatchClient& client) {
  std::optional<PinnedLock> lock;
  std::optional<std::uint32_t> index = free_member(*board, lock);
  if (!index && board->repair_dead()) index = free_member(*board, lock);
  if (!index) return nullptr;
  board->reserve_words(*index);
  board->raise_members_used(*index + 1);
  const InboxAddress inbox = client.inbox().address();
  BoardMember& own = board->member(*index);
  const auto before = MemberState::unpack(own.state.load(std::memory_order_acquire));
  own.context_id.store(place.id, std::memory_order_relaxed);
  own.inbox.store(inbox.inode, std::memory_order_relaxed);
  own.pid.store(inbox.pid, std::memory_order_relaxed);
  own.number.store(inbox.number, std::memory_order_relaxed);
  own.forming.store(0, std::memory_order_relaxed);
  IQ_KILL_POINT(board_before_join);
  own.state.store(MemberState{Phase::runs, place.index, before.incarnation + 1}.pack(),
                  std::memory_order_seq_cst);
  IQ_KILL_POINT(board_after_join);
  std::unique_ptr<SharedMembership> made(
      new SharedMembership(std::move(board), place, client, *index, std::move(*lock)));
  // The last member may have left, and somebody else have begun another context in its place.
  if (made->its().id.load(std::memory_order_seq_cst) != place.id) return nullptr;
  return made;
}

SharedMembership::SharedMembership(std::shared_ptr<Board> board, const Board::Place& place,
                                   BatchClient& client, std::uint32_t index, PinnedLock lock)
    : board_(std::move(board)),
      place_(place),
      client_(client),
      index_(index),
      lock_(std::move(lock)) {
  const std::uint32_t used = board_->used(index_);
  reserved_slots_ = (used + kSlotsPerReserve - 1) / kSlotsPerReserve * kSlotsPerReserve;
  for (std::uint32_t s = used; s-- > 0;) free_slots_.push_back(s);
}

// B8. Nobody waits for it any more, then it is not there any more; the last one frees the context.
SharedMembership::~SharedMembership() {
  blocks();
  const auto state = MemberState::unpack(own().state.load(std::memory_order_acquire));
  board_->free_calls(index_);
  IQ_KILL_POINT(board_before_leave);
  own().state.store(MemberState{Phase::none, 0, state.incarnation}.pack(),
                    std::memory_order_seq_cst);
  IQ_KILL_POINT(board_after_leave);
  if (board_->has_member(place_.index)) return;
  std::uint64_t id = place_.id;
  if (!its().id.compare_exchange_strong(id, 0, std::memory_order_seq_cst)) return;
  // Who joined meanwhile has seen that it is over, or is seen here.
  std::uint64_t none = 0;
  if (board_->has_member(place_.index)) {
    its().id.compare_exchange_strong(none, place_.id, std::memory_order_seq_cst);
  }
}

Phase SharedMembership::phase() const noexcept {
  return MemberState::unpack(own().state.load(std::memory_order_relaxed)).phase;
}

void SharedMembership::set_phase(Phase phase) noexcept {
  auto state = MemberState::unpack(own().state.load(std::memory_order_relaxed));
  if (state.phase == phase) return;
  state.phase = phase;
  own().state.store(state.pack(), std::memory_order_seq_cst);  // B2
  IQ_KILL_POINT(board_after_phase);
}

void SharedMembership::runs() noexcept { set_phase(Phase::runs); }

void SharedMembership::waits() noexcept {
  set_phase(Phase::waits);
  flush();
}

void SharedMembership::blocks() noexcept {
  set_phase(Phase::blocks);
  flush();
}

void SharedMembership::go_on_waiting() noexcept {
  if (phase() != Phase::blocks) waits();
}

// ---- calls ----

std::optional<std::uint32_t> SharedMembership::take_slot() {
  if (free_slots_.empty()) {
    const std::uint32_t used = board_->used(index_);
    if (used == kBoardSlots) return std::nullopt;
    if (used == reserved_slots_) {
      board_->reserve_slots(index_, used, kSlotsPerReserve);
      reserved_slots_ += kSlotsPerReserve;
    }
    own().used.store(used + 1, std::memory_order_release);
    return used;
  }
  const std::uint32_t slot = free_slots_.back();
  free_slots_.pop_back();
  return slot;
}

// First fit; what is freed joins its neighbours.
std::optional<std::uint32_t> SharedMembership::take_arena(std::size_t bytes) {
  for (auto at = free_pieces_.begin(); at != free_pieces_.end(); ++at) {
    if (at->second < bytes) continue;
    const auto [offset, size] = *at;
    free_pieces_.erase(at);
    if (size > bytes) {
      free_pieces_.emplace(offset + static_cast<std::uint32_t>(bytes),
                           size - static_cast<std::uint32_t>(bytes));
    }
    return offset;
  }
  const std::uint64_t more = (bytes + kArenaPerReserve - 1) / kArenaPerReserve * kArenaPerReserve;
  if (more > kBoardArenaBytes - reserved_arena_) return std::nullopt;
  board_->reserve_arena(index_, reserved_arena_, more);
  const auto offset = static_cast<std::uint32_t>(reserved_arena_);
  reserved_arena_ += more;
  if (more > bytes) {
    free_pieces_.emplace(offset + static_cast<std::uint32_t>(bytes),
                         static_cast<std::uint32_t>(more - bytes));
  }
  return offset;
}

std::optional<std::uint32_t> SharedMembership::post(const LocalFunction& function,
                                                    std::span<const std::byte> object,
                                                    const CallWriter& argument,
                                                    std::uint64_t call) {
  if (phase() == Phase::waits) runs();  // called by what an answer has woken
  const std::size_t bytes = argument.bytes();
  const std::size_t size = object.size() + bytes;
  Piece piece{kInline, static_cast<std::uint32_t>(size)};
  if (size > kInlineBytes) {
    const auto offset = take_arena(size);
    if (!offset) return std::nullopt;
    piece.offset = *offset;
  }
  std::optional<std::uint32_t> index;
  try {
    index = take_slot();
  } catch (...) {
    if (piece.offset != kInline) free_pieces_.emplace(piece.offset, piece.bytes);
    throw;
  }
  if (!index) {
    if (piece.offset != kInline) free_pieces_.emplace(piece.offset, piece.bytes);
    return std::nullopt;
  }
  BoardSlot& slot = board_->slot(index_, *index);
  std::byte* to = piece.offset == kInline ? slot.data : board_->arena(index_) + piece.offset;
  try {
    argument.write(std::copy(object.begin(), object.end(), to), bytes);
  } catch (...) {
    free_slots_.push_back(*index);
    if (piece.offset != kInline) free_pieces_.emplace(piece.offset, piece.bytes);
    throw;
  }
  const BatchSettings& settings = function.settings();
  slot.function = function.id();
  slot.call = call;
  slot.object_bytes = static_cast<std::uint32_t>(object.size());
  slot.bytes = static_cast<std::uint32_t>(bytes);
  slot.max_size = static_cast<std::uint32_t>(settings.max_size);
  slot.order = next_order_++;
  slot.offset = piece.offset;
  slot.overdue.store(0, std::memory_order_relaxed);
  if (piece.offset != kInline) pieces_[*index] = piece;
  if (settings.max_delay_ns >= 0) due_.emplace(now_ns() + settings.max_delay_ns, *index);
  Shared<std::uint64_t>& word = board_->word(index_, *index);
  const auto former = CallWord::unpack(word.load(std::memory_order_relaxed));
  // Counted first: a hint may be too high, which costs a look, and never too low.
  std::uint32_t gathered = 0;
  if (settings.max_size != 0) {
    gathered = its().hints[hint_of(function.id(), object)].fetch_add(1) + 1;
  }
  IQ_KILL_POINT(board_before_post);
  word.store(CallWord{CallPhase::pending, former.turn + 1, 0}.pack(),  // B3
             std::memory_order_seq_cst);
  IQ_KILL_POINT(board_after_post);
  is_full_ = settings.max_size != 0 && gathered >= settings.max_size;
  return index;
}

void SharedMembership::flush_if_full() noexcept {
  if (!std::exchange(is_full_, false)) return;
  its().full.store(1, std::memory_order_seq_cst);
  flush();
}

void SharedMembership::finish(std::uint32_t index) noexcept {
  Shared<std::uint64_t>& word = board_->word(index_, index);
  const auto call = CallWord::unpack(word.load(std::memory_order_relaxed));
  word.store(CallWord{CallPhase::free, call.turn, 0}.pack(), std::memory_order_release);
  std::erase_if(due_, [index](const auto& entry) { return entry.second == index; });
  free_slots_.push_back(index);
  const auto piece = pieces_.find(index);
  if (piece == pieces_.end()) return;
  auto [offset, bytes] = piece->second;
  pieces_.erase(piece);
  auto after = free_pieces_.lower_bound(offset);
  if (after != free_pieces_.end() && after->first == offset + bytes) {
    bytes += after->second;
    after = free_pieces_.erase(after);
  }
  if (after != free_pieces_.begin()) {
    const auto before = std::prev(after);
    if (before->first + before->second == offset) {
      before->second += bytes;
      return;
    }
  }
  free_pieces_.emplace(offset, bytes);
}

std::optional<CallEnd> SharedMembership::failure_of(std::uint32_t index) const noexcept {
  const auto call = CallWord::unpack(board_->word(index_, index).load(std::memory_order_acquire));
  if (call.phase != CallPhase::failed) return std::nullopt;
  return CallEnd::unpack(call.ticket);
}

void SharedMembership::send_overdue(std::int64_t now) noexcept {
  bool any = false;
  while (!due_.empty() && due_.begin()->first <= now) {
    board_->slot(index_, due_.begin()->second).overdue.store(1, std::memory_order_relaxed);
    due_.erase(due_.begin());
    any = true;
  }
  if (!any) return;
  its().full.store(1, std::memory_order_seq_cst);
  flush();
}

void SharedMembership::look_after(std::int64_t now) noexcept {
  try {
    board_->take_turn(turn_seen_, turn_since_ns_, now);
  } catch (...) {  // this process cannot probe now; another one can
  }
  flush();
}

}  // namespace iq::detail
