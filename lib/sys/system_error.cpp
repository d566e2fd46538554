// One wording for every system call that failed: what could not be done, the call, the errno
// with its name and number. Callers that know better (no space, no permission) throw their own
// class and use errno_text() for the reason.
#include "sys/system_error.hpp"

#include <fmt/format.h>

#include <cstring>

namespace iq::detail {

std::string errno_text(int error_number) {
  const char* description = strerrordesc_np(error_number);
  const char* symbol = strerrorname_np(error_number);
  return fmt::format("{} ({}, {})", description != nullptr ? description : "unknown error",
                     symbol != nullptr ? symbol : "?", error_number);
}

void throw_errno(std::string_view call, std::string_view what, int error_number) {
  throw SystemError(fmt::format("{}: {} failed: {}", what, call, errno_text(error_number)),
                    error_number);
}

}  // namespace iq::detail
