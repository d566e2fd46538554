// Futures: results to come, of batched calls and of tasks.
#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <ranges>
#include <span>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "iq/detail/deadline.hpp"
#include "iq/detail/task_core.hpp"
#include "iq/status.hpp"

namespace iq {

template <class T>
class Future;

namespace detail {

struct Nothing {};
template <class T>
using Stored = std::conditional_t<std::is_void_v<T>, Nothing, T>;

/// A Pending with the place of its value.
template <class T, class Base = Pending>
struct Holding : Base {
  std::optional<Stored<T>> value;
};

struct FutureAccess {
  template <class T, class Base>
  static Future<T> make(std::shared_ptr<Holding<T, Base>> state) {
    auto* value = &state->value;
    return Future<T>(std::move(state), value);
  }
  template <class T>
  static const PendingHandle& pending(const Future<T>& future) noexcept {
    return future.pending_;
  }
};

template <class T>
inline constexpr bool kIsFuture = false;
template <class T>
inline constexpr bool kIsFuture<Future<T>> = true;

}  // namespace detail

/// A result to come: of `f.async(…)` or `spawn(…)`. Copies stand for the same result.
///
/// While it waits, other tasks of the thread run, and calls that have gathered may go: to wait here
/// counts as waiting for a result, see BatchContext.
///
/// Threads:   only in the thread that made it: to wait for it elsewhere is WouldDeadlock.
/// Processes: only there: to wait for it in a child is WrongProcess.
template <class T>
class Future {
 public:
  using value_type = T;  ///< of the result

  /// Stands for nothing: only to be assigned to.
  Future() = default;

  /// Whether get() would return at once.
  bool ready() const noexcept { return pending_ && pending_->ready(); }
  /// Waits until ready(). Errors: WouldDeadlock when nothing that runs could make it so;
  /// WrongProcess; Closed when it stands for nothing.
  void wait() const { detail::await(state(), detail::kNoDeadline); }
  /// Waits at most `timeout`. False when it is not ready then. Errors: as wait().
  template <class Rep, class Period>
  bool wait_for(std::chrono::duration<Rep, Period> timeout) const {
    return detail::await(state(), detail::deadline_after(timeout));
  }
  /// The error that get() would throw; null when there is none, or it is not ready.
  std::exception_ptr error() const noexcept {
    return pending_ ? pending_->error() : std::exception_ptr();
  }

  /// Waits, then gives the result, which stays here: get() may be called again.
  /// Errors: what the call or the task ended with; as wait().
  decltype(auto) get() const& {
    finish();
    if constexpr (!std::is_void_v<T>) return static_cast<const T&>(**value_);
  }
  /// The same of a future that is not needed any more: the result is moved out. Errors: as get().
  T get() && {
    finish();
    if constexpr (!std::is_void_v<T>) return std::move(**value_);
  }
  /// Waits at most `timeout`: ok with a copy of the result, or timeout. Errors: as get().
  template <class Rep, class Period>
    requires(std::copyable<detail::Stored<T>> && !std::is_void_v<T>)
  Result<T> get_for(std::chrono::duration<Rep, Period> timeout)
  const {
    if (!wait_for(timeout)) return Status::timeout;
    return get();
  }

 private:
  friend struct detail::FutureAccess;

  Future(detail::PendingHandle pending, std::optional<detail::Stored<T>>* value) noexcept
      : pending_(std::move(pending)), value_(value) {}

  detail::Pending& state() const {
    if (!pending_) detail::refuse_moved_from("future");
    return *pending_;
  }
  void finish() const {
    wait();
    if (pending_->error()) std::rethrow_exception(pending_->error());
  }

