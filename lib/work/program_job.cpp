// Tokens on their way to a program. The supervisor holds their endpoints from before the program
// starts until it has ended, so that a token that nobody uses is found and its endpoint fails.
#include "work/program_job.hpp"

#include <algorithm>

#include "iq/error.hpp"
#include "queue/shared_queue.hpp"
#include "ring/tend.hpp"

namespace iq::detail {

ProgramJob::ProgramJob(std::vector<Token> tokens) {
  bool consumes = false;
  for (Token& token : tokens) {
    tokens_.push_back(TokenAccess::take(token));
    if (!tokens_.back()) {
      throw BadArgument(
          "this token was given away already: each exec() needs tokens of its own, "
          "from producer_token() or consumer_token()");
    }
    consumes |= !tokens_.back()->is_producer();
  }
  for (const auto& token : tokens_) {
    if (!consumes) break;
    token->visit([](auto& core) {
      if constexpr (std::is_same_v<decltype(core), ProducerCore&>) EndpointTransfer::go_on(core);
    });
  }
}

WorkerPlan ProgramJob::plan() const {
  WorkerPlan plan;
  plan.count = 1;
  for (const auto& token : tokens_) {
    if (!plan.role.empty()) plan.role += ", ";
    plan.role += token->role();
    const std::shared_ptr<Segment> segment = token->segment();
    if (segment->anonymous()) plan.closers.push_back([segment] { close_queue(*segment); });
    plan.stoppers.push_back([segment] { stop_queue(*segment, nullptr); });
    plan.drainers.push_back([segment] { drain_queue(*segment); });
  }
  if (plan.role.empty()) plan.role = "without a token";
  return plan;
}

void ProgramJob::keep(int) {
  for (const auto& token : tokens_) {
    token->visit([](auto& core) { EndpointTransfer::keep(core); });
  }
}

void ProgramJob::await_heir(int) {
  for (const auto& token : tokens_) {
    token->visit([](auto& core) { EndpointTransfer::await_heir(core); });
  }
}

LeftOver ProgramJob::left_over(int) const noexcept {
  LeftOver all = tokens_.empty() ? LeftOver::open : LeftOver::nothing;
  for (const auto& token : tokens_) {
    const LeftOver one =
        token->visit([](const auto& core) { return EndpointTransfer::left_over(core); });
    all = std::max(all, one);
  }
  return all;
}

void ProgramJob::renounce(int, std::string_view why) noexcept {
  for (const auto& token : tokens_) {
    token->visit([&](auto& core) {
      if (EndpointTransfer::left_over(core) == LeftOver::unused) return token->fail(why);
      EndpointTransfer::renounce(core);
    });
  }
}

std::vector<std::string> ProgramJob::token_arguments() const {
  std::vector<std::string> words;
  for (const auto& token : tokens_) words.push_back(token->argument_for_this_process());
  return words;
}

void ProgramJob::surrender(int) noexcept {
  for (const auto& token : tokens_) {
    token->visit([](auto& core) { EndpointTransfer::surrender(core); });
  }
}

void ProgramJob::fail(int, std::string_view why) noexcept {
  for (const auto& token : tokens_) token->fail(why);
}

}  // namespace iq::detail
