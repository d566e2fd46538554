// Tables of steps: pipelines that are described by rows, fed in any way, run at once or in the
// background.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <initializer_list>
#include <iterator>
#include <optional>
#include <ranges>
#include <type_traits>
#include <utility>

#include "iq/chunk.hpp"
#include "iq/detail/steps_core.hpp"
#include "iq/detail/steps_input.hpp"
#include "iq/detail/steps_shape.hpp"
#include "iq/error.hpp"
#include "iq/pipeline_failed.hpp"
#include "iq/step.hpp"

namespace iq {

/// For a whole table: `iq::Steps p{iq::StepsOptions{.daemon = true}, iq::funcstep(find_user)};`
struct StepsOptions {
  /// What becomes of steps that still run when the table is destroyed, or the program exits. False:
  /// that waits until they have done what was put, as stop() does. True: they are ended at once,
  /// and what is on its way is lost.
  bool daemon = false;
  RunIn run_in = RunIn::processes;  ///< where the workers are
  bool signals = true;              ///< as PipelineOptions::signals
  std::size_t capacity = 0;  ///< how many entries may wait for the first step; 0: 2 per way in
  Reporting report{};        ///< what becomes of reports: `.report = iq::report_to(stderr)`
};

/// A table of steps. Entries of type In go in, results of type Out come out of the last step; Out
/// is void when that one returns nothing. Both are found from the rows:
///
///     auto length = [](const std::string& line) { return line.size(); };
///     iq::Steps p{iq::funcstep(length, 4)};
///     p.put("one");
///     p.put_all(std::vector<std::string>{"two", "three"});
///     p.run();
///     for (std::size_t bytes : p.results()) use(bytes);
///
/// Each step has its own worker processes: iq::step, iq::funcstep, iq::iterstep, iq::chunk,
/// iq::timed_chunk, iq::flatten. Everything is forked from the caller at the start: what steps are
/// and hold is copied into each worker, and what a worker changes stays in it.
///
/// It is described, then runs, then has ended; it runs once. The end is told once: by run(),
/// wait(), stop(), or by results() that were read to the end.
///
/// Order:     none between workers of a step.
/// Exactly once: each result appears once, though workers be killed, except out of a last step
///            that returns nothing, which may see an entry again.
/// Errors:    an exception in a step, in a hook or in a range, a worker that ends by itself or is
///            killed and cannot be replaced, ends all steps within about a second, and is thrown as
///            PipelineFailed where the end is told, and by what would put more. Interrupted after a
///            signal. Of several, the first.
/// Threads:   one at a time. Processes: the one that made it; WrongProcess in others.
/// If killed: its workers are killed with it.
template <class In, class Out>
class Steps final {
  using Core = detail::StepsCore<In, Out>;

 public:
  using input_type = In;   ///< what is put
  using value_type = Out;  ///< what the last step gives
  /// Single pass; waits for a result when it is compared with the end, or read.
  using Iterator = detail::SinglePassIterator<Core>;
  class Results;
  class Running;

  /// The rows, from the first step to the last. Errors: std::invalid_argument for options that make
  /// no sense.
  template <class... Rows>
  explicit Steps(Rows... rows) : Steps(StepsOptions{}, std::move(rows)...) {}
  /// The same with options.
  template <class... Rows>
  explicit Steps(const StepsOptions& options, Rows... rows)
      : core_({.run_in = options.run_in, .signals = options.signals, .report = options.report},
              options.daemon, options.capacity, std::move(rows)...) {}
  Steps(const Steps&) = delete;
  Steps& operator=(const Steps&) = delete;
  /// What still runs is waited for, or ended at once: see StepsOptions::daemon. While an exception
  /// unwinds it is ended at once. Never throws: a failure that nobody was told goes to stderr.
  ~Steps() = default;

