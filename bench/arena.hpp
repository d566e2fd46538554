// What the parties of a slice share beside the queue that is measured.
#pragma once

#include <sched.h>
#include <sys/mman.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <new>
#include <system_error>
#include <type_traits>

#include "item.hpp"

namespace bench {

inline std::int64_t now_ns() noexcept {
  return std::chrono::steady_clock::now().time_since_epoch().count();
}

inline void cpu_pause() noexcept {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

/// How every peer waits that cannot wait by itself: 64 pauses, then the processor is yielded.
class Backoff {
 public:
  void wait() noexcept {
    if (++rounds_ % 64 != 0) {
      cpu_pause();
    } else {
      sched_yield();
    }
  }

 private:
  std::uint32_t rounds_ = 0;
};

/// A T in pages that forked children share, all of them there from the start.
template <class T>
class SharedBlock {
  static_assert(std::is_trivially_destructible_v<T>);

 public:
  SharedBlock() {
    void* pages = ::mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE,
                         MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (pages == MAP_FAILED) throw std::system_error(errno, std::generic_category(), "mmap");
    block_ = ::new (pages) T();
  }
  SharedBlock(const SharedBlock&) = delete;
  SharedBlock& operator=(const SharedBlock&) = delete;
  ~SharedBlock() { ::munmap(static_cast<void*>(block_), sizeof(T)); }

  T& operator*() const noexcept { return *block_; }
  T* operator->() const noexcept { return block_; }

 private:
  T* block_ = nullptr;
};

inline constexpr std::size_t kApart = 128;  ///< bytes between words of different writers

/// What one party has done, written by it at its end.
struct alignas(kApart) Tally {
  std::uint64_t items = 0;
  std::uint64_t sum = 0;
  std::uint64_t disorder = 0;  ///< items that came not after their producer's former one
  std::int64_t end_ns = 0;
};

struct Arena {
  alignas(kApart) std::atomic<std::uint32_t> ready{0};
  alignas(kApart) std::atomic<bool> go{false};
  alignas(kApart) std::atomic<bool> stop{false};  ///< producers leave
  alignas(kApart) std::atomic<std::uint32_t> producers_left{0};
  std::array<Tally, kMaxParties> produced;
  std::array<Tally, kMaxParties> consumed;

  /// For consumers whose queue does not know: whether what is queued now is all that comes.
  bool producers_gone() const noexcept {
    return producers_left.load(std::memory_order_acquire) == 0;
  }
};

}  // namespace bench
