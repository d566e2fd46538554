// Copying to memory without fetching the lines that are overwritten.
#include "sys/streamed_copy.hpp"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace iq::detail {

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

}  // namespace iq::detail
