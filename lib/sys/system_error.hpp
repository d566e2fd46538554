// Failed system calls as exceptions, worded alike everywhere.
#pragma once

#include <cerrno>
#include <string>
#include <string_view>

#include "iq/error.hpp"

namespace iq::detail {

/// "No space left on device (ENOSPC, 28)".
std::string errno_text(int error_number);

/// Throws SystemError "`what`: `call` failed: <errno text>". `what` says what cannot be done, e.g.
/// "cannot open queue \"jobs\"".
[[noreturn]] void throw_errno(std::string_view call, std::string_view what,
                              int error_number = errno);

}  // namespace iq::detail
