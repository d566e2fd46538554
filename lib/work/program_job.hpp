// Tokens on their way to a program, as a job of a supervisor.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "iq/detail/worker_job.hpp"
#include "iq/token.hpp"
#include "queue/token.hpp"

namespace iq::detail {

/// One program with the endpoints of its tokens. Worker is always 0.
class ProgramJob final : public WorkerJob {
 public:
  /// Errors: BadArgument for a token that was used or moved from.
  explicit ProgramJob(std::vector<Token> tokens);

  /// All but the program and its arguments.
  WorkerPlan plan() const;

  void keep(int) override;
  void await_heir(int) override;
  LeftOver left_over(int) const noexcept override;
  void renounce(int, std::string_view why) noexcept override;
  std::vector<std::string> token_arguments() const override;
  void surrender(int) noexcept override;
  void fail(int, std::string_view why) noexcept override;

  // A program does these itself, by from_token().
  void adopt(int) override {}
  void succeed(int) override {}
  void run(int) override {}
  void fail_adopted(std::string_view) noexcept override {}

 private:
  std::vector<std::unique_ptr<TokenCore>> tokens_;
};

}  // namespace iq::detail
