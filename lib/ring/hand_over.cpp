// The exact hand-over: a worker's outputs and the acknowledgement of their input as one commit.
//
// The outputs are staged, the worker notes which tail of which lane will finish which item, and
// one store of that tail is the commit. Whoever repairs the dead worker compares the note with the
// tail. For that to mean anything the tail must not be moved by anybody else: the lane is marked,
// and a marked lane gets no other owner until the note was acted upon.
#include "ring/hand_over.hpp"

#include <fmt/format.h>

#include <cstring>

#include "iq/detail/hand_over_core.hpp"
#include "iq/detail/kill_point.hpp"
#include "iq/error.hpp"
#include "ring/consumer_ring.hpp"
#include "ring/producer_ring.hpp"
#include "ring/tend.hpp"

namespace iq::detail {
namespace {

ConsumerRing& ring_of(const ConsumerHandle& handle) {
  return static_cast<ConsumerRing&>(*handle);
}
ProducerRing& ring_of(const ProducerHandle& handle) {
  return static_cast<ProducerRing&>(*handle);
}

/// Names a consumer endpoint of a queue in a lane's mark. Never 0.
std::uint64_t mark_of(const Segment& input, std::uint32_t endpoint) noexcept {
  return (input.header().queue_id[0] & ~std::uint64_t{0xffff}) | (endpoint + 1);
}

/// The queue of such a mark, in 48 bits.
std::uint64_t relay_of(std::uint64_t mark) noexcept { return mark >> 16 | 1; }

// A dead relay that somebody else is just repairing: its repairer may look only when we have left.
void tell_passed_on(const Segment& output, std::uint64_t from) noexcept {
  for (std::uint32_t i = 0, n = output.endpoints_used(); i < n; ++i) {
    Shared<std::uint64_t>& word = output.extra(i).relay_from;
    std::uint64_t seen = word.load(std::memory_order_seq_cst);
    while ((seen & ~kRelayFlags) == from && (seen & kRelayPassedOn) == 0 &&
           !word.compare_exchange_weak(seen, seen | kRelayPassedOn, std::memory_order_seq_cst)) {
    }
  }
}

}  // namespace

HandOverCore::HandOverCore(ConsumerHandle in, ProducerHandle out)
    : in_(std::move(in)), out_(std::move(out)), generation_(process_generation()) {
  in_->require_usable();
  out_->require_usable();
  out_->require_no_stage();
  input_ = ring_of(in_).attachment().shared_segment();
  output_ = ring_of(out_).attachment().shared_segment();
  endpoint_ = ring_of(in_).attachment().index();
  LaneControl& lane = *ring_of(out_).lane().control;
  if (ring_of(in_).is_relaying() || ring_of(out_).is_relaying()) {
    throw WouldDeadlock(fmt::format(
        "relay from {} to {}: this consumer or this producer is in another relay. Give each relay "
        "endpoints of its own",
        input_->description(), output_->description()));
  }
  OutputName& output = input_->reserve_output(endpoint_);  // the last that may throw
  HandOverRecord(*input_, endpoint_).release_lane();       // of a predecessor in this endpoint
  ring_of(in_).set_relaying(true);
  ring_of(out_).set_relaying(true);
  const std::uint64_t mark = mark_of(*input_, endpoint_);
  output_->extra(ring_of(out_).attachment().index())
      .relay_from.store(relay_of(mark), std::memory_order_seq_cst);
  note_output(output);
  // T35: from here on nobody but us moves that lane's tail until our note was acted upon.
  lane.hand_over.store(mark, std::memory_order_release);
  IQ_KILL_POINT(relay_marked);
}

// Where the outputs go, for whoever repairs us.
void HandOverCore::note_output(OutputName& output) {
  std::memset(output.name, 0, sizeof output.name);
  output_->name().copy(output.name, sizeof output.name - 1);
  output.id[0].store(output_->header().queue_id[0], std::memory_order_relaxed);
  output.id[1].store(output_->header().queue_id[1], std::memory_order_relaxed);
  EndpointExtra& extra = input_->extra(endpoint_);
  extra.handover_item.store(0, std::memory_order_relaxed);
  extra.handover_lane.store(std::uint64_t{ring_of(out_).lane().index} + 1,
                            std::memory_order_release);
  IQ_KILL_POINT(relay_noted);
}

HandOverCore::~HandOverCore() {
  ring_of(in_).set_relaying(false);
  ring_of(out_).set_relaying(false);
  if (process_generation() != generation_) return;
  EndpointExtra& extra = input_->extra(endpoint_);
  const bool is_ours = static_cast<bool>(ring_of(in_).attachment());
  if (is_ours) extra.handover_item.store(0, std::memory_order_release);
  if (ring_of(out_).attachment()) {
    output_->extra(ring_of(out_).attachment().index()).relay_from.store(0);
  }
  ring_of(out_).lane().control->hand_over.store(0, std::memory_order_release);  // T37
  IQ_KILL_POINT(relay_unmarked);
  if (is_ours) extra.handover_lane.store(0, std::memory_order_release);
}

Status HandOverCore::next(std::int64_t deadline_ns) {
  is_partly_out_ = false;
  const Status status = in_->next(deadline_ns);
  // The input has ended, so the dead relays' items were passed on by others. Say so while there is
  // one registered that did: the output is whole.
  if (status == Status::done) {
    sweep(*output_, 0, kMaxEndpoints);
    tell_passed_on(*output_, relay_of(mark_of(*input_, endpoint_)));
  }
  return status;
}

void HandOverCore::commit() {
  if (out_->staged() == 0) return;  // nothing but the acknowledgement, which is the next step
  // The note of the first part stays true of all that follow: the tail only grows.
  if (is_partly_out_) return out_->commit_stage();
  EndpointExtra& extra = input_->extra(endpoint_);
  // T36: the old note first ceases to speak of any item, so that no mixture of two is believed.
  extra.handover_item.store(0, std::memory_order_release);
  extra.handover_tail.store(ring_of(out_).staged_tail(), std::memory_order_release);
  extra.handover_item.store(in_->item_id(in_->position()) + 1, std::memory_order_release);
  IQ_KILL_POINT(relay_recorded);  // P14: the note comes before the tail that it speaks of
  out_->commit_stage();  // T1: all of it, or nothing
  IQ_KILL_POINT(relay_committed);
}

void HandOverCore::commit_part() {
  commit();
  is_partly_out_ = true;
}

void HandOverCore::give_up() noexcept {
  out_->drop_stage();
  if (is_partly_out_) return in_->release(Leave::acknowledge);  // again would be twice
  // The item may come again: what was noted of it is over.
  if (ring_of(in_).attachment()) {
    input_->extra(endpoint_).handover_item.store(0, std::memory_order_release);
  }
  in_->release(Leave::give_back);
}

HandOverRecord::HandOverRecord(const Segment& input, std::uint32_t endpoint) noexcept
    : input_(input), endpoint_(endpoint) {}

Segment* HandOverRecord::output() noexcept {
  if (looked_) return output_.get();
  looked_ = true;
  const OutputName& output = input_.output(endpoint_);
  const std::uint64_t id[2] = {output.id[0].load(std::memory_order_acquire),
                               output.id[1].load(std::memory_order_acquire)};
  try {
    output_ = Segment::find(id);
    if (output_) return output_.get();
    const std::string name(output.name, ::strnlen(output.name, sizeof output.name));
    if (name.empty()) return nullptr;
    output_ = Segment::open_named(name);
    if (output_ && std::memcmp(output_->header().queue_id, id, sizeof id) != 0) output_ = nullptr;
  } catch (...) {
    output_ = nullptr;
  }
  return output_.get();
}

HandedOver HandOverRecord::outcome(std::uint64_t item) noexcept {
  const EndpointExtra& extra = input_.extra(endpoint_);
  const std::uint64_t lane = extra.handover_lane.load(std::memory_order_acquire);
  if (lane == 0 || lane > kMaxLanes) return HandedOver::no;
  if (extra.handover_item.load(std::memory_order_acquire) != item + 1) return HandedOver::no;
  const Segment* target = output();
  if (target == nullptr) return HandedOver::unknown;
  if (lane > target->lanes_used()) return HandedOver::no;
  const Position tail = target->lane(static_cast<std::uint32_t>(lane - 1))
                            .control->tail.load(std::memory_order_acquire);
  const Position wanted = extra.handover_tail.load(std::memory_order_acquire);
  return static_cast<std::int64_t>(tail - wanted) >= 0 ? HandedOver::yes : HandedOver::no;
}

void HandOverRecord::release_lane() noexcept {
  EndpointExtra& extra = input_.extra(endpoint_);
  const std::uint64_t lane = extra.handover_lane.load(std::memory_order_acquire);
  if (lane == 0 || lane > kMaxLanes) return;
  const Segment* target = output();
  if (target == nullptr) return;  // the note stays: who can reach it removes the mark
  if (lane <= target->lanes_used()) {
    std::uint64_t mark = mark_of(input_, endpoint_);
    target->lane(static_cast<std::uint32_t>(lane - 1))
        .control->hand_over.compare_exchange_strong(mark, 0, std::memory_order_acq_rel);  // T37
    IQ_KILL_POINT(repair_after_unmark);
  }
  extra.handover_lane.store(0, std::memory_order_release);
}

}  // namespace iq::detail
