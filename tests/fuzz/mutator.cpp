// Keeps inputs in steps: libFuzzer's own mutations shift bytes, after which every step means
// something else.
#include <algorithm>
#include <cstring>
#include <random>

#include "fuzz/input.hpp"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t most);

namespace {

using Random = std::minstd_rand;

std::uint64_t interesting(Random& random) {
  static constexpr std::uint64_t kValues[] = {
      0,          1,          2,          3,          4,          7,           8,
      12,         15,         16,         63,         64,         255,         1023,
      1024,       4095,       4096,       1u << 16,   1u << 31,   0xffff'ffff, 1ull << 32,
      1ull << 36, 1ull << 42, 1ull << 52, 1ull << 60, 1ull << 63, UINT64_MAX,  UINT64_MAX - 1,
      INT64_MAX};
  const std::uint64_t value = kValues[random() % std::size(kValues)];
  switch (random() % 4) {
    case 0: return value;
    case 1: return value + random() % 16 - 8;
    case 2: return value << random() % 64;
    default: return std::uint64_t{random()} << 32 | random();
  }
}

fuzz::Step any_step(Random& random) {
  fuzz::Step step{};
  // Half of them call.
  step.kind = static_cast<std::uint8_t>(random() % 2 == 0 ? random() % 8
                                                          : fuzz::kFirstCall + random() % 27);
  step.part = static_cast<std::uint8_t>(random() % 16);
  step.place = static_cast<std::uint16_t>(random() % 3 == 0 ? random() : random() % 160);
  step.value = interesting(random);
  return step;
}

void pack(const fuzz::Step& step, std::uint8_t* to) {
  to[0] = step.kind;
  to[1] = step.part;
  std::memcpy(to + 2, &step.place, sizeof step.place);
  std::memcpy(to + 4, &step.value, sizeof step.value);
}

void change(std::uint8_t* step, Random& random) {
  const fuzz::Step other = any_step(random);
  switch (random() % 4) {
    case 0: step[0] = other.kind; break;
    case 1: step[1] = other.part; break;
    case 2: std::memcpy(step + 2, &other.place, sizeof other.place); break;
    default: std::memcpy(step + 4, &other.value, sizeof other.value); break;
  }
}

}  // namespace

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t most, unsigned seed) {
  using fuzz::kHeadBytes;
  using fuzz::kStepBytes;
  Random random(seed + 1);
  if (size < kHeadBytes) {
    if (most < kHeadBytes) return size;
    data[0] = data[1] = 0;
    size = kHeadBytes;
  }
  std::size_t steps = (size - kHeadBytes) / kStepBytes;
  std::uint8_t* const first = data + kHeadBytes;
  const auto at = [&](std::size_t i) { return first + i * kStepBytes; };
  const std::size_t chosen = steps == 0 ? 0 : random() % steps;
  switch (steps == 0 ? 0 : random() % 8) {
    case 0:
    case 1:
    case 2:  // one more
      if (kHeadBytes + (steps + 1) * kStepBytes > most) break;
      std::memmove(at(chosen + 1), at(chosen), (steps - chosen) * kStepBytes);
      pack(any_step(random), at(chosen));
      ++steps;
      break;
    case 3:  // one less
      std::memmove(at(chosen), at(chosen + 1), (steps - chosen - 1) * kStepBytes);
      --steps;
      break;
    case 4:
      if (chosen != 0) std::swap_ranges(at(chosen), at(chosen + 1), at(random() % chosen));
      break;
    case 5: LLVMFuzzerMutate(at(chosen), kStepBytes, kStepBytes); break;
    default: change(at(chosen), random); break;
  }
  if (random() % 16 == 0) data[0] = static_cast<std::uint8_t>(random() % 3);
  if (random() % 16 == 0) data[1] = static_cast<std::uint8_t>(random() % 16);
  return kHeadBytes + steps * kStepBytes;
}
