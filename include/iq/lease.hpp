// Items held one by one, several at a time, acknowledged in any order.
#pragma once

#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "iq/codec.hpp"
#include "iq/detail/consumer_core.hpp"

namespace iq {

template <class T>
class Consumer;

/// One item in the caller's hands until ack() or give_back(). Obtained from Consumer<T>::lease().
///
/// An explicit lease is not bound to the loop: it outlives the next get, the consumer object, and
/// may be ended by another thread. Destroyed without a word, it gives the item back, since nobody
/// said that it was finished. Its consumer stays registered as long as there is a lease, closed or
/// not. Room is freed in order per producer: an item that is held for long
/// keeps its producer waiting once that one has put `capacity` items more.
///
/// Threads:   one at a time per Lease; it may be moved to another thread than its consumer's.
/// Processes: belongs to the process that took it; in a forked child every call does nothing.
/// If killed: the item goes to another consumer, its delivery count + 1.
template <class T>
class Lease {
  using Payload = detail::Payload<T>;

 public:
  using View = typename Payload::View;  ///< `const T&`, or a span for iq::Bytes

  /// Takes the item over. `other` has ended.
  Lease(Lease&& other) noexcept
      : core_(std::move(other.core_)), item_(other.item_), value_(std::move(other.value_)) {}
  /// As the destructor, then as the constructor.
  Lease& operator=(Lease&& other) noexcept {
    if (this != &other) {
      give_back();
      core_ = std::move(other.core_);
      item_ = other.item_;
      value_ = std::move(other.value_);
    }
    return *this;
  }
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;
  /// Gives the item back if it is still held.
  ~Lease() { give_back(); }

  /// The item, where it lies in the segment if T allows it: valid until this lease ends.
  /// Requires: not ended, not moved from.
  View operator*() const noexcept {
    if constexpr (Payload::kInPlace) {
      return *reinterpret_cast<const T*>(item_.lane.slot(item_.position));
    } else {
      return Payload::view(*value_);
    }
  }
  /// A member of the item. Requires: as operator*.
  const std::remove_cvref_t<View>* operator->() const noexcept {
    if constexpr (Payload::kInPlace) {
      return &**this;
    } else {
      return &*value_;
    }
  }

  /// Acknowledges: the item is finished. Nothing on a lease that has ended.
  void ack() noexcept { end(detail::Leave::acknowledge); }
  /// Gives the item back: it goes to any consumer, its delivery count + 1.
  void give_back() noexcept { end(detail::Leave::give_back); }
  /// Whether the item is still held here.
  explicit operator bool() const noexcept { return core_ != nullptr; }

  /// As Consumer::deliveries(), of this item.
  std::uint32_t deliveries() const noexcept { return item_.attempts + 1; }
  /// As Consumer::item_id(), of this item.
  std::uint64_t item_id() const noexcept {
    return detail::item_id(item_.lane.index, item_.position);
  }

 private:
  friend class Consumer<T>;

  // Errors: as reading the item; it is given back then.
  Lease(detail::ConsumerHandle core, const detail::HeldItem& item)
      : core_(std::move(core)), item_(item) {
    if constexpr (!Payload::kInPlace) {
      try {
        core_->note_corrupt(item_id(), [&] {
          value_.emplace(Payload::hold(detail::ConsumerCore::payload(item.lane, item.position)));
        });
      } catch (...) {
        give_back();
        throw;
      }
    }
  }

  void end(detail::Leave how) noexcept {
    if (!core_) return;
    core_->finish(item_, how);
    core_.reset();
    value_.reset();
  }

  struct Nothing {
    void reset() noexcept {}
  };

  detail::ConsumerHandle core_;
  detail::HeldItem item_;
  [[no_unique_address]] std::conditional_t<Payload::kInPlace, Nothing,
                                           std::optional<typename Payload::Held>>
      value_;
};

}  // namespace iq
