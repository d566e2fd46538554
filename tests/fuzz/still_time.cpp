// What the linker puts in place of steady_clock::now() and syscall(): the names are those that
// --wrap makes.
#include "fuzz/still_time.hpp"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>

#include <cerrno>
#include <chrono>
#include <cstdarg>

namespace fuzz {
namespace {

using SteadyTime = std::chrono::steady_clock::time_point;

constexpr std::int64_t kLookNs = 20'000;

bool still = false;
std::int64_t time_ns = 0;

}  // namespace

SteadyTime real_now() noexcept __asm__("__real__ZNSt6chrono3_V212steady_clock3nowEv");
long real_syscall(long number, ...) __asm__("__real_syscall");

SteadyTime wrapped_now() noexcept __asm__("__wrap__ZNSt6chrono3_V212steady_clock3nowEv");
SteadyTime wrapped_now() noexcept {
  if (!still) return real_now();
  time_ns += kLookNs;
  return SteadyTime(std::chrono::nanoseconds(time_ns));
}

long wrapped_syscall(long number, ...) __asm__("__wrap_syscall");
long wrapped_syscall(long number, ...) {
  std::va_list list;
  va_start(list, number);
  long values[6];
  for (long& value : values) value = va_arg(list, long);
  va_end(list);
  if (still && number == SYS_membarrier) return 0;  // there is nobody else
  const bool waits = number == SYS_futex && (static_cast<int>(values[1]) & FUTEX_CMD_MASK) == 0;
  if (!still || !waits) {
    return real_syscall(number, values[0], values[1], values[2], values[3], values[4], values[5]);
  }
  const auto* word = reinterpret_cast<const std::uint32_t*>(values[0]);
  const auto* timeout = reinterpret_cast<const timespec*>(values[3]);
  if (*word != static_cast<std::uint32_t>(values[2])) {
    errno = EAGAIN;
    return -1;
  }
  time_ns += timeout->tv_sec * 1'000'000'000 + timeout->tv_nsec;
  errno = ETIMEDOUT;
  return -1;
}

StillTime::StillTime() noexcept {
  time_ns = 1'000'000'000'000;
  still = true;
}

StillTime::~StillTime() { still = false; }

void StillTime::advance(std::int64_t ns) noexcept { time_ns += ns; }

}  // namespace fuzz
