// Binds a worker function to its queues: makes the endpoints, hands them over, calls it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "iq/detail/worker_job.hpp"
#include "iq/detail/worker_shape.hpp"

namespace iq::detail {

/// A worker function, its endpoints and its further arguments. Lives in the frame of fork().
template <class F, class... Args>
class BoundJob final : public WorkerJob {
  using Shape = WorkerShape<F, Args...>;
  static constexpr auto kQueueIndexes = std::make_index_sequence<Shape::kQueues>{};
  static constexpr auto kExtraIndexes = std::make_index_sequence<Shape::kExtras>{};

  template <std::size_t... kIndex>
  static auto endpoint_lists(std::index_sequence<kIndex...>)
      -> std::tuple<std::vector<typename Shape::template EndpointAt<kIndex>>...>;
  template <std::size_t... kIndex>
  static auto extra_copies(std::index_sequence<kIndex...>)
      -> std::tuple<std::decay_t<typename Shape::template ExtraAt<kIndex>>...>;
  using EndpointLists = decltype(endpoint_lists(kQueueIndexes));
  using ExtraCopies = decltype(extra_copies(kExtraIndexes));
  template <class Reference>
  using HooksOf = EndpointHooks<std::remove_cvref_t<Reference>>;

 public:
  /// Makes the endpoints of all `count` workers, so that they are counted before any of them runs.
  BoundJob(int count, F& function, Args&... args) : function_(function), args_(args...) {
    make_endpoints(static_cast<std::size_t>(count), kQueueIndexes);
    if constexpr (Shape::consumes(kQueueIndexes)) {
      for (int worker = 0; worker < count; ++worker) let_go_on(worker);
    }
  }

  WorkerPlan plan(int count) {
    WorkerPlan plan;
    plan.count = count;
    describe(plan, kQueueIndexes);
    if (plan.role.empty()) plan.role = "worker";
    return plan;
  }

  void adopt(int worker) override {
    each_endpoint(worker, [this](auto& endpoint) {
      HooksOf<decltype(endpoint)>::adopt(endpoint);
      failers_.push_back(HooksOf<decltype(endpoint)>::failer(endpoint));
    });
  }

  void keep(int worker) override {
    each_endpoint(worker, [](auto& endpoint) { HooksOf<decltype(endpoint)>::keep(endpoint); });
  }

  void await_heir(int worker) override {
    each_endpoint(worker,
                  [](auto& endpoint) { HooksOf<decltype(endpoint)>::await_heir(endpoint); });
  }

  void succeed(int worker) override {
    each_endpoint(worker, [this](auto& endpoint) {
      HooksOf<decltype(endpoint)>::succeed(endpoint);
      failers_.push_back(HooksOf<decltype(endpoint)>::failer(endpoint));
    });
  }

  LeftOver left_over(int worker) const noexcept override {
    LeftOver all = Shape::kQueues == 0 ? LeftOver::open : LeftOver::nothing;
    [[maybe_unused]] const auto index = static_cast<std::size_t>(worker);
    [[maybe_unused]] const auto look = [&](const auto& endpoint) {
      all = std::max(all, HooksOf<decltype(endpoint)>::left_over(endpoint));
    };
    std::apply([&](const auto&... list) { (look(list[index]), ...); }, endpoints_);
    return all;
  }

  void renounce(int worker, std::string_view why) noexcept override {
    each_endpoint(worker, [why](auto& endpoint) {
      using Hooks = HooksOf<decltype(endpoint)>;
      if (Hooks::left_over(endpoint) == LeftOver::unused) return Hooks::fail(endpoint, why);
      Hooks::renounce(endpoint);
    });
  }

  void run(int worker) override { call(worker, kQueueIndexes, kExtraIndexes); }

  void fail_adopted(std::string_view why) noexcept override {
    for (auto& fail_one : failers_) fail_one(why);
  }

  void surrender(int worker) noexcept override {
    each_endpoint(worker, [](auto& endpoint) {
      HooksOf<decltype(endpoint)>::surrender(endpoint);
    });
  }

