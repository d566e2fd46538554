// What the processes of one pipeline share besides its queues: anonymous memory that is mapped
// before the first fork.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "iq/detail/pipeline_core.hpp"
#include "pipeline/figures_page.hpp"
#include "sys/mapping.hpp"

namespace iq::detail {

enum class EndKind : std::uint32_t {
  none,         ///< it still runs, or its conductor was killed
  finished,     ///< every item went all the way
  failed,       ///< of a worker, a lost item, or the start
  interrupted,  ///< by a signal
  cancelled,    ///< the caller wanted no more
};

/// How a pipeline ended: written by the conductor, once, as the last thing that it does.
struct EndRecord {
  std::atomic<EndKind> kind{EndKind::none};
  std::int32_t stage = -1;
  std::int32_t worker = 0;
  std::int32_t pid = 0;
  std::int32_t signal = 0;
  bool has_item = false;
  std::uint64_t item = 0;
  std::array<char, 264> type{};
  std::array<char, 1032> exception_text{};
  std::array<char, 4096> text{};
};

inline constexpr std::uint32_t kCancelled = 1;
inline constexpr std::uint32_t kCancelledAtOnce = 2;

struct BoardHead {
  std::atomic<std::uint32_t> started{0};    ///< all stages run, or will not
  std::atomic<std::uint32_t> cancelled{0};  ///< the caller wants no more; or waits
  std::atomic<std::uint32_t> enough{0};     ///< sources that may be endless are read no further
  std::atomic<std::uint32_t> ending{0};     ///< told to the workers before their queues are stopped
  std::atomic<std::uint32_t> over{0};  ///< all workers have ended: no signal is heeded any more
  EndRecord record;
};

class PipelineBoard {
 public:
  PipelineBoard(std::size_t stages, std::size_t workers);
  BoardHead& head() const noexcept { return *head_; }
  /// Of the stretch that begins at the stage.
  OrderWindow& window(std::size_t stage) const noexcept { return windows_[stage]; }
  WorkerLine& line(std::size_t worker) const noexcept { return lines_[worker]; }
  FiguresHead& figures() const noexcept { return *figures_head_; }
  /// Of a stage; behind the last one, of the caller that reads the results.
  WholeValue<StageFigures>& figures(std::size_t stage) const noexcept { return figures_[stage]; }

 private:
  Mapping memory_;
  BoardHead* head_;
  OrderWindow* windows_;
  WorkerLine* lines_;
  FiguresHead* figures_head_;
  WholeValue<StageFigures>* figures_;
};

/// Cuts at the end, always ended by a 0.
template <std::size_t kBytes>
void copy_text(std::string_view text, std::array<char, kBytes>& to) noexcept {
  to[text.copy(to.data(), kBytes - 1)] = '\0';
}

}  // namespace iq::detail
