// A thread's place among the callers of a context that several processes share.
#pragma once

namespace iq::detail {

class SharedMembership {
 public:
  void runs() noexcept {}
  void waits() noexcept {}
  void blocks() noexcept {}
};

}  // namespace iq::detail
