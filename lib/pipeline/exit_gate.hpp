// The tables of steps that the program's exit waits for.
#pragma once

#include "iq/detail/steps_base.hpp"

namespace iq::detail {

class ExitGate {
 public:
  /// From now on exit() lets it end in order. Errors: bad_alloc.
  static void add(StepsBase& steps);
  static void remove(StepsBase& steps) noexcept;
  /// This thread is one of a pipeline's own: exit() that is called in it waits for no threads.
  static void enter_own_thread() noexcept;

 private:
  static void wait_for_all() noexcept;
  static bool can_be_awaited(const StepsBase& steps) noexcept;
};

}  // namespace iq::detail
