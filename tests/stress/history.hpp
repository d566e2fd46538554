// What everybody in a storm wrote down, in one sequence, where no death can take it back.
//
// An entry is written while its author holds what it speaks of, or after the call that it speaks of
// has returned; only `relayed` and the words in -ing come before that. The place in the sequence is
// drawn first and the kind stored last, so who dies in between leaves a gap that says nothing.
#pragma once

#include <sys/mman.h>

#include <atomic>
#include <cstdint>
#include <new>
#include <span>

namespace storm {

enum class Kind : std::uint8_t {
  none,          // a gap
  drew,          // `tag` ids from `item` on are the author's to put
  returned,      // the put of `item` has returned
  delivered,     // `item` is in the author's hands; `tag`: as item_id(), `detail`: see below
  finishing,     // it is done, and about to be acknowledged
  acknowledged,  // ... and no longer: the call that acknowledged it has returned
  giving_back,   // `item` is about to be given back
  parked,        // an operator found `item` parked
  attaching,     // an endpoint is asked for; `detail`: a Role
  attached,      // it is the author's
  detaching,     // it is about to be closed
  detached,      // it is closed
  relaying,      // a relay puts for the author
  relayed,       // it is about to end
  ended,         // the end of the stream; `detail`: 1 when told that a producer died
  torn,          // something came that nobody had put
  died,          // the process of the author was found killed; written by who reaped it
  alone,         // from here on the author is the only consumer, and nobody harms it
};

enum class Role : std::uint8_t { none, producer, consumer };

/// In `detail` of `delivered`: one of several in hand together, but not the first: a death or a
/// return of all of them does not count for it.
inline constexpr std::uint8_t kFurther = 1;

struct Event {
  std::uint64_t tag = 0;
  std::uint32_t item = 0;
  std::uint32_t who = 0;      // which life of a process
  std::uint16_t session = 0;  // which of its endpoints, one after the other
  std::uint8_t deliveries = 0;
  std::uint8_t detail = 0;
  Kind kind = Kind::none;
};

/// The sequence, shared with all children that are forked afterwards.
class History {
 public:
  explicit History(std::uint64_t capacity) : capacity_(capacity) {
    void* memory = ::mmap(nullptr, bytes(), PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    next_ = new (memory) std::atomic<std::uint64_t>(0);
    events_ = reinterpret_cast<Event*>(static_cast<std::byte*>(memory) + kHeadBytes);
  }
  ~History() { ::munmap(static_cast<void*>(next_), bytes()); }
  History(const History&) = delete;
  History& operator=(const History&) = delete;

  void write(const Event& event) const noexcept {
    const std::uint64_t at = next_->fetch_add(1);
    if (at >= capacity_) return;  // written() tells
    Event& to = events_[at];
    to.tag = event.tag;
    to.item = event.item;
    to.who = event.who;
    to.session = event.session;
    to.deliveries = event.deliveries;
    to.detail = event.detail;
    std::atomic_ref<Kind>(to.kind).store(event.kind, std::memory_order_release);
  }

  std::uint64_t written() const noexcept { return next_->load(); }
  std::uint64_t capacity() const noexcept { return capacity_; }
  /// Nobody should begin anything more: what is under way still has to be written down.
  bool nearly_full() const noexcept { return written() > capacity_ - capacity_ / 8; }

  /// Requires: nobody writes any more.
  std::span<const Event> events() const noexcept {
    return {events_, static_cast<std::size_t>(std::min(written(), capacity_))};
  }

 private:
  static constexpr std::size_t kHeadBytes = 128;
  std::size_t bytes() const noexcept { return kHeadBytes + capacity_ * sizeof(Event); }

  std::uint64_t capacity_;
  std::atomic<std::uint64_t>* next_;
  Event* events_;
};

/// One life's pen.
class Scribe {
 public:
  Scribe(const History& history, std::uint32_t who) : history_(&history), who_(who) {}

  void attaching(Role role) {
    ++session_;
    note(Kind::attaching, 0, 0, 0, static_cast<std::uint8_t>(role));
  }
  void attached() const { note(Kind::attached); }
  void detaching() const { note(Kind::detaching); }
  void detached() const { note(Kind::detached); }
  void relaying() const { note(Kind::relaying); }
  void relayed() const { note(Kind::relayed); }
  void drew(std::uint32_t first, std::uint32_t count) const { note(Kind::drew, first, count); }
  void returned(std::uint32_t item) const { note(Kind::returned, item); }
  void delivered(std::uint32_t item, std::uint64_t id, std::uint32_t deliveries,
                 std::uint8_t detail = 0) const {
    note(Kind::delivered, item, id, deliveries, detail);
  }
  void finishing(std::uint32_t item) const { note(Kind::finishing, item); }
  void acknowledged(std::uint32_t item) const { note(Kind::acknowledged, item); }
  void giving_back(std::uint32_t item) const { note(Kind::giving_back, item); }
  void parked(std::uint32_t item, std::uint64_t id, std::uint32_t deliveries) const {
    note(Kind::parked, item, id, deliveries);
  }
  void ended(bool told) const { note(Kind::ended, 0, 0, 0, told ? 1 : 0); }
  void torn(std::uint32_t item) const { note(Kind::torn, item); }
  void died() const { note(Kind::died); }
  void alone() const { note(Kind::alone); }

 private:
  void note(Kind kind, std::uint32_t item = 0, std::uint64_t tag = 0, std::uint32_t deliveries = 0,
            std::uint8_t detail = 0) const {
    history_->write(
        {tag, item, who_, session_, static_cast<std::uint8_t>(deliveries), detail, kind});
  }

  const History* history_;
  std::uint32_t who_;
  std::uint16_t session_ = 0;
};

}  // namespace storm
