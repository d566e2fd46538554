// What a stage does with one item: the call, the tries, what becomes of an exception.
#pragma once

#include <concepts>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "iq/detail/pipeline_core.hpp"
#include "iq/pipeline_options.hpp"

namespace iq::detail {

/// Makes `call()` until it does not throw, `retries` times more at most.
template <class Call, class Fail>
void attempt(int retries, WorkerLine& line, Call&& call, Fail&& fail) {
  for (;; --retries) {
    try {
      return call();
    } catch (const SkipEntry&) {
      return;
    } catch (...) {
      if (retries > 0) {
        line.count(line.retried);
        continue;
      }
      fail(std::current_exception());
      return;
    }
  }
}

/// Whether the function puts what it makes of an item by itself, as often as it likes.
template <class F, class In, class Out>
inline constexpr bool kPutsItself = std::invocable<F&, const In&, Output<Out>&>;

/// From an item to its results: at most one, or, if the function puts by itself, any number.
template <class In, class Out, class F>
class ItemWork {
  static constexpr bool kMany = kPutsItself<F, In, Out>;
  using Results = std::conditional_t<kMany, std::vector<Out>, std::optional<Out>>;

 public:
  ItemWork(F f, OnError<In, Out> on_error, int retries)
      : function_(std::move(f)), on_error_(std::move(on_error)), retries_(retries) {}

  F& stored() noexcept { return function_; }

  /// Passes the results of `item` to `put(Out&&)`.
  template <class Put>
  void operator()(F& function, const In& item, WorkerLine& line, Put& put) const {
    if (on_error_.raises() && retries_ == 0) {
      try {
        call(function, item, put);
      } catch (const SkipEntry&) {
      }
      return;
    }
    // What a try has put that fails in the end is not to be seen.
    Results results;
    auto keep = [&results](Out&& result) {
      if constexpr (kMany)
        results.push_back(std::move(result));
      else
        results.emplace(std::move(result));
    };
    attempt(
        retries_, line,
        [&] {
          clear(results);
          call(function, item, keep);
        },
        [&](const std::exception_ptr& error) {
          clear(results);
          handle(item, error, line, put);
        });
    if constexpr (kMany) {
      for (Out& result : results) put(std::move(result));
    } else if (results) {
      put(*std::move(results));
    }
  }

 private:
  static void clear(Results& results) {
    if constexpr (kMany)
      results.clear();
    else
      results.reset();
  }

  template <class Put>
  static void call(F& function, const In& item, Put& put) {
    if constexpr (kMany) {
      Output<Out> output(put);
      function(item, output);
    } else {
      std::optional<Out> result(function(item));
      if (result) put(*std::move(result));
    }
  }

  template <class Put>
  void handle(const In& item, const std::exception_ptr& error, WorkerLine& line, Put& put) const {
    if (on_error_.raises()) std::rethrow_exception(error);
    if (on_error_.drops()) line.drop();
    Output<Out> output(put);
    on_error_.handler()(item, error, output);
  }

  F function_;
  OnError<In, Out> on_error_;
  int retries_;
};

/// The same for a function whose results nobody wants.
template <class In, class F>
class EachWork {
 public:
  EachWork(F f, OnError<In, void> on_error, int retries)
      : function_(std::move(f)), on_error_(std::move(on_error)), retries_(retries) {}

  F& stored() noexcept { return function_; }

  void operator()(F& function, const In& item, WorkerLine& line) const {
    attempt(
        retries_, line, [&] { static_cast<void>(function(item)); },
        [&](const std::exception_ptr& error) {
          if (on_error_.raises()) std::rethrow_exception(error);
          if (on_error_.drops()) line.drop();
          on_error_.handler()(item, error);
        });
  }

 private:
  F function_;
  OnError<In, void> on_error_;
  int retries_;
};

}  // namespace iq::detail
