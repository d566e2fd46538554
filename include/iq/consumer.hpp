// The consuming end of a queue.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <exception>
#include <iterator>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "iq/codec.hpp"
#include "iq/detail/consumer_core.hpp"
#include "iq/detail/deadline.hpp"
#include "iq/error.hpp"
#include "iq/lease.hpp"
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
  /// What a loop reads: T, or a span for iq::Bytes.
  using value_type = std::remove_cvref_t<typename Payload::View>;
  class Iterator;

  /// Takes over the endpoint and what is in its hand. `other` is closed.
  Consumer(Consumer&& other) noexcept
      : core_(std::move(other.core_)),
        value_(std::move(other.value_)),
        uncaught_(std::uncaught_exceptions()) {}
  /// As the destructor, then as the constructor.
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

  /// Begins a loop, whose first comparison waits for the first item. One loop at a time; a second
  /// one goes on where the first was left. Models std::ranges::input_range.
  ///
  /// Errors: ProducerDied or ProducerFailed once everything is drained (see Options); Stopped with
  ///         the text that stop() was given; CannotProbe; WrongProcess; Closed after close() or
  ///         when the consumer was moved away; WouldDeadlock when nobody but this very thread could
  ///         put or close. Of an encoded item also Corrupt, and what its Codec throws: it is given
  ///         back, comes again, and is parked in the end; begin() goes on behind it.
  /// Cost:   the step from one item to the next is a store and a load of this consumer's own line.
  ///         Items of encoded types are read into the memory of the one before, so that like ones
  ///         need no allocation; memory that is much too large is given back.
  Iterator begin() {
    core().require_usable();
    return Iterator(*this);
  }
  void begin() const = delete;  // a loop takes items: the consumer is not to be const
  /// The end of every loop.
  std::default_sentinel_t end() const noexcept { return {}; }

  /// Takes the next item, waiting for it: empty at the end of the stream, for ever, and after
  /// stop(). The item stays leased until the next get or loop step, ack(), close() or normal
  /// destruction.
  ///
  /// Errors: as begin().
  std::optional<T> get() {
    if (core().next(detail::kNoDeadline) != Status::ok) return std::nullopt;
    return hand_out([&]() -> std::optional<T> { return read(core_->position()); });
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
    Result<std::vector<T>> taken = take_some(most, detail::kNoDeadline);
    return taken ? *std::move(taken) : std::vector<T>();
  }
  /// As get_some(), if there is an item now: ok with the items, empty, done or stopped.
  Result<std::vector<T>> try_get_some(std::size_t most) { return take_some(most, detail::kNow); }
  /// As get_some(), waiting at most `timeout`: ok with the items, timeout, done or stopped.
  template <class Rep, class Period>
  Result<std::vector<T>> get_some_for(std::size_t most,
                                      std::chrono::duration<Rep, Period> timeout) {
    return take_some(most, detail::deadline_after(timeout));
  }

  /// Takes the next item as get() does, to be held until it is acknowledged or given back by
  /// itself: several at a time, in any order. Empty at the end of the stream and after stop().
  ///
  /// Errors: as begin(); WouldDeadlock when nothing is left but what this consumer holds itself, in
  ///         a process with one thread.
  /// Cost:   four stores more than get().
  std::optional<Lease<T>> lease() {
    Result<Lease<T>> taken = take_lease(detail::kNoDeadline);
    if (!taken) return std::nullopt;
    return *std::move(taken);
  }
  /// As lease(), if there is an item now: ok with the lease, empty, done or stopped.
  Result<Lease<T>> try_lease() { return take_lease(detail::kNow); }
  /// As lease(), waiting at most `timeout`: ok with the lease, timeout, done or stopped.
  template <class Rep, class Period>
  Result<Lease<T>> lease_for(std::chrono::duration<Rep, Period> timeout) {
    return take_lease(detail::deadline_after(timeout));
  }
  /// As lease_for(), with a point in time.
  template <class Clock, class Duration>
  Result<Lease<T>> lease_until(std::chrono::time_point<Clock, Duration> deadline) {
    return take_lease(detail::deadline_at(deadline));
  }

  /// Acknowledges what is in hand, without taking the next. Nothing in hand: does nothing. What a
  /// loop referred to is no longer there.
  void ack() noexcept { core_release(detail::Leave::acknowledge); }
  /// Gives back what is in hand: it goes to another consumer (or comes again), its count + 1. Of a
  /// queue with `delivery = at_most_once` it is dropped.
  void give_back() noexcept { core_release(detail::Leave::give_back); }

  /// How often the item in hand, of several the first, has been handed out, this time included: 1
  /// unless a consumer died or gave it back. Requires: an item in hand, for this and for item_id().
  std::uint32_t deliveries() const { return core().deliveries(); }
  /// A number that names the item in hand for its whole life in this queue, redeliveries included.
  std::uint64_t item_id() const { return core().item_id(core().position()); }

  /// The endpoint of a token that WorkerGroup::exec gave to this program as an argument.
  ///
  /// Errors: BadArgument when the text is no token, or one of a producer; WrongType with both
  ///         descriptions; WrongProcess in any other process than the one that exec() started;
  ///         Closed when it was used before or its supervisor has ended; NotFound; Busy.
  static Consumer from_token(std::string_view text);

  /// Another consumer of the same queue, counted from now on; also after close() of the queue, as
  /// long as this one is open. Errors: as get_consumer().
  Consumer dup();

  /// In a child that the program forked itself: makes the inherited consumer the child's own. Waits
  /// until the parent has called surrender() or is dead, at most 5 s. What a dead parent had in
  /// hand goes to any consumer; the object of one that lives is closed.
  /// Errors: Busy when the parent keeps it; WrongProcess when the parent has closed it or another
  ///         child has it; BadArgument while items of it are under explicit leases; CannotProbe.
  void adopt();
  /// In the parent: lets go of it, without closing it, once a child is in adopt(); waits for that
  /// at most 5 s. What is in hand is acknowledged, the rest given back. Then is_closed() here.
  /// Errors: Busy when no child adopts it: it is still this process's; BadArgument while items of
  ///         it are under explicit leases; as get().
  void surrender();

  /// Ends this consumer: acknowledges what is in hand, gives the rest back. Idempotent.
  void close() noexcept {
    if (core_) core_->close(detail::Leave::acknowledge);
  }
  /// Whether it was closed or moved from.
  bool is_closed() const noexcept { return !core_ || core_->closed(); }

 private:
  friend class IterableQueue<T>;
  friend struct detail::EndpointAccess;
  template <class U>
  friend class Producer;

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
        return core_->note_corrupt(core_->item_id(position),
                                   [&] { return Payload::read(core_->payload(position)); });
      } catch (...) {
        core_->give_back_one(position);  // it was not handed out; in the end it is parked
        throw;
      }
    }
  }

  Result<T> take(std::int64_t deadline) {
    const Status status = core().next(deadline);
    if (status != Status::ok) return status;
    return hand_out([&]() -> Result<T> { return read(core_->position()); });
  }

  Result<std::vector<T>> take_some(std::size_t most, std::int64_t deadline) {
    std::vector<T> items;
    if (most == 0) return items;
    std::uint32_t count = 0;
    const auto limit = static_cast<std::uint32_t>(std::min<std::size_t>(most, detail::kMaxBatch));
    const Status status = core().next_some(limit, deadline, count);
    if (status != Status::ok) return status;
    hand_out([&] {
      items.reserve(count);
      const detail::Position first = core_->position();
      for (std::uint32_t i = 0; i < count; ++i) items.push_back(read(first + i));
    });
    return items;
  }

  // What an exception keeps from the caller is not lost. read() gives back what it cannot read.
  template <class Call>
  decltype(auto) hand_out(Call call) {
    try {
      return call();
    } catch (...) {
      give_back_unseen();
      throw;
    }
  }
  void give_back_unseen() noexcept { core_release(detail::Leave::unseen); }

  // What a loop keeps of the item in hand; given back when it cannot be read, in the end parked.
  void hold(detail::Position position) {
    try {
      core_->note_corrupt(core_->item_id(position),
                          [&] { Payload::hold(core_->payload(position), value_); });
    } catch (...) {
      core_->release(detail::Leave::give_back);
      throw;
    }
  }

  Result<Lease<T>> take_lease(std::int64_t deadline) {
    detail::HeldItem item;
    const Status status = core().lease(deadline, item);
    if (status != Status::ok) return status;
    return Lease<T>(core_, item);
  }

  void finish() noexcept {
    if (!core_) return;
    const bool unwinding = std::uncaught_exceptions() > uncaught_;
    core_->close(unwinding ? detail::Leave::give_back : detail::Leave::acknowledge);
    core_.reset();
  }

  detail::ConsumerHandle core_;
  /// The item of a loop, where T cannot be read in place.
  std::optional<typename Payload::Held> value_;
  int uncaught_;
};

}  // namespace iq

#include "iq/detail/consumer_iterator.hpp"
