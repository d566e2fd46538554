// Forming batches out of what several processes have posted on the board.
//
// One member at a time does it for a context: whoever came last to wait, or reached max_size. It
// marks the calls of a batch as asked under a ticket, then puts the ticket, which lists them, into
// the function's queue. The server that gets the ticket takes exactly those calls. Killed in
// between, the repairer makes them pending again: they go in another batch, and the ticket, if it
// was put all the same, finds nothing that is its own. So no call is lost or carried out twice.
#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "batch/client.hpp"
#include "batch/function.hpp"
#include "batch/membership.hpp"
#include "iq/detail/kill_point.hpp"
#include "iq/error.hpp"

namespace iq::detail {

// B4. Who finds somebody at it leaves it to that one, who looks again when it sees `wanted` move.
void SharedMembership::flush() noexcept {
  BoardContext& context = its();
  context.wanted.fetch_add(1, std::memory_order_seq_cst);
  for (;;) {
    std::uint32_t nobody = 0;
    if (!context.flusher.compare_exchange_strong(nobody, index_ + 1, std::memory_order_seq_cst)) {
      return;
    }
    IQ_KILL_POINT(board_flush_locked);
    std::uint32_t seen = 0;
    do {
      seen = context.wanted.load(std::memory_order_seq_cst);
      try {
        send_batches();
      } catch (...) {  // no memory: the next look tries again
      }
    } while (context.wanted.load(std::memory_order_seq_cst) != seen);
    context.flusher.store(0, std::memory_order_seq_cst);
    IQ_KILL_POINT(board_flush_unlocked);
    if (context.wanted.load(std::memory_order_seq_cst) == seen) return;
  }
}

bool SharedMembership::everybody_waits() const noexcept {
  for (std::uint32_t m = 0; m < board_->members_used(); ++m) {
    const auto state = MemberState::unpack(board_->member(m).state.load(std::memory_order_seq_cst));
    if (state.phase == Phase::runs && state.context == place_.index) return false;
  }
  return true;
}

std::map<SharedMembership::GroupKey, SharedMembership::Group> SharedMembership::gather() const {
  std::map<GroupKey, Group> groups;
  GroupKey key;
  Group* last = nullptr;
  for (std::uint32_t m = 0; m < board_->members_used(); ++m) {
    const auto state = MemberState::unpack(board_->member(m).state.load(std::memory_order_acquire));
    if (state.phase == Phase::none || state.context != place_.index) continue;
    const std::uint32_t used = board_->used(m);
    std::vector<std::pair<std::uint32_t, CallRef>> in_order;
    for (std::uint32_t s = 0; s < used; ++s) {
      const auto call = CallWord::unpack(board_->word(m, s).load(std::memory_order_acquire));
      if (call.phase != CallPhase::pending) continue;
      in_order.push_back(
          {board_->slot(m, s).order,
           {static_cast<std::uint16_t>(m), static_cast<std::uint16_t>(s), call.turn}});
    }
    std::ranges::sort(in_order, {}, [](const auto& one) { return one.first; });
    for (const auto& [order, call] : in_order) {
      const BoardSlot& slot = board_->slot(m, call.slot);
      const auto data = board_->data_of(m, call.slot);
      const auto object = data.first(std::min<std::size_t>(data.size(), slot.object_bytes));
      if (last == nullptr || key.first != slot.function ||
          !std::ranges::equal(key.second, object)) {
        key = {slot.function, {object.begin(), object.end()}};
        last = &groups[key];
      }
      last->max_size = slot.max_size;
      last->overdue |= slot.overdue.load(std::memory_order_relaxed) != 0;
      last->calls.push_back(call);
    }
  }
  return groups;
}

void SharedMembership::send_batches() {
  std::array<std::uint32_t, kBoardHints> hints{};
  for (std::size_t i = 0; i < kBoardHints; ++i) hints[i] = its().hints[i].load();
  const bool all = everybody_waits();
  if (!all && its().full.exchange(0, std::memory_order_seq_cst) == 0) return;
  const auto groups = gather();
  if (all) settle_hints(hints, groups);
  for (const auto& [key, group] : groups) {
    std::span<const CallRef> rest(group.calls);
    const std::uint32_t hint = hint_of(key.first, key.second);
    const std::size_t most = group.max_size != 0 ? group.max_size : kBoardSlots;
    while (rest.size() >= most || (!rest.empty() && (all || group.overdue))) {
      const std::size_t count = std::min(most, rest.size());
      const std::size_t sent = send_batch(key.first, rest.first(count));
      if (group.max_size != 0) its().hints[hint].fetch_sub(static_cast<std::uint32_t>(sent));
      rest = rest.subspan(count);
    }
  }
}

// Who counted a call and died, or left, before that went, has left a hint too high. When everybody
// waits, nobody is between counting and posting: what was counted before that and is not pending
// will never be. What is posted meanwhile makes the difference smaller, not wrong.
void SharedMembership::settle_hints(std::span<const std::uint32_t> before,
                                    const std::map<GroupKey, Group>& groups) noexcept {
  std::array<std::uint32_t, kBoardHints> pending{};
  for (const auto& [key, group] : groups) {
    if (group.max_size == 0) continue;
    pending[hint_of(key.first, key.second)] += static_cast<std::uint32_t>(group.calls.size());
  }
  for (std::size_t i = 0; i < kBoardHints; ++i) {
    if (before[i] > pending[i]) its().hints[i].fetch_sub(before[i] - pending[i]);
  }
}

// Counted per place, not per member: a ticket that a dead one has put is never another's, too.
std::uint32_t SharedMembership::next_ticket() noexcept {
  std::uint32_t number = (own().tickets.load(std::memory_order_relaxed) + 1) & 0xff'ffff;
  number += number == 0;  // 0 is no ticket
  own().tickets.store(number, std::memory_order_relaxed);
  return index_ << 24 | number;
}

// B5. Asked first, then put. Returns how many calls are not pending any more.
std::size_t SharedMembership::send_batch(std::uint64_t function, std::span<const CallRef> calls) {
  const std::uint32_t ticket = next_ticket();
  own().forming.store(ticket, std::memory_order_seq_cst);
  IQ_KILL_POINT(board_forming);
  std::vector<CallRef> asked;
  for (const CallRef& call : calls) {
    std::uint64_t pending = CallWord{CallPhase::pending, call.turn, 0}.pack();
    const std::uint64_t now = CallWord{CallPhase::asked, call.turn, ticket}.pack();
    if (board_->word(call.member, call.slot)
            .compare_exchange_strong(pending, now, std::memory_order_acq_rel)) {
      asked.push_back(call);
    }
    IQ_KILL_POINT(board_asked);
  }
  bool is_gone = true;
  try {
    if (!asked.empty() && !put_ticket(function, ticket, asked)) {
      // This process does not know the function: one that does shall see to it.
      settle_asked(ticket, asked, CallPhase::pending);
      nudge_owner(asked.front());
      is_gone = false;
    }
  } catch (const Closed&) {
    settle_asked(ticket, asked, CallPhase::failed, CallFailure::ended);
  } catch (...) {
    settle_asked(ticket, asked, CallPhase::failed, CallFailure::not_sent);
  }
  IQ_KILL_POINT(board_ticket_put);
  own().forming.store(0, std::memory_order_seq_cst);
  IQ_KILL_POINT(board_formed);
  return is_gone ? asked.size() : 0;
}

bool SharedMembership::put_ticket(std::uint64_t function, std::uint32_t ticket,
                                  std::span<const CallRef> asked) {
  RequestHead head;
  head.kind = RequestKind::gather;
  head.count = static_cast<std::uint32_t>(asked.size());
  head.ticket = ticket;
  const std::uint64_t board = board_->id();
  const std::span<const std::byte> parts[] = {std::as_bytes(std::span(&head, 1)),
                                              std::as_bytes(std::span(&board, 1)),
                                              std::as_bytes(asked)};
  return client_.put(function, parts);
}

void SharedMembership::settle_asked(std::uint32_t ticket, std::span<const CallRef> asked,
                                    CallPhase to, CallFailure why) noexcept {
  for (const CallRef& call : asked) {
    std::uint64_t now = CallWord{CallPhase::asked, call.turn, ticket}.pack();
    const CallWord then{to, call.turn, CallEnd{why}.pack()};
    board_->word(call.member, call.slot)
        .compare_exchange_strong(now, then.pack(), std::memory_order_acq_rel);
  }
}

void SharedMembership::nudge_owner(const CallRef& call) noexcept {
  const BoardMember& owner = board_->member(call.member);
  const InboxAddress to{owner.inbox.load(std::memory_order_relaxed),
                        owner.pid.load(std::memory_order_relaxed),
                        owner.number.load(std::memory_order_relaxed)};
  if (call.member != index_) client_.nudge(to);
}

}  // namespace iq::detail
