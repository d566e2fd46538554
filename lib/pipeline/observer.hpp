// Looks at a pipeline that runs, and tells how it stands.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/clock.hpp"
#include "iq/report.hpp"
#include "pipeline/board.hpp"
#include "pipeline/figures_page.hpp"
#include "pipeline/report_writer.hpp"
#include "pipeline/wiring.hpp"

namespace iq::detail {

/// What the board says, for people: names and workers come from the wiring.
RunReport read_report(const Wiring& wiring, const PipelineBoard& board);

/// The stage that the others wait for; -1 for none.
std::int64_t find_bottleneck(const std::vector<StageFigures>& stages);
/// Seconds until the end, -1 if that is not known. `given`: how many results each stage has put;
/// `length`: how many items the first one has to put.
double estimate_remaining(const std::vector<StageFigures>& stages,
                          const std::vector<std::uint64_t>& given, std::uint64_t length);

/// What has gone through a queue.
struct QueueCounts {
  std::uint64_t put = 0;
  std::uint64_t acknowledged = 0;
  Stats stats;
  static QueueCounts of(const PipeQueue& queue);
};

/// Threads: one. Processes: the conductor's.
class Observer {
 public:
  /// Before anything is started.
  Observer(const Wiring& wiring, const PipelineBoard& board, const Reporting& reporting,
           bool in_threads);
  ~Observer();
  Observer(const Observer&) = delete;
  Observer& operator=(const Observer&) = delete;

  /// All stages are started, all queues made. Without this it does nothing.
  void begin();
  /// Looks, if it is time to and somebody wants it; reports, if it is time to.
  void look() noexcept;
  /// The last look, and the last report.
  void finish() noexcept;

 private:
  class Stage;

  bool has_reader() const noexcept;
  void look_now(std::uint32_t asked);
  void take_figures(std::int64_t now, bool is_last);
  void report(std::int64_t now);

  const Wiring& wiring_;
  const PipelineBoard& board_;
  const Reporting& reporting_;
  bool in_threads_;
  std::int64_t began_ns_;
  std::int64_t interval_ns_ = 0;
  std::int64_t sampled_ns_ = 0;
  std::int64_t figured_ns_ = 0;
  std::int64_t reported_ns_ = 0;
  std::int64_t usage_due_ns_ = 0;
  std::uint32_t answered_ = 0;
  QueueCounts before_in_;
  QueueCounts before_out_;
  std::vector<Stage> stages_;  // and the caller, where it reads the results
  std::vector<StageFigures> figures_;
  std::vector<std::uint64_t> given_;
  std::unique_ptr<ReportWriter> writer_;
};

}  // namespace iq::detail
