// The exceptions of std that can be made again in another process from a name and a text.
#pragma once

#include <exception>
#include <span>
#include <string>
#include <string_view>
#include <typeinfo>

namespace iq::detail {

struct StandardError {
  const std::type_info& type;
  std::string_view name;
  std::exception_ptr (*make)(const std::string& text);
};

std::span<const StandardError> standard_errors() noexcept;

/// Null when the name is none of theirs.
std::exception_ptr make_standard_error(std::string_view name, const std::string& text);

}  // namespace iq::detail
