// The iterator of a consumer's loop; included at the end of iq/consumer.hpp.
#pragma once

#include <cstddef>
#include <exception>
#include <iterator>
#include <type_traits>
#include <utility>

#include "iq/consumer.hpp"

namespace iq {

/// The iterator of a consumer's loop. Move-only, single pass. A reference that it gave is valid
/// until the next item is asked for, or given back or acknowledged by the consumer, or the iterator
/// is destroyed. The consumer outlives the iterator.
///
/// Advancing it only says that the item is finished: it is acknowledged, and the next one fetched,
/// when that one is asked for by a comparison with end() or by `*`. So an adaptor that takes n
/// items, such as std::views::take, neither waits for another one nor swallows it.
template <class T>
class Consumer<T>::Iterator {
 public:
  using iterator_concept = std::input_iterator_tag;  ///< single pass
  /// As the consumer's.
  using value_type = std::remove_cvref_t<typename Payload::View>;
  using difference_type = std::ptrdiff_t;    ///< asked for by std::input_iterator
  using reference = typename Payload::View;  ///< what operator*() gives

  /// At the end of no loop in particular.
  Iterator() noexcept = default;
  /// Takes over the loop. `other` is at its end.
  Iterator(Iterator&& other) noexcept
      : owner_(std::exchange(other.owner_, nullptr)),
        core_(other.core_),
        batch_(other.batch_),
        cursor_(other.cursor_),
        uncaught_(other.uncaught_),
        state_(std::exchange(other.state_, State::in_hand)) {}
  /// As the destructor, then as the constructor.
  Iterator& operator=(Iterator&& other) noexcept {
    if (this != &other) {
      leave(owner_, state_, uncaught_);
      owner_ = std::exchange(other.owner_, nullptr);
      core_ = other.core_;
      batch_ = other.batch_;
      cursor_ = other.cursor_;
      uncaught_ = other.uncaught_;
      state_ = std::exchange(other.state_, State::in_hand);
    }
    return *this;
  }
  /// Acknowledges the item in hand; gives it back while an exception unwinds.
  [[gnu::always_inline]] ~Iterator() { leave(owner_, state_, uncaught_); }

  /// The item. Requires: not at the end. Errors: as Consumer::begin().
  [[gnu::always_inline]] reference operator*() const {
    settle();
    if constexpr (Payload::kInPlace) {
      return *reinterpret_cast<const T*>(batch_.item);
    } else {
      return Payload::view(*owner_->value_);
    }
  }
  /// A member of the item. Requires, Errors: as operator*.
  const value_type* operator->() const {
    if constexpr (Payload::kInPlace) {
      return &**this;
    } else {
      settle();
      return &*owner_->value_;
    }
  }

  /// Passes the item in hand. It is acknowledged, and the next one fetched, when that is asked for.
  /// Errors: as Consumer::begin().
  [[gnu::always_inline]] Iterator& operator++() {
    settle();
    state_ = State::passed;
    return *this;
  }
  /// The same, without a copy of where it was.
  void operator++(int) { ++*this; }

  /// Whether the stream has ended; waits until that is known. Errors: as Consumer::begin().
  [[gnu::always_inline]] friend bool operator==(const Iterator& it, std::default_sentinel_t) {
    it.settle();
    return it.owner_ == nullptr;
  }

 private:
  friend class Consumer<T>;
  enum class State : unsigned char {
    in_hand,  ///< the item that cursor_ speaks of is in hand; with no owner_: the end
    passed,   ///< it is finished, the next one was not asked for
    fresh,    ///< no item was asked for so far
  };

  explicit Iterator(Consumer& owner) noexcept
      : owner_(&owner),
        core_(owner.core_.get()),
        uncaught_(std::uncaught_exceptions()),
        state_(State::fresh) {}

  /// What does not change within a batch, and where its item in hand lies: its items lie in a row.
  /// By value all along: an address that escapes would be loaded anew behind each store of the
  /// cursor.
  struct Batch {
    detail::ConsumerCore::Steps steps;
    const std::byte* item = nullptr;
  };
  struct Next {
    Consumer* owner = nullptr;
    std::uint64_t cursor = 0;
    Batch batch;
  };

  [[gnu::always_inline]] void settle() const {
    if (state_ == State::in_hand) return;
    const bool passed = state_ == State::passed;
    state_ = State::in_hand;
    if (passed) {
      ++cursor_;
      if constexpr (Payload::kInPlace) batch_.item += sizeof(T);
    }
    if (passed && owner_->core_.get() == core_ && core_->step(batch_.steps, cursor_)) [[likely]] {
      if constexpr (Payload::kInPlace) return;
    } else {
      // Asked of the cursor: a state that is needed here would be written for each item.
      const bool is_begun = cursor_ != 0;
      const Next next = refill(std::exchange(owner_, nullptr), core_, position(), is_begun);
      owner_ = next.owner;
      cursor_ = next.cursor;
      batch_ = next.batch;
    }
    if constexpr (!Payload::kInPlace) owner_ = load(std::exchange(owner_, nullptr), position());
  }
  detail::Position position() const noexcept { return cursor_ & ~detail::kInHand; }

  // Where these throw nothing is in hand, and the iterator is at the end.
  [[gnu::noinline]] static Next refill(Consumer* owner, const detail::ConsumerCore* own,
                                       detail::Position position, bool is_begun) {
    if (owner == nullptr) return {};
    detail::ConsumerCore& core = owner->core();
    if (&core != own) detail::refuse_moved_from("consumer");  // in the midst of the loop
    const Status status = is_begun ? core.continue_after(position, detail::kNoDeadline)
                                   : core.next(detail::kNoDeadline);
    if (status != Status::ok) return {};
    const detail::ConsumerCore::Steps steps = core.begin_steps();
    const detail::Position at = core.position();
    return {owner, detail::kInHand | at, {steps, core.item(at)}};
  }
  static Consumer* load(Consumer* owner, detail::Position position) {
    if (owner != nullptr) owner->hold(position);
    return owner;
  }

  // By value, and the destructor inline, for the same reason.
  [[gnu::noinline]] static void leave(Consumer* owner, State state, int uncaught) noexcept {
    if (owner == nullptr || state == State::fresh) return;
    const bool unwinding = state == State::in_hand && std::uncaught_exceptions() > uncaught;
    owner->core_release(unwinding ? detail::Leave::give_back : detail::Leave::acknowledge);
  }

  mutable Consumer* owner_ = nullptr;
  const detail::ConsumerCore* core_ = nullptr;  ///< owner_'s, unless that is moved away meanwhile
  mutable Batch batch_;
  mutable std::uint64_t cursor_ = 0;  ///< what step() stores: kInHand and a position; 0 at first
  int uncaught_ = 0;
  mutable State state_ = State::in_hand;
};

}  // namespace iq
