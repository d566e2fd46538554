// What a queue looks like inside, for the text of a failure.
#pragma once

#include <sstream>
#include <string>

#include "ring/walk.hpp"
#include "shm/segment.hpp"

namespace faults {

inline void describe_lane(std::ostream& out, const iq::detail::LaneView& lane) {
  static constexpr const char* kStates[] = {"-",      "LEASED", "HELD",  "XHELD",
                                            "ORPHAN", "DONE",   "PARKED"};
  const auto& control = *lane.control;
  const std::uint64_t head = control.head, tail = control.tail, claim = control.claim;
  out << "lane " << lane.index << ": head " << head << " hint " << control.done_hint << " claim "
      << claim << " tail " << tail << " owner " << (control.owner >> 32) << " room_wait "
      << control.room_wait << " attention " << (control.attention >> 32) << '/'
      << (control.attention & 0xffff'ffff) << '\n';
  for (std::uint64_t p = head; p != tail && p - head <= lane.slot_count(); ++p) {
    const std::uint64_t word = lane.stamp(p);
    const auto stamp = iq::detail::Stamp::unpack(word);
    const std::int64_t lap = iq::detail::compare_lap(word, lane.lap(p));
    out << "  " << p << ' ' << kStates[static_cast<std::size_t>(stamp.state) % 7] << " k "
        << stamp.k << " owner " << stamp.owner
        << (lap < 0   ? " (old)"
            : lap > 0 ? " (new)"
                      : "")
        << '\n';
  }
}

inline std::string describe(const iq::detail::Segment& segment) {
  std::ostringstream out;
  const auto& control = segment.control();
  out << "flags " << control.flags << " attention " << (control.attention >> 32) << '/'
      << (control.attention & 0xffff'ffff) << " consumers_live " << control.consumers_live << '\n';
  for (std::uint32_t i = 0; i < segment.lanes_used(); ++i) describe_lane(out, segment.lane(i));
  for (std::uint32_t i = 0; i < segment.endpoints_used(); ++i) {
    const auto life = iq::detail::Life::unpack(segment.life(i));
    if (!life.live) continue;
    const auto& line = segment.endpoint(i);
    out << "endpoint " << i << " role " << static_cast<int>(life.role) << " cursor "
        << (line.cursor & ~iq::detail::kInHand)
        << ((line.cursor & iq::detail::kInHand) != 0 ? " in hand" : "") << " lane " << line.lane
        << " limit " << iq::detail::limit_end(line.limit, line.cursor & ~iq::detail::kInHand)
        << " tag " << iq::detail::limit_tag(line.limit) << '\n';
  }
  return out.str();
}

}  // namespace faults
