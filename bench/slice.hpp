// One slice: a queue, its parties, a fixed time; then every item is accounted for.
#pragma once

#include <cstdint>
#include <string>

#include "peer.hpp"

namespace bench {

struct SliceResult {
  double ns_per_item = 0;
  double end_ms = 0;               ///< from the last producer's end to the last consumer's
  std::uint64_t out_of_order = 0;  ///< among them: allowed where batches were taken over
  std::string error;               ///< a crash, a hang, a wrong count: empty when all is well
};

/// Runs `entry` for `slice_ns`, from the moment that all parties are ready to the moment that the
/// last consumer has seen the end. Errors: in the result; no process is left in any case.
SliceResult run_slice(const Entry& entry, Shape shape, std::int64_t slice_ns);

/// One cache line there and back between two processes, spinning: the median of short runs, in ns.
double ping_pong_ns();

}  // namespace bench
