// What comes into a table of steps: several ways in, each read by a worker of its own, so that one
// that is slow or endless keeps no other waiting.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <ranges>
#include <string>
#include <utility>
#include <vector>

#include "iq/detail/pipeline_ends.hpp"
#include "iq/detail/pipeline_queue.hpp"
#include "iq/detail/pipeline_stage.hpp"
#include "iq/detail/steps_watch.hpp"

namespace iq::detail {

/// One way in.
template <class T>
class StepInput {
 public:
  StepInput() = default;
  StepInput(const StepInput&) = delete;
  StepInput& operator=(const StepInput&) = delete;
  virtual ~StepInput() = default;
  /// The next one; false at the end.
  virtual bool next(std::optional<T>& item) = 0;
  /// Of a queue: gets its end. In the caller's process that is before the start returns: behind it
  /// the caller may destroy the queue object.
  virtual void attach(bool /*in_worker*/) {}
  /// That end, for items that are handed over exactly once; null: there is no queue.
  virtual Consumer<T>* consumer() noexcept { return nullptr; }
  virtual bool is_queue() const noexcept { return false; }
  /// Whether it is read to its end although stop() was called.
  virtual bool is_promised() const noexcept = 0;
  /// How many there are, where that is known before they are read.
  virtual std::optional<std::uint64_t> length() { return std::nullopt; }
};

/// What was put before the start, in the caller's memory.
template <class T>
class KeptInput final : public StepInput<T> {
 public:
  bool next(std::optional<T>& item) override {
    if (items_.empty()) return false;
    item.emplace(std::move(items_.front()));
    items_.pop_front();
    return true;
  }
  bool is_promised() const noexcept override { return true; }
  std::optional<std::uint64_t> length() override { return items_.size(); }
  void put(T item) { items_.push_back(std::move(item)); }
  bool is_empty() const noexcept { return items_.empty(); }
  void clear() noexcept { items_ = {}; }

 private:
  std::deque<T> items_;
};

/// A range, from its first element on. One whose length nobody knows may be endless.
template <class View, class T>
class RangeInput final : public StepInput<T> {
 public:
  explicit RangeInput(View view, bool is_promised)
      : view_(std::move(view)), is_promised_(is_promised) {}
  bool next(std::optional<T>& item) override {
    if (!at_)
      at_.emplace(std::ranges::begin(view_));
    else if (*at_ != std::ranges::end(view_))
      ++*at_;
    if (*at_ == std::ranges::end(view_)) return false;
    item.emplace(static_cast<T>(**at_));
    return true;
  }
  bool is_promised() const noexcept override { return is_promised_; }
  std::optional<std::uint64_t> length() override {
    if constexpr (std::ranges::sized_range<View>)
      return static_cast<std::uint64_t>(std::ranges::size(view_));
    else
      return std::nullopt;
  }

 private:
  View view_;
  bool is_promised_;
  std::optional<std::ranges::iterator_t<View>> at_;
};

/// A queue: the caller's own, through which he puts while the steps run, or another one.
template <class T>
class QueueInput final : public StepInput<T> {
 public:
  QueueInput(IterableQueue<T>& queue, bool is_promised)
      : queue_(&queue), is_promised_(is_promised) {}
  bool next(std::optional<T>& item) override {
    item = in_->get();
    return item.has_value();
  }
  // In a worker nothing but the end is kept: a queue object there would keep the queue from
  // counting as closed.
  void attach(bool in_worker) override {
    if (in_worker) queue_->adopt();
    in_.emplace(queue_->get_consumer());
    if (in_worker) const IterableQueue<T> left(std::move(*queue_));
  }
  Consumer<T>* consumer() noexcept override { return in_ ? &*in_ : nullptr; }
  bool is_queue() const noexcept override { return true; }
  bool is_promised() const noexcept override { return is_promised_; }

 private:
  IterableQueue<T>* queue_;
  bool is_promised_;
  std::optional<Consumer<T>> in_;
};

template <class T>
using StepInputs = std::vector<std::shared_ptr<StepInput<T>>>;

/// All of them in the caller, one after the other.
template <class T>
class InlineInputs final : public InlineSource {
 public:
  InlineInputs(InlineStage stage, InlineNext next, StepInputs<T> inputs,
               const std::atomic<std::uint32_t>& enough)
      : InlineSource(std::move(next)),
        stage_(std::move(stage)),
        inputs_(std::move(inputs)),
        enough_(enough) {}

 private:
  bool pull_one() override {
    std::optional<T> item;
    for (; at_ < inputs_.size(); ++at_) {
      StepInput<T>& input = *inputs_[at_];
      if (enough_.load() != 0 && !input.is_promised()) continue;
      try {
        if (!input.next(item)) continue;
      } catch (...) {
        fail_inline(stage_, number());
      }
      send(*std::move(item));
      return true;
    }
    return false;
  }

  InlineStage stage_;
  StepInputs<T> inputs_;
  const std::atomic<std::uint32_t>& enough_;
  std::size_t at_ = 0;
};

/// The caller's own way in, for those that it forks while the steps run.
template <class T>
class FeedEnd {
 public:
  explicit FeedEnd(Producer<T>& feed) noexcept : feed_(&feed) {}
  Producer<T> get_producer() { return feed_->dup(); }
  Consumer<T> get_consumer();  // there is none
  bool is_anonymous() const noexcept { return false; }
  std::string name() const { return "of a table of steps"; }

