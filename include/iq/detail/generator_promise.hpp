// The coroutine behind an iq::Generator.
#pragma once

#include <concepts>
#include <coroutine>
#include <exception>
#include <memory>
#include <type_traits>
#include <utility>

namespace iq::detail {

/// A value that was yielded stays where it is, in the coroutine, until the next one is asked for.
template <class Reference>
class GeneratorState {
  using Stored = std::remove_reference_t<Reference>;

 public:
  std::suspend_always initial_suspend() const noexcept { return {}; }
  std::suspend_always final_suspend() const noexcept { return {}; }
  void return_void() const noexcept {}
  void unhandled_exception() noexcept { error_ = std::current_exception(); }
  void await_transform() = delete;  // it waits for nothing but that somebody asks for the next

  std::suspend_always yield_value(Reference value) noexcept {
    value_ = std::addressof(value);
    return {};
  }

  /// What is somebody else's is yielded as a copy, since the reader may move from what it gets.
  class Copy {
   public:
    Copy(const Stored& value, Stored*& place) : copy_(value) { place = std::addressof(copy_); }
    Copy(const Copy&) = delete;
    Copy& operator=(const Copy&) = delete;
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<>) const noexcept {}
    void await_resume() const noexcept {}

   private:
    Stored copy_;
  };
  Copy yield_value(const Stored& value) requires std::is_rvalue_reference_v<Reference> &&
      std::copy_constructible<Stored> {
    return Copy(value, value_);
  }

  Reference value() const noexcept { return static_cast<Reference>(*value_); }

  /// The value was used. The next one is made when somebody asks for it.
  void pass() noexcept { passed_ = true; }
  /// Makes the next value where that was asked for. False at the end. Throws what the coroutine
  /// threw, each time again: what failed never looks like an end.
  bool settle(std::coroutine_handle<> coroutine) {
    if (passed_) {
      passed_ = false;
      if (!coroutine.done()) coroutine.resume();
    }
    if (!coroutine.done()) [[likely]]
      return true;
    if (error_) std::rethrow_exception(error_);
    return false;
  }

 private:
  Stored* value_ = nullptr;
  std::exception_ptr error_;
  bool passed_ = true;
};

}  // namespace iq::detail
