// The typed parts of a batched call: arguments and results as bytes, and the function's batch.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstring>
#include <exception>
#include <map>
#include <memory>
#include <optional>
#include <ranges>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "iq/codec.hpp"
#include "iq/detail/batch_core.hpp"
#include "iq/detail/batch_shape.hpp"
#include "iq/error.hpp"
#include "iq/task_future.hpp"

namespace iq::detail {

template <class... Args>
struct BatchArgumentOf {
  using Type = std::tuple<std::decay_t<Args>...>;
};
template <class Arg>
struct BatchArgumentOf<Arg> {
  using Type = std::decay_t<Arg>;
};
template <class... Args>
using BatchArgument = typename BatchArgumentOf<Args...>::Type;

template <class R, class Argument>
BatchType batch_type() {
  if constexpr (kCallsTravel<R, Argument>) {
    Fnv1a hash;
    hash.add(type_fingerprint<Argument>().layout);
    std::string name;
    if constexpr (std::is_void_v<R>) {
      name = "void";
    } else {
      hash.add(type_fingerprint<R>().layout);
      name = type_name<R>();
    }
    name += '(';
    name += type_name<Argument>();
    name += ')';
    return {hash.value(), std::move(name)};
  } else {
    return {};
  }
}

[[noreturn, gnu::noinline, gnu::cold]] inline void refuse_delay(std::int64_t delay_ns) {
  throw BadArgument("BatchOptions::max_delay is " + std::to_string(delay_ns) +
                    " ns: it must be 0 or more; left out, no time makes a batch go");
}

template <class Options>
BatchSettings settings_of(const Options& options) {
  BatchSettings settings;
  settings.max_size = options.max_size;
  if (options.max_delay) {
    settings.max_delay_ns = options.max_delay->count();
    if (settings.max_delay_ns < 0) refuse_delay(settings.max_delay_ns);
  }
  settings.servers = options.servers;
  settings.idempotent = options.idempotent;
  settings.capacity_bytes = options.bytes;
  return settings;
}

template <class T>
class PayloadWriter final : public CallWriter {
 public:
  explicit PayloadWriter(const T& value) noexcept : value_(value) {}
  std::size_t bytes() const override { return Payload<T>::size(value_); }
  void write(std::byte* to, std::size_t bytes) const override {
    Payload<T>::write(value_, to, bytes);
  }

