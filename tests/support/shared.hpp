// Values that a test shares with its children: an anonymous shared mapping per value, and what
// tests need to meet each other without sleeping.
#pragma once

#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <climits>
#include <cstdint>
#include <ctime>
#include <new>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

namespace iqtest {

/// How long a test is ready to wait for something that must happen soon. Below the limit of a
/// case, so that the failure is told by the place that waited and not by the watchdog.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr double kPatienceS = 60;  // everything is slower, forks most of all
#else
inline constexpr double kPatienceS = 10;
#endif

using SteadyTime = std::chrono::steady_clock::time_point;

inline SteadyTime deadline_in(double seconds) {
  return std::chrono::steady_clock::now() +
         std::chrono::duration_cast<std::chrono::steady_clock::duration>(
             std::chrono::duration<double>(seconds));
}

/// A T that children forked afterwards share with this process. Make it before the fork.
template <class T>
class Shared {
 public:
  template <class... Args>
  explicit Shared(Args&&... args) {
    void* memory =
        ::mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    value_ = new (memory) T(std::forward<Args>(args)...);
  }
  Shared(Shared&& other) noexcept : value_(std::exchange(other.value_, nullptr)) {}
  Shared& operator=(Shared&&) = delete;
  ~Shared() {
    if (value_ != nullptr) ::munmap(static_cast<void*>(value_), sizeof(T));
  }

  T& operator*() const noexcept { return *value_; }
  T* operator->() const noexcept { return value_; }

 private:
  static_assert(std::is_trivially_destructible_v<T>, "nobody knows which process would destroy it");
  T* value_;
};

/// A number that all processes of a test may change.
using SharedCounter = Shared<std::atomic<std::int64_t>>;
inline SharedCounter shared_counter(std::int64_t start = 0) { return SharedCounter(start); }

/// Counts posts; each wait takes one. Works across processes and survives any death.
class Gate {
 public:
  Gate() : word_(0U) {}

  void post(unsigned count = 1) noexcept {
    word_->fetch_add(count);
    ::syscall(SYS_futex, raw(), FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
  }

  /// Takes one post, waiting for it at most `seconds`. False when there was none.
  bool wait_for(double seconds) noexcept {
    const SteadyTime deadline = deadline_in(seconds);
    while (true) {
      std::uint32_t count = word_->load();
      while (count > 0) {
        if (word_->compare_exchange_weak(count, count - 1)) return true;
      }
      if (!sleep_until(deadline)) return false;
    }
  }

  /// The same; a post that does not come fails the test (throws).
  void wait(double seconds = kPatienceS) {
    if (!wait_for(seconds)) throw std::runtime_error("Gate: nobody posted in time");
  }

 private:
  std::uint32_t* raw() const noexcept { return reinterpret_cast<std::uint32_t*>(&*word_); }

  bool sleep_until(SteadyTime deadline) const noexcept {
    const auto left = deadline - std::chrono::steady_clock::now();
    const auto left_ns = std::chrono::duration_cast<std::chrono::nanoseconds>(left).count();
    if (left_ns <= 0) return false;
    const timespec time{static_cast<time_t>(left_ns / 1'000'000'000),
                        static_cast<long>(left_ns % 1'000'000'000)};
    ::syscall(SYS_futex, raw(), FUTEX_WAIT, 0U, &time, nullptr, 0);
    return true;
  }

  Shared<std::atomic<std::uint32_t>> word_;
};

/// Set once; every wait after that returns at once.
class Flag {
 public:
  Flag() : word_(0U) {}

  void set() noexcept {
    word_->store(1);
    ::syscall(SYS_futex, reinterpret_cast<std::uint32_t*>(&*word_), FUTEX_WAKE, INT_MAX, nullptr,
              nullptr, 0);
  }
  bool is_set() const noexcept { return word_->load() != 0; }

  bool wait_for(double seconds) const noexcept {
    const SteadyTime deadline = deadline_in(seconds);
    while (!is_set()) {
      if (std::chrono::steady_clock::now() >= deadline) return false;
      const timespec slice{0, 20'000'000};  // the deadline is looked at again 50 times a second
      ::syscall(SYS_futex, reinterpret_cast<std::uint32_t*>(&*word_), FUTEX_WAIT, 0U, &slice,
                nullptr, 0);
    }
    return true;
  }
  void wait(double seconds = kPatienceS) const {
    if (!wait_for(seconds)) throw std::runtime_error("Flag: nobody set it in time");
  }

 private:
  Shared<std::atomic<std::uint32_t>> word_;
};

}  // namespace iqtest
