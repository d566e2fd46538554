// Batched functions: written once over many items, called as if over one, from many processes.
#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <map>
#include <memory>
#include <optional>
#include <ranges>
#include <span>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "iq/codec.hpp"
#include "iq/detail/batch_call.hpp"
#include "iq/detail/batch_core.hpp"
#include "iq/queue.hpp"
#include "iq/task_future.hpp"

namespace iq {

/// All members have defaults: `{.max_size = 100}` is enough.
struct BatchOptions {
  /// A batch goes when so many calls have gathered, whoever still runs. 0: no limit.
  std::size_t max_size = 0;
  /// A batch goes when its first call is so old. Off by default: nothing is guessed by time. Looked
  /// after by callers that wait or call: one that computes meanwhile delays its own.
  std::optional<std::chrono::nanoseconds> max_delay = std::nullopt;
  /// How many processes serve, each one batch at a time.
  int servers = 1;
  /// A batch whose server died is served once more instead of failing with ServerDied.
  bool idempotent = false;
  /// Calls of one batch with equal arguments are handed to the function once, and all get that
  /// result. Equal means: of the same bytes.
  bool dedup = false;
  /// The largest batch in bytes, per calling thread. Rounded up to a power of two. 0: 2 MiB.
  std::uint64_t bytes = 0;
};

/// What a batch function may return per call instead of a plain value: a result, or an error for
/// that caller alone.
template <class R>
class Outcome {
 public:
  /// A result.
  template <class U>
    requires(std::constructible_from<detail::Stored<R>, U&&> &&
             !std::same_as<std::remove_cvref_t<U>, Outcome> &&
             !std::same_as<std::remove_cvref_t<U>, std::exception_ptr>)
  Outcome(U&& value) : value_(std::forward<U>(value)) {}
  /// A result, of a function without one.
  Outcome() requires std::is_void_v<R> : value_(std::in_place) {}
  /// An error.
  Outcome(std::exception_ptr error) : error_(std::move(error)) {}
  /// An error: `iq::Outcome<User>::failure(std::out_of_range("no such user"));`
  template <class E>
  static Outcome failure(E&& error) {
    return Outcome(std::make_exception_ptr(std::forward<E>(error)));
  }

  /// Null when there is a result.
  const std::exception_ptr& error() const noexcept { return error_; }
  /// Requires: no error.
  const detail::Stored<R>& value() const noexcept { return *value_; }

 private:
  std::optional<detail::Stored<R>> value_;
  std::exception_ptr error_;
};

/// Declared by a signature, see batched<R(Args...)>; anything else is a compile error that says so.
template <class Signature>
class batched {
  static_assert(!std::is_same_v<Signature, Signature>,
                "iq::batched: it is declared by a signature, as iq::batched<User(Id)>: the result "
                "and the arguments of one call.");

 public:
  /// There is nothing more to say.
  template <class... Any>
  explicit batched(Any&&...) {}
};

/// A function over a batch, called as if over one item.
///
///     iq::batched<User(Id)> load{[](std::span<const Id> ids) { return db.users(ids); }};
///     User user = load(7);          // in any of this process's children, too
///
/// Making one forks its servers; calls from this process and its children that are in flight
/// together, see BatchContext, become one call of the function in one server. The function gets a
/// span of the arguments (of tuples, where there are several) and returns a range of as many
/// results, or of Outcome<R>, in that order; nothing when R is void. What it captures is copied by
/// fork: a server has the values of that moment.
///
/// Errors of a call: what the function threw, to every caller of that batch, or what the Outcome of
///   that call holds; types of iq, and those of std that are made of a text or of nothing, and
///   std::system_error stay what they are, others arrive as RemoteError with its type's name.
///   BadArgument when the function returns another number of results. ServerDied when the server
///   was killed in the middle, unless BatchOptions::idempotent; the next batch is served by
///   another. Closed after the function was destroyed. TooLarge with both sizes.
///
/// Threads:   any; each call belongs to the thread that makes it.
/// Processes: calls may be made in every child, and by name in other programs. The process that
///            made it ends it.
/// If killed: a caller's calls die with it, others are served. When the process that made it is
///            killed, its servers are too: calls then end with ServerDied.
template <class R, class... Args>
class batched<R(Args...)> {
  static_assert(sizeof...(Args) > 0, "iq::batched: a function without arguments has no batches");
  using Argument = detail::BatchArgument<Args...>;
  static_assert(detail::explain_batch_types<R, Argument>());

