// The iterator of what gives each item once, and has to wait for it: the results of a pipeline, a
// ClosableQueue.
#pragma once

#include <cstddef>
#include <iterator>
#include <optional>
#include <utility>

namespace iq::detail {

/// `Owner::fetch_next(std::optional<T>&)` gives the next item, or nothing at the end. It is called
/// when that item is asked for, by a comparison with the end or by `*`: so an adaptor that takes n
/// items, such as std::views::take, neither waits for another one nor swallows it.
///
/// A reference that it gave is valid until it is advanced. Errors: those of fetch_next().
template <class Owner>
class SinglePassIterator {
 public:
  using iterator_concept = std::input_iterator_tag;  ///< single pass
  using value_type = typename Owner::value_type;     ///< as the owner's
  using difference_type = std::ptrdiff_t;            ///< asked for by std::input_iterator
  using reference = value_type&;                     ///< what operator*() gives

  /// At the end of no loop in particular.
  SinglePassIterator() noexcept = default;
  /// Takes over the place. `other` is at the end.
  SinglePassIterator(SinglePassIterator&& other) noexcept
      : owner_(std::exchange(other.owner_, nullptr)), item_(std::exchange(other.item_, {})) {}
  /// The same.
  SinglePassIterator& operator=(SinglePassIterator&& other) noexcept {
    owner_ = std::exchange(other.owner_, nullptr);
    item_ = std::exchange(other.item_, {});
    return *this;
  }

  /// The item, the iterator's own: it may be moved from. Requires: not at the end.
  reference operator*() const {
    fetch();
    return *item_;
  }
  /// A member of the item. Requires: as operator*.
  value_type* operator->() const { return &**this; }
  /// Goes on behind the item. Requires: not at the end.
  SinglePassIterator& operator++() {
    fetch();
    item_.reset();
    return *this;
  }
  /// The same, without a copy of where it was.
  void operator++(int) { ++*this; }
  /// Whether there is no more: waits for the item, or the end.
  friend bool operator==(const SinglePassIterator& it, std::default_sentinel_t) {
    it.fetch();
    return it.owner_ == nullptr;
  }

 private:
  friend Owner;
  explicit SinglePassIterator(Owner& owner) noexcept : owner_(&owner) {}

  void fetch() const {
    if (item_ || owner_ == nullptr) return;
    Owner* owner = std::exchange(owner_, nullptr);  // at the end, also after an exception
    owner->fetch_next(item_);
    if (item_) owner_ = owner;
  }

  mutable Owner* owner_ = nullptr;
  mutable std::optional<value_type> item_;
};

}  // namespace iq::detail
