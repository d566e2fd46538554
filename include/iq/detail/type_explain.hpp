// The compile errors for types that cannot be items: one sentence per reason.
#pragma once

#include "iq/detail/type_verdict.hpp"

namespace iq::detail {

/// Fails to compile, in words, unless kWhy is none. Item and Culprit are for the compiler to
/// print: the type that was asked for, and the type within it that cannot be stored.
template <class Item, class Culprit, Refusal kWhy>
struct Explain {
  using enum Refusal;
  static_assert(kWhy != qualified,
                "iq: an item must not be const or volatile. Write the type without it.");
  static_assert(kWhy != reference,
                "iq: an item must not be a reference: it would refer to the memory of another "
                "process. Use the type without & or &&.");
  static_assert(kWhy != text_pointer,
                "iq: an item must not contain a pointer to characters: it means nothing in "
                "another process. Use std::string.");
  static_assert(kWhy != pointer,
                "iq: an item must not contain a pointer: it means nothing in another process. "
                "Store the value itself, an index, or a std::optional or std::vector of it.");
  static_assert(kWhy != smart_pointer,
                "iq: an item must not contain a smart pointer: what it owns stays in this "
                "process. Store the value itself or a std::optional of it, or write an "
                "iq::Codec for the class around it.");
  static_assert(kWhy != view,
                "iq: an item must not contain a view (std::string_view, std::span, "
                "std::reference_wrapper): what it shows stays in this process. Use std::string "
                "or std::vector, or iq::TextView or iq::ArrayView to read it where it lies.");
  static_assert(kWhy != callable,
                "iq: an item must not contain a std::function: code cannot be sent to another "
                "process. Send the arguments, or an enum that says what to do.");
  static_assert(kWhy != any_value,
                "iq: an item must not contain a std::any: the other side cannot know what is in "
                "it. Use a std::variant of the possible types.");
  static_assert(kWhy != c_array,
                "iq: an item must not contain a C array: its members cannot be told apart. Use "
                "std::array.");
  static_assert(kWhy != base_class,
                "iq: an aggregate with a base class cannot be taken apart. Make the base a "
                "member, or write an iq::Codec for it.");
  static_assert(kWhy != union_type,
                "iq: an item must not contain a union: nobody knows which member is alive. Use "
                "std::variant, or write an iq::Codec for the class around it.");
  static_assert(kWhy != reference_member,
                "iq: an item must not contain a reference: it would refer to the memory of "
                "another process. Make the member a value.");
  static_assert(kWhy != too_many_members,
                "iq: an aggregate may have at most 100 members. Group some of them into structs "
                "of their own, or write an iq::Codec for it.");
  static_assert(kWhy != recursive,
                "iq: a type that contains itself cannot be taken apart: there would be no end. "
                "Write an iq::Codec for it.");
  static_assert(kWhy != not_copyable,
                "iq: an item must not contain what cannot be copied, such as a mutex, an atomic "
                "or a thread. Store the plain value, or write an iq::Codec for it.");
  static_assert(kWhy != hidden_members,
                "iq: a class with constructors or private members cannot be taken apart. Make it "
                "a plain struct, or write an iq::Codec for it.");
  static_assert(kWhy != hidden_trivial_members,
                "iq: a trivially copyable class with constructors or private members may hide a "
                "pointer. If it holds none, say so: template <> inline constexpr bool "
                "iq::is_shareable<YourType> = true; otherwise write an iq::Codec for it.");
  static_assert(kWhy != opaque,
                "iq: this type cannot be taken apart. Write an iq::Codec for it.");
  static_assert(kWhy != bad_shareable,
                "iq: iq::is_shareable is only for trivially copyable types. Write an iq::Codec "
                "for this one.");
  static_assert(kWhy != bad_codec,
                "iq: this specialisation of iq::Codec needs static void encode(const T&, "
                "iq::Encoder&) and static T decode(iq::Decoder&).");
};

/// Empty, or a compile error that says what is wrong with T, once it is instantiated.
template <class T>
using ExplanationOf = Explain<T, typename VerdictOf<T>::Culprit, VerdictOf<T>::why>;

}  // namespace iq::detail
