// How a large item gets into its slot: through the caches, or past them.
#include "ring/large_copy.hpp"

#include <algorithm>
#include <cstring>

#include "base/clock.hpp"
#include "ring/producer_ring.hpp"
#include "sys/streamed_copy.hpp"

namespace iq::detail {
namespace {

constexpr std::uint64_t kFirstLaps = 32;  // between trials: a slow one takes ten times as long
constexpr std::uint64_t kMostLaps = 256;
constexpr std::uint64_t kFastLaps = 16;      // between looks that end without a trial
constexpr std::uint64_t kFastCost = 600;     // 7 GB/s: no core writes three times as fast to memory
constexpr std::uint64_t kMuchSlower = 3;     // then past the caches: the reader pays, too
constexpr std::uint64_t kNotMuchSlower = 2;  // then back
constexpr std::uint64_t kCostPerBytes = 4096;  // cost: nanoseconds of so many bytes

}  // namespace

std::uint64_t CopyChooser::Costs::median() noexcept {
  const auto middle = all.begin() + static_cast<std::ptrdiff_t>(count / 2);
  std::nth_element(all.begin(), middle, all.begin() + static_cast<std::ptrdiff_t>(count));
  return *middle;
}

CopyChooser::Copy CopyChooser::next(std::uint64_t bytes, std::uint64_t lap) noexcept {
  if (bytes_ >= laps_ * lap && copies_ >= kSamples) begin_next_phase();
  const std::uint64_t stride = std::max<std::uint64_t>(lap / (bytes * kSamples), 1);
  const bool is_other = phase_ == Phase::settle || phase_ == Phase::trial;
  const bool is_timed = phase_ == Phase::usual || phase_ == Phase::trial;
  const Copy copy{.streamed = streams_ != is_other, .timed = is_timed && copies_ % stride == 0};
  bytes_ += bytes;
  ++copies_;
  return copy;
}

void CopyChooser::took(std::uint64_t ns, std::uint64_t bytes) noexcept {
  (phase_ == Phase::trial ? other_ : usual_).add(ns * kCostPerBytes / bytes);
}

void CopyChooser::begin_next_phase() noexcept {
  bytes_ = 0;
  copies_ = 0;
  laps_ = 1;
  switch (phase_) {
    case Phase::rest: phase_ = Phase::usual; break;
    case Phase::usual:
      if (!streams_ && usual_.median() <= kFastCost) return rest(kFastLaps);
      phase_ = Phase::settle;
      break;
    case Phase::settle: phase_ = Phase::trial; break;
    case Phase::trial: return decide();
  }
}

void CopyChooser::rest(std::uint64_t laps) noexcept {
  phase_ = Phase::rest;
  laps_ = laps;
  usual_ = {};
  other_ = {};
}

void CopyChooser::decide() noexcept {
  const std::uint64_t usual = usual_.median();
  const std::uint64_t other = other_.median();
  const bool change = streams_ ? other / kNotMuchSlower < usual : usual / kMuchSlower > other;
  streams_ = streams_ != change;
  rest_laps_ = change ? kFirstLaps : std::min(rest_laps_ * 4, kMostLaps);
  rest(rest_laps_);
}

void ProducerCore::copy_large(std::byte* to, const void* from, std::size_t bytes) noexcept {
  CopyChooser& chooser = static_cast<ProducerRing&>(*this).copy_chooser_;
  const std::uint64_t lap =
      lane_.ring_bytes != 0 ? lane_.ring_bytes : lane_.capacity * lane_.slot_bytes;
  const CopyChooser::Copy copy = chooser.next(bytes, lap);
  const std::int64_t begun = copy.timed ? now_ns() : 0;
  if (copy.streamed) {
    copy_streamed(to, static_cast<const std::byte*>(from), bytes);
  } else {
    std::memcpy(to, from, bytes);
  }
  if (copy.timed) chooser.took(static_cast<std::uint64_t>(now_ns() - begun), bytes);
}

}  // namespace iq::detail
