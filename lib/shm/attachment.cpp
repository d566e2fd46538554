// Registering endpoints.
//
// An endpoint is a line of the registry plus a lock byte that the kernel drops when its process's
// memory goes. Registration is ordered so that a process killed between any two steps leaves
// either nothing or an endpoint that reads LIVE and has no holder, which is what repair looks for.
#include "shm/attachment.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "iq/detail/kill_point.hpp"
#include "iq/detail/limit.hpp"
#include "iq/error.hpp"
#include "sys/process.hpp"

namespace iq::detail {
namespace {

void raise_to(Shared<std::uint32_t>& word, std::uint32_t value) noexcept {
  std::uint32_t seen = word.load(std::memory_order_relaxed);
  while (seen < value && !word.compare_exchange_weak(seen, value, std::memory_order_seq_cst)) {
  }
}

Shared<std::uint64_t>* epoch_of(Control& control, Role role) noexcept {
  switch (role) {
    case Role::producer: return &control.producer_epoch;
    case Role::consumer: return &control.consumer_epoch;
    default: return nullptr;
  }
}

bool is_marked_closed(const Segment& segment) noexcept {
  return (segment.control().flags.load(std::memory_order_seq_cst) & kClosed) != 0;
}

[[noreturn]] void refuse_blind(const Segment& segment) {
  throw CannotProbe(
      fmt::format("cannot attach to {}: this process cannot ask the kernel who is "
                  "alive. Keep this library's file descriptors open",
                  segment.description()));
}

[[noreturn]] void refuse_closed(const Segment& segment) {
  throw Closed(
      fmt::format("cannot add a producer to {}: it is closed. Get all producers before "
                  "close()",
                  segment.description()));
}

[[noreturn]] void refuse_adoption(const Segment& segment) {
  throw WrongProcess(
      fmt::format("cannot adopt an endpoint of {}: its former owner closed it, ended, or handed it "
                  "to another process. Get a new endpoint",
                  segment.description()));
}

// The endpoint's byte is ours: T19, FREE -> LIVE. False when the queue was closed to producers.
bool register_live(Segment& segment, std::uint32_t index, const Life& life, bool even_closed) {
  Control& control = segment.control();
  EndpointLine& line = segment.endpoint(index);
  line.cursor.store(0, std::memory_order_relaxed);
  line.lane.store(kMaxLanes, std::memory_order_relaxed);
  line.limit.store(0, std::memory_order_relaxed);
  EndpointExtra& extra = segment.extra(index);
  extra.pid.store(process_id(), std::memory_order_relaxed);
  extra.pid_namespace.store(pid_namespace(), std::memory_order_relaxed);
  extra.held.store(0, std::memory_order_relaxed);
  extra.handover_lane.store(0, std::memory_order_relaxed);
  extra.handover_item.store(0, std::memory_order_relaxed);
  extra.relay_from.store(0, std::memory_order_relaxed);
  extra.token.store(0, std::memory_order_relaxed);
  extra.goes_on.store(0, std::memory_order_relaxed);
  raise_to(control.endpoints_used, index + 1);
  IQ_KILL_POINT(attach_before_live);
  // P8: LIVE is ordered before the look at `closed`, which close() orders before a checker's scan.
  segment.life(index).store(life.pack(), std::memory_order_seq_cst);
  IQ_KILL_POINT(attach_after_live);
  if (life.role == Role::producer && !even_closed && is_marked_closed(segment)) {
    segment.life(index).store(Life{false, Role::none, life.incarnation}.pack(),
                              std::memory_order_seq_cst);
    return false;
  }
  if (auto* epoch = epoch_of(control, life.role)) epoch->fetch_add(1, std::memory_order_seq_cst);
  if (life.role == Role::consumer) {
    control.consumers_seen.store(1, std::memory_order_relaxed);
    control.consumers_live.fetch_add(1, std::memory_order_relaxed);
  }
  return true;
}

}  // namespace

Attachment Attachment::attach(std::shared_ptr<Segment> segment, Role role, bool even_closed) {
  for (std::uint32_t i = 0; i < kMaxEndpoints; ++i) {
    if (Life::unpack(segment->life(i).load(std::memory_order_relaxed)).live) continue;
    std::optional<PinnedLock> lock =
        PinnedLock::try_lock(segment->lock_file(), endpoint_byte(i), 1);
    // A FREE endpoint may still be held by a former owner that is leaving, by either byte.
    if (!lock) continue;
    const Held heir = probe_lock(segment->lock_file(), endpoint_byte(i) + 1, 1);
    if (heir == Held::unknown) refuse_blind(*segment);
    if (heir == Held::yes) continue;
    IQ_KILL_POINT(attach_after_lock);
    const Life before = Life::unpack(segment->life(i).load(std::memory_order_acquire));
    if (before.live) continue;
    const Life life{true, role, before.incarnation + 1};
    if (role == Role::producer && !even_closed && is_marked_closed(*segment))
      refuse_closed(*segment);
    if (!register_live(*segment, i, life, even_closed)) refuse_closed(*segment);
    Attachment made;
    made.segment_ = std::move(segment);
    made.lock_ = std::move(*lock);
    made.generation_ = process_generation();
    made.index_ = i;
    made.incarnation_ = life.incarnation;
    made.role_ = role;
    return made;
  }
  return {};
}

void Attachment::detach() noexcept {
  if (!segment_) return;
  if (in_this_process()) {
    if (role_ == Role::consumer) {
      segment_->control().consumers_live.fetch_sub(1, std::memory_order_relaxed);
    }
    IQ_KILL_POINT(detach_before_free);
    segment_->life(index_).store(Life{false, Role::none, incarnation_}.pack(),
                                 std::memory_order_seq_cst);  // T20, P8
    IQ_KILL_POINT(detach_after_free);
  }
  lock_.release();
  segment_.reset();
}

bool Attachment::try_adopt() {
  if (in_this_process()) return true;
  for (const std::uint64_t byte : {std::uint64_t{1}, std::uint64_t{0}}) {
    std::optional<PinnedLock> lock =
        PinnedLock::try_lock(segment_->lock_file(), endpoint_byte(index_) + byte, 1);
    if (!lock) continue;
    if (!is_registered()) refuse_adoption(*segment_);
    lock_ = std::move(*lock);
    byte_ = byte;
    former_generation_ = std::exchange(generation_, process_generation());
    EndpointExtra& extra = segment_->extra(index_);
    extra.pid.store(process_id(), std::memory_order_relaxed);
    extra.pid_namespace.store(pid_namespace(), std::memory_order_relaxed);
    IQ_KILL_POINT(adopt_after_lock);
    return true;
  }
  return false;
}

void Attachment::adopt() {
  if (!try_adopt()) refuse_adoption(*segment_);
}

void Attachment::unadopt() noexcept {
  lock_.release();
  generation_ = former_generation_;
}

Attachment Attachment::of_token(std::shared_ptr<Segment> segment, std::uint32_t index,
                                std::uint32_t incarnation, Role role, std::uint64_t token) {
  Attachment made;
  made.segment_ = std::move(segment);
  made.index_ = index;
  made.incarnation_ = incarnation;
  made.role_ = role;
  made.token_ = token;
  return made;
}

void Attachment::mark_token(std::uint64_t token) noexcept {
  token_ = token;
  segment_->extra(index_).token.store(token, std::memory_order_release);  // T41
  IQ_KILL_POINT(token_after_mark);
}

bool Attachment::use_token() noexcept {
  std::uint64_t waits = token_;
  const bool used = token_ != 0 && segment_->extra(index_).token.compare_exchange_strong(
                                       waits, 0, std::memory_order_acq_rel);  // T41
  IQ_KILL_POINT(token_after_use);
  return used;
}

bool Attachment::is_unused() const noexcept {
  return token_ != 0 && is_registered() &&
         segment_->extra(index_).token.load(std::memory_order_acquire) == token_;
}

bool Attachment::is_registered() const noexcept {
  const Life life = Life::unpack(segment_->life(index_).load(std::memory_order_acquire));
  return life.live && life.role == role_ && life.incarnation == incarnation_;
}

Held Attachment::other_byte() const noexcept {
  return probe_lock(segment_->lock_file(), endpoint_byte(index_) + (byte_ ^ 1), 1);
}

void Attachment::surrender() noexcept {
  lock_.release();
  segment_.reset();
}

bool any_registered(const Segment& segment, Role role) noexcept {
  return any_registered(segment, role, [](const Segment&, std::uint32_t) { return true; });
}

bool any_registered(const Segment& segment, Role role,
                    bool (*counts)(const Segment&, std::uint32_t)) noexcept {
  Shared<std::uint64_t>* epoch = epoch_of(segment.control(), role);
  for (;;) {
    const std::uint64_t before = epoch ? epoch->load(std::memory_order_seq_cst) : 0;
    const std::uint32_t used = segment.control().endpoints_used.load(std::memory_order_seq_cst);
    for (std::uint32_t i = 0; i < std::min(used, kMaxEndpoints); ++i) {
      const Life life = Life::unpack(segment.life(i).load(std::memory_order_seq_cst));  // P8
      if (life.live && life.role == role && counts(segment, i)) return true;
      IQ_KILL_POINT(scan_life);
    }
    if (!epoch || epoch->load(std::memory_order_seq_cst) == before) return false;
  }
}

std::uint32_t count_registered(const Segment& segment, Role role) noexcept {
  std::uint32_t count = 0;
  for (std::uint32_t i = 0, n = segment.endpoints_used(); i < n; ++i) {
    const Life life = Life::unpack(segment.life(i).load(std::memory_order_acquire));
    count += life.live && (role == Role::none || life.role == role);
  }
  return count;
}

}  // namespace iq::detail
