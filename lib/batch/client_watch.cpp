// What a caller looks after while it waits: others of its contexts that died, calls that nobody
// will answer, servers that are gone. Once in 25 ms, and not at all while answers come.
#include <fmt/format.h>

#include <utility>

#include "batch/client.hpp"
#include "batch/membership.hpp"
#include "iq/error.hpp"
#include "ring/figures.hpp"
#include "ring/producer_ring.hpp"

namespace iq::detail {

void BatchClient::nudge(const InboxAddress& to) noexcept {
  const AnswerHead head{0, AnswerState::nudge, 0};
  try {
    if (!outboxes_) outboxes_ = std::make_unique<Outboxes>();
    outboxes_->put(to, sizeof head, [&](std::byte* at) { std::memcpy(at, &head, sizeof head); });
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
  for (std::size_t i = 0; i < shared_.size(); ++i) {
    shared_[i]->membership()->send_overdue(now);
    shared_[i]->membership()->look_after(now);
  }
  for (std::uint32_t i = 0; i < calls_.size(); ++i) {
    const Call& call = calls_[i];
    if (!call.result || !call.context || !call.context->membership()->has_failed(call.slot)) {
      continue;
    }
    end_call(
        id_of(i),
        std::make_exception_ptr(ServerDied(fmt::format(
            "{}: this call could not be sent, or its answer not be delivered: the function has "
            "ended, or this process's descriptors were closed",
            call.route->function->description()))));
  }
  look_after_servers(now);
}

void BatchClient::look_after_servers(std::int64_t now) {
  for (const auto& route : routes_) {
    if (route->under_way == 0) continue;
    const auto& ring = static_cast<ProducerRing&>(*route->core);
    Segment& segment = ring.segment();
    route->tender.tend(segment, ring.attachment().index(), now);
    if (count_registered(segment, Role::consumer) == 0) {
      fail_calls(
          *route, true,
          "no process serves it any more, so this call has no answer. It may have been "
          "carried out. The program that made the function has ended, or was killed with its "
          "servers");
    } else if (const LaneFigures mine = count_lane(segment, ring.lane());
               mine.queued + mine.in_hand == 0) {
      // All that this thread has put is acknowledged, and answers are put before that: what is not
      // here now will not come.
      for (auto item = inbox_->next(kAtOnce); !item.empty(); item = inbox_->next(kAtOnce)) {
        receive(item);
      }
      fail_calls(*route, false,
                 "its server could not deliver the answer of this call: it could not open this "
                 "process's queue, for want of descriptors, memory or permission. It may have been "
                 "carried out");
    }
  }
}

// `all`: those on the board, too.
void BatchClient::fail_calls(const Route& route, bool all, std::string_view why) {
  const auto error = std::make_exception_ptr(
      ServerDied(fmt::format("{}: {}", route.function->description(), why)));
  for (std::uint32_t i = 0; i < calls_.size(); ++i) {
    const Call& call = calls_[i];
    if (call.result && call.route == &route && (all || !call.context)) end_call(id_of(i), error);
  }
}

}  // namespace iq::detail
