// A process that is killed leaves two things: the words of the shared memory, and what the kernel
// keeps for it, which only a system call changes. Its registers and its own memory are gone. So a
// death anywhere between two such changes is the same death, and one of them stands for all.
#include "steps/walk.hpp"

#include <unordered_map>

namespace steps {
namespace {

// Leads a process through its operation and tells, step by step, whether it is at a new stop.
class Walker {
 public:
  Walker(const World& world, const iqtest::Child& child) : tracer_(child) {
    world.watch(state_);
    state_.look_for_names();
    state_.begin();
  }

  /// False at the end.
  bool advance() {
    for (;;) {
      ++seen_[tracer_.address()];
      const Step step = tracer_.step();
      if (step == Step::ended) return false;
      if (step == Step::system_call) state_.look_for_names();
      if (state_.changed() || step == Step::system_call) return true;
    }
  }
  Stop stop() { return {{tracer_.address(), seen_[tracer_.address()] + 1}, state_.pattern()}; }
  Tracer& tracer() { return tracer_; }
  SharedState& state() { return state_; }

 private:
  Tracer tracer_;
  SharedState state_;
  std::unordered_map<std::uint64_t, std::uint32_t> seen_;
};

}  // namespace

Route explore(const World& world, const iqtest::Child& child) {
  Walker walker(world, child);
  Route route;
  do {
    route.stops.push_back(walker.stop());
  } while (walker.advance());
  route.instructions = walker.tracer().steps();
  return route;
}

bool jump_to(const World& world, const iqtest::Child& child, const Stop& stop) {
  Walker walker(world, child);
  if (!walker.tracer().run_to(stop.place)) return false;
  walker.state().look_for_names();
  return walker.state().pattern() == stop.pattern;
}

bool walk_to(const World& world, const iqtest::Child& child, std::size_t nth) {
  Walker walker(world, child);
  for (std::size_t i = 0; i < nth; ++i) {
    if (!walker.advance()) return false;
  }
  return true;
}

}  // namespace steps
