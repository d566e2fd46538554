// What a process left of an endpoint that somebody keeps for its successor.
#pragma once

namespace iq::detail {

/// In this order: of several endpoints the greatest counts.
enum class LeftOver : unsigned char {
  nothing,  ///< closed in order
  open,     ///< as it was when the process died
  unused,   ///< no process ever came for it
};

}  // namespace iq::detail
