// The board's memory, and what becomes of the part of a member that died.
//
// A member is a thread of a process; its lock byte is held as long as the process lives, so LIVE
// without a holder is the evidence of its death, as in a queue's registry. Pages are reserved when
// they are used: the table is large and sparse. Nothing is counted that a death could falsify but
// hints, which only cause a look too many.
#include "batch/board.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <random>

#include "batch/inbox.hpp"
#include "iq/detail/kill_point.hpp"
#include "iq/detail/type_fingerprint.hpp"
#include "sys/fork_guard.hpp"
#include "sys/process.hpp"
#include "sys/shm_file.hpp"

namespace iq::detail {
namespace {

constexpr std::uint64_t kMemberLocks = std::uint64_t{1} << 40;
constexpr std::int64_t kLookTurnNs = 20'000'000;

constexpr std::uint64_t page_up(std::uint64_t bytes) {
  return (bytes + kPageBytes - 1) / kPageBytes * kPageBytes;
}

constexpr std::uint64_t kContextsOffset = page_up(sizeof(BoardHeader));
constexpr std::uint64_t kMembersOffset =
    kContextsOffset + page_up(kBoardContexts * sizeof(BoardContext));
constexpr std::uint64_t kWordsOffset =
    kMembersOffset + page_up(kBoardMembers * sizeof(BoardMember));
constexpr std::uint64_t kWordsBytes = kBoardSlots * sizeof(std::uint64_t);
constexpr std::uint64_t kSlotsOffset = kWordsOffset + kBoardMembers * kWordsBytes;
constexpr std::uint64_t kSlotsBytes = kBoardSlots * sizeof(BoardSlot);
constexpr std::uint64_t kArenasOffset = kSlotsOffset + kBoardMembers * kSlotsBytes;
constexpr std::uint64_t kBoardBytes = kArenasOffset + kBoardMembers * kBoardArenaBytes;

Fd new_board_file() {
  Fd file = create_anonymous(kBoardBytes);
  reserve_pages(file.get(), 0, kWordsOffset, "a table of batch contexts");
  return file;
}

constinit std::atomic<std::weak_ptr<Board>*> process_board{nullptr};

}  // namespace

namespace {

std::shared_ptr<Board> known_board() {
  const ForkGuard guard;
  const std::weak_ptr<Board>* board = process_board.load(std::memory_order_acquire);
  return board != nullptr ? board->lock() : nullptr;
}

/// The first that is made is the process's.
std::shared_ptr<Board> keep_board(std::shared_ptr<Board> made) {
  auto weak = std::make_unique<std::weak_ptr<Board>>(made);
  std::shared_ptr<Board> first;
  const ForkGuard guard;
  const std::weak_ptr<Board>* former = process_board.load(std::memory_order_acquire);
  if (former != nullptr) first = former->lock();
  if (first) return first;
  weak.reset(process_board.exchange(weak.release(), std::memory_order_acq_rel));
  return made;
}

}  // namespace

std::shared_ptr<Board> Board::of_process() {
  auto known = known_board();
  return known ? known : keep_board(std::make_shared<Board>());
}

bool Board::is_known() { return known_board() != nullptr; }

std::shared_ptr<Board> Board::join_process(const InboxAddress& file, std::uint64_t id) {
  if (auto known = known_board()) return known->id() == id ? known : nullptr;
  Fd found = open_inbox_file(file);
  if (!found || file_bytes(found.get()) != kBoardBytes) return nullptr;
  auto made = std::make_shared<Board>(std::move(found));
  if (made->id() != id) return nullptr;
  made = keep_board(std::move(made));
  return made->id() == id ? made : nullptr;
}

Board::Board() : Board(new_board_file()) {
  std::random_device source;
  header().id = std::uint64_t{source()} << 32 | source() | 1;
}

Board::Board(Fd file) : mapping_(file.get(), kBoardBytes) {
  file_ = std::make_unique<LockFile>(std::move(file), "");
  self_test_liveness(*file_);
}

InboxAddress Board::address() const noexcept {
  return {file_->id().inode, process_id(), file_->probe_fd()};
}

BoardContext& Board::context(std::uint32_t index) const noexcept {
  return at<BoardContext>(kContextsOffset)[index % kBoardContexts];
}
BoardMember& Board::member(std::uint32_t index) const noexcept {
  return at<BoardMember>(kMembersOffset)[index % kBoardMembers];
}
Shared<std::uint64_t>& Board::word(std::uint32_t member, std::uint32_t slot) const noexcept {
  return at<Shared<std::uint64_t>>(kWordsOffset +
                                   member % kBoardMembers * kWordsBytes)[slot % kBoardSlots];
}
BoardSlot& Board::slot(std::uint32_t member, std::uint32_t slot) const noexcept {
  return at<BoardSlot>(kSlotsOffset + member % kBoardMembers * kSlotsBytes)[slot % kBoardSlots];
}
std::byte* Board::arena(std::uint32_t member) const noexcept {
  return at<std::byte>(kArenasOffset + member % kBoardMembers * kBoardArenaBytes);
}
std::uint32_t Board::used(std::uint32_t index) const noexcept {
  return std::min(member(index).used.load(std::memory_order_acquire), kBoardSlots);
}

std::uint32_t Board::members_used() const noexcept {
  return std::min(header().members_used.load(std::memory_order_seq_cst), kBoardMembers);
}
void Board::raise_members_used(std::uint32_t to) noexcept {
  std::uint32_t seen = header().members_used.load(std::memory_order_relaxed);
  while (seen < to && !header().members_used.compare_exchange_weak(seen, to)) {
  }
}

std::span<const std::byte> Board::data_of(std::uint32_t member,
                                          std::uint32_t index) const noexcept {
  const BoardSlot& from = slot(member, index);
  const std::uint64_t size = std::uint64_t{from.object_bytes} + from.bytes;
  const std::uint32_t offset = from.offset;
  if (offset == kInline) {
    if (size > kInlineBytes) return {};
    return {from.data, static_cast<std::size_t>(size)};
  }
  if (size > kBoardArenaBytes || offset > kBoardArenaBytes - size) return {};
  return {arena(member) + offset, static_cast<std::size_t>(size)};
}

void Board::reserve_words(std::uint32_t member) {
  reserve_pages(file_->probe_fd(), kWordsOffset + member * kWordsBytes, kWordsBytes,
                "a place in a batch context");
}
void Board::reserve_slots(std::uint32_t member, std::uint32_t first, std::uint32_t count) {
  reserve_pages(file_->probe_fd(), kSlotsOffset + member * kSlotsBytes + first * sizeof(BoardSlot),
                count * sizeof(BoardSlot), "calls of a batch context");
}
void Board::reserve_arena(std::uint32_t member, std::uint64_t offset, std::uint64_t bytes) {
  reserve_pages(file_->probe_fd(), kArenasOffset + member * kBoardArenaBytes + offset, bytes,
                "arguments of a batch context");
}

std::optional<Board::Place> Board::new_context() {
  std::random_device source;
  return begin_context(std::uint64_t{source()} << 32 | source() | 1);
}

bool Board::has_member(std::uint32_t index) const noexcept {
  for (std::uint32_t m = 0; m < members_used(); ++m) {
    const auto state = MemberState::unpack(member(m).state.load(std::memory_order_seq_cst));
    if (state.phase != Phase::none && state.context == index) return true;
  }
  return false;
}

/// Of a member there that joined under another id.
std::optional<std::uint64_t> Board::id_of_others(std::uint32_t index,
                                                 std::uint64_t id) const noexcept {
  for (std::uint32_t m = 0; m < members_used(); ++m) {
    const auto state = MemberState::unpack(member(m).state.load(std::memory_order_seq_cst));
    if (state.phase == Phase::none || state.context != index) continue;
    const std::uint64_t theirs = member(m).context_id.load(std::memory_order_relaxed);
    if (theirs != id) return theirs;
  }
  return std::nullopt;
}

// B1. A context whose members have all died has an id and nobody: it is free, too. Who joined it
// just before it was taken has not seen that, and is seen here: then it is theirs again.
std::optional<Board::Place> Board::begin_context(std::uint64_t id) {
  for (const bool abandoned_too : {false, true}) {
    if (abandoned_too) repair_dead();
    for (std::uint32_t i = 0; i < kBoardContexts; ++i) {
      std::uint64_t former = context(i).id.load(std::memory_order_acquire);
      if (former != 0 && (!abandoned_too || has_member(i))) continue;
      if (!context(i).id.compare_exchange_strong(former, id, std::memory_order_seq_cst)) continue;
      if (const auto theirs = id_of_others(i, id)) {
        std::uint64_t mine = id;
        context(i).id.compare_exchange_strong(mine, *theirs, std::memory_order_seq_cst);
        continue;
      }
      return Place{i, id};  // hints of the former one may be left: too high is right enough
    }
  }
  return std::nullopt;
}

std::optional<Board::Place> Board::find_context(std::uint64_t id) const noexcept {
  for (std::uint32_t i = 0; i < kBoardContexts; ++i) {
    if (context(i).id.load(std::memory_order_seq_cst) == id) return Place{i, id};
  }
  return std::nullopt;
}

// Two that begin it at the same time agree on the first place; who has joined the other one by then
// finds that it is none.
std::optional<Board::Place> Board::named_context(std::string_view name) {
  Fnv1a hash;
  hash.add(name);
  const std::uint64_t id = hash.value() | 1;
  if (const auto known = find_context(id)) return known;
  const auto begun = begin_context(id);
  if (!begun) return std::nullopt;
  const auto first = find_context(id);
  if (!first || first->index == begun->index) return begun;
  std::uint64_t mine = id;
  context(begun->index).id.compare_exchange_strong(mine, 0, std::memory_order_seq_cst);
  return first;
}

std::optional<PinnedLock> Board::lock_member(std::uint32_t member) const {
  return PinnedLock::try_lock(*file_, kMemberLocks + member, 1);
}
Held Board::probe_member(std::uint32_t member) const noexcept {
  return probe_lock(*file_, kMemberLocks + member, 1);
}

bool Board::take_turn(std::uint64_t& seen, std::int64_t& since_ns, std::int64_t now) {
  std::uint64_t turn = header().turn.load(std::memory_order_relaxed);
  if (turn != seen) {
    seen = turn;
    since_ns = now;
    return false;
  }
  if (now - since_ns < kLookTurnNs) return false;
  if (!header().turn.compare_exchange_strong(turn, turn + 1, std::memory_order_relaxed)) {
    return false;
  }
  seen = turn + 1;
  since_ns = now;
  return repair_dead();
}

bool Board::repair_dead() {
  bool repaired = false;
  for (std::uint32_t m = 0; m < members_used(); ++m) {
    const auto state = MemberState::unpack(member(m).state.load(std::memory_order_acquire));
    if (state.phase == Phase::none || probe_member(m) != Held::no) continue;
    repaired |= repair_member(m);
  }
  return repaired;
}

// B7. Whoever gets the dead one's byte is its only repairer; dying here leaves the rest to the
// next.
bool Board::repair_member(std::uint32_t index) {
  const std::optional<PinnedLock> lock = lock_member(index);
  if (!lock) return false;
  BoardMember& dead = member(index);
  const auto state = MemberState::unpack(dead.state.load(std::memory_order_acquire));
  if (state.phase == Phase::none) return false;
  BoardContext& its = context(state.context);
  if (const std::uint32_t ticket = dead.forming.load(std::memory_order_acquire); ticket != 0) {
    take_back(state.context, ticket);
    IQ_KILL_POINT(board_repair_taken_back);
    dead.forming.store(0, std::memory_order_release);
  }
  free_calls(index);
  IQ_KILL_POINT(board_repair_freed);
  std::uint32_t flusher = index + 1;
  its.flusher.compare_exchange_strong(flusher, 0, std::memory_order_seq_cst);
  IQ_KILL_POINT(board_repair_unlocked);
  dead.state.store(MemberState{Phase::none, 0, state.incarnation}.pack(),
                   std::memory_order_seq_cst);
  return true;
}

// A batch that was being formed is none: its calls are pending again. If its ticket was put all the
// same, the server that reads it finds calls that are not asked under it, and leaves them.
void Board::take_back(std::uint32_t context, std::uint32_t ticket) noexcept {
  for (std::uint32_t m = 0; m < members_used(); ++m) {
    const auto state = MemberState::unpack(member(m).state.load(std::memory_order_acquire));
    if (state.phase == Phase::none || state.context != context) continue;
    for (std::uint32_t s = 0, n = used(m); s < n; ++s) {
      std::uint64_t seen = word(m, s).load(std::memory_order_acquire);
      const auto call = CallWord::unpack(seen);
      if (call.phase != CallPhase::asked || call.ticket != ticket) continue;
      word(m, s).compare_exchange_strong(seen, CallWord{CallPhase::pending, call.turn, 0}.pack(),
                                         std::memory_order_acq_rel);
    }
  }
}

void Board::free_calls(std::uint32_t index) noexcept {
  for (std::uint32_t s = 0, n = used(index); s < n; ++s) {
    const auto call = CallWord::unpack(word(index, s).load(std::memory_order_acquire));
    if (call.phase == CallPhase::free) continue;
    word(index, s).store(CallWord{CallPhase::free, call.turn + 1, 0}.pack(),
                         std::memory_order_release);
  }
}

std::uint32_t hint_of(std::uint64_t function, std::span<const std::byte> object) noexcept {
  Fnv1a hash;
  hash.add(function);
  for (const std::byte byte : object) hash.add_byte(static_cast<unsigned char>(byte));
  return static_cast<std::uint32_t>(hash.value() >> 32 ^ hash.value()) % kBoardHints;
}

}  // namespace iq::detail
