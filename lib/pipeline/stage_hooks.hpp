// The hooks of a pipeline's stages that run in the caller, each once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <vector>

#include "iq/detail/pipeline_core.hpp"
#include "sys/fork_guard.hpp"

namespace iq::detail {

class StageHooks {
 public:
  explicit StageHooks(const PipelinePlan& plan) : nodes_(plan.nodes) {}
  StageHooks(const StageHooks&) = delete;
  StageHooks& operator=(const StageHooks&) = delete;

  /// Calls them in the order of the stages. When one throws, those that were begun are ended.
  /// Errors: PipelineFailed with the exception nested.
  void begin();
  /// Ends those that were begun, in the same order, each once. The first exception, the same one
  /// again when called again. In a forked child nothing is called: they are the parent's.
  std::exception_ptr end() noexcept;

 private:
  std::vector<std::shared_ptr<PipeNode>> nodes_;
  std::size_t begun_ = 0;
  std::uint64_t generation_ = process_generation();
  std::exception_ptr failure_;
};

}  // namespace iq::detail
