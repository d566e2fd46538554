// Looking for the dead: turns, probes, verdicts.
//
// A probe asks the kernel whether an endpoint's lock byte is held; any doubt means alive. The
// verdict is to get that lock: then nobody holds it, and nobody else repairs.
#include "ring/tend.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "iq/detail/kill_point.hpp"
#include "iq/error.hpp"
#include "shm/attachment.hpp"

namespace iq::detail {
namespace {
constexpr std::int64_t kBlindNs = 1'000'000'000;
}

bool Tender::tend(Segment& segment, std::uint32_t self, std::int64_t now) {
  Shared<std::uint64_t>& shared_turn = segment.control().probe_turn;
  std::uint64_t turn = shared_turn.load(std::memory_order_relaxed);
  if (turn != turn_) {
    turn_ = turn;
    turn_seen_ns_ = now;
    return false;
  }
  if (now - turn_seen_ns_ < kTurnNs) return false;
  // The canary: our own byte must read as held, else this process's probes tell nothing.
  if (probe_lock(segment.lock_file(), endpoint_byte(self), 2) != Held::yes) {
    if (now - turn_seen_ns_ < kBlindNs) return false;
    throw CannotProbe(fmt::format(
        "{}: this process can no longer ask the kernel who is alive, and no other does. Its file "
        "descriptors were closed (close_range?): keep those of this library open",
        segment.description()));
  }
  if (!shared_turn.compare_exchange_strong(turn, turn + 1, std::memory_order_relaxed)) return false;
  turn_ = turn + 1;  // T26
  turn_seen_ns_ = now;
  const std::uint32_t used = std::max(segment.endpoints_used(), 1u);
  const auto first = static_cast<std::uint32_t>((turn * kProbesPerTurn) % used);
  const bool was_closed = (segment.control().flags.load(std::memory_order_relaxed) & kClosed) != 0;
  const bool repaired =
      sweep(segment, used > kProbesPerTurn ? first : 0, kProbesPerTurn, self) != 0;
  return repaired || (is_closed(segment) && !was_closed);
}

std::uint32_t sweep(Segment& segment, std::uint32_t first, std::uint32_t count,
                    std::uint32_t but_for) {
  const std::uint32_t used = segment.endpoints_used();
  std::uint32_t repaired = 0;
  for (std::uint32_t n = 0; n < std::min(count, used); ++n) {
    const std::uint32_t i = (first + n) % used;
    if (i == but_for || !Life::unpack(segment.life(i).load(std::memory_order_acquire)).live)
      continue;
    if (probe_lock(segment.lock_file(), endpoint_byte(i), 2) != Held::no) continue;
    repaired += repair_endpoint(segment, i);
  }
  return repaired;
}

}  // namespace iq::detail
