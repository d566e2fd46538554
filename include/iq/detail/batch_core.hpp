// The untyped side of batched functions: calls as bytes, the function that serves them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "iq/detail/api.hpp"
#include "iq/detail/task_core.hpp"

namespace iq::detail {

/// As BatchOptions, which the public header translates.
struct BatchSettings {
  std::size_t max_size = 0;
  std::int64_t max_delay_ns = -1;
  int servers = 1;
  bool idempotent = false;
  std::uint64_t capacity_bytes = 0;
};

/// The bytes of one batch on the serving side, and the answers to it.
class IQ_API BatchWork {
 public:
  /// The object of a method's calls; empty for a function.
  std::span<const std::byte> object;
  /// One per call, in their order.
  std::vector<std::span<const std::byte>> arguments;

  /// Where the `index`th call's result of `bytes` bytes is to be written. Each once.
  std::span<std::byte> result(std::size_t index, std::size_t bytes);
  /// The `index`th call ends with that error.
  void fail(std::size_t index, std::exception_ptr error);
  /// The `index`th call has the same answer as the `of`th, which has one.
  void repeat(std::size_t index, std::size_t of) noexcept { answers_[index] = answers_[of]; }
  /// Every call ends with that error, whatever answer it had.
  void fail_all(const std::exception_ptr& error);

  struct Answer {
    std::size_t offset = 0;
    std::uint32_t bytes = 0;
    std::uint32_t state = 0;  ///< 0 none yet, 1 a result, 2 an error
  };
  const std::vector<Answer>& answers() const noexcept { return answers_; }
  std::span<const std::byte> bytes_of(const Answer& answer) const noexcept {
    return {bytes_.data() + answer.offset, answer.bytes};
  }
  /// Empty again, for the next batch.
  void clear() noexcept;

 private:
  std::vector<Answer> answers_;
  std::vector<std::byte> bytes_;
};

using BatchHandler = std::function<void(BatchWork&)>;

/// Writes the argument of a call where it is to go.
class IQ_API CallWriter {
 public:
  virtual std::size_t bytes() const = 0;
  virtual void write(std::byte* to, std::size_t bytes) const = 0;

 protected:
  ~CallWriter() = default;
};

/// What identifies a function's types, for programs that find it by name.
struct BatchType {
  std::uint64_t layout = 0;
  std::string name;
};

/// A batched function as this process knows it: where its calls go, and, where it was made, the
/// processes that serve it.
class IQ_API BatchFunction {
 public:
  /// Makes the function and forks its servers. `name` empty: for this process and its children.
  static std::shared_ptr<BatchFunction> make(const std::string& name, const BatchType& type,
                                             const BatchSettings& settings, BatchHandler handler);
  /// Finds the one of that name, served elsewhere.
  static std::shared_ptr<BatchFunction> open(const std::string& name, const BatchType& type);
  virtual ~BatchFunction() = default;
  BatchFunction(const BatchFunction&) = delete;
  BatchFunction& operator=(const BatchFunction&) = delete;

  /// Begins a call of the current task. `object` names what the call is a method of.
  virtual void call(std::span<const std::byte> object, const CallWriter& argument,
                    std::shared_ptr<CallResult> result) = 0;
  /// Process ids of the servers that live, where they were forked; none elsewhere.
  virtual std::vector<int> server_pids() = 0;
  /// Where it was made: serves no further calls, once those under way are finished. Elsewhere the
  /// calling thread lets go of what it keeps for it.
  virtual void close() noexcept = 0;

 protected:
  BatchFunction() = default;
};

}  // namespace iq::detail
