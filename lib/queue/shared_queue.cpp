// What a queue object does: endpoints, closing, stopping, parked items, leaving.
#include "queue/shared_queue.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "base/events.hpp"
#include "iq/detail/deadline.hpp"
#include "iq/detail/kill_point.hpp"
#include "iq/error.hpp"
#include "ring/consumer_ring.hpp"
#include "ring/figures.hpp"
#include "ring/nudge.hpp"
#include "ring/parking.hpp"
#include "ring/producer_ring.hpp"
#include "ring/tend.hpp"
#include "ring/wait.hpp"
#include "sys/futex.hpp"

namespace iq::detail {

Attachment attach_repairing(const std::shared_ptr<Segment>& segment, Role role, bool even_closed) {
  for (int tries = 0; tries < 3; ++tries) {
    Attachment made = Attachment::attach(segment, role, even_closed);
    if (made) return made;
    sweep(*segment, 0, kMaxEndpoints);
  }
  throw TooManyEndpoints(
      fmt::format("{} has {} endpoints and all belong to live processes: close "
                  "some, or use several queues",
                  segment->description(), kMaxEndpoints));
}

void refuse_moved_from(const char* what) {
  throw Closed(fmt::format("this {0} was moved from: use the {0} that it was moved to", what));
}

void SharedQueue::require_usable(const char* what) const {
  if (!handle_) {
    throw Closed(fmt::format("cannot {}: this queue object has been left or moved from", what));
  }
  if (!handle_.in_this_process()) {
    throw WrongProcess(fmt::format(
        "cannot {} of {}: the object was inherited through fork() and belongs to the parent. Hand "
        "endpoints to children with WorkerGroup::fork, or adopt() it",
        what, segment_->description()));
  }
}

Attachment SharedQueue::register_endpoint(Role role, bool even_closed) {
  return attach_repairing(segment_, role, even_closed);
}

// T31. Only while this handle is alone: all other endpoint bytes are held meanwhile.
void SharedQueue::reopen_rest() {
  if (!may_reopen_.exchange(false)) return;
  const auto others = segment_->lock_all_but(handle_.index());
  if (others && !is_finished(*segment_)) reopen_queue(*segment_);
}

ProducerHandle SharedQueue::get_producer() {
  require_usable("get a producer");
  reopen_rest();
  return std::make_shared<ProducerRing>(register_endpoint(Role::producer, false));
}

ConsumerHandle SharedQueue::get_consumer() {
  require_usable("get a consumer");
  return std::make_shared<ConsumerRing>(register_endpoint(Role::consumer, false));
}

void SharedQueue::close() {
  require_usable("close the producers' side");
  close_queue(*segment_);
}

bool SharedQueue::is_closed() const { return iq::detail::is_closed(*segment_); }

void SharedQueue::adopt() {
  if (!handle_) require_usable("adopt the object");
  if (handle_.in_this_process()) return;
  handle_ = register_endpoint(Role::handle, false);
}

std::function<void()> SharedQueue::drainer() const {
  return [segment = segment_] { drain_queue(*segment); };
}

void SharedQueue::stop(const std::string* text) {
  require_usable("stop the consumers");
  stop_queue(*segment_, text);
}

void stop_queue(Segment& segment, const std::string* text) {
  Control& control = segment.control();
  std::uint32_t none = 0;
  if (text != nullptr && control.stop_text_state.compare_exchange_strong(none, 1)) {
    const std::size_t bytes = std::min(text->size(), sizeof control.stop_text - 1);
    std::memcpy(control.stop_text, text->data(), bytes);
    control.stop_text[bytes] = '\0';
    control.stop_text_state.store(2, std::memory_order_release);
  }
  control.flags.fetch_or(kStopped | kClosed, std::memory_order_seq_cst);  // T30
  IQ_KILL_POINT(stop_after_flag);
  heavy_fence();  // P12: who announces a batch after this sees the flag itself
  nudge_consumers(segment);
  wake_everybody(segment);
}

std::uint32_t SharedQueue::producers() const { return count_registered(*segment_, Role::producer); }
std::uint32_t SharedQueue::consumers() const { return count_registered(*segment_, Role::consumer); }

std::uint32_t SharedQueue::visit_parked(const std::function<bool(const ParkedItem&)>& visit) {
  require_usable("look at the parked items");
  return iq::detail::visit_parked(*segment_, [&](const ParkedBytes& item) {
    return visit({item_id(item.lane, item.position), item.deliveries, item.payload});
  });
}

std::uint32_t SharedQueue::requeue_parked() {
  require_usable("requeue the parked items");
  const EventHold hold;  // nothing is told under the parking lock
  ProducerRing producer(register_endpoint(Role::producer, true));
  producer.go_on();
  const bool in_place = segment_->header().in_place != 0;
  return iq::detail::visit_parked(*segment_, [&](const ParkedBytes& item) {
    std::byte* to = nullptr;
    const Status status = in_place ? producer.next_slot(kAtOnce, to)
                                   : producer.begin_encoded(item.payload.size(), kAtOnce, to);
    if (status != Status::ok) return false;
    std::memcpy(to, item.payload.data(), item.payload.size());
    producer.publish_placed(1);
    IQ_KILL_POINT(requeue_after_publish);
    return true;
  });
}

void SharedQueue::leave() noexcept {
  if (!handle_) return;
  if (!handle_.in_this_process()) {
    handle_.surrender();
    return;
  }
  handle_.detach();
  segment_->count_own_handle(-1);
  iq::detail::is_closed(*segment_);  // true by now if this was the last handle, or the creator's
  unlink_if_finished(*segment_);
}

Stats SharedQueue::stats() const {
  Stats stats = count_figures(*segment_);
  stats.closed = iq::detail::is_closed(*segment_);
  return stats;
}

QueueWaits SharedQueue::waits() const { return count_waits(*segment_); }

}  // namespace iq::detail