 private:
  Producer<T>* feed_;
};
template <class T>
struct QueueHooks<FeedEnd<T>> {
  static std::function<void()> nothing() {
    return [] {};
  }
  static std::function<void()> closer(FeedEnd<T>&) { return nothing(); }
  static std::function<void()> stopper(FeedEnd<T>&) { return nothing(); }
  static std::function<void()> drainer(FeedEnd<T>&) { return nothing(); }
};

/// Puts what an input has, until nobody wants more: in a process of its own, or a thread.
template <class T, class Put>
void read_input(StepInput<T>& input, const std::atomic<std::uint32_t>& enough, WorkerLine& line,
                bool in_threads, const std::function<void()>& close, Put put) {
  std::optional<RangeWatch> watch;
  if (!input.is_promised() && !in_threads) watch.emplace(enough, line, close);
  std::optional<T> item;
  const auto next = [&] { return input.next(item); };
  while (input.is_promised() || enough.load(std::memory_order_relaxed) == 0) {
    if (!(watch ? watch->in_range(next) : next())) return;
    if (!put(*std::move(item))) return;
  }
}

/// The stage that all of them are: worker i reads the ith.
template <class T>
class InputNode final : public PipeNode {
 public:
  InputNode(StepInputs<T> inputs, std::size_t capacity) : inputs_(std::move(inputs)) {
    traits.name = "input";
    traits.workers = static_cast<int>(inputs_.size());
    traits.capacity = capacity;
    traits.has_state = true;
    traits.has_input = false;
    // With several there is no one numbering that would tell anybody anything.
    traits.writes_numbers = inputs_.size() == 1;
    traits.gives_order = inputs_.size() == 1;
  }

  std::shared_ptr<PipeQueue> make_output(bool numbered, const Options& options) const override {
    if (numbered) return std::make_shared<TypedQueue<Wire<T, true>>>(options);
    return std::make_shared<TypedQueue<T>>(options);
  }

  void launch(const StagePlace& place) override {
    traits.length = 0;
    for (const auto& input : inputs_) {
      const std::optional<std::uint64_t> more = input->length();
      traits.length = more && traits.length ? std::optional(*traits.length + *more) : std::nullopt;
    }
    if (place.launcher->in_threads()) attach_all();
    place.out->is_numbered ? launch_as<true>(place) : launch_as<false>(place);
  }

  std::unique_ptr<InlineSource> make_inline_source(const InlineStage& stage,
                                                   const InlineNext& next) override {
    attach_all();
    return std::make_unique<InlineInputs<T>>(stage, next, inputs_, enough_here_);
  }
  void end_inline() noexcept { enough_here_.store(1); }

 private:
  static constexpr std::int64_t kLookAroundNs = 50'000'000;

  void attach_all() {
    for (const auto& input : inputs_) input->attach(/*in_worker=*/false);
  }

  template <bool kOut>
  void launch_as(const StagePlace& place) {
    using WireOut = Wire<T, kOut>;
    const auto body = [this, place](Producer<WireOut>& out, int worker) {
      StepInput<T>& input = *inputs_[static_cast<std::size_t>(worker)];
      if (input.is_queue())
        relay_queue(place, input, out, worker);
      else
        read(place, input, out, worker);
    };
    launch_workers<Producer<WireOut>>(place, traits, body, PipeEnd<WireOut>(*place.out));
  }

  static bool is_enough(const StagePlace& place, const StepInput<T>& input) noexcept {
    return !input.is_promised() && place.enough->load(std::memory_order_relaxed) != 0;
  }

  template <class WireOut>
  static void read(const StagePlace& place, StepInput<T>& input, Producer<WireOut>& out,
                   int worker) {
    WorkerLine& line = place.lines[worker];
    std::uint64_t number = 0;
    line.begin(number);
    const auto put = [&](T&& item) {
      if (place.enters != nullptr && !place.enters->await(number)) return false;
      if (!put_numbered(out, number, std::move(item))) return false;
      line.begin(++number);
      line.finish();
      return true;
    };
    read_input(
        input, *place.enough, line, place.launcher->in_threads(), [&out] { out.close(); }, put);
  }

  template <class WireOut>
  static void relay_queue(const StagePlace& place, StepInput<T>& input, Producer<WireOut>& out,
                          int worker) {
    WorkerLine& line = place.lines[worker];
    if (!place.launcher->in_threads()) input.attach(/*in_worker=*/true);
    Consumer<T> in = std::move(*input.consumer());
    std::uint64_t number = 0;
    const auto next = [&](HandOverCore& link) {
      Status status = Status::timeout;
      while (status == Status::timeout && !is_enough(place, input) && place.ending->load() == 0) {
        status = link.next(deadline_after(std::chrono::nanoseconds(kLookAroundNs)));
        if (status != Status::ok) line.item.store(0, std::memory_order_relaxed);
      }
      // While the note that it was handed over still stands.
      if (status == Status::timeout) link.in().release(Leave::acknowledge);
      return status;
    };
    auto pass_on = [&](const T& item, Emit<WireOut>& emit) {
      line.begin(number);
      if (place.enters != nullptr && !place.enters->await(number)) throw Closed("being ended");
      if constexpr (kIsNumbered<WireOut>)
        emit(WireOut::make(number, item));
      else
        emit(item);
      ++number;
      line.finish();
    };
    try {
      RelayLoop::run(in, out, pass_on, next);
    } catch (const Closed&) {       // a signal asked for the end: the item stays in its queue
    } catch (const NoConsumers&) {  // all who read have left in order
    }
  }

  StepInputs<T> inputs_;
  std::atomic<std::uint32_t> enough_here_{0};  // where it runs in the caller
};

}  // namespace iq::detail
