// What the bytes of an input mean: one byte that chooses the queue, one of options, then steps of
// equal length. A step writes a word of the segment or calls the library.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>

namespace fuzz {

/// Kinds below this write; part and place say where, value what. The others call.
inline constexpr std::uint8_t kFirstCall = 64;

struct Step {
  std::uint8_t kind;
  std::uint8_t part;
  std::uint16_t place;
  std::uint64_t value;

  bool writes() const noexcept { return kind < kFirstCall; }
};
inline constexpr std::size_t kStepBytes = 12;
inline constexpr std::size_t kHeadBytes = 2;
inline constexpr std::size_t kMostSteps = 48;

class Input {
 public:
  Input(const std::uint8_t* data, std::size_t bytes) noexcept : rest_(data, bytes) {
    if (rest_.size() < kHeadBytes) return;
    queue = rest_[0];
    options = rest_[1];
    rest_ = rest_.subspan(kHeadBytes);
  }

  std::optional<Step> next() noexcept {
    if (rest_.size() < kStepBytes || steps_++ == kMostSteps) return std::nullopt;
    Step step{rest_[0], rest_[1], 0, 0};
    std::memcpy(&step.place, &rest_[2], sizeof step.place);
    std::memcpy(&step.value, &rest_[4], sizeof step.value);
    rest_ = rest_.subspan(kStepBytes);
    return step;
  }

  std::uint8_t queue = 0;
  std::uint8_t options = 0;

 private:
  std::span<const std::uint8_t> rest_;
  std::size_t steps_ = 0;
};

}  // namespace fuzz
