// Nothing is thrown across processes: what a process tells of an exception is its type's name and
// its text. Of exactly these types the same can be made of that again. A type derived from one of
// them is not among them.
#include "base/standard_error.hpp"

#include <any>
#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
#include <variant>

namespace iq::detail {
namespace {

template <class E>
std::exception_ptr make_from_text(const std::string& text) {
  return std::make_exception_ptr(E(text));
}
template <class E>
std::exception_ptr make_plain(const std::string&) {
  return std::make_exception_ptr(E());
}

const StandardError kStandardErrors[] = {
    {typeid(std::runtime_error), "std::runtime_error", make_from_text<std::runtime_error>},
    {typeid(std::logic_error), "std::logic_error", make_from_text<std::logic_error>},
    {typeid(std::invalid_argument), "std::invalid_argument", make_from_text<std::invalid_argument>},
    {typeid(std::out_of_range), "std::out_of_range", make_from_text<std::out_of_range>},
    {typeid(std::domain_error), "std::domain_error", make_from_text<std::domain_error>},
    {typeid(std::length_error), "std::length_error", make_from_text<std::length_error>},
    {typeid(std::range_error), "std::range_error", make_from_text<std::range_error>},
    {typeid(std::overflow_error), "std::overflow_error", make_from_text<std::overflow_error>},
    {typeid(std::underflow_error), "std::underflow_error", make_from_text<std::underflow_error>},
    {typeid(std::bad_alloc), "std::bad_alloc", make_plain<std::bad_alloc>},
    {typeid(std::bad_cast), "std::bad_cast", make_plain<std::bad_cast>},
    {typeid(std::bad_array_new_length), "std::bad_array_new_length",
     make_plain<std::bad_array_new_length>},
    {typeid(std::bad_typeid), "std::bad_typeid", make_plain<std::bad_typeid>},
    {typeid(std::bad_any_cast), "std::bad_any_cast", make_plain<std::bad_any_cast>},
    {typeid(std::bad_optional_access), "std::bad_optional_access",
     make_plain<std::bad_optional_access>},
    {typeid(std::bad_variant_access), "std::bad_variant_access",
     make_plain<std::bad_variant_access>},
    {typeid(std::bad_function_call), "std::bad_function_call", make_plain<std::bad_function_call>},
    {typeid(std::bad_weak_ptr), "std::bad_weak_ptr", make_plain<std::bad_weak_ptr>},
    {typeid(std::bad_exception), "std::bad_exception", make_plain<std::bad_exception>},
    {typeid(std::exception), "std::exception", make_plain<std::exception>},
};

}  // namespace

std::span<const StandardError> standard_errors() noexcept { return kStandardErrors; }

std::exception_ptr make_standard_error(std::string_view name, const std::string& text) {
  for (const StandardError& known : kStandardErrors) {
    if (known.name == name) return known.make(text);
  }
  return nullptr;
}

}  // namespace iq::detail
