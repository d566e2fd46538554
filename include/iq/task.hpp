// Tasks: functions that run side by side in one thread, so that what they wait for comes together.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <ranges>
#include <type_traits>
#include <utility>
#include <vector>

#include "iq/batch_context.hpp"
#include "iq/task_future.hpp"

namespace iq {

namespace detail {

/// A function with its arguments, and the place of what it returns.
template <class F>
struct BoundTask final : Holding<std::invoke_result_t<F&>, TaskJob> {
  using Value = std::invoke_result_t<F&>;
  static_assert(!std::is_reference_v<Value>, "iq::spawn: a task returns a value, not a reference");

  explicit BoundTask(F made) : function(std::move(made)) {}
  void run() override {
    std::exception_ptr error;
    try {
      if constexpr (std::is_void_v<Value>) {
        function();
        this->value.emplace();
      } else {
        this->value.emplace(function());
      }
    } catch (...) {
      error = std::current_exception();
    }
    this->settle(std::move(error));
  }

  F function;
};

template <class F, class... Args>
auto bind_task(F&& function, Args&&... arguments) {
  return [function = std::forward<F>(function),
          ... arguments = std::forward<Args>(arguments)]() mutable -> decltype(auto) {
    return std::invoke(std::move(function), std::move(arguments)...);
  };
}

template <class F, class Launch>
auto spawn_bound(F bound, Launch&& launch) {
  using Task = BoundTask<F>;
  auto task = std::make_shared<Task>(std::move(bound));
  std::shared_ptr<Holding<typename Task::Value, TaskJob>> holding = task;
  launch(std::shared_ptr<TaskJob>(std::move(task)));
  return FutureAccess::make(std::move(holding));
}

struct LaunchFreely {
  void operator()(std::shared_ptr<TaskJob> job) const { launch(std::move(job)); }
};

/// Spawns `fn(element)` for each element.
template <class F, class R, class Launch>
auto spawn_each(const std::shared_ptr<F>& function, R&& range, const Launch& launch) {
  using Element = std::ranges::range_value_t<R>;
  using U = std::invoke_result_t<F&, const Element&>;
  std::vector<Future<U>> futures;
  for (auto&& element : range) {
    futures.push_back(spawn_bound([function, element = Element(std::forward<decltype(element)>(
                                                 element))]() -> U { return (*function)(element); },
                                  launch));
  }
  return futures;
}

/// The places of the futures in the order in which they became ready.
template <class U>
class ReadyOrder {
 public:
  explicit ReadyOrder(const std::vector<Future<U>>& futures) {
    for (std::size_t i = 0; i < futures.size(); ++i) {
      FutureAccess::pending(futures[i])->when_ready([order = order_, i] { order->push_back(i); });
    }
  }
  const std::vector<std::size_t>& get() const noexcept { return *order_; }

 private:
  std::shared_ptr<std::vector<std::size_t>> order_ = std::make_shared<std::vector<std::size_t>>();
};

template <class F, class R, class Launch>
auto map_tasks(F fn, R&& range, const Launch& launch) {
  const auto function = std::make_shared<F>(std::move(fn));
  return pget(spawn_each(function, std::forward<R>(range), launch));
}

template <class F, class R, class Launch>
auto map_tasks_unordered(F fn, R&& range, const Launch& launch) {
  const auto function = std::make_shared<F>(std::move(fn));
  auto futures = spawn_each(function, std::forward<R>(range), launch);
  using U = typename decltype(futures)::value_type::value_type;
  const ReadyOrder<U> order(futures);
  wait(futures, futures.size());
  if constexpr (std::is_void_v<U>) {
    for (const std::size_t i : order.get()) futures[i].get();
  } else {
    std::vector<U> results;
    for (const std::size_t i : order.get()) results.push_back(std::move(futures[i]).get());
    return results;
  }
}

template <class F, class R, class Launch>
auto filter_tasks(F fn, R&& range, const Launch& launch, bool ordered) {
  using Element = std::ranges::range_value_t<R>;
  std::vector<Element> elements;
  for (auto&& element : range) elements.push_back(std::forward<decltype(element)>(element));
  const auto function = std::make_shared<F>(std::move(fn));
  const auto futures = spawn_each(function, elements, launch);
  const ReadyOrder<std::invoke_result_t<F&, const Element&>> order(futures);
  wait(futures, futures.size());
  std::vector<Element> kept;
  for (std::size_t n = 0; n < futures.size(); ++n) {
    const std::size_t i = ordered ? n : order.get()[n];
    if (futures[i].get()) kept.push_back(std::move(elements[i]));
  }
  return kept;
}

}  // namespace detail

/// Starts a task that runs `fn(arguments…)`, copies of both. It runs in this thread, on a stack of
/// its own, whenever whoever else runs there waits; so tasks need no locks among themselves, and a
/// thread that never waits runs none. It joins the context of its spawner; tasks spawned outside
/// any share one among themselves.
///
/// Errors: what `fn` throws is the future's.
/// Threads: its own; when that ends, a task that has not ended is forgotten, and what its stack
///          holds with it: get() what is to be finished.
/// Processes: a child that a task forks has that task alone, and ends with it.
/// Cost:   a fraction of a microsecond, and two pages of memory while it runs. A stack has 256 KiB.
template <class F, class... Args>
  requires std::invocable<std::decay_t<F>, std::decay_t<Args>...>
auto spawn(F&& fn, Args&&... arguments) {
  return detail::spawn_bound(
      detail::bind_task(std::forward<F>(fn), std::forward<Args>(arguments)...),
      detail::LaunchFreely{});
}

/// Stands for the result of a task or call and waits for it when it is first used.
///
///     iq::Proxy<User> user = iq::spawn_proxy(find_user, "ada");
///     greet(user->name);        // waits here
///
/// Threads: as Future.
template <class T>
class Proxy {
 public:
  /// For any future: `iq::Proxy<User> user = load.async(7);`
  Proxy(Future<T> future) : future_(std::move(future)) {}

