// Endpoints that change their process: within a worker group, and by a fork of the user's own.
//
// Two bytes per endpoint make it possible: whoever comes locks the free one, and only then does the
// other side let go (docs/decisions/0006). A supervisor never lets go while it may start another
// process: the byte that it keeps stands for "this endpoint is not dead".
#include <fmt/format.h>

#include <atomic>
#include <chrono>
#include <random>
#include <thread>

#include "iq/error.hpp"
#include "queue/shared_queue.hpp"
#include "ring/consumer_ring.hpp"
#include "ring/producer_ring.hpp"

namespace iq::detail {
namespace {

/// How long a dead process's memory may linger (somebody reads its /proc), or the other side of a
/// hand-over may be busy elsewhere.
constexpr std::int64_t kHandOverPatienceNs = 5'000'000'000;
/// In the token word of an endpoint that a child is just adopting. No random token is below it.
constexpr std::uint64_t kAdopting = 1;

void pause_a_little() { std::this_thread::sleep_for(std::chrono::milliseconds(1)); }

ProducerRing& ring_of(ProducerCore& core) { return static_cast<ProducerRing&>(core); }
ConsumerRing& ring_of(ConsumerCore& core) { return static_cast<ConsumerRing&>(core); }
const ProducerRing& ring_of(const ProducerCore& core) {
  return static_cast<const ProducerRing&>(core);
}
const ConsumerRing& ring_of(const ConsumerCore& core) {
  return static_cast<const ConsumerRing&>(core);
}

std::uint64_t random_token() {
  std::random_device random;
  return (std::uint64_t{random()} << 32 | random()) | std::uint64_t{1} << 63;
}

[[noreturn]] void refuse_kept(Attachment& endpoint) {
  endpoint.mark_token(0);
  endpoint.unadopt();
  throw Busy(
      fmt::format("cannot adopt an endpoint of {}: the parent process still has it. Call "
                  "surrender() there",
                  endpoint.segment().description()));
}

template <class Ring>
void adopt_from_parent(Ring& ring) {
  if (ring.closed()) throw Closed("cannot adopt an endpoint that is closed: get another one");
  Attachment& endpoint = ring.attachment();
  if (endpoint.in_this_process()) return;
  ring.require_no_leases();
  endpoint.adopt();
  endpoint.mark_token(kAdopting);
  const std::int64_t until = now_ns() + kHandOverPatienceNs;
  for (Held parents = endpoint.other_byte(); parents != Held::no; parents = endpoint.other_byte()) {
    if (parents == Held::unknown) {
      endpoint.unadopt();
      throw CannotProbe(
          fmt::format("cannot adopt an endpoint of {}: this process cannot ask the "
                      "kernel who holds it. Keep this library's descriptors open",
                      endpoint.segment().description()));
    }
    if (now_ns() >= until) refuse_kept(endpoint);
    pause_a_little();
  }
  if (!endpoint.is_registered()) {
    endpoint.unadopt();
    endpoint.adopt();  // says that it was closed
  }
  endpoint.mark_token(0);
  ring.resume();
}

template <class Ring>
void surrender_to_child(Ring& ring) {
  ring.require_usable();
  ring.require_no_leases();
  Attachment& endpoint = ring.attachment();
  const auto& token = endpoint.segment().extra(endpoint.index()).token;
  const std::int64_t until = now_ns() + kHandOverPatienceNs;
  while (token.load(std::memory_order_acquire) != kAdopting || endpoint.other_byte() != Held::yes) {
    if (now_ns() >= until) {
      throw Busy(
          fmt::format("cannot surrender an endpoint of {}: no child has called adopt() on "
                      "it. It still belongs to this process",
                      endpoint.segment().description()));
    }
    pause_a_little();
  }
  ring.settle();
  ring.surrender();
}

}  // namespace

bool adopt_with_patience(Attachment& endpoint) {
  const std::int64_t until = now_ns() + kHandOverPatienceNs;
  while (!endpoint.try_adopt()) {
    if (now_ns() >= until) return false;
    pause_a_little();
  }
  return true;
}

void EndpointTransfer::adopt(ProducerCore& core) {
  ring_of(core).attachment().adopt();
  ring_of(core).rebind();
}
void EndpointTransfer::adopt(ConsumerCore& core) {
  ring_of(core).attachment().adopt();
  ring_of(core).rebind();
}
void EndpointTransfer::surrender(ProducerCore& core) noexcept {
  if (!core.closed()) ring_of(core).surrender();
}
void EndpointTransfer::surrender(ConsumerCore& core) noexcept {
  if (!core.closed()) ring_of(core).surrender();
}

void EndpointTransfer::adopt_from_parent(ProducerCore& core) {
  iq::detail::adopt_from_parent(ring_of(core));
}
void EndpointTransfer::adopt_from_parent(ConsumerCore& core) {
  iq::detail::adopt_from_parent(ring_of(core));
}
void EndpointTransfer::surrender_to_child(ProducerCore& core) {
  iq::detail::surrender_to_child(ring_of(core));
}
void EndpointTransfer::surrender_to_child(ConsumerCore& core) {
  iq::detail::surrender_to_child(ring_of(core));
}

ProducerHandle EndpointTransfer::dup(ProducerCore& core) {
  ring_of(core).require_usable();
  // Even if the queue is closed: the source is open, so the stream cannot have ended, and a scan
  // that ran meanwhile sees the epoch move (P8).
  return std::make_shared<ProducerRing>(
      attach_repairing(ring_of(core).attachment().shared_segment(), Role::producer, true));
}
ConsumerHandle EndpointTransfer::dup(ConsumerCore& core) {
  ring_of(core).require_usable();
  return std::make_shared<ConsumerRing>(
      attach_repairing(ring_of(core).attachment().shared_segment(), Role::consumer, false));
}

void EndpointTransfer::go_on(ProducerCore& core) noexcept { ring_of(core).go_on(); }
void EndpointTransfer::dismiss(ProducerCore& core) noexcept { ring_of(core).dismiss(); }
void EndpointTransfer::dismiss(ConsumerCore& core) noexcept { ring_of(core).dismiss(); }

template <class Core>
void EndpointTransfer::keep(Core& core) {
  ring_of(core).attachment().adopt();
  ring_of(core).rebind();
}

template <class Core>
void EndpointTransfer::await_heir(Core& core) {
  ring_of(core).attachment().mark_token(random_token());
}

template <class Core>
LeftOver EndpointTransfer::left_over(const Core& core) noexcept {
  const Attachment& endpoint = ring_of(core).attachment();
  if (core.closed() || !endpoint.is_registered()) return LeftOver::nothing;
  return endpoint.is_unused() ? LeftOver::unused : LeftOver::open;
}

template <class Core>
void EndpointTransfer::renounce(Core& core) noexcept {
  if (core.closed()) return;
  const std::shared_ptr<Segment> segment = ring_of(core).attachment().shared_segment();
  ring_of(core).surrender();
  // Who left in order could not be the last while the byte was held.
  unlink_if_finished(*segment);
}

void EndpointTransfer::succeed(ProducerCore& core) {
  ProducerRing& ring = ring_of(core);
  if (!ring.attachment().is_registered()) return ring.surrender();
  if (!adopt_with_patience(ring.attachment()) || !ring.attachment().use_token()) {
    ring.attachment().adopt();
  }
  ring.resume();
}

void EndpointTransfer::succeed(ConsumerCore& core) {
  ConsumerRing& ring = ring_of(core);
  if (ring.attachment().is_registered()) {
    if (!adopt_with_patience(ring.attachment()) || !ring.attachment().use_token()) {
      ring.attachment().adopt();
    }
  } else {
    // Its predecessor had left in order, and died afterwards: there may still be work for another.
    ring.replace(attach_repairing(ring.attachment().shared_segment(), Role::consumer, false));
  }
  ring.resume();
}

template void EndpointTransfer::keep(ProducerCore&);
template void EndpointTransfer::keep(ConsumerCore&);
template void EndpointTransfer::await_heir(ProducerCore&);
template void EndpointTransfer::await_heir(ConsumerCore&);
template LeftOver EndpointTransfer::left_over(const ProducerCore&) noexcept;
template LeftOver EndpointTransfer::left_over(const ConsumerCore&) noexcept;
template void EndpointTransfer::renounce(ProducerCore&) noexcept;
template void EndpointTransfer::renounce(ConsumerCore&) noexcept;

}  // namespace iq::detail