  /// Puts an entry in. Before the start it is kept in this process's memory; while the steps run,
  /// this waits until there is room.
  /// Errors: Closed after finish(); PipelineFailed and Interrupted when the steps have ended.
  void put(In entry) { core_.put(std::move(entry)); }
  /// Puts every element of a range in, at once. Errors: as put(); what the range throws.
  template <std::ranges::input_range R>
    requires std::convertible_to<std::ranges::range_reference_t<R>, In>
  void put_all(R&& entries) {
    core_.require_open("put_all");
    for (auto&& entry : entries) core_.put(static_cast<In>(std::forward<decltype(entry)>(entry)));
  }
  /// The same for a list in braces.
  void put_all(std::initializer_list<In> entries) {
    core_.require_open("put_all");
    for (const In& entry : entries) core_.put(In(entry));
  }
  /// Has a range read by a process of its own, only as fast as the steps take; several are read
  /// side by side. It may be lazy and endless. An lvalue is referred to until the start (where
  /// nothing is forked, until the end), anything else is kept; the caller's range is not advanced.
  ///
  /// stop() still reads a range whose size is known to its end. One whose size is not known may be
  /// endless, and is read no further.
  /// Errors: Closed after finish(); BadArgument while the steps run as threads, or in the caller.
  template <std::ranges::input_range R>
    requires std::convertible_to<std::ranges::range_reference_t<R>, In>
  void put_iterable(R&& range) {
    using Kept = detail::KeptRange<R>;
    using Input = detail::RangeInput<Kept, In>;
    core_.require_open("put_iterable");
    if (core_.is_running())
      core_.template add_feeder<Input>(Kept(std::forward<R>(range)), std::ranges::sized_range<R>);
    else
      core_.template add_input<Input>(Kept(std::forward<R>(range)), std::ranges::sized_range<R>);
  }
  /// Takes entries from a queue, until its stream ends or stop() is called: what is still in it
  /// then stays there. The queue object must live until the start. Several are possible.
  /// Errors: Closed after finish() and after the start.
  void take_from(IterableQueue<In>& queue) {
    core_.require_described("take_from");
    core_.require_open("take_from");
    core_.template add_input<detail::QueueInput<In>>(queue, false);
  }
  /// Nothing more is put: when what was put is done the steps end. Ranges and queues are read to
  /// their end. Again: does nothing.
  void finish() noexcept { core_.finish(); }

  /// Starts, finishes, waits for the end; the results are kept, for results().
  /// Errors: Closed when it was started before; PipelineFailed; Interrupted; SystemError.
  void run() { core_.run(); }
  /// Starts in the background. Results wait in a queue of limited size, so that steps wait while
  /// nobody reads; put(), alive() and what tells the end take them in.
  /// Errors: Closed when it was started before; PipelineFailed of a step's step_initialize();
  ///         SystemError.
  void start() { core_.start(); }
  /// As finish(), and waits for the end. Errors: Closed when it was not started, or the end was
  /// told before; PipelineFailed; Interrupted.
  void wait() { core_.wait(); }
  /// Ends it in order: what was put, and ranges whose size is known, are still done; ranges that
  /// may be endless and queues are read no further. Errors: as wait().
  void stop() { core_.stop(); }
  /// Starts in the background, and stops when what it returns is destroyed:
  /// `{ const auto running = p.in_background(); twiddle_thumbs(); }`
  Running in_background() {
    start();
    return Running(core_);
  }

  /// Whether it runs and every step can go on: false before the start, from the moment when a
  /// failure is known, and after the end.
  bool alive() {
    core_.take_in();
    return core_.is_alive();
  }
  /// Whether nothing has failed so far, nor been interrupted.
  bool ok() const { return core_.is_ok(); }
  /// How many entries the last step has finished with, those that were dropped not counted. Behind
  /// the death of a worker one more or less, for each.
  std::uint64_t count() const { return core_.count(); }
  /// How it stands, at each moment of its life: as Pipeline::report(). The first stage, "input", is
  /// what was put and what is read.
  RunReport report() { return core_.report(); }
  /// How many entries were dropped, in all steps, because their tries were used up: see
  /// StepOptions::on_error.
  std::uint64_t dropped() const { return core_.sum_of(&detail::WorkerLine::dropped); }
  /// How many exceptions were forgiven, in all steps: see StepOptions::retries.
  std::uint64_t retried() const { return core_.sum_of(&detail::WorkerLine::retried); }

