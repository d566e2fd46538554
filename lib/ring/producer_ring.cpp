// A producer's lane: which one it gets, and how it gives it up.
//
// Lanes outlive their owners: what a closed or killed producer has put stays where it is, and the
// next producer continues behind it. Positions are never reset.
#include "ring/producer_ring.hpp"

#include <fmt/format.h>

#include <cstring>
#include <exception>

#include "base/events.hpp"
#include "iq/detail/kill_point.hpp"
#include "iq/error.hpp"
#include "ring/wait.hpp"
#include "ring/walk.hpp"

namespace iq::detail {

ProducerRing::ProducerRing(Attachment attachment) : attachment_(std::move(attachment)) {
  control_ = &segment().control();
  rebind();
  try {
    if (!take_lane()) {
      throw TooManyEndpoints(fmt::format("{} has {} lanes and all have a producer: close some",
                                         segment().description(), kMaxLanes));
    }
  } catch (...) {
    attachment_.detach();
    closed_ = true;
    throw;
  }
}

void ProducerRing::rebind() noexcept {
  generation_ = process_generation();
  generation_word_ = generation_word.load(std::memory_order_acquire);
}

void ProducerRing::surrender() noexcept {
  closed_ = true;
  staged_ = 0;
  end_run();
  attachment_.surrender();
}

bool ProducerRing::take_lane() {
  if (take_existing(true)) return true;
  try {
    if (take_new()) return true;
  } catch (const NoSpace&) {
    if (!take_existing(false)) throw;
    return true;
  }
  return take_existing(false);
}

bool ProducerRing::lane_is_drained(const LaneView& lane) const noexcept {
  const Position tail = lane.control->tail.load(std::memory_order_acquire);
  Position position = walk_start(lane, tail);
  return walk(lane, position, tail, [](const Boundary& b) {
           return b.stamp.state == StampState::done ? Walk::on : Walk::stop;
         }) == Walked::all;
}

bool ProducerRing::take_existing(bool drained_only) {
  for (std::uint32_t i = 0, n = segment().lanes_used(); i < n; ++i) {
    const LaneView lane = segment().lane(i);
    if (lane.control->owner.load(std::memory_order_relaxed) != 0) continue;
    if (lane.control->hand_over.load(std::memory_order_relaxed) != 0) continue;
    if (drained_only && !lane_is_drained(lane)) continue;
    if (own(i)) return true;
  }
  return false;
}

bool ProducerRing::take_new() {
  for (;;) {
    const std::uint32_t next = segment().lanes_used();
    if (next >= kMaxLanes) return false;
    segment().reserve_lane(next);
    IQ_KILL_POINT(lane_reserved);
    std::uint32_t expected = next;  // T29: from here on everybody may touch the lane's pages
    control_->lanes_used.compare_exchange_strong(expected, next + 1, std::memory_order_acq_rel);
    if (own(next)) return true;
  }
}

bool ProducerRing::own(std::uint32_t index) {
  const LaneView lane = segment().lane(index);
  std::uint64_t nobody = 0;
  // T17, P9: what the former owner wrote is visible to us.
  if (!lane.control->owner.compare_exchange_strong(
          nobody, pack_lane_owner(attachment_.index(), attachment_.incarnation()),
          std::memory_order_acq_rel)) {
    return false;
  }
  IQ_KILL_POINT(lane_owned);
  // T35: its tail still decides about a dead relay's last input.
  if (lane.control->hand_over.load(std::memory_order_acquire) != 0) {
    lane.control->owner.store(0, std::memory_order_release);
    return false;
  }
  bool sound = false;
  try {
    sound = read_lane(lane);
  } catch (...) {  // no memory
    lane.control->owner.store(0, std::memory_order_release);
    throw;
  }
  if (!sound) lane.control->owner.store(0, std::memory_order_release);
  return sound;
}

// What a lane of ours holds by now. False when it cannot be true.
bool ProducerRing::read_lane(const LaneView& lane) {
  const Position head = lane.control->head.load(std::memory_order_relaxed);
  const Position tail = lane.control->tail.load(std::memory_order_relaxed);
  if (tail - head > lane.slot_count() || !ring_.adopt(lane, head, tail)) {
    control_->corrupt.fetch_add(1, std::memory_order_relaxed);
    note_event({.kind = EventKind::corrupt,
                .item_id = item_id(lane.index, head),
                .queue = segment().name()});
    deliver_events();
    return false;
  }
  lane_ = lane;
  head_ = head;
  tail_ = tail;
  begin_run();
  lane.control->room_wait.store(0, std::memory_order_relaxed);
  return true;
}

void ProducerCore::end(bool failed, std::string_view text) noexcept {
  auto& ring = static_cast<ProducerRing&>(*this);
  if (closed_) return;
  closed_ = true;
  ring.end_run();
  staged_ = 0;
  Attachment& attachment = ring.attachment();
  if (!attachment.in_this_process()) {
    attachment.surrender();
    return;
  }
  const std::shared_ptr<Segment> segment = attachment.shared_segment();
  if (failed && !ring.told_to_end_) {
    record_failure(*segment, kFailureFailed,
                   segment->extra(attachment.index()).pid.load(std::memory_order_relaxed),
                   text.data(), text.size());
  }
  IQ_KILL_POINT(close_before_owner);
  // T18, P9: the next owner sees everything that we wrote in the lane.
  lane_.control->owner.store(0, std::memory_order_release);
  IQ_KILL_POINT(close_after_owner);
  attachment.detach();
  if (is_closed(*segment)) wake_all_consumers(*segment);  // this may be the end of the stream
  unlink_if_finished(*segment);
}

void ProducerCore::wake() noexcept {
  wake_one_consumer(static_cast<ProducerRing&>(*this).segment());
}

namespace {
constexpr std::string_view kUnwound = "an exception unwound it";
thread_local UnwoundProducers* gathering = nullptr;
}  // namespace

UnwoundProducers::UnwoundProducers() noexcept
    : end_(ProducerRing::made_.load(std::memory_order_relaxed)) {
  gathering = this;
}

bool UnwoundProducers::gather(const ProducerHandle& producer) {
  if (static_cast<ProducerRing&>(*producer).serial_ >= end_) return false;
  producers_.push_back(producer);
  return true;
}

void UnwoundProducers::fail_all() noexcept {
  for (const ProducerHandle& producer : producers_)
    producer->fail(text_.empty() ? kUnwound : text_);
  producers_.clear();
}

UnwoundProducers::~UnwoundProducers() {
  gathering = nullptr;
  fail_all();
}

void fail_caught() noexcept {
  if (gathering != nullptr && std::uncaught_exceptions() == 0) gathering->fail_all();
}

void fail_unwound(const ProducerHandle& producer) noexcept {
  try {
    if (gathering != nullptr && gathering->gather(producer)) return;
  } catch (...) {  // no memory: the short text, then
  }
  producer->fail(kUnwound);
}

}  // namespace iq::detail