 private:
  const T& value_;
};

template <class R>
struct TypedResult final : Holding<R, CallResult> {
  void accept(std::span<const std::byte> bytes) override {
    if constexpr (std::is_void_v<R>) {
      this->value.emplace();
    } else {
      this->value.emplace(Payload<R>::read(bytes));
    }
  }
};

template <class R, class Argument>
Future<R> begin_call(BatchFunction& function, std::span<const std::byte> object,
                     const Argument& argument) {
  if constexpr (kCallsTravel<R, Argument>) {
    auto result = std::make_shared<TypedResult<R>>();
    std::shared_ptr<Holding<R, CallResult>> holding = result;
    function.call(object, PayloadWriter<Argument>(argument), std::move(result));
    return FutureAccess::make(std::move(holding));
  } else {
    return Future<R>();
  }
}

/// What a method is called on, as bytes: two objects with the same are one.
template <class Object>
std::vector<std::byte> bytes_of(const Object& object) {
  if constexpr (kTravels<Object>) {
    std::vector<std::byte> bytes(Payload<Object>::size(object));
    Payload<Object>::write(object, bytes.data(), bytes.size());
    return bytes;
  } else {
    return {};
  }
}

template <class R, class Element>
void write_answer(BatchWork& work, std::size_t index, const Element& element) {
  if constexpr (std::is_same_v<Element, Outcome<R>>) {
    if (element.error()) {
      work.fail(index, element.error());
    } else if constexpr (std::is_void_v<R>) {
      work.result(index, 0);
    } else {
      write_answer<R, R>(work, index, element.value());
    }
  } else {
    const R& value = element;
    const std::size_t bytes = Payload<R>::size(value);
    Payload<R>::write(value, work.result(index, bytes).data(), bytes);
  }
}

/// Which calls have which of the different arguments.
struct DedupedBatch {
  std::vector<std::size_t> first;  ///< per different argument: the first call that has it
  std::vector<std::size_t> of;     ///< per call: which of the different arguments
};

inline DedupedBatch dedup_batch(const BatchWork& work) {
  std::map<std::string_view, std::size_t> seen;
  DedupedBatch batch;
  for (std::size_t i = 0; i < work.arguments.size(); ++i) {
    const std::string_view bytes(reinterpret_cast<const char*>(work.arguments[i].data()),
                                 work.arguments[i].size());
    const auto [at, is_new] = seen.emplace(bytes, batch.first.size());
    if (is_new) batch.first.push_back(i);
    batch.of.push_back(at->second);
  }
  return batch;
}

[[noreturn, gnu::noinline, gnu::cold]] inline void refuse_count(const std::string& function,
                                                                std::size_t calls,
                                                                std::size_t results) {
  throw BadArgument("a batch function of " + function + " returned " + std::to_string(results) +
                    " results for " + std::to_string(calls) +
                    " calls: it must return one per call, in their order");
}

/// Decodes the arguments, calls the function and writes one answer per call.
template <class R, class Argument, class F>
void serve_batch(BatchWork& work, bool dedup, F&& function) {
  const std::size_t calls = work.arguments.size();
  DedupedBatch shared;
  if (dedup) shared = dedup_batch(work);
  const std::size_t size = dedup ? shared.first.size() : calls;
  std::vector<Argument> arguments;
  arguments.reserve(size);
  for (std::size_t i = 0; i < size; ++i) {
    arguments.push_back(Payload<Argument>::read(work.arguments[dedup ? shared.first[i] : i]));
  }
  using Results = std::invoke_result_t<F&, std::span<const Argument>>;
  if constexpr (std::is_void_v<Results>) {
    function(std::span<const Argument>(arguments));
    for (std::size_t i = 0; i < size; ++i) work.result(dedup ? shared.first[i] : i, 0);
  } else {
    using Element = std::ranges::range_value_t<Results>;
    Results results = function(std::span<const Argument>(arguments));
    const auto count = static_cast<std::size_t>(std::ranges::distance(results));
    if (count != size) refuse_count(batch_type<R, Argument>().name, size, count);
    std::size_t i = 0;
    for (const Element& element : results) {
      write_answer<R, Element>(work, dedup ? shared.first[i] : i, element);
      ++i;
    }
  }
  if (!dedup) return;
  for (std::size_t i = 0; i < calls; ++i) work.repeat(i, shared.first[shared.of[i]]);
}

/// Null where the function does not fit, which has been said.
template <class R, class Argument, class F, class Options>
std::shared_ptr<BatchFunction> make_batched(const std::string& name, F function,
                                            const Options& options) {
  if constexpr (kCallsTravel<R, Argument> && check_batch_function<R, Argument, F>()) {
    return BatchFunction::make(name, batch_type<R, Argument>(), settings_of(options),
                               [function = std::make_shared<F>(std::move(function)),
                                dedup = options.dedup](BatchWork& work) {
                                 serve_batch<R, Argument>(
                                     work, dedup,
                                     [&](std::span<const Argument> batch) -> decltype(auto) {
                                       return (*function)(batch);
                                     });
                               });
  } else {
    return nullptr;
  }
}

/// The same of a method.
template <class R, class Self, class Argument, class F, class Options>
std::shared_ptr<BatchFunction> make_batched_method(F function, const Options& options) {
  if constexpr (kCallsTravel<R, Argument> && kTravels<Self> &&
                check_batch_method<R, Self, Argument, F>()) {
    return BatchFunction::make({}, batch_type<R, Argument>(), settings_of(options),
                               [function = std::make_shared<F>(std::move(function)),
                                dedup = options.dedup](BatchWork& work) {
                                 const Self object = Payload<Self>::read(work.object);
                                 serve_batch<R, Argument>(
                                     work, dedup,
                                     [&](std::span<const Argument> batch) -> decltype(auto) {
                                       return (*function)(object, batch);
                                     });
                               });
  } else {
    return nullptr;
  }
}

}  // namespace iq::detail