 public:
  using result_type = R;           ///< of one call
  using argument_type = Argument;  ///< what the function's span is of

  /// Makes the function, served by forked processes. Errors: as IterableQueue's constructor and
  /// WorkerGroup::fork; BadArgument for less than one server, or a max_delay below 0.
  template <class F>
  explicit batched(F function, const BatchOptions& options = {})
      : batched(std::string(), std::move(function), options) {}
  /// The same under a name, for programs of their own. Errors: as above; NameInUse, BadName.
  template <class F>
  batched(CreateOnly, const std::string& name, F function, const BatchOptions& options = {})
      : batched(name, std::move(function), options) {}

  /// Finds the function of that name, which another program serves; max_size and max_delay are as
  /// there. Errors: NotFound; WrongType with both types; ServerDied when nobody serves it.
  batched(OpenOnly, const std::string& name)
      : function_(detail::BatchFunction::open(name, detail::batch_type<R, Argument>())) {}

  batched(const batched&) = delete;
  batched& operator=(const batched&) = delete;
  /// Where it was made: refuses what comes later, serves what is under way, for 5 s at most, ends
  /// the servers.
  ~batched() { function_->close(); }

  /// Calls the function and waits for this call's result. In a context others join it first.
  /// Errors: see the class.
  R operator()(const std::decay_t<Args>&... arguments) const { return async(arguments...).get(); }
  /// Begins the call: in a context it goes with others later, outside any at once.
  Future<R> async(const std::decay_t<Args>&... arguments) const {
    return detail::begin_call<R, Argument>(*function_, {}, Argument(arguments...));
  }

  /// The processes that serve it, where it was made. For tests and curiosity.
  std::vector<int> server_pids() const { return function_->server_pids(); }

 private:
  template <class F>
  batched(const std::string& name, F function, const BatchOptions& options)
      : function_(detail::make_batched<R, Argument>(name, std::move(function), options)) {}

  std::shared_ptr<detail::BatchFunction> function_;
};

/// Declared by a signature, see batched_method<R(Object, Args...)>.
template <class Signature>
class batched_method {
  static_assert(!std::is_same_v<Signature, Signature>,
                "iq::batched_method: it is declared by a signature, as "
                "iq::batched_method<User(Shard, Id)>: the result, the object and the arguments of "
                "one call.");

 public:
  /// There is nothing more to say.
  template <class... Any>
  explicit batched_method(Any&&...) {}
};

/// As batched, for a method: the first parameter is the object, and calls on different objects
/// never share a batch.
///
///     iq::batched_method<User(Shard, Id)> load{[](const Shard& shard, std::span<const Id> ids) {
///       return shard.users(ids);
///     }};
///     User user = load(shard, 7);
///
/// Objects travel with the calls, since they are served in another process: two with the same
/// bytes are the same object. Everything else is as with batched.
template <class R, class Object, class... Args>
class batched_method<R(Object, Args...)> {
  static_assert(sizeof...(Args) > 0, "iq::batched_method: behind the object come arguments");
  using Argument = detail::BatchArgument<Args...>;
  using Self = std::decay_t<Object>;
  static_assert(detail::explain_batch_types<R, Argument>());
  static_assert(detail::explain_batch_types<void, Self>());

 public:
  using result_type = R;           ///< of one call
  using argument_type = Argument;  ///< what the function's span is of

  /// As of batched.
  template <class F>
  explicit batched_method(F function, const BatchOptions& options = {})
      : function_(detail::make_batched_method<R, Self, Argument>(std::move(function), options)) {}
  batched_method(const batched_method&) = delete;
  batched_method& operator=(const batched_method&) = delete;
  /// As of batched.
  ~batched_method() { function_->close(); }

  /// As of batched.
  R operator()(const Self& object, const std::decay_t<Args>&... arguments) const {
    return async(object, arguments...).get();
  }
  /// As of batched.
  Future<R> async(const Self& object, const std::decay_t<Args>&... arguments) const {
    return detail::begin_call<R, Argument>(*function_, detail::bytes_of(object),
                                           Argument(arguments...));
  }
  /// As of batched.
  std::vector<int> server_pids() const { return function_->server_pids(); }

 private:
  std::shared_ptr<detail::BatchFunction> function_;
};

}  // namespace iq
