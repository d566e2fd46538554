// A queue without endpoints: anybody puts, anybody gets, somebody closes it.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include "iq/codec.hpp"
#include "iq/detail/closable_core.hpp"
#include "iq/detail/deadline.hpp"
#include "iq/detail/single_pass.hpp"
#include "iq/error.hpp"
#include "iq/status.hpp"

namespace iq {

/// A bounded queue that knows nothing of who uses it: it ends when somebody closes it, and holds
/// exactly `capacity` items, whoever puts. For this process, its threads and the children that it
/// forks later; all of them use the object itself.
///
///     iq::ClosableQueue<std::string> queue{64};
///     queue.put("hello");
///     queue.close();
///     std::optional<std::string> first = queue.get();  // then nothing, for ever
///
/// What it does not know it cannot tell: of a process that dies nobody hears, and if nobody closes
/// the queue who reads waits for ever. IterableQueue knows, and is faster.
///
/// Order:     first in, first out, over all who put.
/// Threads:   all members from any thread. Processes: also from forked children.
/// If killed: a put or get has taken effect or has not; everybody else goes on. What was got and
/// not
///            used yet is gone with its process.
/// Cost:      a lock for each put and get, which all who use the queue share.
template <class T>
class ClosableQueue {
  using Payload = detail::Payload<T>;
  static_assert(!detail::kHoldsView<T>,
                "iq::ClosableQueue: an item leaves the queue when it is got, and would outlive "
                "what an iq::TextView or iq::ArrayView in it shows. Use std::string or "
                "std::vector.");

 public:
  using value_type = T;  ///< the type of the items
  /// Single pass; takes an item when it is compared with the end, or read.
  using Iterator = detail::SinglePassIterator<ClosableQueue>;

  /// Errors: BadArgument for a capacity of 0; NoSpace; SystemError.
  /// Units: `bytes` for items that are no plain values, all of them together; also the largest one.
  explicit ClosableQueue(std::uint64_t capacity = 1024, std::uint64_t bytes = 1024 * 1024)
      : store_(std::make_unique<detail::ClosableStore>(capacity, Payload::kInPlace ? sizeof(T) : 0,
                                                       bytes)) {}

  /// Takes the queue over. `other` can only be assigned to and destroyed.
  ClosableQueue(ClosableQueue&& other) noexcept = default;
  /// The same.
  ClosableQueue& operator=(ClosableQueue&& other) noexcept = default;

  /// Appends `item`, waiting while the queue is full. Errors: Closed, also when it is closed while
  /// this waits; TooLarge with both sizes. On error nothing was appended.
  void put(const T& item) {
    if (append(item, detail::kNoDeadline) != Status::ok) detail::refuse_closed_put();
  }
  /// Appends `item` if there is room now: ok, full or closed. Errors: TooLarge.
  Status try_put(const T& item) { return append(item, detail::kNow); }
  /// Appends `item`, waiting at most `timeout`: ok, timeout or closed. Errors: TooLarge.
  template <class Rep, class Period>
  Status put_for(const T& item, std::chrono::duration<Rep, Period> timeout) {
    return append(item, detail::deadline_after(timeout));
  }

  /// Takes the oldest item, waiting for one: empty when the queue is closed and empty, for ever.
  /// Errors: Corrupt when somebody wrote over it.
  std::optional<T> get() {
    Result<T> taken = take(detail::kNoDeadline);
    if (!taken) return std::nullopt;
    return *std::move(taken);
  }
  /// Takes the oldest item if there is one now: ok with the item, empty or done. Errors: as get().
  Result<T> try_get() { return take(detail::kNow); }
  /// Takes the oldest item, waiting at most `timeout`: ok with the item, timeout or done.
  /// Errors: as get().
  template <class Rep, class Period>
  Result<T> get_for(std::chrono::duration<Rep, Period> timeout) {
    return take(detail::deadline_after(timeout));
  }

  /// Nothing is put from now on, by anybody; what is there can be taken. Who waits in put or get is
  /// let go. Errors: Closed when it is closed already, unless `once` is false.
  void close(bool once = true) {
    if (!store_->close() && once) detail::refuse_second_close();
  }
  /// Whether it was closed.
  bool is_closed() const noexcept { return store_->is_closed(); }
  /// How many items are there now.
  std::uint64_t size() const noexcept { return store_->size(); }
  /// How many there can be.
  std::uint64_t capacity() const noexcept { return store_->capacity(); }

  /// Begins a loop that takes items until the queue is closed and empty. Any number of loops.
  Iterator begin() { return Iterator(*this); }
  /// The end of every loop.
  std::default_sentinel_t end() const noexcept { return {}; }

 private:
  friend Iterator;

  void fetch_next(std::optional<T>& item) { item = get(); }
  Status append(const T& item, std::int64_t deadline) {
    const std::size_t bytes = Payload::size(item);
    std::byte* to = nullptr;
    const Status status = store_->begin_put(bytes, deadline, to);
    if (status != Status::ok) return status;
    detail::ClosableStore::Turn turn(*store_);
    Payload::write(item, to, bytes);
    turn.put();
    return Status::ok;
  }
  Result<T> take(std::int64_t deadline) {
    std::span<const std::byte> bytes;
    const Status status = store_->begin_get(deadline, bytes);
    if (status != Status::ok) return status;
    detail::ClosableStore::Turn turn(*store_);
    if constexpr (Payload::kInPlace) bytes = bytes.first(sizeof(T));
    Result<T> item = Payload::read(bytes);
    turn.got();
    return item;
  }

  std::unique_ptr<detail::ClosableStore> store_;
};

}  // namespace iq
