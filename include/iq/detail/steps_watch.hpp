// A range of the user's that is being read, and what becomes of it when nobody wants more.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>

#include "iq/detail/api.hpp"
#include "iq/detail/pipeline_core.hpp"

namespace iq::detail {

/// Ends this process when enough was said and the range's own code does not come back within a
/// second: a source that waits for its next element keeps nobody else waiting.
///
/// Threads: its own, beside the one that reads.
class IQ_API RangeWatch {
 public:
  /// `close` ends what the range is read for, in order. Errors: std::system_error.
  RangeWatch(const std::atomic<std::uint32_t>& enough, WorkerLine& line,
             std::function<void()> close);
  RangeWatch(const RangeWatch&) = delete;
  RangeWatch& operator=(const RangeWatch&) = delete;
  ~RangeWatch();

  /// Calls `call()`, which is the range's own code. Does not return when it took too long.
  template <class Call>
  auto in_range(Call&& call) {
    enter();
    struct Back {
      RangeWatch& watch;
      ~Back() { watch.leave(); }
    } const back{*this};
    return call();
  }

 private:
  class Watcher;

  void enter() noexcept;
  void leave() noexcept;

  std::unique_ptr<Watcher> watcher_;
};

}  // namespace iq::detail
