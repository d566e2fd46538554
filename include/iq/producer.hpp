// The producing end of a queue.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <exception>
#include <initializer_list>
#include <ranges>
#include <span>
#include <string_view>
#include <utility>

#include "iq/codec.hpp"
#include "iq/detail/copy_item.hpp"
#include "iq/detail/deadline.hpp"
#include "iq/detail/producer_core.hpp"
#include "iq/error.hpp"
#include "iq/loan.hpp"
#include "iq/status.hpp"

namespace iq::detail {
struct EndpointAccess;
}

namespace iq {

template <class T>
class IterableQueue;
template <class T>
class Consumer;

namespace detail {
template <class R>
inline constexpr bool kIsConsumer = false;
template <class T>
inline constexpr bool kIsConsumer<Consumer<T>> = true;
}  // namespace detail

/// What a bulk put achieved: how it ended and how many items were appended before that.
struct PutAllResult {
  Status status = Status::ok;  ///< ok when the range was put to its end
  std::size_t accepted = 0;    ///< items appended
};

/// Writes items of type T into one queue. Obtained from IterableQueue<T>::get_producer().
///
/// Order:     one consumer gets a producer's items in the order of its puts, but for those that
///            come again, or that were taken over from a slow, stopped or dead consumer. There is
///            no order between producers.
/// Threads:   one at a time per Producer; any number of Producers per queue.
/// Processes: belongs to the process that got it. WorkerGroup::fork hands it to a child; use of an
///            inherited copy throws WrongProcess, destroying one does nothing.
/// If killed: at most the item being put is lost; earlier ones are delivered, and the producer
///            counts as closed and died.
template <class T>
class Producer {
  using Payload = detail::Payload<T>;

 public:
  using value_type = T;  ///< the type of the items
  /// What put() takes: `const T&`, or BytesView for iq::Bytes.
  using Argument = typename Payload::Argument;

  /// Takes over the endpoint. `other` is closed.
  Producer(Producer&& other) noexcept
      : core_(std::move(other.core_)), uncaught_(std::uncaught_exceptions()) {}
  /// As the destructor, then as the constructor.
  Producer& operator=(Producer&& other) noexcept {
    if (this != &other) {
      finish();
      core_ = std::move(other.core_);
      uncaught_ = std::uncaught_exceptions();
    }
    return *this;
  }
  Producer(const Producer&) = delete;
  Producer& operator=(const Producer&) = delete;

  /// Closes; destroyed while an exception unwinds, the producer counts as failed.
  ~Producer() { finish(); }

  /// Appends `item`, waiting while the queue is full.
  ///
  /// Errors: Closed after close(), or when join() was interrupted; Stopped; NoConsumers; TooLarge
  ///         with both sizes; WouldDeadlock when the queue is full of what this thread has in hand,
  ///         or nobody but this process, which has one thread, could take an item; while a loan of
  ///         this producer is open, and inside a relay that has it; CannotProbe while it waits;
  ///         WrongProcess. Of an encoded item also what its Codec throws, and BadArgument when it
  ///         is not written twice alike. On error nothing was appended.
  /// Cost:   O(bytes of the item); no system call unless the queue is full or a consumer sleeps.
  ///         From 2 KiB on the bytes of iq::Bytes and of items that are stored in place go past the
  ///         caches where that is faster (decision 0016).
  void put(Argument item) {
    const Status status = append(item, detail::kNoDeadline);
    if (status != Status::ok) core().raise(status);
  }

  /// Appends `item` if there is room now: ok, full, no_consumers, stopped or, when
  /// join() was interrupted, closed.
  /// Errors: as put(), where no status says it.
  Status try_put(Argument item) { return append(item, detail::kNow); }

  /// Appends `item`, waiting for room at most `timeout`: ok, timeout, no_consumers, stopped
  /// or, when join() was interrupted, closed.
  /// Errors: as put(), where no status says it.
  template <class Rep, class Period>
  Status put_for(Argument item, std::chrono::duration<Rep, Period> timeout) {
    return append(item, detail::deadline_after(timeout));
  }

  /// As put_for(), with a point in time. Other clocks than steady_clock are translated once.
  template <class Clock, class Duration>
  Status put_until(Argument item, std::chrono::time_point<Clock, Duration> deadline) {
    return append(item, detail::deadline_at(deadline));
  }

