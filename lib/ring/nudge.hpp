// Making consumers look up from their batches.
#pragma once

#include "shm/segment.hpp"

namespace iq::detail {

/// Lets the next step of every consumer that is in the middle of a batch take the cold path, where
/// it looks at the queue's flags. T32
void nudge_consumers(Segment& segment) noexcept;

}  // namespace iq::detail
