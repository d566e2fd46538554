// Taking the calls that a ticket names. Their data lies in memory that their owners write again as
// soon as a call is over, so it is copied, and believed only if the call is still ours behind the
// copy. Where answers go is looked up at the same time: later the place may be another caller's.
#include "batch/taken_calls.hpp"

#include <algorithm>

#include "iq/detail/kill_point.hpp"

namespace iq::detail {

TakenCalls::TakenCalls(Board& board, const RequestHead& head, WireReader& refs, bool again)
    : board_(board), ticket_(head.ticket) {
  for (std::uint32_t i = 0; i < head.count; ++i) {
    const auto ref = refs.read<CallRef>();
    if (ref.member >= kBoardMembers || ref.slot >= board_.used(ref.member)) continue;
    if (take(ref, again)) copy(ref);
    IQ_KILL_POINT(board_taken);
  }
  for (const auto& [offset, bytes] : places_) {
    arguments_.push_back(std::span<const std::byte>(bytes_).subspan(offset, bytes));
  }
}

bool TakenCalls::take(const CallRef& ref, bool again) {
  Shared<std::uint64_t>& word = board_.word(ref.member, ref.slot);
  const std::uint64_t taken = CallWord{CallPhase::taken, ref.turn, ticket_}.pack();
  std::uint64_t seen = CallWord{CallPhase::asked, ref.turn, ticket_}.pack();
  if (word.compare_exchange_strong(seen, taken, std::memory_order_acq_rel)) return true;
  return again && seen == taken;
}

TakenCalls::Caller* TakenCalls::caller_of(std::uint32_t member) {
  if (!callers_.empty() && callers_.back().member == member) return &callers_.back();
  const auto known = std::ranges::find(callers_, member, &Caller::member);
  if (known != callers_.end()) return &*known;
  const BoardMember& its = board_.member(member);
  const auto before = MemberState::unpack(its.state.load(std::memory_order_acquire));
  const InboxAddress inbox{its.inbox.load(std::memory_order_relaxed),
                           its.pid.load(std::memory_order_relaxed),
                           its.number.load(std::memory_order_relaxed)};
  std::atomic_thread_fence(std::memory_order_acquire);
  const auto after = MemberState::unpack(its.state.load(std::memory_order_relaxed));
  if (after.phase == Phase::none || after.incarnation != before.incarnation) return nullptr;
  callers_.push_back({member, before.incarnation, inbox, {}});
  return &callers_.back();
}

void TakenCalls::copy(const CallRef& ref) {
  Caller* caller = caller_of(ref.member);
  if (caller == nullptr) return;  // it died; nobody waits for this call
  const BoardSlot& slot = board_.slot(ref.member, ref.slot);
  const std::uint64_t id = slot.call;
  const auto data = board_.data_of(ref.member, ref.slot);
  const std::size_t object_bytes = std::min<std::size_t>(slot.object_bytes, data.size());
  const std::size_t at = bytes_.size();
  bytes_.insert(bytes_.end(), data.begin(), data.end());
  std::atomic_thread_fence(std::memory_order_acquire);
  const std::uint64_t now = board_.word(ref.member, ref.slot).load(std::memory_order_relaxed);
  const std::span<const std::byte> object(bytes_.data() + at, object_bytes);
  if (now != CallWord{CallPhase::taken, ref.turn, ticket_}.pack() ||
      (has_object_ && !std::ranges::equal(object, object_))) {
    bytes_.resize(at);
    return;
  }
  if (!has_object_) object_.assign(object.begin(), object.end());
  has_object_ = true;
  caller->calls.push_back(ids_.size());
  ids_.push_back(id);
  refs_.push_back(ref);
  places_.emplace_back(at + object_bytes, data.size() - object_bytes);
}

void TakenCalls::let_members_run() noexcept {
  for (const Caller& caller : callers_) {
    if (caller.calls.empty()) continue;
    Shared<std::uint64_t>& state = board_.member(caller.member).state;
    std::uint64_t seen = state.load(std::memory_order_acquire);
    auto next = MemberState::unpack(seen);
    if (next.phase != Phase::waits || next.incarnation != caller.incarnation) continue;
    next.phase = Phase::runs;
    state.compare_exchange_strong(seen, next.pack(), std::memory_order_seq_cst);
    IQ_KILL_POINT(board_let_run);
  }
}

void TakenCalls::fail(const Caller& caller) noexcept {
  for (const std::size_t i : caller.calls) {
    const CallRef& ref = refs_[i];
    std::uint64_t taken = CallWord{CallPhase::taken, ref.turn, ticket_}.pack();
    board_.word(ref.member, ref.slot)
        .compare_exchange_strong(taken, CallWord{CallPhase::failed, ref.turn, 0}.pack(),
                                 std::memory_order_acq_rel);
  }
}

void TakenCalls::fail_all(Board& board, const RequestHead& head, WireReader refs,
                          const CallEnd& end) noexcept {
  while (refs.left() >= sizeof(CallRef)) {
    const auto ref = refs.read<CallRef>();
    if (ref.member >= kBoardMembers || ref.slot >= board.used(ref.member)) continue;
    for (const CallPhase phase : {CallPhase::asked, CallPhase::taken}) {
      std::uint64_t mine = CallWord{phase, ref.turn, head.ticket}.pack();
      board.word(ref.member, ref.slot)
          .compare_exchange_strong(mine, CallWord{CallPhase::failed, ref.turn, end.pack()}.pack(),
                                   std::memory_order_acq_rel);
    }
    IQ_KILL_POINT(board_call_failed);
  }
}

}  // namespace iq::detail
