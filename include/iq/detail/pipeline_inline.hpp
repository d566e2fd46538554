// A pipeline in the caller: each item goes through all stages before the next one is read. No
// process, no queue; a thread for each raw worker, since that one reads by itself.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <memory>
#include <optional>
#include <ranges>
#include <string>
#include <thread>
#include <tuple>
#include <utility>

#include "iq/detail/api.hpp"
#include "iq/detail/endpoint_access.hpp"
#include "iq/queue.hpp"

namespace iq::detail {

/// Which stage a failure is told of.
struct InlineStage {
  int number = 0;
  std::string name;
};

/// Tells the exception that is being handled as PipelineFailed, with it nested inside.
[[noreturn]] IQ_API void fail_inline(const InlineStage& stage, std::optional<std::uint64_t> item);

/// What comes behind a stage.
class InlineEnd {
 public:
  InlineEnd() = default;
  InlineEnd(const InlineEnd&) = delete;
  InlineEnd& operator=(const InlineEnd&) = delete;
  virtual ~InlineEnd() = default;
  /// No item comes any more.
  virtual void end() = 0;
};
using InlineNext = std::shared_ptr<InlineEnd>;

template <class T>
class InlineSink : public InlineEnd {
 public:
  virtual void put(T item, std::uint64_t number) = 0;
};
template <class T>
InlineSink<T>& sink_of(const InlineNext& next) {
  return static_cast<InlineSink<T>&>(*next);
}

/// Thrown by a stage that wants no more items, as a raw worker that has returned: the source ends.
struct InlineEnough {};

/// Where items come from, one per call.
class InlineSource {
 public:
  explicit InlineSource(InlineNext next) noexcept : next_(std::move(next)) {}
  InlineSource(const InlineSource&) = delete;
  InlineSource& operator=(const InlineSource&) = delete;
  virtual ~InlineSource() = default;
  /// Sends one item through all stages, or tells them that there is none: false, from then on. What
  /// it throws it throws from then on.
  bool pull() {
    if (failure_) std::rethrow_exception(failure_);
    if (is_over_) return false;
    try {
      is_over_ = !send_one();
      if (is_over_) next_->end();
    } catch (...) {
      failure_ = std::current_exception();
      throw;
    }
    return !is_over_;
  }

 protected:
  template <class T>
  void send(T item) {
    sink_of<T>(next_).put(std::move(item), number_++);
  }
  std::uint64_t number() const noexcept { return number_; }

 private:
  virtual bool pull_one() = 0;
  bool send_one() {
    try {
      return pull_one();
    } catch (const InlineEnough&) {
      return false;
    }
  }

  InlineNext next_;
  std::uint64_t number_ = 0;
  bool is_over_ = false;
  std::exception_ptr failure_;
};

/// A stage that is a function of an item: `work(item, number)` puts what becomes of it.
template <class T, class Work, class Last>
class InlineStep final : public InlineSink<T> {
 public:
  InlineStep(InlineStage stage, InlineNext next, Work work, Last last)
      : stage_(std::move(stage)),
        next_(std::move(next)),
        work_(std::move(work)),
        last_(std::move(last)) {}
  void put(T item, std::uint64_t number) override {
    guard(number, [&] { work_(item, number); });
  }
  void end() override {
    try {
      guard(std::nullopt, [&] { last_(); });
    } catch (const InlineEnough&) {
    }
    if (next_) next_->end();
  }

 private:
  template <class Call>
  void guard(std::optional<std::uint64_t> number, Call call) {
    try {
      call();
    } catch (const InlineEnough&) {
      throw;
    } catch (...) {
      fail_inline(stage_, number);
    }
  }

  InlineStage stage_;
  InlineNext next_;
  Work work_;
  Last last_;
};
template <class T, class Work, class Last>
InlineNext make_inline_step(const InlineStage& stage, const InlineNext& next, Work work,
                            Last last) {
  return std::make_shared<InlineStep<T, Work, Last>>(stage, next, std::move(work), std::move(last));
}

/// Puts into a user's queue.
template <class T>
class InlineOut final : public InlineSink<T> {
 public:
  explicit InlineOut(IterableQueue<T>& queue) : out_(queue.get_producer()) {
    if (queue.is_anonymous()) queue.close();
  }
  ~InlineOut() override {
    if (!ended_)
      EndpointAccess::fail(out_, "the pipeline that puts into it was not run to its end");
  }
  void put(T item, std::uint64_t) override { out_.put(item); }
  void end() override {
    ended_ = true;
    out_.close();
  }

 private:
  Producer<T> out_;
  bool ended_ = false;
};

/// Takes from a user's queue.
template <class T>
class InlineIn final : public InlineSource {
 public:
  InlineIn(IterableQueue<T>& queue, InlineNext next)
      : InlineSource(std::move(next)), in_(queue.get_consumer()) {}

 private:
  bool pull_one() override {
    std::optional<T> item = in_.get();
    if (item) send(*std::move(item));
    return item.has_value();
  }

  Consumer<T> in_;
};

/// Reads a range, one element per call.
template <class View, class T>
class InlineRange final : public InlineSource {
 public:
  InlineRange(InlineStage stage, InlineNext next, View& view)
      : InlineSource(std::move(next)), stage_(std::move(stage)), view_(view) {}

