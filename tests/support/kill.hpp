// Death at a named point. Only for tests that link iq_killable_dep.
#pragma once

#include "iq/detail/kill_point.hpp"

#if !IQ_KILL_POINTS
#error "this test must link iq_killable_dep: put it into tests/faults or tests/stress"
#endif

namespace iqtest {

using iq::detail::kill_points_seen;
using iq::detail::KillAction;

/// From here on the `nth` passing of `point` in this process kills (or stops) it. Call it in the
/// child; what is armed is inherited by fork.
inline void kill_at(const char* point, int nth = 1, KillAction action = KillAction::kill) {
  iq::detail::arm_kill_point(point, nth, action);
}

}  // namespace iqtest
