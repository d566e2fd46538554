// Copies past the caches: the bytes, all of them and no others.
#include "sys/streamed_copy.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <vector>

TEST_CASE("a copy past the caches is a copy, wherever it begins and however long it is") {
  std::vector<std::byte> from(9000);
  for (std::size_t i = 0; i < from.size(); ++i) from[i] = static_cast<std::byte>(i * 7 + i / 256);
  for (const std::size_t to_offset : {0, 1, 8, 15, 16, 63}) {
    for (const std::size_t from_offset : {0, 1, 16, 31}) {
      for (const std::size_t bytes : {0, 1, 15, 16, 17, 64, 4095, 4096, 4097, 8192}) {
        CAPTURE(to_offset);
        CAPTURE(from_offset);
        CAPTURE(bytes);
        std::vector<std::byte> to(9000, std::byte{0xee});
        iq::detail::copy_streamed(to.data() + to_offset, from.data() + from_offset, bytes);
        const auto begin = to.begin() + static_cast<std::ptrdiff_t>(to_offset);
        const auto end = begin + static_cast<std::ptrdiff_t>(bytes);
        CHECK(std::equal(begin, end, from.begin() + static_cast<std::ptrdiff_t>(from_offset)));
        const auto untouched = [](std::byte b) { return b == std::byte{0xee}; };
        CHECK(std::all_of(to.begin(), begin, untouched));
        CHECK(std::all_of(end, to.end(), untouched));
      }
    }
  }
}
