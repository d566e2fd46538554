// Writing to whatever a descriptor leads to, without ever waiting for it.
#pragma once

#include <cstddef>
#include <cstdio>
#include <string_view>

#include "sys/fd.hpp"

namespace iq::detail {

/// -1 when it has none.
int descriptor_behind(std::FILE* stream) noexcept;

bool is_terminal(int fd) noexcept;

/// The same terminal, opened once more for writing that never waits; empty where that is refused.
Fd opened_without_waiting(int fd) noexcept;

struct TerminalSize {
  std::size_t columns = 0;  ///< 0: unknown
  std::size_t rows = 0;     ///< the same
};
TerminalSize terminal_size(int fd) noexcept;

/// Writes as much of `text` as it takes now. False when that was not all, or nobody reads: no
/// signal comes of it.
bool write_without_waiting(int fd, std::string_view text) noexcept;

}  // namespace iq::detail
