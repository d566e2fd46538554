// How a range that was handed over is kept: what belongs to nobody else by value, the rest by
// reference.
#pragma once

#include <concepts>
#include <memory>
#include <ranges>
#include <type_traits>

namespace iq::detail {

/// A range of the user's that is referred to. Not std::views::all: older compilers refuse that.
template <class R>
class ReferredRange : public std::ranges::view_base {
 public:
  explicit ReferredRange(R& range) noexcept : range_(std::addressof(range)) {}
  auto begin() const { return std::ranges::begin(*range_); }
  auto end() const { return std::ranges::end(*range_); }
  auto size() const requires std::ranges::sized_range<R> { return std::ranges::size(*range_); }
  R& referred() const noexcept { return *range_; }

 private:
  R* range_;
};

/// A view and an rvalue by value; but an lvalue that cannot be copied is a range like any other.
template <class R>
using KeptRange =
    std::conditional_t<std::is_lvalue_reference_v<R> &&
                           !(std::ranges::enable_view<std::remove_cvref_t<R>> &&
                             std::copy_constructible<std::remove_cvref_t<R>>),
                       ReferredRange<std::remove_reference_t<R>>, std::remove_cvref_t<R>>;

}  // namespace iq::detail
