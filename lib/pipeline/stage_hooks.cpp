// step_initialize() and step_shutdown() run in the caller, before the first fork and behind the
// last end: what the first one makes is inherited by every worker, both see the same object, and
// what they throw is told with the exception itself inside.
#include "pipeline/stage_hooks.hpp"

#include <utility>

#include "iq/detail/pipeline_inline.hpp"

namespace iq::detail {
namespace {

template <class Call>
void call_hook(std::size_t stage, const PipeNode& node, Call call) {
  try {
    call();
  } catch (...) {
    fail_inline({static_cast<int>(stage), node.traits.name}, std::nullopt);
  }
}

}  // namespace

void StageHooks::begin() {
  try {
    for (; begun_ < nodes_.size(); ++begun_) {
      PipeNode& node = *nodes_[begun_];
      call_hook(begun_, node, [&node] { node.begin_stage(); });
    }
  } catch (...) {
    static_cast<void>(end());
    throw;
  }
}

std::exception_ptr StageHooks::end() noexcept {
  if (generation_ != process_generation()) return nullptr;
  const std::size_t count = std::exchange(begun_, 0);
  for (std::size_t i = 0; i < count; ++i) {
    try {
      call_hook(i, *nodes_[i], [this, i] { nodes_[i]->end_stage(); });
    } catch (...) {
      if (!failure_) failure_ = std::current_exception();
    }
  }
  return failure_;
}

}  // namespace iq::detail
