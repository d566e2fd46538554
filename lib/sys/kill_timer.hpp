// A timer at whose end the kernel kills this process.
#pragma once

#include <cstdint>

namespace iq::detail {

/// Children do not inherit it. Threads: one at a time.
class KillTimer {
 public:
  /// Errors: SystemError.
  KillTimer();
  KillTimer(const KillTimer&) = delete;
  KillTimer& operator=(const KillTimer&) = delete;
  ~KillTimer();

  /// Kills in `after_ns`, whatever was said before; 0: not at all.
  void set(std::int64_t after_ns) noexcept;

 private:
  void* timer_ = nullptr;
};

}  // namespace iq::detail
