// Sleeping on a word of shared memory, and the asymmetric fence that makes waking cheap.
#pragma once

#include <atomic>
#include <cstdint>

namespace iq::detail {

/// Sleeps while `word` is `expected`, at most `timeout_ns`. Returns early on a wake, a change of
/// the word, a signal. True when it returned because the time passed.
bool futex_wait(const std::atomic<std::uint32_t>& word, std::uint32_t expected,
                std::int64_t timeout_ns) noexcept;

/// Wakes up to `count` sleepers of `word`, in any process. Returns how many there were.
long futex_wake(const std::atomic<std::uint32_t>& word, int count) noexcept;

/// Registers this process for membarrier(GLOBAL_EXPEDITED), once per process image (inherited by
/// fork, dropped by exec). False where the kernel or a filter refuses: then this process and
/// its peers must pay for a full fence on each publication (the need_fence flag).
bool register_asymmetric_fence() noexcept;

/// The heavy side: on return every thread of every registered process has passed a full fence.
/// False where membarrier is refused: then it was a seq_cst fence of this thread alone.
bool heavy_fence() noexcept;

}  // namespace iq::detail
