// Futexes and membarrier by raw system call: glibc wraps neither.
//
// The futexes are the shared kind, because sleeper and waker are different processes; that is also
// why std::atomic::wait does not serve here. The membarrier is GLOBAL_EXPEDITED: it interrupts the
// cores that run registered processes, of any address space. A process that is not on a core passes
// a full fence when it is next scheduled.
#include "sys/futex.hpp"

#include <linux/futex.h>
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace iq::detail {
namespace {

constexpr std::int64_t kNsPerSecond = 1'000'000'000;

static_assert(std::atomic<std::uint32_t>::is_always_lock_free);
static_assert(sizeof(std::atomic<std::uint32_t>) == sizeof(std::uint32_t));

long membarrier(int command) noexcept { return ::syscall(SYS_membarrier, command, 0, 0); }

}  // namespace

bool futex_wait(const std::atomic<std::uint32_t>& word, std::uint32_t expected,
                std::int64_t timeout_ns) noexcept {
  timeout_ns = std::max<std::int64_t>(timeout_ns, 0);
  // FUTEX_WAIT takes a relative time and measures it on the monotonic clock.
  const timespec limit{static_cast<time_t>(timeout_ns / kNsPerSecond),
                       static_cast<long>(timeout_ns % kNsPerSecond)};
  return ::syscall(SYS_futex, &word, FUTEX_WAIT, expected, &limit, nullptr, 0) != 0 &&
         errno == ETIMEDOUT;
}

long futex_wake(const std::atomic<std::uint32_t>& word, int count) noexcept {
  return ::syscall(SYS_futex, &word, FUTEX_WAKE, count, nullptr, nullptr, 0);
}

bool register_asymmetric_fence() noexcept {
  // Threads may race to register: the kernel takes it twice without harm. A forked child inherits
  // both the registration and this answer; a new program starts without either.
  enum Answer : int { kUnasked, kYes, kNo };
  static constinit std::atomic<int> answer{kUnasked};
  int known = answer.load(std::memory_order_acquire);
  if (known == kUnasked) {
    known = membarrier(MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED) == 0 ? kYes : kNo;
    answer.store(known, std::memory_order_release);
  }
  return known == kYes;
}

bool heavy_fence() noexcept {
  std::atomic_signal_fence(std::memory_order_seq_cst);
  const bool everywhere = membarrier(MEMBARRIER_CMD_GLOBAL_EXPEDITED) == 0;
  if (!everywhere) std::atomic_thread_fence(std::memory_order_seq_cst);
  std::atomic_signal_fence(std::memory_order_seq_cst);
  return everywhere;
}

}  // namespace iq::detail
