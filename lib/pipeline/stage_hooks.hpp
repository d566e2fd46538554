// The hooks of a pipeline's stages that run in the caller, each once.
#pragma once

#include <cstddef>
#include <exception>
#include <memory>
#include <vector>

#include "iq/detail/pipeline_core.hpp"

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
  /// again when called again.
  std::exception_ptr end() noexcept;

 private:
  std::vector<std::shared_ptr<PipeNode>> nodes_;
  std::size_t begun_ = 0;
  std::exception_ptr failure_;
};

}  // namespace iq::detail