  /// @{
  /// The value. Errors: as Future::get().
  const T& get() const { return future_.get(); }
  const T& operator*() const { return get(); }
  const T* operator->() const { return &get(); }
  operator const T&() const { return get(); }
  /// @}
  /// Whether its use would not wait.
  bool ready() const noexcept { return future_.ready(); }

 private:
  Future<T> future_;
};

/// As spawn(), giving a proxy.
template <class F, class... Args>
  requires std::invocable<std::decay_t<F>, std::decay_t<Args>...>
auto spawn_proxy(F&& fn, Args&&... arguments) {
  auto future = spawn(std::forward<F>(fn), std::forward<Args>(arguments)...);
  return Proxy<typename decltype(future)::value_type>(std::move(future));
}

/// `fn(element)` for each element of `range`, each in a task of its own; the results in the range's
/// order. Errors: that of the first element that has one, once all have ended.
template <class F, std::ranges::input_range R>
auto pmap(F fn, R&& range) {
  return detail::map_tasks(std::move(fn), std::forward<R>(range), detail::LaunchFreely{});
}
/// As pmap(), the results in the order in which they came. Errors: the first one that came.
template <class F, std::ranges::input_range R>
auto pmap_unordered(F fn, R&& range) {
  return detail::map_tasks_unordered(std::move(fn), std::forward<R>(range), detail::LaunchFreely{});
}
/// Those elements of `range` for which `fn(element)`, each in a task of its own, gives true, in the
/// range's order. Errors: as pmap().
template <class F, std::ranges::input_range R>
auto pfilter(F fn, R&& range) {
  return detail::filter_tasks(std::move(fn), std::forward<R>(range), detail::LaunchFreely{}, true);
}
/// As pfilter(), in the order in which the answers came. Errors: the first one that came.
template <class F, std::ranges::input_range R>
auto pfilter_unordered(F fn, R&& range) {
  return detail::filter_tasks(std::move(fn), std::forward<R>(range), detail::LaunchFreely{}, false);
}

/// The future of `fn(pending's result)` run in a task, so that it may call and wait. If `fn`
/// returns a future, its result is meant. Errors: what `pending` ended with, or `fn`.
template <class T, class F>
auto chain(Future<T> pending, F fn) {
  return spawn([pending = std::move(pending), fn = std::move(fn)]() mutable {
    const auto call = [&] {
      if constexpr (std::is_void_v<T>) {
        pending.get();
        return fn();
      } else {
        return fn(pending.get());
      }
    };
    if constexpr (detail::kIsFuture<decltype(call())>) {
      return call().get();
    } else {
      return call();
    }
  });
}

/// At most `most` tasks at a time; the others wait for their turn, in order.
///
/// Threads: as of the tasks: one.
class TaskPool {
  // First, since the functions below ask for its type.
  auto launcher() {
    return [this](std::shared_ptr<detail::TaskJob> job) { limit_.launch(std::move(job)); };
  }

 public:
  /// Errors: BadArgument for 0.
  explicit TaskPool(std::size_t most) : limit_(most) {}

  /// As iq::spawn().
  template <class F, class... Args>
    requires std::invocable<std::decay_t<F>, std::decay_t<Args>...>
  auto spawn(F&& fn, Args&&... arguments) {
    return detail::spawn_bound(
        detail::bind_task(std::forward<F>(fn), std::forward<Args>(arguments)...), launcher());
  }
  /// As iq::pmap().
  template <class F, std::ranges::input_range R>
  auto pmap(F fn, R&& range) {
    return detail::map_tasks(std::move(fn), std::forward<R>(range), launcher());
  }
  /// As iq::pmap_unordered().
  template <class F, std::ranges::input_range R>
  auto pmap_unordered(F fn, R&& range) {
    return detail::map_tasks_unordered(std::move(fn), std::forward<R>(range), launcher());
  }
  /// As iq::pfilter().
  template <class F, std::ranges::input_range R>
  auto pfilter(F fn, R&& range) {
    return detail::filter_tasks(std::move(fn), std::forward<R>(range), launcher(), true);
  }
  /// As iq::pfilter_unordered().
  template <class F, std::ranges::input_range R>
  auto pfilter_unordered(F fn, R&& range) {
    return detail::filter_tasks(std::move(fn), std::forward<R>(range), launcher(), false);
  }
  /// Tasks of this pool that have begun and not ended.
  std::size_t running() const noexcept { return limit_.running(); }

 private:
  detail::TaskLimit limit_;
};

}  // namespace iq
