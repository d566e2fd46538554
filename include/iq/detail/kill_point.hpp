// Named points at which a test lets a process die or stop. Nothing at all in a normal build.
#pragma once

#ifndef IQ_KILL_POINTS
#define IQ_KILL_POINTS 0
#endif

#if IQ_KILL_POINTS

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace iq::detail {

enum class KillAction : unsigned char { kill, stop };

/// One named point of this process. Atomics only: it must work in a child forked at any time.
struct KillPoint {
  std::atomic<const char*> name{nullptr};
  std::atomic<std::int64_t> passed{0};     ///< how often, since the start or the last arming
  std::atomic<std::int64_t> remaining{0};  ///< passings until `action`; 0 = not armed
  std::atomic<KillAction> action{KillAction::kill};

  void pass() noexcept;
};

/// The entry of that name, made when there is none. `name` must live as long as the process.
KillPoint& kill_point(const char* name) noexcept;

/// The `nth` passing of `name` from now on sends SIGKILL or SIGSTOP to this process.
/// 0 disarms. Inherited by fork.
void arm_kill_point(std::string_view name, std::int64_t nth = 1,
                    KillAction action = KillAction::kill);

/// The names of all points that this process has passed so far, sorted.
std::vector<std::string> kill_points_seen();

}  // namespace iq::detail

// The pointer is cached without a guard: a fork in the middle of one would leave it locked.
#define IQ_KILL_POINT(name)                                                        \
  do {                                                                             \
    static std::atomic<::iq::detail::KillPoint*> iq_cached{nullptr};               \
    ::iq::detail::KillPoint* iq_point = iq_cached.load(std::memory_order_relaxed); \
    if (iq_point == nullptr) {                                                     \
      iq_point = &::iq::detail::kill_point(#name);                                 \
      iq_cached.store(iq_point, std::memory_order_relaxed);                        \
    }                                                                              \
    iq_point->pass();                                                              \
  } while (false)

#else

#define IQ_KILL_POINT(name) static_cast<void>(0)

#endif
