// Numbers without holes, and the order of numbered items restored. The window sees to it that none
// is further ahead than the ring is long.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <utility>

#include "iq/detail/pipeline_core.hpp"
#include "iq/detail/pipeline_queue.hpp"
#include "iq/error.hpp"

namespace iq::detail {

/// Refuses a number outside the window: the stages before have lost or doubled one.
[[noreturn]] IQ_API void refuse_number(std::uint64_t number, std::uint64_t next,
                                       std::uint64_t items);

/// Refuses an end without a number that others wait for. Errors: Stopped.
[[noreturn]] IQ_API void refuse_hole(std::uint64_t number);

/// Puts `value`, with its number where the queue carries numbers. False: nobody wants more.
template <class W, class Value>
bool put_numbered(Producer<W>& out, std::uint64_t number, Value&& value) {
  try {
    if constexpr (kIsNumbered<W>)
      out.put(W::make(number, std::forward<Value>(value)));
    else
      out.put(std::forward<Value>(value));
    return true;
  } catch (const Closed&) {  // a signal asked for the end
    return false;
  } catch (const NoConsumers&) {  // all who read have left in order
    return false;
  }
}

/// Holds what came early, as far as the window allows: memory for what is there, not for the
/// window.
template <class T, class W>
class OrderRestorer {
 public:
  explicit OrderRestorer(OrderWindow& window) : window_(window) {}

  void add(W item) {
    const std::uint64_t number = item.number();
    if (number - next_ >= window_.items) refuse_number(number, next_, window_.items);
    const auto at = static_cast<std::size_t>(number - next_);
    if (at >= early_.size()) early_.resize(at + 1);
    if (early_[at]) refuse_number(number, next_, window_.items);
    early_[at].emplace(std::move(item));
  }

  /// The next item in order, if it is there. Skips gaps.
  bool next(std::optional<T>& item) {
    bool is_gap = true;
    while (is_gap && !early_.empty() && early_.front()) {
      is_gap = early_.front()->is_gap();
      if (!is_gap) item.emplace(early_.front()->take());
      early_.pop_front();
      window_.release(++next_);
    }
    return !is_gap;
  }
  std::uint64_t next_number() const noexcept { return next_; }
  /// At the end: nothing may wait for a number that did not come. Errors: Stopped.
  void require_empty() const {
    if (!early_.empty()) refuse_hole(next_);
  }

 private:
  OrderWindow& window_;
  std::deque<std::optional<W>> early_;  // the first one has the number next_
  std::uint64_t next_ = 0;
};

/// Gives whatever comes the next number: the beginning of an ordered stretch behind stages that
/// keep none.
template <class T>
class SequencerNode final : public PipeNode {
 public:
  SequencerNode() {
    traits.name = "(numbers)";
    traits.has_state = true;
    traits.reads_numbers = true;
    traits.writes_numbers = true;
    traits.gives_order = true;
  }

  std::shared_ptr<PipeQueue> make_output(bool, const Options& options) const override {
    return std::make_shared<TypedQueue<Wire<T, true>>>(options);
  }
  void launch(const StagePlace& place) override {
    place.in->is_numbered ? launch_as<true>(place) : launch_as<false>(place);
  }

 private:
  template <bool kIn>
  void launch_as(const StagePlace& place) {
    using WireIn = Wire<T, kIn>;
    using WireOut = Wire<T, true>;
    const auto body = [place](Consumer<WireIn>& in, Producer<WireOut>& out, int) {
      std::uint64_t number = 0;
      for (const WireIn& wire : in) {
        if constexpr (kIn) {
          if (wire.is_gap()) {
            place.lines->count(place.lines->gaps);
            continue;
          }
        }
        place.lines->begin(number);
        if (place.enters != nullptr && !place.enters->await(number)) return;
        if (!put_numbered(out, number++, value_of<T>(wire))) return;
      }
    };
    launch_workers<Consumer<WireIn>, Producer<WireOut>>(
        place, traits, body, PipeEnd<WireIn>(*place.in), PipeEnd<WireOut>(*place.out));
  }
};

/// Puts the items of an ordered stretch in order, for a stage that takes them one after the other.
template <class T>
class RestorerNode final : public PipeNode {
 public:
  RestorerNode() {
    traits.name = "(order)";
    traits.has_state = true;
    traits.reads_numbers = true;
    traits.writes_numbers = true;
  }

  std::shared_ptr<PipeQueue> make_output(bool numbered, const Options& options) const override {
    if (numbered) return std::make_shared<TypedQueue<Wire<T, true>>>(options);
    return std::make_shared<TypedQueue<T>>(options);
  }
  void launch(const StagePlace& place) override {
    place.out->is_numbered ? launch_as<true>(place) : launch_as<false>(place);
  }

 private:
  template <bool kOut>
  void launch_as(const StagePlace& place) {
    using WireIn = Wire<T, true>;
    using WireOut = Wire<T, kOut>;
    const auto body = [place](Consumer<WireIn>& in, Producer<WireOut>& out, int) {
      // When the next stage wants no more, nobody waits for numbers to leave any longer.
      const OrderWindow::Leaving leaving(*place.leaves);
      OrderRestorer<T, WireIn> order(*place.leaves);
      std::optional<T> item;
      for (const WireIn& wire : in) {
        order.add(wire);
        while (order.next(item)) {
          const std::uint64_t number = order.next_number() - 1;
          place.lines->begin(number);
          if (!put_numbered(out, number, *std::move(item))) return;
        }
      }
      order.require_empty();
    };
    launch_workers<Consumer<WireIn>, Producer<WireOut>>(
        place, traits, body, PipeEnd<WireIn>(*place.in), PipeEnd<WireOut>(*place.out));
  }
};

}  // namespace iq::detail
