// An item that is written where it will be read: no copy on the way into the queue.
#pragma once

#include <concepts>
#include <cstddef>
#include <memory>
#include <new>
#include <span>
#include <utility>

#include "iq/bytes.hpp"
#include "iq/detail/producer_core.hpp"

namespace iq {

template <class T>
class Producer;

/// Types that can be written in place: those that a slot holds as they are, and iq::Bytes.
template <class T>
concept Loanable = std::same_as<T, Bytes> || (Encodable<T> && detail::InPlace<T>);

/// The place of the next item, the caller's until commit(). Obtained from Producer<T>::loan().
///
/// One at a time per producer; a put while it is open throws WouldDeadlock. Destroyed without
/// commit() nothing was put. Once its producer is closed the place is no longer the caller's: it
/// may be another producer's by then.
///
/// Threads:   with its producer, one at a time.
/// Processes: belongs to the process that took it.
/// If killed: before commit() nothing was put, after it the item is delivered.
template <class T>
class Loan {
 public:
  /// Takes the place over. `other` is as committed.
  Loan(Loan&& other) noexcept
      : core_(std::move(other.core_)), at_(other.at_), bytes_(other.bytes_) {}
  /// As the destructor, then as the constructor.
  Loan& operator=(Loan&& other) noexcept {
    if (this != &other) {
      drop();
      core_ = std::move(other.core_);
      at_ = other.at_;
      bytes_ = other.bytes_;
    }
    return *this;
  }
  Loan(const Loan&) = delete;
  Loan& operator=(const Loan&) = delete;
  /// Without commit(): nothing was put.
  ~Loan() { drop(); }

  /// The item, initialised as `T item;` would be. Requires: not committed, not moved from.
  T& operator*() const noexcept
    requires detail::InPlace<T>
  {
    return *std::launder(reinterpret_cast<T*>(at_));
  }
  /// A member of the item. Requires: as operator*.
  T* operator->() const noexcept
    requires detail::InPlace<T>
  {
    return &**this;
  }
  /// The bytes to be filled: what they hold before is anything. Requires: as operator*.
  std::span<std::byte> bytes() const noexcept { return {at_, bytes_}; }

  /// Appends the item. The loan is over, whether it throws or not.
  ///
  /// Errors: Closed when the producer was closed meanwhile; Stopped; WrongProcess. Nothing was
  ///         appended then.
  /// Cost:   that of publishing, whatever the size.
  void commit() {
    if (const auto core = std::move(core_)) core->commit_stage();
  }
  /// Gives the place up: nothing was put. Nothing after commit().
  void drop() noexcept {
    if (const auto core = std::move(core_)) core->drop_stage();
  }
  /// Whether it is still to be committed.
  explicit operator bool() const noexcept { return core_ != nullptr; }

 private:
  friend class Producer<T>;

  Loan(detail::ProducerHandle core, std::byte* at, std::size_t bytes)
      : core_(std::move(core)), at_(at), bytes_(bytes) {
    if constexpr (detail::InPlace<T>) {
      try {
        ::new (at_) T;
      } catch (...) {
        drop();
        throw;
      }
    }
  }

  detail::ProducerHandle core_;
  std::byte* at_;
  std::size_t bytes_;
};

}  // namespace iq
