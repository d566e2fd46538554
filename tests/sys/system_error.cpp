// The wording of failed system calls.
#include "sys/system_error.hpp"

#include <doctest/doctest.h>

#include <string>

TEST_CASE("throw_errno: names what failed, the call and the errno") {
  try {
    iq::detail::throw_errno("mmap", "cannot open queue \"jobs\"", ENOMEM);
    FAIL("nothing was thrown");
  } catch (const iq::SystemError& error) {
    CHECK(error.error_number() == ENOMEM);
    CHECK(error.code() == iq::Errc::system);
    CHECK(std::string(error.what()) ==
          "cannot open queue \"jobs\": mmap failed: Cannot allocate memory (ENOMEM, 12)");
  }
  CHECK(iq::detail::errno_text(99'999) == "unknown error (?, 99999)");
}
