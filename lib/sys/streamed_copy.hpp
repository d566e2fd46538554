// Copying to memory without fetching the lines that are overwritten.
#pragma once

#include <cstddef>

namespace iq::detail {

/// As memcpy, past the caches where the processor can do that; when it returns, the bytes are
/// visible before all later stores.
void copy_streamed(std::byte* to, const std::byte* from, std::size_t bytes) noexcept;

}  // namespace iq::detail
