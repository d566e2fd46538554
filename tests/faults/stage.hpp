// A queue, the processes around it, and the judgement at the end: one killed process, and what the
// others must see.
#pragma once

#include <algorithm>
#include <bit>
#include <chrono>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "faults/describe.hpp"
#include "faults/ledger.hpp"
#include "iq/iq.hpp"
#include "ring/consumer_ring.hpp"
#include "ring/tend.hpp"
#include "shm/segment.hpp"
#include "support/kill.hpp"

namespace faults {

using namespace std::chrono_literals;

/// For calls that must come back. Longer where a victim runs instruction by instruction.
inline std::chrono::seconds bound = 5s;
inline constexpr std::uint32_t kFurther = 1024;  // ids of the items after the fault

/// A consumer with the claim sizes that a test asks for, leaving the batch open to thieves.
class RawConsumer {
 public:
  explicit RawConsumer(const std::string& name) {
    const auto header = iq::detail::Segment::open_named(name)->header();
    queue_ = iq::detail::QueueCore::make_named(
        iq::detail::OpenMode::open_only, name,
        {header.type_name, header.type_layout, header.type_bytes, header.type_alignment,
         header.codec_version, header.in_place != 0},
        {});
    handle_ = queue_->get_consumer();
  }
  ~RawConsumer() {
    handle_.reset();
    queue_->leave();
  }
  RawConsumer(const RawConsumer&) = delete;
  RawConsumer& operator=(const RawConsumer&) = delete;

  /// Claims `want` items where they lie together; the first is in hand. False at the end.
  bool take(std::uint32_t want) {
    try {
      return ring().next_for(want, iq::detail::deadline_after(bound)) == iq::Status::ok;
    } catch (const iq::ProducerDied&) {
      return false;
    }
  }
  iq::detail::ConsumerRing& ring() { return static_cast<iq::detail::ConsumerRing&>(*handle_); }

 private:
  std::shared_ptr<iq::detail::QueueCore> queue_;
  iq::detail::ConsumerHandle handle_;
};

template <class T>
class Stage {
 public:
  static constexpr int kSurvivor = 0;
  static constexpr int kVictim = 1;

  Stage(const char* word, const iq::Options& options)
      : name(iqtest::temp_name(word)),
        queue(iq::create_only, name, options),
        producer(queue.get_producer()),
        spy(iq::detail::Segment::open_named(name)),
        capacity(options.capacity) {}

  // ---- for the process that directs ----

  void put(std::uint32_t first, std::uint32_t count) { put(producer, first, count); }

  /// A further process with a slot of its own, which `f` gets. It ends with what f returns.
  template <class F>
  int help(F&& f) {
    const int slot = static_cast<int>(helpers.size()) + 2;
    helpers.push_back(iqtest::spawn([&] { return f(*this, slot); }));
    return slot;
  }
  iqtest::Child& helper(int slot) { return helpers.at(static_cast<std::size_t>(slot - 2)); }

  /// Waits until the helper has met a kill point that stops it.
  void await_stopped(int slot) {
    iqtest::require(iqtest::stopped(helper(slot).pid()), "a helper stops at its kill point");
  }
  /// Waits until the helper was killed by a point of its own, or kills it.
  void await_death(int slot) { note_exit(slot, helper(slot).wait()); }
  void kill_helper(int slot) { note_exit(slot, helper(slot).kill_and_wait()); }

  void note_exit(int slot, const iqtest::Exit& exit) {
    iqtest::require(exit.ok() || exit.signal == SIGKILL, "nobody ends but as told");
    if (exit.ok()) return;
    const std::uint32_t id = ledger->in_hand[static_cast<std::size_t>(slot)];
    if (id != 0) ++excused[id - 1];
  }

  /// Repairs all the dead at once; true when there was one.
  bool sweep() { return iq::detail::sweep(*spy, 0, iq::detail::kMaxEndpoints) != 0; }

  // ---- for children ----

  iq::IterableQueue<T> open() const { return {iq::open_only, name}; }

  void put(iq::Producer<T>& to, std::uint32_t first, std::uint32_t count) const {
    for (std::uint32_t id = first; id < first + count; ++id) {
      if (to.put_for(make<T>(id), bound) != iq::Status::ok) {
        iqtest::require(false, "a put finds room:\n" + describe(*spy));
      }
      ledger->returned[id] = 1;
    }
  }

  /// Takes up to `most` items with get; at the end of the stream says how it ended.
  void consume(iq::Consumer<T>& from, int slot, std::uint32_t most) const {
    Outcome outcome = Outcome::ended;
    try {
      for (std::uint32_t n = 0; n < most; ++n) {
        const auto item = from.get_for(bound);
        if (!item) {
          if (item.status() == iq::Status::timeout) {
            iqtest::require(false, "an item comes or the end:\n" + describe(*spy));
          }
          if (item.status() == iq::Status::stopped) outcome = Outcome::stopped;
          break;
        }
        ledger->receive(slot, *item, from.deliveries());
      }
    } catch (const iq::ProducerDied&) {
      outcome = Outcome::producer_died;
    } catch (const iq::ProducerFailed&) {
      outcome = Outcome::producer_failed;
    } catch (const iq::Stopped&) {
      outcome = Outcome::stopped;
    }
    ledger->outcome[static_cast<std::size_t>(slot)] = outcome;
  }
  void consume_all(int slot) const {
    auto own = open();
    auto consumer = own.get_consumer();
    consume(consumer, slot, UINT32_MAX);
  }

