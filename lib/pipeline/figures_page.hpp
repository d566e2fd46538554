// The last look at a pipeline, in the memory that its processes share: written by its observer,
// read by the caller.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace iq::detail {

/// A value of a few words that one writes and others read whole.
template <class T>
class WholeValue {
  static_assert(std::is_trivially_copyable_v<T> && sizeof(T) % 8 == 0);
  using Words = std::array<std::uint64_t, sizeof(T) / 8>;

 public:
  void write(const T& value) noexcept {
    const auto words = std::bit_cast<Words>(value);
    const std::uint32_t turn = turn_.load(std::memory_order_relaxed);
    turn_.store(turn + 1, std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_release);
    for (std::size_t i = 0; i < words.size(); ++i) {
      words_[i].store(words[i], std::memory_order_relaxed);
    }
    turn_.store(turn + 2, std::memory_order_release);
  }
  /// The writer may be killed in the midst of it: then some try, and take what is there.
  T read() const noexcept {
    Words words{};
    for (int tries = 0; tries < 1000; ++tries) {
      const std::uint32_t turn = turn_.load(std::memory_order_acquire);
      for (std::size_t i = 0; i < words.size(); ++i) {
        words[i] = words_[i].load(std::memory_order_relaxed);
      }
      std::atomic_thread_fence(std::memory_order_acquire);
      if (turn % 2 == 0 && turn_.load(std::memory_order_relaxed) == turn) break;
    }
    return std::bit_cast<T>(words);
  }

 private:
  std::atomic<std::uint32_t> turn_{0};
  std::array<std::atomic<std::uint64_t>, sizeof(T) / 8> words_{};
};

/// Of one stage; as iq::StageReport.
struct StageFigures {
  std::uint64_t done = 0;
  std::uint64_t queued = 0;
  std::uint64_t in_hand = 0;
  std::uint64_t capacity = 0;
  std::uint64_t parked = 0;
  std::uint64_t restarts = 0;
  std::uint64_t memory = 0;
  double per_s = 0;
  double busy = 0;
  double awaits_item = 0;
  double awaits_room = 0;
  double cpu_s = 0;
};

/// Of the whole; as iq::RunReport.
struct RunFigures {
  double elapsed_s = 0;
  double remaining_s = -1;          ///< -1: unknown
  std::uint64_t length_plus_1 = 0;  ///< 0: unknown
  std::int64_t bottleneck = -1;
  std::uint64_t has_ended = 0;
};

/// What somebody has to say who wants one, and when there is one.
struct FiguresHead {
  std::atomic<std::uint32_t> asked{0};  ///< how often the caller has asked for figures
  std::atomic<std::uint32_t> looks{0};  ///< futex word: how often they were taken
  WholeValue<RunFigures> run;
};

}  // namespace iq::detail
