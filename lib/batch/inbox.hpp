// Replies: the queue that a calling thread reads, and the way from a server into it.
#pragma once

#include <map>
#include <memory>
#include <span>

#include "base/clock.hpp"
#include "batch/wire.hpp"
#include "iq/bytes.hpp"
#include "iq/queue.hpp"
#include "sys/fd.hpp"

namespace iq::detail {

/// The anonymous file at that address; empty when it cannot be had.
Fd open_inbox_file(const InboxAddress& at);

/// The queue of one thread into which servers put their answers.
class Inbox {
 public:
  /// Errors: as IterableQueue's.
  Inbox();

  /// The next item, valid until the next call; empty when there is none by the deadline.
  /// Errors: CannotProbe, Corrupt.
  std::span<const std::byte> next(DeadlineNs deadline);

  /// Where servers find it, now: a lost descriptor is replaced under another number.
  const InboxAddress& address() const noexcept { return address_; }

 private:
  IterableQueue<Bytes> queue_;
  Consumer<Bytes> consumer_;
  ConsumerHandle core_;
  InboxAddress address_;
};

/// Producers into others' inboxes, kept for the next time.
class Outboxes {
 public:
  /// Puts one item, waiting for room until the deadline. False when there was none, nobody reads
  /// there any more, or the queue cannot be opened. `size` bytes are written by `write(to)`.
  template <class Write>
  bool put(const InboxAddress& to, std::size_t size, Write&& write,
           DeadlineNs deadline = kForever) {
    ProducerCore* const producer = find(to);
    if (producer == nullptr) return false;
    std::byte* at = nullptr;
    if (!begin(to, *producer, size, deadline, at)) return false;
    write(at);
    producer->publish_placed(1);
    return true;
  }
  /// The largest item that fits there; 0 when there is no such inbox.
  std::size_t limit(const InboxAddress& to);

 private:
  ProducerCore* find(const InboxAddress& to);
  bool begin(const InboxAddress& to, ProducerCore& producer, std::size_t size, DeadlineNs deadline,
             std::byte*& at);

  std::map<InboxAddress, ProducerHandle> open_;
  ProducerHandle last_;
  InboxAddress last_to_;
};

}  // namespace iq::detail
