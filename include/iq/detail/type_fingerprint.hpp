// What a queue remembers of its items' type, so that a program with another definition is told.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>

#include "iq/detail/type_explain.hpp"
#include "iq/detail/type_name.hpp"
#include "iq/detail/type_storage.hpp"

namespace iq::detail {

/// Raised when the encoding of any type changes.
inline constexpr std::uint32_t kFormatVersion = 1;

/// Equal in two programs if, short of a collision of hashes, each can read what the other wrote.
///
/// Namespaces do not count, because compilers disagree about how inline ones are spelled.
struct TypeFingerprint {
  std::uint64_t layout = 0;         ///< hash of the structure, names of types included
  std::uint32_t size = 0;           ///< sizeof, for messages and for reading in place
  std::uint32_t alignment = 0;      ///< alignof
  std::uint32_t codec_version = 0;  ///< kVersion of the type's Codec, or of the format
  bool in_place = false;            ///< stored as its own bytes
  std::string_view name;            ///< for messages; lives as long as the program

  /// Size and alignment count only in `layout`, and there only for types stored as their bytes.
  friend constexpr bool operator==(const TypeFingerprint& a, const TypeFingerprint& b) {
    return a.layout == b.layout && a.codec_version == b.codec_version && a.in_place == b.in_place;
  }
};

/// FNV-1a, 64 bits. Source: Fowler, Noll, Vo, "The FNV Non-Cryptographic Hash Algorithm".
class Fnv1a {
 public:
  constexpr void add_byte(unsigned char byte) {
    state_ = (state_ ^ byte) * 0x100000001b3U;
  }
  constexpr void add(std::uint64_t number) {
    for (int shift = 0; shift < 64; shift += 8) {
      add_byte(static_cast<unsigned char>(number >> shift & 0xffU));
    }
  }
  constexpr void add(std::string_view text) {
    add(std::uint64_t{text.size()});
    for (const char c : text) add_byte(static_cast<unsigned char>(c));
  }
  constexpr std::uint64_t value() const { return state_; }

 private:
  std::uint64_t state_ = 0xcbf29ce484222325U;
};

template <class T>
constexpr std::uint32_t codec_version_of() {
  if constexpr (!UserCoded<T>) {
    return kFormatVersion;
  } else if constexpr (requires { Codec<T>::kVersion; }) {
    return Codec<T>::kVersion;
  } else {
    return 1;
  }
}

template <class T>
constexpr void add_layout(Fnv1a& hash);

template <class... Part>
constexpr void add_parts(Fnv1a& hash, Types<Part...>) {
  hash.add(std::uint64_t{sizeof...(Part)});
  (add_layout<Part>(hash), ...);
}

template <class T>
constexpr void add_name(Fnv1a& hash);

template <class... Argument>
constexpr void add_names(Fnv1a& hash, Types<Argument...>) {
  hash.add(std::uint64_t{sizeof...(Argument)});
  (add_name<Argument>(hash), ...);
}

// The name without namespaces, then those of a template's arguments.
template <class T>
constexpr void add_name(Fnv1a& hash) {
  if constexpr (std::is_arithmetic_v<T>) {
    hash.add(name_of_number<T>());
  } else {
    const NameText tidy = tidied(spelled_by_compiler<T>());
    const std::size_t colon = tidy.view().rfind(':');
    hash.add(tidy.view().substr(colon == std::string_view::npos ? 0 : colon + 1));
    if constexpr (ArgumentsOf<T>::kKnown) add_names(hash, typename ArgumentsOf<T>::List{});
  }
}

template <class... Number>
constexpr void add_salt(Fnv1a& hash, Types<Number...>) {
  (hash.add(static_cast<std::uint64_t>(Number::value)), ...);
}

// `long` and `long long` of one size are read alike, so they count as the same.
template <class T>
constexpr void add_number_layout(Fnv1a& hash) {
  if constexpr (std::is_floating_point_v<T>) {
    hash.add("float");
  } else if constexpr (std::is_same_v<T, bool> || std::is_same_v<T, char> ||
                       std::is_same_v<T, wchar_t> || std::is_same_v<T, char8_t> ||
                       std::is_same_v<T, char16_t> || std::is_same_v<T, char32_t>) {
    hash.add(name_of_number<T>());
  } else {
    hash.add(std::is_signed_v<T> ? "signed" : "unsigned");
  }
  hash.add(std::uint64_t{sizeof(T)});
}

template <class T>
constexpr void add_known_layout(Fnv1a& hash) {
  hash.add(Format<T>::kName);
  add_parts(hash, typename Format<T>::Parts{});
  if constexpr (requires { Format<T>::kExtent; }) hash.add(std::uint64_t{Format<T>::kExtent});
  if constexpr (requires { typename Format<T>::Salt; }) {
    add_salt(hash, typename Format<T>::Salt{});
  }
  if constexpr (requires { typename Format<T>::Tag; }) {
    add_name<typename Format<T>::Tag>(hash);
  }
}

template <class T>
constexpr void add_layout(Fnv1a& hash) {
  if constexpr (UserCoded<T>) {
    hash.add("codec");
    add_name<T>(hash);
    hash.add(std::uint64_t{codec_version_of<T>()});
  } else if constexpr (std::is_enum_v<T>) {
    hash.add("enum");
    add_name<T>(hash);
    add_number_layout<std::underlying_type_t<T>>(hash);
  } else if constexpr (std::is_arithmetic_v<T>) {
    add_number_layout<T>(hash);
  } else if constexpr (!is_shareable<T> && Known<T>) {
    add_known_layout<T>(hash);
  } else {
    hash.add(is_shareable<T> ? "shareable" : "struct");
    add_name<T>(hash);
    if constexpr (!is_shareable<T>) add_parts(hash, FieldsOf<T>{});
  }
  if constexpr (InPlace<T>) {  // an encoded type may have another size elsewhere and be the same
    hash.add(std::uint64_t{sizeof(T)});
    hash.add(std::uint64_t{alignof(T)});
  }
}

template <class T>
constexpr TypeFingerprint make_fingerprint() {
  Fnv1a hash;
  hash.add(std::uint64_t{kFormatVersion});
  add_layout<T>(hash);
  return {hash.value(),          static_cast<std::uint32_t>(sizeof(T)),
          static_cast<std::uint32_t>(alignof(T)), codec_version_of<T>(),
          InPlace<T>,            type_name<T>()};
}

/// The fingerprint of T, computed at compile time.
template <class T>
constexpr TypeFingerprint type_fingerprint() {
  ExplanationOf<T>();
  if constexpr (Encodable<T>) {
    constexpr TypeFingerprint kPrint = make_fingerprint<T>();
    return kPrint;
  } else {
    return {};  // after the error
  }
}

}  // namespace iq::detail