  /// The results of the last step, once. Those that are there first, then those that come, until
  /// the end; nothing more can be put. If nothing runs yet it is started; then the steps are only
  /// as far ahead as their queues are long, while run() keeps everything.
  /// Errors: Closed the second time; as start(). While they are read: PipelineFailed, Interrupted.
  Results results() requires(!std::is_void_v<Out>) {
    core_.begin_results();
    return Results(core_);
  }

 private:
  Core core_;
};

/// The results of a table, an input range: see Steps::results().
template <class In, class Out>
class Steps<In, Out>::Results {
 public:
  /// The loop over them. Errors, where the next one is asked for: PipelineFailed; Interrupted.
  Iterator begin() const { return owner_->begin_loop(); }
  /// The end of the results.
  std::default_sentinel_t end() const noexcept { return {}; }

 private:
  friend class Steps;
  explicit Results(Core& owner) noexcept : owner_(&owner) {}
  Core* owner_;
};

/// A table that runs in the background, as long as this lives: see Steps::in_background().
template <class In, class Out>
class [[nodiscard]] Steps<In, Out>::Running {
 public:
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
  /// Steps::stop(), unless the end was told already: then everything was done without an error, or
  /// this throws. A forked child that leaves the scope leaves its parent's table alone. While an
  /// exception unwinds the steps are ended at once, and nothing is thrown. Errors: PipelineFailed;
  /// Interrupted.
  ~Running() noexcept(false) {
    if (!owner_.is_running() || !owner_.is_in_own_process()) return;
    if (std::uncaught_exceptions() > uncaught_) {
      owner_.leave();
    } else {
      owner_.stop();
    }
  }

 private:
  friend class Steps;
  explicit Running(Core& owner) noexcept : owner_(owner), uncaught_(std::uncaught_exceptions()) {}

  Core& owner_;
  int uncaught_;
};

/// A table that was refused at compile time: one message is enough.
template <>
class Steps<detail::Refused, detail::Refused> {
 public:
  /// @{
  /// Nothing.
  template <class... Rows>
  explicit Steps(Rows...) {
    static_cast<void>(detail::check_table<Rows...>());
  }
  template <class... Rows>
  explicit Steps(const StepsOptions&, Rows...) {
    static_cast<void>(detail::check_table<Rows...>());
  }
  template <class... Any>
  void put(Any&&...) const {}
  template <class... Any>
  void put_all(Any&&...) const {}
  template <class T>
  void put_all(std::initializer_list<T>) const {}
  template <class... Any>
  void put_iterable(Any&&...) const {}
  template <class... Any>
  void take_from(Any&&...) const {}
  void finish() const {}
  void run() const {}
  void start() const {}
  void wait() const {}
  void stop() const {}
  int in_background() const { return 0; }
  bool alive() const { return false; }
  bool ok() const { return false; }
  std::uint64_t count() const { return 0; }
  std::uint64_t dropped() const { return 0; }
  RunReport report() const { return {}; }
  std::uint64_t retried() const { return 0; }
  std::initializer_list<detail::Refused> results() const { return {}; }
  /// @}
};

/// @{
/// Finds what goes in and what comes out.
template <class... Rows>
explicit Steps(Rows...)
    -> Steps<typename detail::Table<Rows...>::In, typename detail::Table<Rows...>::Out>;
template <class... Rows>
explicit Steps(StepsOptions, Rows...)
    -> Steps<typename detail::Table<Rows...>::In, typename detail::Table<Rows...>::Out>;
/// @}

}  // namespace iq
