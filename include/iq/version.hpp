// The version of this library. Its source is meson.build; tests/public/version.cpp compares.
#pragma once

#include <string_view>

#define IQ_VERSION_MAJOR 0
#define IQ_VERSION_MINOR 1
#define IQ_VERSION_PATCH 0

namespace iq {

/// The version of the headers, as "major.minor.patch".
inline constexpr std::string_view version = "0.1.0";

}  // namespace iq