  /// A batch of `want` items, the first in hand; noted in the book as if a user had it.
  void take_batch(RawConsumer& consumer, int slot, std::uint32_t want) const {
    iqtest::require(consumer.take(want), "a batch is taken");
    note_in_hand(consumer, slot);
  }
  void note_in_hand(RawConsumer& consumer, int slot) const {
    auto& ring = consumer.ring();
    T item;
    if constexpr (std::is_same_v<T, Fixed>) {
      std::memcpy(&item, ring.item(ring.position()), sizeof item);
    } else {
      item = iq::detail::Payload<T>::read(ring.payload(ring.position()));
    }
    ledger->receive(slot, item, ring.deliveries());
  }

  std::uint64_t sleepers() const { return spy->control().waiters_summary.load() == 0 ? 0 : bits(); }
  bool producer_waits() const {
    for (std::uint32_t i = 0; i < spy->lanes_used(); ++i) {
      if (spy->lane(i).control->room_wait.load() != 0) return true;
    }
    return false;
  }

  const std::string name;
  iq::IterableQueue<T> queue;
  iq::Producer<T> producer;
  std::shared_ptr<iq::detail::Segment> spy;
  std::uint64_t capacity;
  iqtest::Shared<Ledger> ledger;
  std::vector<iqtest::Child> helpers;
  std::array<unsigned, kMaxItems> excused{};
  iqtest::Flag victim_ended;
  bool stream_is_stopped = false;
  bool stream_is_closed = false;  // nothing more can be put
  unsigned unbooked = 0;         // deaths between the hand-out and the note of it in the book
  unsigned several_in_hand = 0;  // only the first of them is blamed for a death
  unsigned extra_copies = 0;     // an operator's requeue that was killed may double what it moved

 private:
  std::uint64_t bits() const {
    std::uint64_t count = 0;
    for (const auto& word : spy->control().waiters) {
      count += static_cast<std::uint64_t>(std::popcount(word.load()));
    }
    return count;
  }
};

/// Everybody who is left finishes: what is queued, ten times the capacity more, the end.
template <class T>
void finish(Stage<T>& stage) {
  iqtest::Child survivor = iqtest::spawn([&] { stage.consume_all(Stage<T>::kSurvivor); });
  if (!stage.stream_is_stopped && !stage.stream_is_closed) {
    stage.put(kFurther, static_cast<std::uint32_t>(
                            std::min<std::uint64_t>(10 * stage.capacity, kMaxItems - kFurther)));
  }
  stage.producer.close();
  stage.queue.close();
  stage.note_exit(Stage<T>::kSurvivor, survivor.wait());
  for (std::size_t i = 0; i < stage.helpers.size(); ++i) {
    stage.note_exit(static_cast<int>(i) + 2, stage.helpers[i].wait());
  }
}

/// The oracle: returned means delivered, twice only out of dead hands, blame only for the same.
template <class T>
void judge(Stage<T>& stage) {
  const auto complain = [](const char* what, std::uint32_t id) {
    iqtest::require(false, std::string(what) + ": item " + std::to_string(id));
  };
  std::uint32_t parked = 0;
  std::array<bool, kMaxItems> is_parked{};
  for (const iq::Parked<T>& entry : stage.queue.parked()) {
    iqtest::require(whole(entry.item), "a parked item is not torn");
    if (is_parked[entry.item.id]) complain("parked twice", entry.item.id);
    is_parked[entry.item.id] = true;
    ++parked;
  }
  iqtest::require(stage.queue.drop_parked() == parked, "what is parked can be dropped");
  for (std::uint32_t id = 0; id < kMaxItems; ++id) {
    const unsigned delivered = stage.ledger->delivered[id];
    const unsigned blame = stage.excused[id] + stage.ledger->given_back[id];
    const unsigned allowed = 1 + blame + stage.extra_copies;
    const bool owed = stage.ledger->returned[id] != 0 && !is_parked[id];
    if (owed && delivered == 0 && !stage.stream_is_stopped) complain("lost", id);
    if (delivered > allowed) complain("delivered twice", id);
    const unsigned uncounted = stage.extra_copies + stage.several_in_hand;
    if (delivered > 1U + stage.ledger->blamed[id] + uncounted) complain("not counted", id);
    if (stage.ledger->blamed[id] <= blame) continue;
    if (delivered > 1 + blame || stage.unbooked == 0) complain("blamed without cause", id);
    --stage.unbooked;
  }
  const iq::Stats stats = stage.queue.stats();
  iqtest::require(stats.corrupt == 0, "nothing counted as corrupt");
  if (!stage.stream_is_stopped) {
    iqtest::require(stats.queued == 0 && stats.in_hand == 0 && stats.parked == 0, "all is drained");
  }
  stage.sweep();
  const std::uint32_t hint = stage.spy->control().consumers_live;
  iqtest::require(hint <= iq::detail::kMaxEndpoints,
                  "the count of consumers stays sane: " + std::to_string(hint));
}

}  // namespace faults
