// How long a consumer that has caught up lets its producers run ahead before it looks again.
#include "ring/head_start.hpp"

#include <algorithm>
#include <utility>

namespace iq::detail {
namespace {
// The least of some counts: one in whose midst somebody lost the processor says nothing.
constexpr std::uint32_t kMeasurements = 3;
// A gain shows with one of these, if with any: below there may be a plateau.
constexpr std::uint32_t kFirstTrial = 64;
constexpr std::uint32_t kSecondTrial = 256;
constexpr std::int64_t kRest = 32;
}  // namespace

void HeadStart::begin(Phase phase, std::uint32_t pauses) noexcept {
  phase_ = phase;
  pauses_ = pauses;
  measured_ = 0;
  cost_ = UINT64_MAX;
  interrupt();
}

// Whoever waits for an answer to what it took finds nothing, however long it pauses.
void HeadStart::give_up() noexcept {
  usual_ = std::max(std::min(pauses_, usual_) / 2, kLeast);
  begin(Phase::steady, usual_);
}

void HeadStart::tell(std::int64_t now_ns) noexcept {
  const std::int64_t began = std::exchange(began_ns_, now_ns);
  const std::uint64_t items = std::exchange(items_, 0);
  looks_ = 0;
  if (began == 0) return;  // what came before it was under way when the phase began
  cost_ = std::min(cost_, static_cast<std::uint64_t>(now_ns - began) * 1024 / items);
  if (++measured_ == kMeasurements) decide(now_ns);
}

void HeadStart::decide(std::int64_t now_ns) noexcept {
  switch (phase_) {
    case Phase::steady:
      if (now_ns < rest_until_ns_) return begin(Phase::steady, usual_);
      trial_ns_ = now_ns;
      usual_cost_ = cost_;
      if (usual_ >= kMost) return try_fewer(now_ns);
      return begin(Phase::more, std::min(std::max(4 * usual_, kFirstTrial), kMost));
    case Phase::more:
      if (cost_ > usual_cost_ / 10 * 9) {
        if (pauses_ < kSecondTrial) return begin(Phase::more, kSecondTrial);
        return try_fewer(now_ns);
      }
      usual_cost_ = cost_;
      usual_ = pauses_;
      if (usual_ >= kMost) return try_fewer(now_ns);
      return begin(Phase::more, std::min(4 * usual_, kMost));
    case Phase::fewer:
      if (cost_ > usual_cost_ / 20 * 21) return rest(now_ns);
      usual_ = pauses_;
      return try_fewer(now_ns);
  }
}

void HeadStart::try_fewer(std::int64_t now_ns) noexcept {
  if (usual_ == kLeast) return rest(now_ns);
  begin(Phase::fewer, std::max(usual_ / 2, kLeast));
}

void HeadStart::rest(std::int64_t now_ns) noexcept {
  rest_until_ns_ = now_ns + kRest * (now_ns - trial_ns_);
  begin(Phase::steady, usual_);
}

}  // namespace iq::detail
