// How a large item gets into its slot: through the caches, or past them.
#include "ring/large_copy.hpp"

#include <algorithm>
#include <cstring>

#include "base/clock.hpp"
#include "ring/producer_ring.hpp"
#include "sys/streamed_copy.hpp"

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
