// Can a type be an item? The first thing in it that cannot, and why, for concepts and messages.
#pragma once

#include <any>
#include <concepts>
#include <cstddef>
#include <functional>
#include <initializer_list>
#include <memory>
#include <span>
#include <string_view>
#include <type_traits>

#include "iq/detail/codec_containers.hpp"
#include "iq/detail/codec_standard.hpp"
#include "iq/detail/type_shape.hpp"
#include "iq/detail/type_storage.hpp"

namespace iq::detail {

/// Why a type cannot be an item. Each has its sentence in type_explain.hpp.
enum class Refusal : unsigned char {
  none,
  qualified,
  reference,
  text_pointer,
  pointer,
  smart_pointer,
  view,
  callable,
  any_value,
  c_array,
  base_class,
  union_type,
  reference_member,
  too_many_members,
  recursive,
  not_copyable,
  hidden_members,
  hidden_trivial_members,
  opaque,
  bad_shareable,
  bad_codec,
  unknown,
};

template <Refusal kWhy, class Where>
struct Verdict {
  static constexpr Refusal why = kWhy;
  using Culprit = Where;
};
using Fine = Verdict<Refusal::none, void>;

template <class T>
inline constexpr Refusal kFamily = Refusal::none;
template <class T, class D>
inline constexpr Refusal kFamily<std::unique_ptr<T, D>> = Refusal::smart_pointer;
template <class T>
inline constexpr Refusal kFamily<std::shared_ptr<T>> = Refusal::smart_pointer;
template <class T>
inline constexpr Refusal kFamily<std::weak_ptr<T>> = Refusal::smart_pointer;
template <class C, class Traits>
inline constexpr Refusal kFamily<std::basic_string_view<C, Traits>> = Refusal::view;
template <class T, std::size_t kExtent>
inline constexpr Refusal kFamily<std::span<T, kExtent>> = Refusal::view;
template <class T>
inline constexpr Refusal kFamily<std::initializer_list<T>> = Refusal::view;
template <class T>
inline constexpr Refusal kFamily<std::reference_wrapper<T>> = Refusal::view;
template <class F>
inline constexpr Refusal kFamily<std::function<F>> = Refusal::callable;
template <>
inline constexpr Refusal kFamily<std::any> = Refusal::any_value;

template <class T>
concept CompleteCodec = requires(const T& value, Encoder& out, Decoder& in) {
  Codec<T>::encode(value, out);
  { Codec<T>::decode(in) } -> std::same_as<T>;
};

template <class T>
constexpr Refusal refusal_of_pointer() {
  using Target = std::remove_cv_t<std::remove_pointer_t<T>>;
  constexpr bool kText = std::is_same_v<Target, char> || std::is_same_v<Target, wchar_t> ||
                         std::is_same_v<Target, char8_t>;
  return std::is_pointer_v<T> && kText ? Refusal::text_pointer : Refusal::pointer;
}

/// What can be said about T without looking at its parts; `unknown` for an aggregate.
template <class T>
constexpr Refusal refusal_of_outside() {
  if constexpr (std::is_pointer_v<T> || std::is_member_pointer_v<T> ||
                std::is_null_pointer_v<T>) {
    return refusal_of_pointer<T>();
  } else if constexpr (std::is_array_v<T>) {
    return Refusal::c_array;
  } else if constexpr (kFamily<T> != Refusal::none) {
    return kFamily<T>;
  } else if constexpr (std::is_union_v<T>) {
    return Refusal::union_type;
  } else if constexpr (std::is_aggregate_v<T>) {
    return Refusal::unknown;
  } else if constexpr (!std::is_class_v<T>) {
    return Refusal::opaque;
  } else if constexpr (!std::is_copy_constructible_v<T>) {
    return Refusal::not_copyable;
  } else if constexpr (std::is_trivially_copyable_v<T>) {
    return Refusal::hidden_trivial_members;
  } else {
    return Refusal::hidden_members;
  }
}

constexpr Refusal refusal_of_shape(Shape shape) {
  switch (shape) {
    case Shape::plain: return Refusal::none;
    case Shape::base: return Refusal::base_class;
    case Shape::array: return Refusal::c_array;
    case Shape::reference: return Refusal::reference_member;
    case Shape::too_many: return Refusal::too_many_members;
    case Shape::opaque: return Refusal::opaque;
  }
  return Refusal::opaque;
}

template <class T, class... Above>
constexpr auto judge();

template <class First, class... Rest>
constexpr auto first_fault(First first, Rest... rest) {
  if constexpr (First::why != Refusal::none || sizeof...(Rest) == 0) {
    return first;
  } else {
    return first_fault(rest...);
  }
}

template <class... Above, class... Part>
constexpr auto judge_parts(Types<Part...>) {
  return first_fault(judge<Part, Above...>()..., Fine{});
}

template <class T, class... Above>
constexpr auto judge_aggregate() {
  constexpr Refusal kShapeFault = refusal_of_shape(kShape<T>);
  if constexpr (kShapeFault != Refusal::none) {
    return Verdict<kShapeFault, T>{};
  } else {
    constexpr auto members = judge_parts<T, Above...>(FieldsOf<T>{});
    if constexpr (members.why != Refusal::none) {
      return members;
    } else if constexpr (!std::is_move_constructible_v<T>) {
      return Verdict<Refusal::not_copyable, T>{};
    } else {
      return Fine{};
    }
  }
}

// `Above` are the types that contain this one.
template <class T, class... Above>
constexpr auto judge() {
  if constexpr (std::is_reference_v<T>) {
    return Verdict<Refusal::reference, T>{};
  } else if constexpr (std::is_const_v<T> || std::is_volatile_v<T>) {
    return Verdict<Refusal::qualified, T>{};
  } else if constexpr ((std::is_same_v<T, Above> || ...)) {
    return Verdict<Refusal::recursive, T>{};
  } else if constexpr (UserCoded<T>) {
    return Verdict<CompleteCodec<T> ? Refusal::none : Refusal::bad_codec, T>{};
  } else if constexpr (is_shareable<T>) {
    constexpr bool kPlain = std::is_trivially_copyable_v<T>;
    return Verdict<kPlain ? Refusal::none : Refusal::bad_shareable, T>{};
  } else if constexpr (Scalar<T>) {
    return Fine{};
  } else if constexpr (Known<T>) {
    return judge_parts<T, Above...>(typename Format<T>::Parts{});
  } else if constexpr (refusal_of_outside<T>() != Refusal::unknown) {
    return Verdict<refusal_of_outside<T>(), T>{};
  } else {
    return judge_aggregate<T, Above...>();
  }
}

template <class T>
using VerdictOf = decltype(judge<T>());

}  // namespace iq::detail

