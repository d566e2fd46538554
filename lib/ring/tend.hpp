// Looking after the queue: who would wait looks for the dead and repairs what they left.
#pragma once

#include <cstdint>

#include "shm/segment.hpp"

namespace iq::detail {

/// Probes at most so many endpoints per turn, so that a thousand cost no more than a hundred.
inline constexpr std::uint32_t kProbesPerTurn = 128;
/// A turn is taken when nobody has taken one for so long.
inline constexpr std::int64_t kTurnNs = 20'000'000;

/// Takes probe turns on behalf of one endpoint. Among all waiters of a queue only one at a time
/// sweeps: the one that advances the shared turn (T26).
class Tender {
 public:
  /// Sweeps if nobody has done so lately. `self` is the caller's endpoint (its byte is the canary
  /// that tells a working probe from a broken one). True when it repaired or closed something.
  /// Errors: CannotProbe when this process cannot probe and nobody else did for a second.
  bool tend(Segment& segment, std::uint32_t self, std::int64_t now);

 private:
  std::uint64_t turn_ = UINT64_MAX;
  std::int64_t turn_seen_ns_ = 0;
};

/// Probes `count` registered endpoints now, without `but_for`, and repairs the dead. Returns how
/// many were repaired.
std::uint32_t sweep(Segment& segment, std::uint32_t first, std::uint32_t count,
                    std::uint32_t but_for = kMaxEndpoints);

/// Repairs one endpoint if its owner is dead: its leases are orphaned or completed, its lane is
/// released, the endpoint is free again. False when it is alive or somebody else repairs it.
bool repair_endpoint(Segment& segment, std::uint32_t endpoint);

/// Gives back what the dead predecessor of an endpoint had, for the heir that holds its byte. False
/// when a lane moved too fast: to be tried again. T40
bool repair_predecessor(Segment& segment, std::uint32_t endpoint) noexcept;

/// Notes that a producer died or failed, if it is the first. T27.
void record_failure(Segment& segment, std::uint64_t kind, int pid, const char* text,
                    std::size_t text_bytes) noexcept;

/// Closes the queue to producers and wakes everybody. False when it was closed already. T28.
bool close_queue(Segment& segment) noexcept;

/// Closes the queue and refuses further puts, but of endpoints that go on: what is queued is
/// finished. T42
void drain_queue(Segment& segment) noexcept;

/// Opens a closed queue again. The caller holds every other endpoint byte: it is alone. T31
void reopen_queue(Segment& segment) noexcept;
/// Whether anybody is left without whom the queue counts as closed (A22).
bool has_keeper(const Segment& segment) noexcept;
/// Closed, or without the handle that kept it open (which closes it).
bool is_closed(Segment& segment) noexcept;
/// Closed, no producer, nothing queued, nothing leased; explicit leases of `but_for` (endpoint + 1)
/// do not count.
bool stream_ended(Segment& segment, std::uint32_t but_for = 0) noexcept;
/// The same without the question whether it is closed.
bool drained(Segment& segment, std::uint32_t but_for) noexcept;
/// An anonymous queue whose only handle is in this process, without a copy in a child that might
/// adopt it: nobody else closes it, or gets an endpoint but by dup().
bool only_we_hold(const Segment& segment) noexcept;
/// The same, and no consumer is in another process.
bool only_we_could_read(const Segment& segment) noexcept;
/// Closed, a consumer existed, and none is left.
bool consumers_gone(Segment& segment) noexcept;
/// Removes the name of a queue that is finished and has nobody attached (A1).
void unlink_if_finished(Segment& segment) noexcept;
/// Ended, and nothing parked that somebody might still want to see; or stopped.
bool is_finished(Segment& segment) noexcept;

}  // namespace iq::detail
