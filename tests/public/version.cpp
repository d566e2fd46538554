// The version in the headers is the one in meson.build.
#include <doctest/doctest.h>

#include <string>

#include "iq/version.hpp"

TEST_CASE("version: macros and constant are those of meson.build") {
  CHECK(iq::version == IQ_PROJECT_VERSION);
  CHECK(std::to_string(IQ_VERSION_MAJOR) + '.' + std::to_string(IQ_VERSION_MINOR) + '.' +
            std::to_string(IQ_VERSION_PATCH) ==
        iq::version);
}