  void fail(int worker, std::string_view why) noexcept override {
    each_endpoint(worker, [why](auto& endpoint) {
      HooksOf<decltype(endpoint)>::fail(endpoint, why);
    });
  }

 private:
  template <std::size_t... kIndex>
  void make_endpoints([[maybe_unused]] std::size_t count, std::index_sequence<kIndex...>) {
    (make_endpoints_of<kIndex>(count), ...);
  }

  template <std::size_t kIndex>
  void make_endpoints_of(std::size_t count) {
    using Queue = typename Shape::template QueueAt<kIndex>;
    using Endpoint = typename Shape::template EndpointAt<kIndex>;
    auto& list = std::get<kIndex>(endpoints_);
    list.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
      if constexpr (std::is_same_v<Endpoint, ProducerOf<Queue>>) {
        list.push_back(std::get<kIndex>(args_).get_producer());
      } else {
        list.push_back(std::get<kIndex>(args_).get_consumer());
      }
    }
  }

  void let_go_on(int worker) noexcept {
    each_endpoint(worker, [](auto& endpoint) { HooksOf<decltype(endpoint)>::go_on(endpoint); });
  }

  template <std::size_t... kIndex>
  void describe([[maybe_unused]] WorkerPlan& plan, std::index_sequence<kIndex...>) {
    (describe_one<kIndex>(plan), ...);
  }

  template <std::size_t kIndex>
  void describe_one(WorkerPlan& plan) {
    using Queue = typename Shape::template QueueAt<kIndex>;
    using Endpoint = typename Shape::template EndpointAt<kIndex>;
    Queue& queue = std::get<kIndex>(args_);
    const bool anonymous = queue.is_anonymous();
    if (!plan.role.empty()) plan.role += ", ";
    plan.role += std::is_same_v<Endpoint, ProducerOf<Queue>> ? "producer of " : "consumer of ";
    plan.role += anonymous ? std::string("an anonymous queue")
                           : "queue \"" + std::string(queue.name()) + "\"";
    if (anonymous) plan.closers.push_back(QueueHooks<Queue>::closer(queue));
    plan.stoppers.push_back(QueueHooks<Queue>::stopper(queue));
    plan.drainers.push_back(QueueHooks<Queue>::drainer(queue));
  }

  template <class Action>
  void each_endpoint(int worker, Action action) {
    const auto index = static_cast<std::size_t>(worker);
    std::apply([&](auto&... list) { (action(list[index]), ...); }, endpoints_);
  }

  template <std::size_t... kQueue, std::size_t... kExtra>
  void call(int worker, std::index_sequence<kQueue...>, std::index_sequence<kExtra...>) {
    // Out of the lists into this frame, so that unwinding destroys them and they count as failed.
    [[maybe_unused]] const auto index = static_cast<std::size_t>(worker);
    std::tuple<typename Shape::template EndpointAt<kQueue>...> mine(
        std::move(std::get<kQueue>(endpoints_)[index])...);
    [[maybe_unused]] ExtraCopies copies(static_cast<typename Shape::template ExtraAt<kExtra>&&>(
        std::get<Shape::kQueues + kExtra>(args_))...);
    if constexpr (Shape::has_id()) {
      constexpr std::size_t kFirst = Shape::kQueues + 1;
      std::invoke(function_,
                  pass_as<typename Shape::template ParameterAt<kQueue>>(std::get<kQueue>(mine))...,
                  static_cast<typename Shape::template ParameterAt<Shape::kQueues>>(worker),
                  pass_as<typename Shape::template ParameterAt<kFirst + kExtra>>(
                      std::get<kExtra>(copies))...);
    } else {
      constexpr std::size_t kFirst = Shape::kQueues;
      std::invoke(function_,
                  pass_as<typename Shape::template ParameterAt<kQueue>>(std::get<kQueue>(mine))...,
                  pass_as<typename Shape::template ParameterAt<kFirst + kExtra>>(
                      std::get<kExtra>(copies))...);
    }
  }

  F& function_;
  std::tuple<Args&...> args_;
  EndpointLists endpoints_;
  std::vector<std::function<void(std::string_view)>> failers_;
};

}  // namespace iq::detail
