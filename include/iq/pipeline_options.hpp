// What can be chosen for a pipeline and for each of its stages.
#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "iq/queue.hpp"
#include "iq/report.hpp"

namespace iq {

/// Where the stages of a pipeline run.
enum class RunIn : unsigned char {
  processes,  ///< each worker is a process of its own
  threads,    ///< each worker is a thread of this process: nothing is isolated, nothing restarted
  caller,     ///< one item after the other, in the thread that reads the results
};
/// `iq::pipeline(iq::threads)`: workers are threads.
inline constexpr RunIn threads = RunIn::threads;
/// `iq::pipeline(iq::inline_mode)`: everything in the caller, for tests and debuggers.
inline constexpr RunIn inline_mode = RunIn::caller;

/// For iq::pipeline(): `iq::pipeline({.run_in = iq::threads})`.
struct PipelineOptions {
  RunIn run_in = RunIn::processes;  ///< where its stages run
  /// SIGINT and SIGTERM mean an orderly end while the pipeline runs: the first one ends the source
  /// and lets what is on its way come out, the second one kills the workers. Both end in
  /// Interrupted.
  bool signals = true;
  /// What becomes of reports while it runs: `.report = iq::report_to(stderr)`.
  Reporting report{};
};

/// Thrown by the function of a stage, it drops the item that it was called with: no error, and no
/// result. `throw iq::SkipEntry{};`
class SkipEntry : public std::exception {
 public:
  /// For whoever catches it where no stage does.
  const char* what() const noexcept override {
    return "iq::SkipEntry: drops an item where a stage of a pipeline throws it";
  }
};

/// Where an error handler, or the function of an iq::iterstep, puts what the stage shall pass on,
/// any number of items: they appear together, and exactly once, like the stage's other results.
/// More than the stage's .capacity go out in parts: a worker that is killed after the first one
/// ends the pipeline.
template <class T>
class Output {
 public:
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;
  /// Passes `item` on, waiting for room. Errors: as Producer::put().
  void put(T item) { put_(where_, std::move(item)); }

  /// Called by the stage.
  template <class Put>
  explicit Output(Put& put)
      : where_(&put),
        put_([](void* where, T&& item) { (*static_cast<Put*>(where))(std::move(item)); }) {}

 private:
  void* where_;
  void (*put_)(void*, T&&);
};

/// As an error handler, `.on_error = iq::raise`: the exception ends the pipeline. The default.
struct Raise {};
/// `.on_error = iq::ignore`: the item is dropped.
struct Ignore {};
/// `.on_error = iq::forward_input`: the item itself is passed on, in place of a result.
struct ForwardInput {};
inline constexpr Raise raise{};                 ///< see Raise
inline constexpr Ignore ignore{};               ///< see Ignore
inline constexpr ForwardInput forward_input{};  ///< see ForwardInput

namespace detail {
// A handler that takes no output may be given where there is one.
template <class In, class Out>
struct ErrorHandler {
  using Function = std::function<void(const In&, std::exception_ptr, Output<Out>&)>;
  static constexpr bool kHasOutput = true;
};
template <class In>
struct ErrorHandler<In, void> {
  using Function = std::function<void(const In&, std::exception_ptr)>;
  static constexpr bool kHasOutput = false;
};
template <class F, class Handler>
concept MakesHandler = std::constructible_from<Handler, F>;
}  // namespace detail

/// What a stage does with an exception of its function: iq::raise, iq::ignore, iq::forward_input,
/// or a handler `(const In&, std::exception_ptr, iq::Output<Out>&)`. What a handler throws ends the
/// pipeline.
template <class In, class Out>
class OnError {
 public:
  /// What a handler is kept as.
  using Handler = typename detail::ErrorHandler<In, Out>::Function;

  /// The exception ends the pipeline.
  OnError(Raise = {}) noexcept {}
  /// The item is dropped.
  OnError(Ignore) : handler_([](const In&, const auto&...) {}), drops_(true) {}
  /// The item is passed on.
  OnError(ForwardInput) {
    constexpr bool kFits = std::convertible_to<const In&, Out>;
    static_assert(kFits,
                  "iq::forward_input: the stage's input is no output of it: its type does not "
                  "convert to the result's. Use iq::ignore or a handler");
    if constexpr (kFits) {
      handler_ = [](const In& item, const std::exception_ptr&, Output<Out>& out) {
        out.put(static_cast<Out>(item));
      };
    }
  }
  /// The handler is called with the item and the exception.
  template <detail::MakesHandler<typename detail::ErrorHandler<In, Out>::Function> F>
  OnError(F handler) : handler_(std::move(handler)) {}

