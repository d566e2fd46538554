// The untyped consumer: what iteration needs inline, the rest compiled in lib/ring.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <span>

#include "iq/detail/api.hpp"
#include "iq/detail/lane_view.hpp"
#include "iq/detail/limit.hpp"
#include "iq/error.hpp"
#include "iq/status.hpp"

namespace iq::detail {

/// How a consumer gives up what it has in hand.
enum class Leave : unsigned char {
  acknowledge,  ///< the item in hand is finished
  give_back,    ///< it goes to another consumer, its delivery count + 1
  unseen,       ///< it goes to another consumer as if it had not been in hand: nobody saw it
};

/// An item under an explicit lease: where it lies, and how often it was handed out before.
struct HeldItem {
  LaneView lane;
  Position position = 0;
  std::uint32_t attempts = 0;
};

/// One consumer endpoint. At most one batch is leased at a time: positions [begin, end) of one
/// lane, progress in the endpoint's shared cursor. One thread at a time.
class IQ_API ConsumerCore {
 public:
  ConsumerCore(const ConsumerCore&) = delete;
  ConsumerCore& operator=(const ConsumerCore&) = delete;

  /// Errors: Closed, WrongProcess.
  void require_usable() const;

  /// Acknowledges the item in hand and puts the next one in hand, waiting until `deadline_ns`.
  /// ok: item() is in hand. Otherwise nothing is.
  /// Errors: WrongProcess, Closed (this endpoint), ProducerDied, ProducerFailed, Stopped with an
  /// error of the user's, CannotProbe, WouldDeadlock.
  Status next(std::int64_t deadline_ns);

  /// Puts up to `most` items in hand at once, the first as next() would; they lie at
  /// item(position() + i). Nobody takes them over. Returns how many through `count`.
  Status next_some(std::uint32_t most, std::int64_t deadline_ns, std::uint32_t& count);

  /// As next(), but the item then is nobody's but its holder's until finish(), whatever else this
  /// consumer does. T33
  Status lease(std::int64_t deadline_ns, HeldItem& item);
  /// Ends an explicit lease. From any thread, also after close(). T34
  void finish(const HeldItem& item, Leave how) noexcept;

  /// Gives up what is in hand, and what was claimed ahead and not started.
  void release(Leave how) noexcept;
  /// Gives back all that next_some() put in hand, of which only `position` counts a delivery more.
  void give_back_one(Position position) noexcept;
  /// Gives up everything, also what was claimed and not started.
  void close(Leave how) noexcept;
  bool closed() const noexcept { return closed_; }

  /// What an iteration keeps by value from one item to the next: everything else it would load
  /// anew behind each store of the cursor.
  struct Steps {
    EndpointLine* line = nullptr;
    const std::atomic<std::uint64_t>* generation_word = nullptr;
  };
  /// The step of an iteration: acknowledges the item before the one that `cursor` says is in hand.
  /// False: the batch ended here, or somebody wants part of it, or this is no longer our endpoint,
  /// or another call took the place of the step: continue_after() decides.
  [[gnu::always_inline]] bool step(Steps steps, std::uint64_t cursor) const noexcept {
    if (steps.generation_word->load(std::memory_order_relaxed) != steppable_generation_) {
      return false;
    }
    // T4: one store acknowledges the last item and puts the next one in hand.
    steps.line->cursor.store(cursor, std::memory_order_release);
    std::atomic_signal_fence(std::memory_order_seq_cst);  // P5: the thief brings the real fence
    static_assert(kInHand << kLimitShift == 0);  // what remains of the cursor is its position
    return below_limit(cursor, steps.line->limit.load(std::memory_order_relaxed));
  }
  /// Allows step() from here on, until the next call of another kind.
  Steps begin_steps() noexcept {
    steppable_generation_ = generation_;
    return {line_, generation_word_};
  }
  /// After step() said false: ok when an item is in hand at position(), otherwise as next().
  Status continue_after(Position position, std::int64_t deadline_ns);

  bool in_hand() const noexcept { return in_hand_count_ != 0 && leased_; }
  Position position() const noexcept;
  const std::byte* item(Position position) const noexcept { return lane_.slot(position); }
  /// The bytes of an encoded payload. Errors: Corrupt when its slot points outside its lane.
  static std::span<const std::byte> payload(const LaneView& lane, Position position);
  std::span<const std::byte> payload(Position position) const { return payload(lane_, position); }

  /// What `read` returns. An item that it says is corrupt is counted and told. Errors: as `read`.
  template <class Read>
  decltype(auto) note_corrupt(std::uint64_t item_id, Read&& read) {
    try {
      return read();
    } catch (const Corrupt&) {
      tell_corrupt(item_id);
      throw;
    }
  }

  /// How often the item in hand was handed out, this time included.
  std::uint32_t deliveries() const noexcept { return attempts_ + 1; }
  std::uint64_t item_id(Position position) const noexcept {
    return iq::detail::item_id(lane_.index, position);
  }
  std::uint32_t slot_bytes() const noexcept { return lane_.slot_bytes; }

 private:
  void tell_corrupt(std::uint64_t item_id) noexcept;

 protected:
  ConsumerCore() = default;
  ~ConsumerCore() = default;

  EndpointLine* line_ = nullptr;  ///< a private line once closed, so that a late step hurts nobody
  /// A page that the kernel clears in every child: tells an inherited consumer from an own one.
  const std::atomic<std::uint64_t>* generation_word_ = nullptr;
  std::uint64_t generation_ = 0;
  std::uint64_t steppable_generation_ = 0;  ///< generation_ while an iterator may step, else 0
  LaneView lane_;                           ///< of the batch
  Position begin_ = 0;                      ///< where its stamp is
  Position end_ = 0;                        ///< where it ended when it was claimed
  std::uint32_t attempts_ = 0;              ///< earlier deliveries (single items only)
  std::uint32_t in_hand_count_ = 0;         ///< items handed to the user and not yet given up
  bool leased_ = false;
  bool closed_ = false;
};

using ConsumerHandle = std::shared_ptr<ConsumerCore>;

}  // namespace iq::detail
