// What a process is killed in: an operation on a queue, in a world that is made anew for each
// death.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "steps/shared_state.hpp"
#include "support/process.hpp"

namespace steps {

/// A queue or two, the processes around them, and what is known of them.
class World {
 public:
  virtual ~World() = default;

  /// A process that performs the operation between begin_operation() and end_operation().
  virtual iqtest::Child start_victim() = 0;
  /// Of a pair: another one, started while the victim is in the midst of its operation, or dead.
  virtual iqtest::Child start_second() = 0;
  virtual void watch(SharedState& state) const = 0;

  /// A victim has ended: killed, or not.
  virtual void note_victim(const iqtest::Exit& exit) = 0;
  virtual void note_second(const iqtest::Exit& exit) = 0;

  /// The others finish. Throws when an item was lost, torn or doubled, or when somebody hangs.
  virtual void finish() = 0;
};

/// What becomes of the first of a pair once it was run to the midst of its operation.
enum class First : unsigned char {
  stops,  ///< it stands there while the second one works, then both are killed
  dies,   ///< it is killed there, and the second one finds a dead process
};

struct Operation {
  std::string name;
  std::function<std::unique_ptr<World>()> make;
};
struct Pair {
  std::string name;
  std::function<std::unique_ptr<World>()> make;
  First first = First::stops;
};

std::vector<Operation> producer_operations();  // attach, get_producer, put, its end
std::vector<Operation> consumer_operations();  // claim, acknowledge, give back, explicit leases
std::vector<Operation> rivalry_operations();   // orphans, seizing, take-over, parking
std::vector<Operation> queue_operations();     // create, close, stop, destroy
std::vector<Operation> repair_operations();    // of each kind of dead, and heirs
std::vector<Operation> relay_operations();     // hand-over

std::vector<Pair> meetings();     // two live processes, both killed
std::vector<Pair> successions();  // a repairer, killed too

}  // namespace steps