  /// Appends every element of `range`, in order, waiting while the queue is full. Returns how many.
  ///
  /// Errors: as put(); what was appended before stays. If `range` throws, so does this. A consumer
  ///         as `range` keeps what was not put. So does a view over one, but what it read last
  ///         counts as handed out once more; put the consumer itself where puts are timed.
  /// Cost:   one publication per 4 KiB instead of one per item, where T is stored in place and the
  ///         range is contiguous (vector, array, span). Other ranges may have to wait for their
  ///         elements, or be another queue's consumer: each is published before the next is read.
  ///         2 KiB and more in a row are copied as put() copies large items.
  template <std::ranges::input_range R>
    requires std::convertible_to < std::ranges::range_reference_t<R>,
  typename Producer<T>::Argument > std::size_t put_all(R&& range) {
    const PutAllResult result = append_all(range, detail::kNoDeadline);
    if (result.status != Status::ok) core().raise(result.status);
    return result.accepted;
  }

  /// The same for a list in braces.
  std::size_t put_all(std::initializer_list<T> items) { return put_all(std::span(items)); }

  /// As put_all(), for at most `timeout`: tells how many were appended.
  template <std::ranges::input_range R, class Rep, class Period>
    requires std::convertible_to < std::ranges::range_reference_t<R>,
  typename Producer<T>::Argument >
      PutAllResult put_all_for(R&& range, std::chrono::duration<Rep, Period> timeout) {
    return append_all(range, detail::deadline_after(timeout));
  }

  /// The place of the next item, waiting while the queue is full: `loan->x = 1; loan.commit();`
  ///
  /// Errors: as put(); WouldDeadlock while another loan of this producer is open.
  Loan<T> loan() requires detail::InPlace<T> && std::default_initializable<T> {
    return take_loan(sizeof(T));
  }
  /// The same for `bytes` bytes: `auto loan = blobs.loan(n); fill(loan.bytes()); loan.commit();`
  Loan<T> loan(std::size_t bytes) requires std::same_as<T, Bytes> { return take_loan(bytes); }
  /// As loan(), if there is room now: ok with the loan, full, no_consumers, closed or stopped.
  Result<Loan<T>> try_loan() requires detail::InPlace<T> && std::default_initializable<T> {
    return take_loan(sizeof(T), detail::kNow);
  }
  /// The same for `bytes` bytes.
  Result<Loan<T>> try_loan(std::size_t bytes) requires std::same_as<T, Bytes> {
    return take_loan(bytes, detail::kNow);
  }

  /// As put_all_for(), with a point in time.
  template <std::ranges::input_range R, class Clock, class Duration>
    requires std::convertible_to < std::ranges::range_reference_t<R>,
  typename Producer<T>::Argument >
      PutAllResult put_all_until(R&& range, std::chrono::time_point<Clock, Duration> deadline) {
    return append_all(range, detail::deadline_at(deadline));
  }

  /// The endpoint of a token that WorkerGroup::exec gave to this program as an argument.
  ///
  /// Errors: BadArgument when the text is no token, or one of a consumer; WrongType with both
  ///         descriptions; WrongProcess in any other process than the one that exec() started;
  ///         Closed when it was used before or its supervisor has ended; NotFound; Busy.
  static Producer from_token(std::string_view text);

  /// Another producer of the same queue, counted from now on; also after close() of the queue, as
  /// long as this one is open. Errors: as get_producer(), but for Closed of the queue.
  Producer dup();

  /// In a child that the program forked itself: makes the inherited producer the child's own. Waits
  /// until the parent has called surrender() or is dead, at most 5 s. It goes on behind what was
  /// put; the parent's object is closed.
  /// Errors: Busy when the parent keeps it; WrongProcess when the parent has closed it or another
  ///         child has it; CannotProbe.
  void adopt();
  /// In the parent: lets go of it, without closing it, once a child is in adopt(); waits for that
  /// at most 5 s. Afterwards is_closed() here. Errors: Busy when no child adopts it: it is still
  /// this process's; as put().
  void surrender();

  /// Ends this producer; what was put stays. Idempotent, never blocks, also on a full queue.
  void close() noexcept {
    if (core_) core_->close();
  }
  /// Whether it was closed or moved from.
  bool is_closed() const noexcept { return !core_ || core_->closed(); }

 private:
  friend class IterableQueue<T>;
  friend struct detail::EndpointAccess;
  static constexpr std::size_t kPieceBytes = 4096;
  template <class R>
  static constexpr bool kIsRun = std::ranges::contiguous_range<R>&& std::ranges::sized_range<R>&&
      std::same_as<std::ranges::range_value_t<R>, T>;

  explicit Producer(detail::ProducerHandle core) noexcept
      : core_(std::move(core)), uncaught_(std::uncaught_exceptions()) {}

  detail::ProducerCore& core() const {
    if (!core_) [[unlikely]]
      detail::refuse_moved_from("producer");
    return *core_;
  }

