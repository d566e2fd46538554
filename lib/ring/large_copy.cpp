// How a large item gets into its slot: through the caches, or past them.
#include "ring/large_copy.hpp"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include <algorithm>
#include <cstring>

#include "base/clock.hpp"
#include "ring/producer_ring.hpp"

namespace iq::detail {
namespace {

constexpr std::uint32_t kTrialsToDecide = 2;   // the lesser counts: one may have been disturbed
constexpr std::uint32_t kRarestTrial = 512;    // one copy in so many costs less than a percent
constexpr std::uint32_t kTimedPerTrial = 4;    // copies of the usual way
constexpr std::uint64_t kMuchSlower = 3;       // then past the caches: the reader pays, too
constexpr std::uint64_t kNotMuchSlower = 2;    // then back
constexpr std::uint64_t kCostPerBytes = 4096;  // cost: nanoseconds of so many bytes

}  // namespace

CopyChooser::Copy CopyChooser::next() noexcept {
  ++copies_;
  if (copies_ % trial_every_ == 0) return {.streamed = !streams_, .timed = true};
  return {.streamed = streams_, .timed = copies_ % (trial_every_ / kTimedPerTrial) == 0};
}

void CopyChooser::took(Copy copy, std::uint64_t ns, std::uint64_t bytes) noexcept {
  const std::uint64_t cost = ns * kCostPerBytes / bytes;
  if (copy.streamed == streams_) {
    usual_ = std::min(usual_, cost);
    return;
  }
  other_ = std::min(other_, cost);
  if (++trials_ == kTrialsToDecide) decide();
}

void CopyChooser::decide() noexcept {
  const bool change = streams_ ? other_ / kNotMuchSlower < usual_ : usual_ / kMuchSlower > other_;
  streams_ = streams_ != change;
  trial_every_ = change ? kTimedPerTrial : std::min(trial_every_ * 2, kRarestTrial);
  trials_ = 0;
  usual_ = kNever;
  other_ = kNever;
}

void copy_streamed(std::byte* to, const std::byte* from, std::size_t bytes) noexcept {
#ifdef __SSE2__
  constexpr std::size_t kWidth = sizeof(__m128i);
  const std::size_t before =
      std::min(bytes, (kWidth - reinterpret_cast<std::uintptr_t>(to) % kWidth) % kWidth);
  std::memcpy(to, from, before);
  std::size_t at = before;
  for (; bytes - at >= kWidth; at += kWidth) {
    _mm_stream_si128(reinterpret_cast<__m128i*>(to + at),
                     _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + at)));
  }
  std::memcpy(to + at, from + at, bytes - at);
  _mm_sfence();  // P1: a release store alone does not wait for these
#else
  std::memcpy(to, from, bytes);
#endif
}

void ProducerCore::copy_large(std::byte* to, const void* from, std::size_t bytes) noexcept {
  CopyChooser& chooser = static_cast<ProducerRing&>(*this).copy_chooser_;
  const CopyChooser::Copy copy = chooser.next();
  const std::int64_t begun = copy.timed ? now_ns() : 0;
  if (copy.streamed) {
    copy_streamed(to, static_cast<const std::byte*>(from), bytes);
  } else {
    std::memcpy(to, from, bytes);
  }
  if (copy.timed) chooser.took(copy, static_cast<std::uint64_t>(now_ns() - begun), bytes);
}

}  // namespace iq::detail