namespace iq {

/// T can be an item of a queue: numbers, enums, strings, the standard containers and value types,
/// plain aggregates of these, classes marked is_shareable, and types with a Codec.
///
/// Pointers, references, views, unions, C arrays and classes with hidden members are not. The
/// queue says which of these a refused type contains, and what to use instead.
template <class T>
concept Encodable = (detail::VerdictOf<T>::why == detail::Refusal::none);

}  // namespace iq

namespace iq::detail {

template <class T>
constexpr bool holds_view();

template <class... Part>
constexpr bool any_holds_view(Types<Part...>) {
  return (holds_view<Part>() || ...);
}

// Of a type with a Codec, its author says it.
template <class T>
constexpr bool holds_view() {
  if constexpr (UserCoded<T>) {
    if constexpr (requires { Codec<T>::kView; }) return Codec<T>::kView;
    else return false;
  } else if constexpr (is_shareable<T> || Scalar<T>) {
    return false;
  } else if constexpr (requires { Format<T>::kView; }) {
    return true;
  } else if constexpr (Known<T>) {
    return any_holds_view(typename Format<T>::Parts{});
  } else {
    return any_holds_view(FieldsOf<T>{});
  }
}

/// Whether a T that was read shows the bytes that it was read from, as an iq::TextView does.
template <class T>
inline constexpr bool kHoldsView = false;
template <Encodable T>
inline constexpr bool kHoldsView<T> = holds_view<T>();

}  // namespace iq::detail