  /// Whether the exception shall end the pipeline.
  bool raises() const noexcept { return !handler_; }
  /// Whether the item shall be dropped.
  bool drops() const noexcept { return drops_; }
  /// Requires: !raises().
  const Handler& handler() const noexcept { return handler_; }

 private:
  Handler handler_;
  bool drops_ = false;
};

/// For map and filter: `.map(twice, {.workers = 8, .ordered = true})`.
///
/// Errors of a pipeline whose options do not fit together: std::invalid_argument, before anything
/// is started.
template <class In, class Out>
struct StageOptions {
  int workers = 1;  ///< how many processes
  /// How many results may wait for the next stage. 0: 2 for each worker. With many workers, at
  /// least one for each.
  std::size_t capacity = 0;
  /// What to do with an exception of the function.
  OnError<In, Out> on_error{};
  /// Results come in the order of the inputs, through a window of bounded size.
  bool ordered = false;
  std::string name{};  ///< for messages; otherwise what it is: "map"
  int retries = 0;     ///< how often the function is tried again with the same item when it throws
  /// How often each worker may be replaced after it was killed. Otherwise 3, and 0 for a function
  /// with a state of its own, which a replacement could not go on with.
  std::optional<int> restarts{};
  /// A worker that is busy with one item for longer than this is killed and replaced; the item
  /// counts a delivery. 0: never.
  std::chrono::nanoseconds timeout{0};
  IterableQueue<In>* in = nullptr;    ///< first stage: takes its items from this queue
  IterableQueue<Out>* out = nullptr;  ///< last stage: puts its results into this queue
  /// The function has a state of its own from item to item. Known without this if it cannot be
  /// called as a constant, like a lambda that is `mutable`.
  bool stateful = false;
  /// An item that was in the hands of so many workers when they were killed is given up: the
  /// pipeline ends with an exception that names it. 1..14.
  std::uint32_t max_deliveries = 3;
  /// Bytes for the results of one worker that wait, where they are no plain values; also the
  /// largest result. 0: 4 MiB.
  std::uint64_t bytes_per_worker = 0;
};

/// For chain(). As the members of StageOptions; In or Out is void for an end that its worker lacks.
template <class In, class Out>
struct ChainOptions {
  int workers = 1;           ///< how many processes
  std::size_t capacity = 0;  ///< how many results may wait for the next stage
  std::string name{};        ///< for messages
  /// A worker that was killed is replaced only if this says so: who writes a loop of his own knows
  /// whether it may begin again.
  int restarts = 0;
  IterableQueue<In>* in = nullptr;     ///< first stage: takes its items from this queue
  IterableQueue<Out>* out = nullptr;   ///< last stage: puts its results into this queue
  std::uint32_t max_deliveries = 3;    ///< 1..14
  std::uint64_t bytes_per_worker = 0;  ///< the largest result; 0: 4 MiB
};

/// For for_each(). As the members of StageOptions.
template <class In>
struct EachOptions {
  int workers = 1;                      ///< how many processes
  OnError<In, void> on_error{};         ///< handler: `(const In&, std::exception_ptr)`
  std::string name{};                   ///< for messages
  int retries = 0;                      ///< how often an item is tried again
  std::optional<int> restarts{};        ///< 3, or 0 for a function with a state
  std::chrono::nanoseconds timeout{0};  ///< for one item
  bool stateful = false;                ///< the function has a state of its own
  std::uint32_t max_deliveries = 3;     ///< 1..14
};

/// For fold(). As the members of StageOptions.
template <class Acc>
struct FoldOptions {
  int workers = 1;     ///< each folds what it gets; what they have is folded at last
  std::string name{};  ///< for messages
  /// Makes one of two partial results. Then each worker begins with `Acc{}`, which must be neutral
  /// here. Without it each begins with its first item, and the function itself makes one of two.
  std::function<Acc(Acc, Acc)> combine{};
  std::uint64_t bytes_per_worker = 0;  ///< the largest partial result; 0: 4 MiB
};

/// For sort(). As the members of StageOptions; it has one worker.
template <class T>
struct SortOptions {
  std::size_t capacity = 0;            ///< how many results may wait for the next stage; 0: 2
  std::string name{};                  ///< for messages
  IterableQueue<T>* in = nullptr;      ///< as of StageOptions
  IterableQueue<T>* out = nullptr;     ///< as of StageOptions
  std::uint64_t bytes_per_worker = 0;  ///< the largest item; 0: 4 MiB
};

/// For from().
struct SourceOptions {
  std::size_t capacity = 0;            ///< how many items may wait for the first stage; 0: 2
  std::string name{};                  ///< for messages
  std::uint64_t bytes_per_worker = 0;  ///< the largest item; 0: 4 MiB
};

}  // namespace iq
