// A context begins in one thread and costs nothing. When that thread forks workers, it gets a place
// on the board, before the fork; each worker joins before it says that it is ready, so that all of
// them are counted before fork() returns and the first batch can go. A worker whose function has
// returned leaves at once; one that is killed is found dead by those who wait.
#include "batch/joining.hpp"

#include <exception>
#include <utility>
#include <vector>

#include "base/work_hooks.hpp"
#include "batch/client.hpp"
#include "batch/membership.hpp"
#include "sys/fork_guard.hpp"

namespace iq::detail {
namespace {

/// Whose children are no callers.
thread_local int no_members = 0;
/// What a worker has joined, until its function has returned.
thread_local TaskContextHandle worker_context;
/// Waits for workers that have begun in this thread.
thread_local std::vector<std::unique_ptr<BlockScope>> joins;

void before_worker_fork() {
  if (no_members != 0) return;
  try {
    share_context();
  } catch (const std::exception&) {  // no room for a board: workers call without the others
  }
}

void worker_begins() {
  if (no_members != 0) return;
  joins.clear();
  try {
    worker_context = join_inherited_context();
  } catch (const std::exception&) {  // likewise
  }
}

void worker_ends() {
  if (!worker_context) return;
  TaskFiber& fiber = BatchClient::of_this_thread().scheduler().current();
  fiber.context = nullptr;
  std::exchange(worker_context, nullptr)->leave();
}

void join_begins() {
  try {
    if (no_members == 0) joins.push_back(std::make_unique<BlockScope>());
  } catch (const std::exception&) {  // no memory: it counts as running
  }
}

void join_ends() {
  if (no_members == 0 && !joins.empty()) joins.pop_back();
}

}  // namespace

NoMembersHere::NoMembersHere() noexcept { ++no_members; }
NoMembersHere::~NoMembersHere() { --no_members; }

void set_work_hooks() noexcept {
  work_hooks.before_fork.store(before_worker_fork, std::memory_order_relaxed);
  work_hooks.worker_begins.store(worker_begins, std::memory_order_relaxed);
  work_hooks.worker_ends.store(worker_ends, std::memory_order_relaxed);
  work_hooks.join_begins.store(join_begins, std::memory_order_relaxed);
  work_hooks.join_ends.store(join_ends, std::memory_order_release);
}

void share_context() {
  BatchClient& client = BatchClient::of_this_thread();
  const TaskContextHandle& context = client.scheduler().context();
  if (context) join_named_context(*context);
  if (!context || context->membership() != nullptr) return;
  std::shared_ptr<Board> board = Board::of_process();
  const std::optional<Board::Place> place = board->new_context();
  if (!place) return;
  context->set_membership(SharedMembership::join(std::move(board), *place, client));
}

void join_named_context(TaskContext& context) {
  constexpr int kTries = 8;  // the last of the others may leave just now
  if (context.name.empty() || !Board::is_known()) return;
  const std::string name = std::exchange(context.name, {});
  const std::shared_ptr<Board> board = Board::of_process();
  for (int i = 0; i < kTries && context.membership() == nullptr; ++i) {
    const std::optional<Board::Place> place = board->named_context(name);
    if (!place) return;
    context.set_membership(SharedMembership::join(board, *place, context.client()));
  }
}

TaskContextHandle join_inherited_context() {
  const BatchClient* parents = BatchClient::inherited();
  if (parents == nullptr) return nullptr;
  const TaskContextHandle& its = parents->scheduler().context();
  if (!its || its->membership() == nullptr) return nullptr;
  const SharedMembership& model = *its->membership();
  BatchClient& client = BatchClient::of_this_thread();
  auto membership = SharedMembership::join(model.board(), model.place(), client);
  if (!membership) return nullptr;
  auto context = std::make_shared<TaskContext>(client);
  context->set_membership(std::move(membership));
  context->enter();
  client.scheduler().current().context = context;
  return context;
}

}  // namespace iq::detail