 private:
  bool pull_one() override {
    std::optional<T> item;
    try {
      if (!at_)
        at_.emplace(std::ranges::begin(view_));
      else
        ++*at_;
      if (*at_ != std::ranges::end(view_)) item.emplace(static_cast<T>(**at_));
    } catch (...) {
      fail_inline(stage_, number());
    }
    if (item) send(*std::move(item));
    return item.has_value();
  }

  InlineStage stage_;
  View& view_;
  std::optional<std::ranges::iterator_t<View>> at_;
};

/// What the caller reads.
template <class T>
class InlineResults final : public InlineSink<T> {
 public:
  void put(T item, std::uint64_t) override { items_.push_back(std::move(item)); }
  void end() override {}
  bool take(std::optional<T>& item) {
    if (items_.empty()) return false;
    item.emplace(std::move(items_.front()));
    items_.pop_front();
    return true;
  }

 private:
  std::deque<T> items_;
};

/// A queue to or from such a thread, with both ends.
template <class T>
struct InlineQueue {
  IterableQueue<T> queue;
  Consumer<T> in = queue.get_consumer();
  Producer<T> out = queue.get_producer();
};
template <>
struct InlineQueue<void> {};

/// A raw worker in a thread of its own, and the queues to and from it.
template <class In, class Out>
class RawThread {
 public:
  /// `run` gets a Consumer<In>& and a Producer<Out>&, those of them that there are.
  template <class Run>
  void start(Run run) {
    close_queues();
    thread_ = std::thread([this, work = std::move(run)]() mutable {
      try {
        if constexpr (std::is_void_v<In>)
          work(to_reader_.out);
        else if constexpr (std::is_void_v<Out>)
          work(to_worker_.in);
        else
          work(to_worker_.in, to_reader_.out);
      } catch (...) {
        error_ = std::current_exception();
      }
      if constexpr (!std::is_void_v<In>) to_worker_.in.close();
      if constexpr (!std::is_void_v<Out>) to_reader_.out.close();
    });
  }
  ~RawThread() {
    if (!thread_.joinable()) return;
    if constexpr (!std::is_void_v<In>) to_worker_.queue.stop();
    if constexpr (!std::is_void_v<Out>) to_reader_.queue.stop();
    thread_.join();
  }

  /// False: it wants no more.
  template <class Item, class Drain>
  bool feed(const Item& item, Drain drain) {
    for (;;) {
      drain();
      const Status status = to_worker_.out.put_for(item, kTurn);
      if (status == Status::ok) return true;
      if (status != Status::timeout) return false;
    }
  }
  auto& input() { return to_worker_.out; }
  auto& output() { return to_reader_.in; }
  /// Its results are wanted no more.
  void leave() {
    has_left_ = true;
    output().close();
  }
  /// Waits for the end and throws what it threw.
  void join() {
    if (!thread_.joinable()) return;
    thread_.join();
    try {
      if (error_) std::rethrow_exception(error_);
    } catch (const NoConsumers&) {
      if (!has_left_) throw;
    }
  }
  static constexpr std::chrono::milliseconds kTurn{1};

 private:
  void close_queues() {
    if constexpr (!std::is_void_v<In>) to_worker_.queue.close();
    if constexpr (!std::is_void_v<Out>) to_reader_.queue.close();
  }

  InlineQueue<In> to_worker_;
  InlineQueue<Out> to_reader_;
  std::exception_ptr error_;
  bool has_left_ = false;
  std::thread thread_;
};

/// A raw worker between two stages, or at the end.
template <class In, class Out>
class InlineChain final : public InlineSink<In> {
 public:
  template <class Run>
  InlineChain(InlineStage stage, InlineNext next, Run run)
      : stage_(std::move(stage)), next_(std::move(next)) {
    thread_.start(std::move(run));
  }
  void put(In item, std::uint64_t) override {
    if (!thread_.feed(item, [this] { drain(); })) throw InlineEnough{};
  }
  void end() override {
    thread_.input().close();
    if constexpr (!std::is_void_v<Out>) {
      try {
        while (std::optional<Out> item = thread_.output().get()) pass_on(*std::move(item));
      } catch (const InlineEnough&) {
        thread_.leave();
      }
    }
    try {
      thread_.join();
    } catch (...) {
      fail_inline(stage_, std::nullopt);
    }
    if (next_) next_->end();
  }

 private:
  void drain() {
    if constexpr (!std::is_void_v<Out>) {
      while (auto item = thread_.output().try_get()) pass_on(*std::move(item));
    }
  }
  template <class Item>
  void pass_on(Item&& item) {
    sink_of<Out>(next_).put(std::forward<Item>(item), number_++);
  }

  InlineStage stage_;
  InlineNext next_;
  RawThread<In, Out> thread_;
  std::uint64_t number_ = 0;
};

/// A raw worker that begins a pipeline.
template <class Out>
class InlineRawSource final : public InlineSource {
 public:
  template <class Run>
  InlineRawSource(InlineStage stage, InlineNext next, Run run)
      : InlineSource(std::move(next)), stage_(std::move(stage)) {
    thread_.start(std::move(run));
  }

 private:
  bool pull_one() override {
    if (std::optional<Out> item = thread_.output().get()) {
      send(*std::move(item));
      return true;
    }
    try {
      thread_.join();
    } catch (...) {
      fail_inline(stage_, std::nullopt);
    }
    return false;
  }

  InlineStage stage_;
  RawThread<void, Out> thread_;
};

}  // namespace iq::detail
