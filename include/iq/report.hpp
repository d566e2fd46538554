// How a pipeline is getting on: as a struct, for a callback, and drawn while it runs.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "iq/detail/api.hpp"

namespace iq {

namespace detail {
/// The descriptor of a stream. Errors: std::invalid_argument when it has none.
IQ_API int descriptor_of(std::FILE* stream);
}  // namespace detail

/// One stage of a RunReport.
///
/// Shares are of its workers' time: they are busy, wait for an item, or wait for room behind them.
/// They are sampled some 50 times a second, of the last seconds; in the last report, of all the
/// time.
struct StageReport {
  std::string name;            ///< as its options say; "(caller)" reads the results
  int workers = 0;             ///< how many it is meant to have
  std::uint64_t done = 0;      ///< items that it has finished; a source: that it has put
  double per_s = 0;            ///< items per second of the last seconds; in the last report, of all
  std::uint64_t queued = 0;    ///< items that wait for it
  std::uint64_t in_hand = 0;   ///< items that its workers are at
  std::uint64_t capacity = 0;  ///< how many of both there can be; 0: it has no queue in front
  double busy = 0;             ///< share: in its function, or handing on
  double awaits_item = 0;      ///< share: asleep since nothing comes
  double awaits_room = 0;      ///< share: asleep since the next stage is behind
  double cpu_s = 0;            ///< processor time of its workers, those before them included
  std::uint64_t memory = 0;    ///< bytes that its workers have for themselves; 0: unknown, threads
  std::uint32_t restarts = 0;  ///< workers that were replaced
  std::uint64_t parked = 0;    ///< items given up since each worker that had them died
};

/// How a pipeline stands.
struct RunReport {
  double elapsed_s = 0;             ///< since its start
  std::vector<StageReport> stages;  ///< in their order, with those that restore orders
  int bottleneck = -1;              ///< the stage that the others wait for; -1: none, or unknown
  std::optional<std::uint64_t> length;  ///< how many items the source has, where that is known
  std::optional<double> remaining_s;  ///< until the end, as it goes now; where the length is known
  bool has_ended = false;             ///< this is the last one
};

/// The report as a table for people, each line ended: a title, a line for each stage, one for the
/// whole. `columns`: the width of the terminal, for which columns are left out; 0: all of them.
IQ_API std::string to_text(const RunReport& report, std::size_t columns = 0);
/// The report as one line for a log, without its end.
IQ_API std::string to_line(const RunReport& report);

/// What becomes of the reports of a pipeline that runs: iq::report_to(…), for PipelineOptions and
/// StepsOptions.
struct Reporting {
  int descriptor = -1;                               ///< where it is written; -1: nowhere
  std::function<void(const RunReport&)> function{};  ///< is called with each
  /// Between two of them. 0: 200 ms on a terminal, 1 s for a function, otherwise 5 s.
  std::chrono::milliseconds interval{0};
};

/// Writes to a stream, most often stderr: `iq::pipeline({.report = iq::report_to(stderr)})`. On a
/// terminal a line for each stage is drawn anew five times a second; otherwise there is a line
/// every five seconds. At the end both get a table. Colours only on a terminal, and not with
/// NO_COLOR.
///
/// A terminal or pipe that takes nothing more is not waited for: what does not fit is left out.
inline Reporting report_to(std::FILE* stream, std::chrono::milliseconds interval = {}) {
  return {.descriptor = detail::descriptor_of(stream), .function = {}, .interval = interval};
}
/// Calls a function, and a last time at the end, with RunReport::has_ended.
///
/// Threads:   the pipeline's own, one call at a time: while it runs the pipeline is not looked
/// after. Processes: one of the pipeline's own. It may print and send; what it changes, only it
/// sees. In
///            the caller's process there is Pipeline::report(). With iq::threads, a thread.
/// Errors:    what it throws is dropped.
inline Reporting report_to(std::function<void(const RunReport&)> function,
                           std::chrono::milliseconds interval = {}) {
  return {.descriptor = -1, .function = std::move(function), .interval = interval};
}

}  // namespace iq
