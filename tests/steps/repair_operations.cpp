// Repair itself, of each kind of dead.
#include "steps/repairs.hpp"

namespace steps {
namespace {

using S = Stage<Text>;

void repair(S& stage) {
  auto queue = stage.open();
  operate([&] { stage.sweep(); });
}

}  // namespace

std::vector<Operation> repair_operations() {
  const auto of = [](const char* name, void (*before)(S&), void (*after)(S&)) {
    return operation<Text>({name, small_queue(16), before, repair, nullptr, after});
  };
  constexpr auto nothing = Act<Text>::nothing;
  return {
      of("repair of a batch", die_in_a_batch, nothing),
      of("repair of a claim without a stamp", die_before_the_stamp, nothing),
      of("repair of single items", die_with_an_orphan, nothing),
      of("repair of explicit leases", die_with_leases, nothing),
      of("repair of a robbed batch", die_half_robbed, awake),
      of("repair of a producer", die_producing, nothing),
      of("repair of a sleeper", die_asleep, nothing),
      of("repair of a handle", die_with_a_handle, nothing),
  };
}

}  // namespace steps
