// The rows of a table of steps: what is done with an entry, by how many, and what with its errors.
#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "iq/chunk.hpp"
#include "iq/pipeline_options.hpp"

namespace iq {

/// What a step does with an entry whose tries are used up: iq::raise or iq::ignore.
class OnStepError {
 public:
  /// The exception ends the pipeline. The default.
  OnStepError(Raise = {}) noexcept {}
  /// The entry is dropped, and counted: Steps::dropped().
  OnStepError(Ignore) noexcept : drops_(true) {}
  /// Whether the entry is dropped.
  bool drops() const noexcept { return drops_; }

 private:
  bool drops_ = false;
};

/// For a step: `iq::step<Download>({.workers = 4, .retries = 2})`; a number alone says how many
/// workers.
///
/// Errors of options that make no sense: std::invalid_argument, where the table is made.
struct StepOptions {
  int workers = 1;  ///< how many processes
  /// How often an entry is tried again when its step throws; each time an exception is forgiven.
  int retries = 0;
  OnStepError on_error{};  ///< what to do when those are used up
  std::string name{};      ///< for messages; otherwise the name of the step's class, or its kind
  /// How many results may wait for the next step. 0: 2 for each worker, of an iterstep 64.
  std::size_t capacity = 0;
  /// How often each worker may be replaced after it was killed; its entry is done again, and the
  /// results stay exact. Otherwise 3, and 0 for a step with a state.
  std::optional<int> restarts{};
  /// Whether it keeps something from entry to entry that a replacement could not go on with.
  /// Otherwise: if it cannot be called as a constant, unless it has worker_initialize(), where a
  /// replacement begins as the first one did.
  std::optional<bool> stateful{};
  /// A worker that is busy with one entry for longer than this is killed and replaced. 0: never.
  std::chrono::nanoseconds timeout{0};
  /// A step's idle() is called when a worker has waited for an entry for so long, and again. More
  /// than 0.
  std::chrono::nanoseconds idle_after{std::chrono::seconds(1)};
  /// An entry that was in the hands of so many workers when they were killed is given up, which
  /// ends the pipeline. 1..14.
  std::uint32_t max_deliveries = 3;
  /// Bytes for the results of one worker that wait, where they are no plain values; also the
  /// largest result. 0: 4 MiB.
  std::uint64_t bytes_per_worker = 0;
};

namespace detail {

enum class StepKind { process, function, many };

/// A row of the table.
template <StepKind kKindOf, class F>
struct StepEntry {
  static constexpr StepKind kKind = kKindOf;
  using Function = F;
  F function;
  StepOptions options;
};

}  // namespace detail

/// A step that is a class, made in place: `iq::step<Download>(4)`.
///
/// `process(const In&)` returns the result, or a std::optional of it, empty for none; or nothing,
/// in the last step. `process(const In&, iq::Output<Out>&)` puts as many as it likes.
/// `throw iq::SkipEntry{};` in it drops the entry.
///
/// Beside it the class may have, each `void` and without parameters:
///   step_initialize    once, in the caller, before anything is started: each worker has a copy of
///                      what it makes
///   worker_initialize  in each worker, before its first entry, also in one that replaces another
///   worker_shutdown    in each worker that is not killed, behind its last entry, whatever the end
///   step_shutdown      exactly once, in the caller, behind the end of all workers, whatever the
///                      end, if step_initialize has returned; on the object that it was called on
///   idle               in a worker that has waited for `.idle_after`
/// An exception in any of them ends the pipeline as one in process() does.
template <std::default_initializable S>
auto step(int workers = 1) {
  return detail::StepEntry<detail::StepKind::process, S>{S(), {.workers = workers}};
}
/// The same with options.
template <std::default_initializable S>
auto step(StepOptions options) {
  return detail::StepEntry<detail::StepKind::process, S>{S(), std::move(options)};
}
/// A step that is an object: `iq::step(Download{"cache"}, 4)`. Each worker has a copy.
template <class S>
  requires std::is_class_v<S>
auto step(S object, int workers = 1) {
  return detail::StepEntry<detail::StepKind::process, S>{std::move(object), {.workers = workers}};
}
/// The same with options.
template <class S>
  requires std::is_class_v<S>
auto step(S object, StepOptions options) {
  return detail::StepEntry<detail::StepKind::process, S>{std::move(object), std::move(options)};
}

/// A step that is a function: what process() of a class is. The first one of a table names the
/// type of its parameter.
template <class F>
auto funcstep(F function, int workers = 1) {
  return detail::StepEntry<detail::StepKind::function, F>{std::move(function),
                                                          {.workers = workers}};
}
/// The same with options.
template <class F>
auto funcstep(F function, StepOptions options) {
  return detail::StepEntry<detail::StepKind::function, F>{std::move(function), std::move(options)};
}

/// A step that makes any number of results of an entry: `function(const In&, iq::Output<Out>& out)`
/// puts them; or `function(const In&)` returns a range of them.
///
/// Exactly once: the results of an entry go out together when they fit into `.capacity`. More go
/// out in parts, as they come; a worker that is killed in between is not replaced then, since the
/// rest of them is lost: the pipeline fails.
template <class F>
auto iterstep(F function, int workers = 1) {
  return detail::StepEntry<detail::StepKind::many, F>{std::move(function), {.workers = workers}};
}
/// The same with options.
template <class F>
auto iterstep(F function, StepOptions options) {
  return detail::StepEntry<detail::StepKind::many, F>{std::move(function), std::move(options)};
}

/// The type of what comes in, where the first step does not say it: see iq::entries.
template <class T>
struct Entries {};
/// As the first row of a table: `iq::Steps p{iq::entries<int>, iq::chunk(100), iq::flatten};`
template <class T>
inline constexpr Entries<T> entries{};

}  // namespace iq
