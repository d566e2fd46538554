// One process on its way through an operation: where it can be killed, and how to get there again.
#pragma once

#include <vector>

#include "steps/operation.hpp"
#include "steps/tracer.hpp"

namespace steps {

/// A place where a death leaves something else than a death one instruction before.
struct Stop {
  Place place;
  std::uint64_t pattern = 0;  ///< of the words that differ from those at the beginning
};

struct Route {
  std::vector<Stop> stops;
  std::uint64_t instructions = 0;
};

/// Walks to the end, and stands there. A death makes a difference at the beginning,
/// behind each instruction that changed shared memory, and behind each system call.
Route explore(const World& world, const iqtest::Child& child);

/// Leads another process of the same kind to the nth stop. Where the route turns out to be another
/// one, since somebody else was at work too, false: then walk_to().
bool jump_to(const World& world, const iqtest::Child& child, const Stop& stop);

/// Step by step to the nth stop of whatever route it takes, or to the end. False at the end.
bool walk_to(const World& world, const iqtest::Child& child, std::size_t nth);

}  // namespace steps
