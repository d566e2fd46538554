// The consuming end of a queue.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <exception>
#include <iterator>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "iq/codec.hpp"
#include "iq/detail/consumer_core.hpp"
#include "iq/detail/deadline.hpp"
#include "iq/error.hpp"
#include "iq/status.hpp"

namespace iq::detail {
struct EndpointAccess;
}

namespace iq {

template <class T>
class IterableQueue;

/// Reads items of type T from one queue. Obtained from IterableQueue<T>::get_consumer().
///
/// `for (const T& item : consumer)` ends by itself when every producer has closed and all work is
/// done. The item in hand is acknowledged when the loop goes on or is left normally; an exception
/// out of the loop body gives it back: it goes to another consumer, its delivery count + 1.
///
/// Threads:   one at a time per Consumer; any number of Consumers per queue.
/// Processes: belongs to the process that got it. WorkerGroup::fork hands it to a child; use of an
///            inherited copy throws WrongProcess, destroying one does nothing.
/// If killed: the item in hand goes to another consumer; what was claimed and not started, too,
///            and its delivery count does not change.
template <class T>
class Consumer {
  using Payload = detail::Payload<T>;

 public:
  using value_type = T;
  class Iterator;

  Consumer(Consumer&& other) noexcept
      : core_(std::move(other.core_)),
        value_(std::move(other.value_)),
        uncaught_(std::uncaught_exceptions()) {}
  Consumer& operator=(Consumer&& other) noexcept {
    if (this != &other) {
      finish();
      core_ = std::move(other.core_);
      value_ = std::move(other.value_);
      uncaught_ = std::uncaught_exceptions();
    }
    return *this;
  }
  Consumer(const Consumer&) = delete;
  Consumer& operator=(const Consumer&) = delete;

  /// Acknowledges what is in hand and gives the rest back; while an exception unwinds, it gives
  /// back what is in hand too.
  ~Consumer() { finish(); }

  /// Waits for the first item of a loop. One loop at a time; a second one goes on where the first
  /// was left. Models std::ranges::input_range.
  ///
  /// Errors: ProducerDied or ProducerFailed once everything is drained (see Options); Stopped with
  ///         the text that stop() was given; Corrupt; WrongProcess; Closed after close().
  /// Cost:   the step from one item to the next is a store and a load of this consumer's own line.
  Iterator begin() { return Iterator(*this, core().next(detail::kNoDeadline)); }
  std::default_sentinel_t end() const noexcept { return {}; }

  /// Takes the next item, waiting for it: empty at the end of the stream, for ever, and after
  /// stop(). The item stays leased until the next get or loop step, ack(), close() or normal
  /// destruction.
  ///
  /// Errors: as begin().
  std::optional<T> get() {
    if (core().next(detail::kNoDeadline) != Status::ok) return std::nullopt;
    return read(core_->position());
  }

  /// Takes the next item if there is one now: ok with the item, empty, done or stopped.
  /// Errors: as begin().
  Result<T> try_get() { return take(detail::kNow); }

  /// Takes the next item, waiting at most `timeout`: ok with the item, timeout, done or stopped.
  /// Errors: as begin().
  template <class Rep, class Period>
  Result<T> get_for(std::chrono::duration<Rep, Period> timeout) {
    return take(detail::deadline_after(timeout));
  }

  /// As get_for(), with a point in time. Other clocks than steady_clock are translated once.
  template <class Clock, class Duration>
  Result<T> get_until(std::chrono::time_point<Clock, Duration> deadline) {
    return take(detail::deadline_at(deadline));
  }

  /// Takes 1 to `most` items that lie together, waiting for the first; none at the end of the
  /// stream. All of them stay leased until the next get. Errors: as begin().
  ///
  /// If killed: all of them go to others; the count rises for the first only, after which they are
  ///            handed out one by one.
  std::vector<T> get_some(std::size_t most) {
    std::vector<T> items;
    if (most == 0) return items;
    std::uint32_t count = 0;
    const auto limit = static_cast<std::uint32_t>(std::min<std::size_t>(most, detail::kMaxBatch));
    if (core().next_some(limit, detail::kNoDeadline, count) != Status::ok) return items;
    items.reserve(count);
    const detail::Position first = core_->position();
    for (std::uint32_t i = 0; i < count; ++i) items.push_back(read(first + i));
    return items;
  }

  /// Acknowledges what is in hand, without taking the next. Nothing in hand: does nothing.
  void ack() noexcept { core_release(detail::Leave::acknowledge); }
  /// Gives back what is in hand: it goes to another consumer (or comes again), its count + 1.
  void give_back() noexcept { core_release(detail::Leave::give_back); }

