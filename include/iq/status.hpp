// Outcomes that a caller expects: returned as values, never thrown.
#pragma once

#include <optional>
#include <string_view>
#include <utility>

namespace iq {

/// What a try_, _for or _until form reports.
enum class Status : unsigned char {
  ok,            ///< done as asked
  full,          ///< no room now (try_put)
  empty,         ///< nothing to take now, but the stream goes on (try_get)
  timeout,       ///< the deadline passed first
  done,          ///< end of stream: closed, no open producer, nothing queued, nothing leased
  closed,        ///< this endpoint or the queue is closed to what was asked
  no_consumers,  ///< the queue is closed and all of its consumers are gone
  stopped,       ///< somebody called stop()
};

/// The status as a word, for messages and logs.
constexpr std::string_view to_string(Status status) noexcept {
  switch (status) {
    case Status::ok: return "ok";
    case Status::full: return "full";
    case Status::empty: return "empty";
    case Status::timeout: return "timeout";
    case Status::done: return "done";
    case Status::closed: return "closed";
    case Status::no_consumers: return "no_consumers";
    case Status::stopped: return "stopped";
  }
  return "?";
}

/// A status and, when it is ok, a value.
///
/// Reads like an optional: `if (auto job = consumer.try_get()) use(*job);`
template <class T>
class Result {
 public:
  /// Without a value. Requires: `status` is not ok.
  Result(Status status) noexcept : status_(status) {}
  /// ok, with a value.
  Result(T value) : status_(Status::ok), value_(std::move(value)) {}

  /// Ok, or why there is no value.
  Status status() const noexcept { return status_; }
  /// Whether there is a value.
  bool has_value() const noexcept { return value_.has_value(); }
  /// Whether there is a value.
  explicit operator bool() const noexcept { return value_.has_value(); }

  /// @{
  /// The value. Requires: has_value().
  T& operator*() & noexcept { return *value_; }
  const T& operator*() const& noexcept { return *value_; }
  T&& operator*() && noexcept { return *std::move(value_); }
  T* operator->() noexcept { return &*value_; }
  const T* operator->() const noexcept { return &*value_; }
  /// @}

  /// @{
  /// The value. Errors: std::bad_optional_access without one.
  T& value() & { return value_.value(); }
  const T& value() const& { return value_.value(); }
  T&& value() && { return std::move(value_).value(); }
  /// @}

 private:
  Status status_;
  std::optional<T> value_;
};

}  // namespace iq
