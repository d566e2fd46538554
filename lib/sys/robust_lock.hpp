// A lock in shared memory that outlives whoever holds it.
#pragma once

#include <cstddef>

namespace iq::detail {

/// Lies in memory that processes share; made by one of them, before the others use it. Never
/// destroyed: the memory just goes.
class RobustLock {
 public:
  /// Errors: SystemError.
  RobustLock();
  RobustLock(const RobustLock&) = delete;
  RobustLock& operator=(const RobustLock&) = delete;

  /// True when its last holder died with it: what it protects is as that one left it.
  bool lock() noexcept;
  void unlock() noexcept;

 private:
  alignas(16) std::byte mutex_[64];
};

}  // namespace iq::detail
