// What a caller looks after while it waits: others of its contexts that died, calls that nobody
// will answer, servers that are gone. Once in 25 ms, and not at all while answers come.
#include <fmt/format.h>

#include <utility>

#include "batch/client.hpp"
#include "batch/membership.hpp"
#include "batch/taken_calls.hpp"
#include "iq/error.hpp"
#include "ring/figures.hpp"
#include "ring/parking.hpp"
#include "ring/producer_ring.hpp"

namespace iq::detail {
namespace {

std::exception_ptr error_of(const CallEnd& end, const LocalFunction& of) {
  const std::string function = of.description();
  switch (end.why) {
    case CallFailure::ended:
      return std::make_exception_ptr(
          Closed(fmt::format("cannot call {}: it has ended. The object that made it was destroyed, "
                             "in the process where that was; nothing was called",
                             function)));
    case CallFailure::not_sent:
      return std::make_exception_ptr(ServerDied(
          fmt::format("{}: this call could not be sent: nobody serves it, or there was no memory "
                      "or descriptor for the way there; nothing was called",
                      function)));
    case CallFailure::parked:
      return std::make_exception_ptr(ServerDied(fmt::format(
          "{}: {} processes died one after the other with this call's batch in hand, so it is not "
          "handed out any more. It may have been carried out. The batch is parked in the "
          "function's queue{}",
          function, end.deaths,
          of.name().empty() ? "; a function with a name shows that to iq stat"
                            : fmt::format(": iq stat {}", of.name()))));
    default:
      return std::make_exception_ptr(
          ServerDied(fmt::format("{}: the answer of this call could not be delivered, for want of "
                                 "descriptors, memory or permission. It may have been carried out",
                                 function)));
  }
}

}  // namespace

// Never waits for room: who forms batches would wait for a caller that is stopped or computes, and
// everybody for both. Where there is no room, nudges lie there already, and one is enough.
void BatchClient::nudge(const InboxAddress& to) noexcept {
  const AnswerHead head{0, AnswerState::nudge, 0};
  try {
    if (!outboxes_) outboxes_ = std::make_unique<Outboxes>();
    const auto write = [&](std::byte* at) { std::memcpy(at, &head, sizeof head); };
    outboxes_->put(to, sizeof head, write, kAtOnce);
  } catch (...) {  // it looks by itself after a while
  }
}

// A server counts whoever gets an answer as running again, before the answer is there: only what
// has come may take that back. It does where nobody goes on all the same, as after an answer that
// only its future keeps; and a nudge asks for another look.
void BatchClient::go_on_waiting() noexcept {
  if (!std::exchange(something_came_, false)) return;
  for (std::size_t i = 0; i < shared_.size(); ++i) {
    if (!shared_[i]->anybody_runs()) shared_[i]->membership()->go_on_waiting();
  }
}

void BatchClient::look_after_calls() {
  const std::int64_t now = now_ns();
  next_look_ = now + kLookAfterNs;
  for (std::size_t i = 0; i < shared_.size(); ++i) {
    shared_[i]->membership()->send_overdue(now);
    shared_[i]->membership()->look_after(now);
  }
  for (std::size_t i = 0; i < routes_.size(); ++i) fail_parked(*routes_[i]);
  for (std::uint32_t i = 0; i < calls_.size(); ++i) {
    const Call& call = calls_[i];
    if (!call.result || !call.context) continue;
    const auto end = call.context->membership()->failure_of(call.slot);
    if (end) end_call(id_of(i), error_of(*end, *call.route->function));
  }
  look_after_servers(now);
}

// A batch whose servers all died is parked by the queue, whoever did that and whatever became of
// it: what is parked can be seen. So each caller looks for itself, and tells those of its board.
void BatchClient::fail_parked(Route& route) {
  if (route.under_way == 0) return;
  const Pinned pinned(route);  // what an error wakes may look for other functions
  const std::shared_ptr<Board>& board = route.function->board();
  std::vector<std::pair<std::uint64_t, CallEnd>> mine;
  glance_at_parked(static_cast<ProducerRing&>(*route.core).segment(), [&](const ParkedBytes& item) {
    const CallEnd end{CallFailure::parked, item.deliveries};
    try {
      WireReader in(item.payload);
      const auto head = in.read<RequestHead>();
      if (head.kind == RequestKind::gather) {
        if (!board || in.read<std::uint64_t>() != board->id()) return;
        return TakenCalls::fail_all(*board, head, in, end);
      }
      if (head.reply_to != inbox().address()) return;
      in.take(head.object_bytes);
      for (std::uint32_t i = 0; i < head.count; ++i) {
        const auto call = in.read<CallHead>();
        in.take(call.bytes);
        mine.emplace_back(call.id, end);
      }
    } catch (const Corrupt&) {  // somebody is just taking it out
    }
  });
  for (const auto& [id, end] : mine) end_call(id, error_of(end, *route.function));
}

bool BatchClient::is_served(Route& route, std::int64_t now) {
  const auto& ring = static_cast<ProducerRing&>(*route.core);
  route.tender.tend(ring.segment(), ring.attachment().index(), now);
  return route.is_served = count_registered(ring.segment(), Role::consumer) != 0;
}

void BatchClient::look_after_servers(std::int64_t now) {
  for (std::size_t i = 0; i < routes_.size(); ++i) {
    Route& route = *routes_[i];
    if (route.under_way == 0) continue;
    const Pinned pinned(route);  // what an answer wakes may look for other functions
    const auto& ring = static_cast<ProducerRing&>(*route.core);
    if (!is_served(route, now)) {
      fail_calls(route, calls_sent(route, true),
                 "no process serves it any more, so this call has no answer. It may have been "
                 "carried out. The program that made the function has ended, or was killed with "
                 "its servers");
    } else if (const LaneFigures mine = count_lane(ring.segment(), ring.lane());
               mine.queued + mine.in_hand == 0) {
      // All that this thread has put is acknowledged, and answers are put before that: what is not
      // here now will not come.
      const std::vector<std::uint64_t> unanswered = calls_sent(route, false);
      take_answers();
      fail_parked(route);
      fail_calls(route, unanswered,
                 "its server could not deliver the answer of this call: it could not open this "
                 "process's queue, for want of descriptors, memory or permission. It may have been "
                 "carried out");
    }
  }
}

// `all`: those on the board, too.
std::vector<std::uint64_t> BatchClient::calls_sent(const Route& route, bool all) const {
  std::vector<std::uint64_t> ids;
  for (std::uint32_t i = 0; i < calls_.size(); ++i) {
    const Call& call = calls_[i];
    if (call.result && call.route == &route && (all || !call.context)) ids.push_back(id_of(i));
  }
  return ids;
}

void BatchClient::fail_calls(const Route& route, std::span<const std::uint64_t> ids,
                             std::string_view why) {
  if (ids.empty()) return;
  const auto error = std::make_exception_ptr(
      ServerDied(fmt::format("{}: {}", route.function->description(), why)));
  for (const std::uint64_t id : ids) end_call(id, error);
}

}  // namespace iq::detail
