// One slice: a queue, its parties, a fixed time; then every item is accounted for.
#pragma once

#include <cstdint>
#include "peer.hpp"

namespace bench {

/// Runs `entry` for `slice_ns`, from the moment that all parties are ready to the moment that the
/// last consumer has seen the end. Errors: in the result; no process is left in any case.
SliceResult run_slice(const Entry& entry, Shape shape, std::int64_t slice_ns);

/// One cache line there and back between two processes, spinning: the median of short runs, in ns.
double ping_pong_ns(std::int64_t bound_ns);

}  // namespace bench
