// The shape of an aggregate: how many members, and what Boost.PFR cannot look into.
//
// Boost.PFR reads an aggregate by structured bindings. It answers a base class, a C array or a
// reference member with an error from its own depths, or with a wrong count. Here the same
// questions are asked softly, so that the face can refuse such a type in words.
#pragma once

#include <algorithm>
#include <boost/pfr.hpp>
#include <cstddef>
#include <type_traits>
#include <utility>

namespace iq::detail {

/// A list of types, for passing around.
template <class... T>
struct Types {};

/// Members that an aggregate may have (Boost.PFR stops at 100 as well).
inline constexpr std::size_t kMaxMembers = 100;

namespace shape {

// These are only ever used unevaluated.
struct Anything {
  template <class U>
  operator U() const;
};

struct Lvalue {
  template <class U>
  operator U&() const;
};

// A value finds two equally good conversions and is refused; a reference takes the first.
struct Referent {
  template <class U>
  operator U&() const;
  template <class U>
  operator U() const;
};

template <class Derived>
struct AnyBaseOf {
  template <class U>
    requires(std::is_base_of_v<U, Derived> && !std::is_same_v<U, Derived>)
  operator U() const;
};

template <class What, std::size_t>
using Repeat = What;

template <class T, class What, std::size_t... I>
constexpr bool accepts(std::index_sequence<I...>) {
  return requires { T{std::declval<Repeat<What, I>>()...}; };
}

// kBefore values, one value of another kind, kAfter values.
template <class T, class Odd, std::size_t... B, std::size_t... A>
constexpr bool accepts_odd(std::index_sequence<B...>, std::index_sequence<A...>) {
  return requires {
    T{std::declval<Repeat<Anything, B>>()..., std::declval<Odd>(),
      std::declval<Repeat<Anything, A>>()...};
  };
}

// kBefore values, one braced list of kInside values, kAfter values.
template <class T, std::size_t... B, std::size_t... I, std::size_t... A>
constexpr bool accepts_list(std::index_sequence<B...>, std::index_sequence<I...>,
                            std::index_sequence<A...>) {
  return requires {
    T{std::declval<Repeat<Anything, B>>()..., {std::declval<Repeat<Anything, I>>()...},
      std::declval<Repeat<Anything, A>>()...};
  };
}

template <std::size_t kCount>
using Upto = std::make_index_sequence<kCount>;

// The most values that initialise T, C arrays counted by element. Too few may be refused (a
// member without a default), so the search goes on until one count fitted and the next did not.
template <class T, std::size_t kCount = 0, bool kSeen = false>
constexpr std::size_t most_values() {
  constexpr std::size_t kLimit = std::min(kMaxMembers + 1, sizeof(T) * 8 + 1);
  if constexpr (kCount > kLimit) {
    return kSeen ? kCount - 1 : 0;
  } else if constexpr (accepts<T, Anything>(Upto<kCount>{})) {
    return most_values<T, kCount + 1, true>();
  } else {
    return kSeen ? kCount - 1 : most_values<T, kCount + 1, false>();
  }
}

template <class T>
inline constexpr std::size_t kValues = most_values<T>();

template <class T, std::size_t... A>
constexpr bool has_base(std::index_sequence<A...>) {
  return (accepts_odd<T, AnyBaseOf<T>>(Upto<0>{}, Upto<A>{}) || ...);
}

// An array of n takes n values without braces, but one braced list with them: with the list,
// exactly n - 1 values fewer fit. A class that takes a list still counts as one value.
template <class T, std::size_t kAt, std::size_t kLength>
constexpr bool array_at() {
  constexpr std::size_t kAll = kValues<T>;
  if constexpr (kAll > kMaxMembers && kAt + kLength > kMaxMembers) {
    return accepts_list<T>(Upto<kAt>{}, Upto<kLength>{}, Upto<0>{});
  } else if constexpr (kAt + kLength > kAll) {
    return false;
  } else if constexpr (accepts_list<T>(Upto<kAt>{}, Upto<kLength>{},
                                       Upto<kAll - kAt - kLength>{}) &&
                       !accepts_list<T>(Upto<kAt>{}, Upto<kLength>{},
                                        Upto<kAll - kAt - kLength + 1>{})) {
    return true;
  } else {
    return array_at<T, kAt, kLength + 1>();
  }
}

// An empty list takes the place of one member, never of one element.
template <class T, std::size_t kAt>
constexpr bool member_is_array() {
  if constexpr (accepts_list<T>(Upto<kAt>{}, Upto<0>{}, Upto<kValues<T> - kAt - 1>{})) {
    return false;
  } else {
    return array_at<T, kAt, 2>();
  }
}

template <class T, std::size_t... I>
constexpr bool has_array(std::index_sequence<I...>) {
  return (member_is_array<T, I>() || ...);
}

template <class T, std::size_t kCount>
constexpr bool lvalues_fit_beyond() {
  if constexpr (kCount > std::min(kMaxMembers, sizeof(T) * 8)) {
    return false;
  } else if constexpr (accepts<T, Lvalue>(Upto<kCount>{})) {
    return true;
  } else if constexpr (kValues<T> != 0) {
    return false;
  } else {
    return lvalues_fit_beyond<T, kCount + 1>();
  }
}

template <class T, std::size_t... I>
constexpr bool has_reference(std::index_sequence<I...>) {
  if constexpr (lvalues_fit_beyond<T, kValues<T> + 1>()) {
    return true;
  } else {
    return (accepts_odd<T, Referent>(Upto<I>{}, Upto<kValues<T> - I - 1>{}) || ...);
  }
}

}  // namespace shape

/// What stands between an aggregate and its members.
enum class Shape : unsigned char { plain, base, array, reference, too_many, opaque };

template <class T>
constexpr Shape shape_of() {
  using All = std::make_index_sequence<shape::kValues<T>>;
  if constexpr (shape::has_base<T>(All{})) {
    return Shape::base;
  } else if constexpr (shape::kValues<T> == 0 && std::is_empty_v<T>) {
    return Shape::plain;
  } else if constexpr (shape::has_array<T>(All{})) {
    return Shape::array;
  } else if constexpr (shape::has_reference<T>(All{})) {
    return Shape::reference;
  } else if constexpr (shape::kValues<T> > kMaxMembers) {
    return Shape::too_many;
  } else {
    return shape::kValues<T> == 0 ? Shape::opaque : Shape::plain;
  }
}

template <class T>
inline constexpr Shape kShape = shape_of<T>();

// Boost.PFR's public functions count the members again, and for a type without a default
// constructor try every count up to 8 * sizeof(T): seconds of compile time. The count is known
// here, so this is the one place that enters Boost.PFR below its public functions.
template <class T>
constexpr auto tie_members(T& value) {
  using Count = boost::pfr::detail::size_t_<shape::kValues<std::remove_const_t<T>>>;
  return boost::pfr::detail::tie_as_tuple(value, Count{});
}

/// Calls `use` with a reference to every member of `value`, in order.
template <class T, class Use>
constexpr decltype(auto) with_members(T& value, Use&& use) {
  auto members = tie_members(value);
  return [&]<std::size_t... I>(std::index_sequence<I...>) -> decltype(auto) {
    return use(boost::pfr::detail::sequence_tuple::get<I>(members)...);
  }(std::make_index_sequence<shape::kValues<std::remove_const_t<T>>>{});
}

namespace shape {
struct ListTypes {
  template <class... F>
  Types<std::remove_cv_t<F>...> operator()(F&...) const;
};
}  // namespace shape

/// The members of a plain aggregate, in order. Requires: kShape<T> == Shape::plain.
template <class T>
using FieldsOf = decltype(with_members(std::declval<T&>(), shape::ListTypes{}));

}  // namespace iq::detail
