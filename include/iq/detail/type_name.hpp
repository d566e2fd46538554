// The name of a type as its author would write it, the same from every compiler.
//
// Compilers print types differently ("long unsigned int", "std::__cxx11::basic_string<char>",
// "{anonymous}::Job"), so only the names of the user's own types are taken from them, and only the
// part after functions and unnamed namespaces. Everything else is put together here.
#pragma once

#include <array>
#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <type_traits>

#include "iq/detail/codec_standard.hpp"
#include "iq/detail/type_storage.hpp"

namespace iq::detail {

/// A text made at compile time; what does not fit is cut and ends in "...".
class NameText {
 public:
  constexpr void add(std::string_view text) {
    for (const char c : text) {
      if (size_ < kLimit) {
        text_[size_++] = c;
      } else {
        for (std::size_t i = kLimit - 3; i < kLimit; ++i) text_[i] = '.';
      }
    }
  }
  constexpr void add_number(std::size_t number) {
    if (number >= 10) add_number(number / 10);
    const char digit = static_cast<char>('0' + number % 10);
    add({&digit, 1});
  }
  constexpr std::string_view view() const { return {text_.data(), size_}; }

 private:
  static constexpr std::size_t kLimit = 120;
  std::array<char, kLimit> text_{};
  std::size_t size_ = 0;
};

template <class T>
constexpr std::string_view spelled_by_compiler() {
  const std::string_view all = __PRETTY_FUNCTION__;  // "... [with T = app::Job; ...]"
  const std::size_t from = all.find("T = ") + 4;
  const std::size_t to = std::min(all.find("; std::string_view = ", from), all.size() - 1);
  return all.substr(from, to - from);
}

/// Without functions, unnamed namespaces and the arguments of templates.
constexpr NameText tidied(std::string_view spelled) {
  NameText kept;
  int depth = 0;
  bool unusable = false;  // this component is a function or has no name
  for (std::size_t i = 0; i < spelled.size(); ++i) {
    const char c = spelled[i];
    const bool closes = c == '>' || c == ')' || c == '}' || c == ']';
    const bool opens = c == '<' || c == '(' || c == '{' || c == '[';
    const bool nameless = c != '<' || i == 0 || spelled[i - 1] == ':';
    if (opens && depth == 0 && nameless) unusable = true;
    if (opens) ++depth;
    if (depth == 0 && spelled.substr(i, 2) == "::") {
      if (unusable) {
        kept = NameText();
      } else {
        kept.add("::");
      }
      unusable = false;
      ++i;
    } else if (depth == 0 && !unusable) {
      kept.add(spelled.substr(i, 1));
    }
    if (closes) --depth;
  }
  if (unusable) {
    kept = NameText();
    kept.add("(unnamed)");
  }
  return kept;
}

template <class T>
constexpr std::string_view name_of_number() {
  if constexpr (std::is_same_v<T, bool>) return "bool";
  else if constexpr (std::is_same_v<T, char>) return "char";
  else if constexpr (std::is_same_v<T, signed char>) return "signed char";
  else if constexpr (std::is_same_v<T, unsigned char>) return "unsigned char";
  else if constexpr (std::is_same_v<T, wchar_t>) return "wchar_t";
  else if constexpr (std::is_same_v<T, char8_t>) return "char8_t";
  else if constexpr (std::is_same_v<T, char16_t>) return "char16_t";
  else if constexpr (std::is_same_v<T, char32_t>) return "char32_t";
  else if constexpr (std::is_same_v<T, short>) return "short";
  else if constexpr (std::is_same_v<T, unsigned short>) return "unsigned short";
  else if constexpr (std::is_same_v<T, int>) return "int";
  else if constexpr (std::is_same_v<T, unsigned int>) return "unsigned int";
  else if constexpr (std::is_same_v<T, long>) return "long";
  else if constexpr (std::is_same_v<T, unsigned long>) return "unsigned long";
  else if constexpr (std::is_same_v<T, long long>) return "long long";
  else if constexpr (std::is_same_v<T, unsigned long long>) return "unsigned long long";
  else if constexpr (std::is_same_v<T, float>) return "float";
  else if constexpr (std::is_same_v<T, double>) return "double";
  else if constexpr (std::is_same_v<T, long double>) return "long double";
  else return "number";
}

template <class T>
constexpr NameText make_name();

template <class... Part>
constexpr void add_arguments(NameText& name, Types<Part...>) {
  [[maybe_unused]] bool first = true;
  ((name.add(first ? "" : ", "), name.add(make_name<Part>().view()), first = false), ...);
}

template <class T>
struct ArgumentsOf {
  static constexpr bool kKnown = false;
};
template <template <class...> class Template, class... Argument>
struct ArgumentsOf<Template<Argument...>> {
  static constexpr bool kKnown = true;
  using List = Types<Argument...>;
};

template <class T>
constexpr void add_known(NameText& name) {
  name.add(Format<T>::kName);
  constexpr bool kExtent = requires { Format<T>::kExtent; };
  constexpr bool kParts = !std::is_same_v<typename Format<T>::Parts, Types<>>;
  if constexpr (kExtent || kParts) {
    name.add("<");
    add_arguments(name, typename Format<T>::Parts{});
    if constexpr (kExtent) {
      if constexpr (kParts) name.add(", ");
      name.add_number(Format<T>::kExtent);
    }
    name.add(">");
  }
}

template <class T>
constexpr NameText make_name() {
  NameText name;
  if constexpr (std::is_same_v<T, std::string>) {
    name.add("std::string");
  } else if constexpr (std::is_same_v<T, std::filesystem::path>) {
    name.add("std::filesystem::path");
  } else if constexpr (std::is_arithmetic_v<T>) {
    name.add(name_of_number<T>());
  } else if constexpr (!UserCoded<T> && Known<T>) {
    add_known<T>(name);
  } else {
    name = tidied(spelled_by_compiler<T>());
    if constexpr (ArgumentsOf<T>::kKnown) {
      name.add("<");
      add_arguments(name, typename ArgumentsOf<T>::List{});
      name.add(">");
    }
  }
  return name;
}

template <class T>
inline constexpr NameText kTypeName = make_name<T>();

/// "Job", "app::Job", "std::vector<std::string>"; at most 120 characters.
template <class T>
constexpr std::string_view type_name() {
  return kTypeName<T>.view();
}

}  // namespace iq::detail