  [[gnu::always_inline]] Status append(Argument item, std::int64_t deadline) {
    detail::ProducerCore& core = this->core();
    if constexpr (Payload::kInPlace) {
      auto free = core.free_slots(sizeof(T));
      if (free.count == 0) [[unlikely]] {
        const Status status = core.wait_for_room(deadline);
        if (status != Status::ok) return status;
        free = core.found_slots();
      }
      if constexpr (detail::kFewNumbers<T>) {
        detail::copy_item(free.first, item);
      } else {
        copy_into(core, free.first, &item, sizeof(T));
      }
      core.publish_until(free.position + 1);
    } else {
      const std::size_t bytes = Payload::size(item);
      std::byte* to = nullptr;
      const Status status = core.begin_encoded(bytes, deadline, to);
      if (status != Status::ok) return status;
      write_payload(core, to, item, bytes);
      core.publish_placed(1);
    }
    return Status::ok;
  }

  [[gnu::always_inline]] static void write_payload(detail::ProducerCore& core, std::byte* to,
                                                   Argument item, std::size_t bytes) {
    if constexpr (std::same_as<T, Bytes>) {
      copy_into(core, to, item.data(), bytes);
    } else {
      Payload::write(item, to, bytes);
    }
  }

  [[gnu::always_inline]] static void copy_into(detail::ProducerCore& core, std::byte* to,
                                               const void* from, std::size_t bytes) noexcept {
    if (bytes >= detail::kLargeBytes) return core.copy_large(to, from, bytes);
    if (bytes != 0) std::memcpy(to, from, bytes);
  }

  Result<Loan<T>> take_loan(std::size_t bytes, std::int64_t deadline) {
    detail::ProducerCore& core = this->core();
    core.require_no_stage();
    std::byte* at = nullptr;
    const Status status = core.stage(bytes, deadline, at);
    if (status != Status::ok) return status;
    return Loan<T>(core_, at, bytes);
  }
  Loan<T> take_loan(std::size_t bytes) {
    Result<Loan<T>> taken = take_loan(bytes, detail::kNoDeadline);
    if (!taken) core().raise(taken.status());
    return *std::move(taken);
  }

  template <class R>
  PutAllResult append_all(R& range, std::int64_t deadline) {
    if constexpr (Payload::kInPlace && kIsRun<std::remove_cvref_t<R>>) {
      return append_run({std::ranges::data(range), std::ranges::size(range)}, deadline);
    } else {
      PutAllResult result;
      try {
        append_each(range, deadline, result);
      } catch (const Unwinding&) {
      }
      return result;
    }
  }

  // Where a range is read once, the test for its end takes the next element from where it comes. If
  // there is no room for it, it goes back: to a consumer unseen; a view over a consumer lets go of
  // it as of any item that an exception drives out of a loop.
  template <class R>
  void append_each(R& range, std::int64_t deadline, PutAllResult& result) {
    const auto last = std::ranges::end(range);
    for (auto at = std::ranges::begin(range); at != last; ++at) {
      // Room first: elements that are made when they are read are made when there is some.
      if constexpr (Payload::kInPlace) {
        if (core().free_slots(sizeof(T)).count == 0) result.status = core().wait_for_room(deadline);
      }
      if (result.status == Status::ok) result.status = append(*at, deadline);
      if (result.status != Status::ok) {
        if constexpr (detail::kIsConsumer<std::remove_cvref_t<R>>) range.give_back_unseen();
        if constexpr (!std::ranges::forward_range<R>) throw Unwinding();
        return;
      }
      ++result.accepted;
    }
  }
  struct Unwinding {};

  // Fills free slots and publishes them together.
  PutAllResult append_run(std::span<const T> items, std::int64_t deadline) {
    constexpr std::size_t kPieceItems = std::max<std::size_t>(1, kPieceBytes / sizeof(T));
    detail::ProducerCore& core = this->core();
    PutAllResult result;
    while (result.accepted < items.size()) {
      auto free = core.free_slots(sizeof(T));
      if (free.count == 0) [[unlikely]] {
        result.status = core.wait_for_room(deadline);
        if (result.status != Status::ok) break;
        free = core.found_slots();
      }
      const std::size_t count =
          std::min<std::size_t>({free.count, kPieceItems, items.size() - result.accepted});
      copy_into(core, free.first, items.data() + result.accepted, count * sizeof(T));
      core.publish_until(free.position + count);
      result.accepted += count;
    }
    return result;
  }

  void finish() noexcept {
    if (!core_) return;
    if (std::uncaught_exceptions() > uncaught_) {
      detail::fail_unwound(core_);
    } else {
      core_->close();
    }
    core_.reset();
  }

  detail::ProducerHandle core_;
  int uncaught_;
};

}  // namespace iq
