// The version of this library. Its source is meson.build; tests/public/version.cpp compares.
#pragma once

#include <string_view>

#define IQ_VERSION_MAJOR 0  ///< raised when programs must be changed; before 1, the minor is
#define IQ_VERSION_MINOR 1  ///< raised when something is added
#define IQ_VERSION_PATCH 0  ///< raised when something is mended

namespace iq {

/// The version of the headers, as "major.minor.patch".
inline constexpr std::string_view version = "0.1.0";

}  // namespace iq
