// An endpoint that goes on in another process: what its former owner left behind is taken up.
//
// The heir holds the byte that its predecessor had; the other one belongs to somebody who keeps the
// endpoint (a supervisor) or to nobody, so no repairer gets both and nobody takes the endpoint for
// dead. All that the heir needs is in shared memory: whatever the predecessor was doing when it
// died is mended as repair would (T14, T7), only that the endpoint stays registered.
#include <chrono>
#include <string>
#include <thread>

#include "base/events.hpp"
#include "iq/detail/kill_point.hpp"
#include "iq/error.hpp"
#include "ring/consumer_ring.hpp"
#include "ring/producer_ring.hpp"
#include "ring/wait.hpp"

namespace iq::detail {
namespace {
constexpr std::int64_t kRepairPatienceNs = 5'000'000'000;
}

ProducerRing::ProducerRing(Attachment attachment, Succeed) : attachment_(std::move(attachment)) {
  control_ = &segment().control();
  resume();
}

void ProducerRing::resume() {
  rebind();
  closed_ = false;
  told_to_end_ = false;
  staged_ = 0;  // a loan that was inherited is of the former owner
  relaying_ = false;
  segment().extra(attachment_.index()).relay_from.store(0, std::memory_order_seq_cst);
  const std::uint64_t self = pack_lane_owner(attachment_.index(), attachment_.incarnation());
  for (std::uint32_t i = 0, n = segment().lanes_used(); i < n; ++i) {
    const LaneView lane = segment().lane(i);
    if (lane.control->owner.load(std::memory_order_acquire) != self) continue;
    raise_attention(segment(), lane);  // it may have made an orphan while it waited (T7)
    // T35: its tail still decides about a dead relay's last input. We go on in another lane.
    if (lane.control->hand_over.load(std::memory_order_acquire) != 0) {
      lane.control->room_wait.store(0, std::memory_order_relaxed);
      lane.control->owner.store(0, std::memory_order_release);  // T18, P9
      continue;
    }
    if (read_lane(lane)) return;
    throw Corrupt("cannot go on in a lane of " + segment().description() +
                  ": somebody has overwritten shared memory. Remove the queue");
  }
  // It died on its way out, its lane given up and its name not.
  if (!take_lane()) {
    throw TooManyEndpoints("all lanes of " + segment().description() +
                           " have a producer: close some");
  }
}

void ProducerRing::go_on() noexcept {
  segment().extra(attachment_.index()).goes_on.store(1, std::memory_order_relaxed);
}

void ConsumerRing::replace(Attachment attachment) noexcept {
  forget();
  attachment_ = std::move(attachment);
}

void ConsumerRing::require_no_leases() const {
  const std::uint32_t leases = holds_.load(std::memory_order_relaxed) - 1;
  if (leases == 0) return;
  throw BadArgument("cannot hand a consumer of " + segment().description() +
                    " to another process while " + std::to_string(leases) +
                    " items are under explicit leases: ack() or give_back() them first");
}

void ConsumerRing::settle() noexcept {
  steppable_generation_ = 0;
  if (leased_) give_back(Leave::acknowledge);
}

void ConsumerRing::resume() {
  const std::uint32_t self = attachment_.index();
  const std::int64_t until = now_ns() + kRepairPatienceNs;
  while (!repair_predecessor(segment(), self)) {
    if (now_ns() >= until) {
      const std::string what = segment().description();
      surrender();  // LIVE and its bytes free: the next heir's, or any repairer's. Never T20 here
      throw Busy("cannot take over a consumer of " + what +
                 ": the queue that its predecessor relayed into cannot be reached from here, or "
                 "its lanes move too fast to be repaired. Take the relay's producer first, or try "
                 "again");
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  IQ_KILL_POINT(heir_after_repair);
  segment().control().waiters[self / 64].fetch_and(~(std::uint64_t{1} << (self % 64)),
                                                   std::memory_order_seq_cst);
  EndpointLine& line = segment().endpoint(self);
  line.cursor.store(0, std::memory_order_relaxed);
  line.lane.store(kMaxLanes, std::memory_order_relaxed);
  line.limit.store(0, std::memory_order_release);  // T40: as T19 leaves it
  EndpointExtra& extra = segment().extra(self);
  extra.held.store(0, std::memory_order_relaxed);
  extra.handover_item.store(0, std::memory_order_relaxed);
  IQ_KILL_POINT(heir_after_line);
  begin_ = end_ = 0;
  attempts_ = in_hand_count_ = 0;
  steppable_generation_ = 0;
  leased_ = closed_ = ended_ = wake_owed_ = false;
  claim_one_ = relaying_ = false;
  blamed_ = kAll;
  holds_.store(1, std::memory_order_relaxed);
  last_batch_ = 0;
  hungry_since_ns_ = 0;
  close_asks_ = asks_to_skip_ = 0;
  suspects_.clear();
  rebind();
  wake_everybody(segment());
  deliver_events();  // what the repair noted
}

}  // namespace iq::detail