  /// How often the item in hand has been handed out, this time included: 1 unless a consumer died
  /// or gave it back.
  std::uint32_t deliveries() const { return core().deliveries(); }
  /// A number that names the item in hand for its whole life in this queue, redeliveries included.
  std::uint64_t item_id() const { return core().item_id(core().position()); }

  /// Ends this consumer: acknowledges what is in hand, gives the rest back. Idempotent.
  void close() noexcept {
    if (core_) core_->close(detail::Leave::acknowledge);
  }
  bool is_closed() const noexcept { return !core_ || core_->closed(); }

 private:
  friend class IterableQueue<T>;
  friend struct detail::EndpointAccess;

  explicit Consumer(detail::ConsumerHandle core) noexcept
      : core_(std::move(core)), uncaught_(std::uncaught_exceptions()) {}

  detail::ConsumerCore& core() const {
    if (!core_) [[unlikely]]
      detail::refuse_moved_from("consumer");
    return *core_;
  }

  void core_release(detail::Leave how) noexcept {
    if (core_) core_->release(how);
  }

  T read(detail::Position position) {
    if constexpr (Payload::kInPlace) {
      return *reinterpret_cast<const T*>(core_->item(position));
    } else {
      try {
        return Payload::read(core_->payload(position));
      } catch (const Corrupt&) {
        core_->note_corrupt(position);
        core_->release(detail::Leave::give_back);  // in the end it is parked
        throw;
      } catch (...) {
        core_->release(detail::Leave::give_back);  // it was not handed out; in the end it is parked
        throw;
      }
    }
  }

  Result<T> take(std::int64_t deadline) {
    const Status status = core().next(deadline);
    if (status != Status::ok) return status;
    return read(core_->position());
  }

  void finish() noexcept {
    if (!core_) return;
    const bool unwinding = std::uncaught_exceptions() > uncaught_;
    core_->close(unwinding ? detail::Leave::give_back : detail::Leave::acknowledge);
    core_.reset();
  }

  detail::ConsumerHandle core_;
  std::optional<T> value_;  ///< the decoded item of a loop, where T is not stored in place
  int uncaught_;
};

/// The iterator of a consumer's loop. Move-only, single pass. A reference that it gave is valid
/// until it is advanced or destroyed.
template <class T>
class Consumer<T>::Iterator {
 public:
  using iterator_concept = std::input_iterator_tag;
  using value_type = T;
  using difference_type = std::ptrdiff_t;
  using reference = const T&;

  Iterator() noexcept = default;
  Iterator(Iterator&& other) noexcept
      : owner_(std::exchange(other.owner_, nullptr)),
        position_(other.position_),
        uncaught_(other.uncaught_) {}
  Iterator& operator=(Iterator&& other) noexcept {
    if (this != &other) {
      leave();
      owner_ = std::exchange(other.owner_, nullptr);
      position_ = other.position_;
      uncaught_ = other.uncaught_;
    }
    return *this;
  }
  ~Iterator() { leave(); }

  reference operator*() const noexcept {
    if constexpr (Payload::kInPlace) {
      return *reinterpret_cast<const T*>(owner_->core_->item(position_));
    } else {
      return *owner_->value_;
    }
  }
  const T* operator->() const noexcept { return &**this; }

  Iterator& operator++() {
    if (!owner_->core_->step(position_)) [[unlikely]] {
      arrive(owner_->core_->continue_after(position_, detail::kNoDeadline));
    } else {
      load();
    }
    return *this;
  }
  void operator++(int) { ++*this; }

  friend bool operator==(const Iterator& it, std::default_sentinel_t) noexcept {
    return it.owner_ == nullptr;
  }

 private:
  friend class Consumer<T>;
  Iterator(Consumer& owner, Status status) : owner_(&owner), uncaught_(std::uncaught_exceptions()) {
    arrive(status);
  }

  void arrive(Status status) {
    if (status != Status::ok) {
      owner_ = nullptr;
      return;
    }
    position_ = owner_->core_->position();
    owner_->core_->begin_steps();
    load();
  }

  void load() {
    if constexpr (!Payload::kInPlace) {
      Consumer& owner = *std::exchange(owner_, nullptr);  // on an error there is nothing to leave
      owner.value_.emplace(owner.read(position_));
      owner_ = &owner;
    }
  }

  void leave() noexcept {
    if (owner_ == nullptr) return;
    const bool unwinding = std::uncaught_exceptions() > uncaught_;
    owner_->core_release(unwinding ? detail::Leave::give_back : detail::Leave::acknowledge);
    owner_ = nullptr;
  }

  Consumer* owner_ = nullptr;
  detail::Position position_ = 0;
  int uncaught_ = 0;
};

}  // namespace iq
