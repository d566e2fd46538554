// The exception that says which stage of a pipeline failed, and with what.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "iq/detail/api.hpp"
#include "iq/error.hpp"

namespace iq {

/// Where and how a pipeline failed: the first cause.
struct PipelineFailure {
  int stage = -1;    ///< which, from 0, the source included; -1: none, the pipeline itself
  std::string name;  ///< of the stage
  int worker = 0;    ///< its number within the stage, from 0
  int pid = 0;       ///< its process; this one where workers are threads
  int signal = 0;    ///< 0 unless it was killed
  std::optional<std::uint64_t> item;  ///< the number of the item that it was at: see item()
  std::string exception_type;         ///< readable, e.g. "std::runtime_error"; empty without one
  std::string exception_text;         ///< what() of it, cut at 1,024 bytes
};

/// A pipeline did not come to its end. What it had given until then is right, and not all of it.
///
/// The exception that it ended with is nested in it, std::rethrow_if_nested(failed): the very one
/// where it was thrown in this process; from another one, one of std's types made again, and
/// RemoteError for a type of the program's own.
class IQ_API PipelineFailed : public Error {
 public:
  /// With a text as Error has it.
  PipelineFailed(const std::string& text, PipelineFailure failure)
      : Error(Errc::pipeline_failed, text), failure_(std::move(failure)) {}

  /// All that is known.
  const PipelineFailure& failure() const noexcept { return failure_; }
  /// Which stage, from 0, the source included; -1: none, the pipeline itself.
  int stage() const noexcept { return failure_.stage; }
  /// The name of the stage.
  const std::string& stage_name() const noexcept { return failure_.name; }
  /// The number of the worker within its stage, from 0.
  int worker() const noexcept { return failure_.worker; }
  /// The process id of the worker.
  int pid() const noexcept { return failure_.pid; }
  /// 0 unless the worker was killed.
  int signal() const noexcept { return failure_.signal; }
  /// The number in the source of the item that the worker was at, from 0. Behind a chain, or from a
  /// user's queue: its place in what one producer has put. Behind an unordered stage and from the
  /// first `.ordered` one on: its place in that order.
  std::optional<std::uint64_t> item() const noexcept { return failure_.item; }
  /// Readable, e.g. "std::runtime_error"; empty when nothing was thrown.
  const std::string& exception_type() const noexcept { return failure_.exception_type; }
  /// The what() of that exception, cut at 1,024 bytes.
  const std::string& exception_text() const noexcept { return failure_.exception_text; }

 private:
  PipelineFailure failure_;
};

}  // namespace iq
