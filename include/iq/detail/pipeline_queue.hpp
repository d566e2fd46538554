// The queues of a pipeline, typed, and how its workers get their endpoints.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "iq/detail/endpoint_access.hpp"
#include "iq/detail/pipeline_core.hpp"
#include "iq/detail/pipeline_inline.hpp"
#include "iq/detail/pipeline_item.hpp"
#include "iq/queue.hpp"
#include "iq/worker_group.hpp"

namespace iq::detail {

/// The place of an item in its queue, for items that travel without a number.
constexpr std::uint64_t place_in_lane(std::uint64_t id) noexcept {
  return id & ((std::uint64_t{1} << 52) - 1);
}

template <class W>
class TypedQueue final : public PipeQueue {
 public:
  explicit TypedQueue(const Options& options) : own_(std::in_place, options), queue_(&*own_) {
    is_numbered = kIsNumbered<W>;
  }
  explicit TypedQueue(IterableQueue<W>& users) : queue_(&users) { is_users = true; }
  ~TypedQueue() override {
    if (held_) EndpointAccess::fail(*held_, "the pipeline that puts into it was not judged");
  }

  IterableQueue<W>& queue() noexcept { return *queue_; }
  void adopt() override { queue_->adopt(); }
  void leave() noexcept override { const IterableQueue<W> gone(std::move(*queue_)); }
  void close() override { queue_->close(); }
  void stop() override { queue_->stop(); }
  void drain() override { EndpointAccess::drainer (*queue_)(); }
  InlineNext make_inline_sink() override {
    if constexpr (kIsNumbered<W>)
      return nullptr;
    else
      return std::make_shared<InlineOut<W>>(*queue_);
  }
  std::unique_ptr<InlineSource> make_inline_source(const InlineNext& next) override {
    if constexpr (kIsNumbered<W>)
      return nullptr;
    else
      return std::make_unique<InlineIn<W>>(*queue_, next);
  }
  void hold_open() override { held_.emplace(queue_->get_producer()); }
  void let_go(const std::string& why) override {
    if (held_ && !why.empty()) EndpointAccess::fail(*held_, why);
    held_.reset();
  }
  bool is_anonymous() const override { return queue_->is_anonymous(); }
  Stats stats() const override { return queue_->stats(); }
  QueueWaits waits() const override { return EndpointAccess::waits(*queue_); }
  std::vector<std::uint64_t> parked() const override {
    std::vector<std::uint64_t> numbers;
    for (const Parked<W>& parked : queue_->parked()) {
      if constexpr (kIsNumbered<W>)
        numbers.push_back(parked.item.number());
      else
        numbers.push_back(place_in_lane(parked.id));
    }
    return numbers;
  }

 private:
  std::optional<IterableQueue<W>> own_;
  IterableQueue<W>* queue_;
  std::optional<Producer<W>> held_;
};

template <class T>
std::shared_ptr<PipeQueue> users_queue(IterableQueue<T>* queue) {
  if constexpr (!std::is_void_v<T>) {
    if (queue != nullptr) return std::make_shared<TypedQueue<T>>(*queue);
  }
  return nullptr;
}

/// One end of such a queue, as WorkerGroup::fork takes it. The conductor closes and stops the
/// queues itself, the group does not.
template <class W>
class PipeEnd {
 public:
  explicit PipeEnd(PipeQueue& queue) noexcept
      : queue_(&static_cast<TypedQueue<W>&>(queue).queue()) {}
  Producer<W> get_producer() { return queue_->get_producer(); }
  Consumer<W> get_consumer() { return queue_->get_consumer(); }
  bool is_anonymous() const noexcept { return false; }
  std::string name() const { return "of a pipeline"; }

 private:
  IterableQueue<W>* queue_;
};

template <class W>
struct QueueHooks<PipeEnd<W>> {
  static std::function<void()> closer(PipeEnd<W>&) {
    return [] {};
  }
  static std::function<void()> stopper(PipeEnd<W>&) {
    return [] {};
  }
  static std::function<void()> drainer(PipeEnd<W>&) {
    return [] {};
  }
};

template <class Endpoint>
struct EndpointItem;
template <class W>
struct EndpointItem<Producer<W>> {
  using Type = W;
  static Producer<W> of(PipeEnd<W>& end) { return end.get_producer(); }
};
template <class W>
struct EndpointItem<Consumer<W>> {
  using Type = W;
  static Consumer<W> of(PipeEnd<W>& end) { return end.get_consumer(); }
};
template <class Endpoint>
using EndOf = PipeEnd<typename EndpointItem<Endpoint>::Type>;

/// Refuses to end in order while the pipeline is being ended: what a worker has put into a user's
/// queue shall not look whole.
IQ_API void require_not_ending(const std::atomic<std::uint32_t>& ending);

/// What a worker does. Not a template argument: what starts it is compiled once for all stages with
/// the same items.
template <class... Endpoint>
using StageBody = std::function<void(Endpoint&..., int)>;

/// Starts the workers of a stage: each calls `body(endpoints…, its number)`, in a process or a
/// thread of its own. All endpoints are made before any worker runs.
template <class... Endpoint>
void launch_workers(const StagePlace& place, const StageTraits& traits,
                    const std::type_identity_t<StageBody<Endpoint...>>& body,
                    EndOf<Endpoint>... ends) {
  WorkerLauncher& launcher = *place.launcher;
  if (!launcher.in_threads()) {
    const ForkOptions options{.count = traits.workers, .restarts = traits.restarts};
    launcher.group().fork(
        options,
        [&](Endpoint&... mine, int worker) {
          const WorkerShift shift(place.lines[worker], false);
          body(mine..., worker);
          require_not_ending(*place.ending);
        },
        ends...);
    return;
  }
  using Mine = std::tuple<Endpoint...>;
  std::vector<std::shared_ptr<Mine>> all;
  for (int worker = 0; worker < traits.workers; ++worker) {
    all.push_back(std::make_shared<Mine>(EndpointItem<Endpoint>::of(ends)...));
    if constexpr (sizeof...(Endpoint) > 1) {
      EndpointAccess::go_on(std::get<sizeof...(Endpoint) - 1>(*all.back()));
    }
  }
  for (int worker = 0; worker < traits.workers; ++worker) {
    const std::shared_ptr<Mine>& held = all[static_cast<std::size_t>(worker)];
    // A queue of the user's is not stopped with the pipeline: who waits there has to be told.
    const auto dismiss = [all_of = std::apply(
                              [](Endpoint&... endpoint) {
                                return std::vector{EndpointAccess::dismisser(endpoint)...};
                              },
                              *held)] {
      for (const auto& one : all_of) one();
    };
    const auto run = [body, worker, ending = place.ending, &line = place.lines[worker], held] {
      const WorkerShift shift(line, true);
      // Into this frame, so that unwinding destroys them and they count as failed.
      Mine mine(std::move(*held));
      std::apply([&](Endpoint&... endpoint) { body(endpoint..., worker); }, mine);
      require_not_ending(*ending);
    };
    launcher.add_thread(worker, run, dismiss);
  }
}

}  // namespace iq::detail