  detail::PendingHandle pending_;
  std::optional<detail::Stored<T>>* value_ = nullptr;
};

/// A future that is ready: `immediate(v).get()` is v.
template <class T>
Future<std::decay_t<T>> immediate(T&& value) {
  auto state = std::make_shared<detail::Holding<std::decay_t<T>>>();
  state->value.emplace(std::forward<T>(value));
  state->settle();
  return detail::FutureAccess::make(std::move(state));
}

/// A future that is ready and throws `error`.
template <class T>
Future<T> immediate_exception(std::exception_ptr error) {
  auto state = std::make_shared<detail::Holding<T>>();
  state->settle(std::move(error));
  return detail::FutureAccess::make(std::move(state));
}
/// The same for an exception object: `immediate_exception<int>(std::out_of_range("7"))`.
template <class T, class E>
  requires(!std::same_as<std::decay_t<E>, std::exception_ptr>)
Future<T> immediate_exception(E&& error) {
  return immediate_exception<T>(std::make_exception_ptr(std::forward<E>(error)));
}

/// The future of `fn(pending's result)`. `fn` is called once, when the result comes, wherever the
/// thread is just then: it must not wait. An error passes it by; one that it throws is the result.
/// Cost: no task, no stack.
template <class T, class F>
auto transform(const Future<T>& pending, F fn) {
  using U = typename std::conditional_t<std::is_void_v<T>, std::invoke_result<F&>,
                                        std::invoke_result<F&, const detail::Stored<T>&>>::type;
  auto state = std::make_shared<detail::Holding<U>>();
  const detail::PendingHandle& source = detail::FutureAccess::pending(pending);
  if (!source) detail::refuse_moved_from("future");
  source->when_ready([state, pending, fn = std::move(fn)]() mutable {
    try {
      if constexpr (std::is_void_v<U>) {
        if constexpr (std::is_void_v<T>) {
          pending.get();
          fn();
        } else {
          fn(pending.get());
        }
        state->value.emplace();
      } else if constexpr (std::is_void_v<T>) {
        pending.get();
        state->value.emplace(fn());
      } else {
        state->value.emplace(fn(pending.get()));
      }
    } catch (...) {
      return state->settle(std::current_exception());
    }
    state->settle();
  });
  return detail::FutureAccess::make(std::move(state));
}

/// Waits until `count` of `futures` (a range of them) are ready, or all; at most `timeout`. Returns
/// which are, as places in the range, in its order. Errors: as Future::wait().
template <std::ranges::forward_range R>
  requires detail::kIsFuture<std::ranges::range_value_t<R>> std::vector<std::size_t> wait(
      const R& futures, std::size_t count,
      std::chrono::nanoseconds timeout = std::chrono::nanoseconds::max()) {
    std::vector<detail::PendingHandle> pending;
    for (const auto& future : futures) pending.push_back(detail::FutureAccess::pending(future));
    detail::await_some(pending, count, detail::deadline_after(timeout));
    std::vector<std::size_t> ready;
    for (std::size_t i = 0; i < pending.size(); ++i) {
      if (pending[i]->ready()) ready.push_back(i);
    }
    return ready;
  }

/// Waits for all of `futures` (a range of them) and gives their results in its order.
/// Errors: that of the first in the range that has one, once all are ready.
template <std::ranges::input_range R>
  requires detail::kIsFuture<std::ranges::range_value_t<R>>
auto pget(R&& futures) {
  using T = typename std::ranges::range_value_t<R>::value_type;
  std::vector<Future<T>> all;
  for (auto&& future : futures) all.push_back(future);
  wait(all, all.size());
  if constexpr (std::is_void_v<T>) {
    for (const Future<T>& future : all) future.get();
  } else {
    std::vector<T> results;
    results.reserve(all.size());
    for (Future<T>& future : all) results.push_back(std::move(future).get());
    return results;
  }
}

/// The same for single ones: `auto [user, account] = pget(load.async(7), accounts.async(7));`
/// One without a result gives std::monostate's like: an empty struct.
template <class... T>
  requires(sizeof...(T) > 0)
std::tuple<detail::Stored<T>...> pget(const Future<T>&... futures) {
  const std::vector<detail::PendingHandle> all{detail::FutureAccess::pending(futures)...};
  detail::await_some(all, all.size(), detail::kNoDeadline);
  const auto one = [](const auto& future) -> decltype(auto) {
    using U = typename std::remove_cvref_t<decltype(future)>::value_type;
    if constexpr (std::is_void_v<U>) {
      future.get();
      return detail::Nothing{};
    } else {
      return future.get();
    }
  };
  return {one(futures)...};
}

}  // namespace iq
