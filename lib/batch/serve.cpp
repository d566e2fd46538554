// The serving side: one process, one batch at a time.
//
// A batch function may call batched functions itself, even ones that call it. So that they find
// somebody who serves, a thread whose function waits for such a call lets another thread listen
// meanwhile, made when there is none. Only one of a process's threads runs the function's code at a
// time: it may use its data without locks, as long as it bears that another batch ran while it
// waited. Of the threads that have nothing to do, two stay, to be there the next time. A batch is
// acknowledged when its answers have been put; a server that dies before leaves it to the next. All
// threads end when the queue is stopped, which its maker does once nothing is under way.
#include <atomic>
#include <mutex>
#include <numeric>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "batch/client.hpp"
#include "batch/function.hpp"
#include "batch/inbox.hpp"
#include "batch/taken_calls.hpp"
#include "iq/detail/endpoint_access.hpp"
#include "iq/detail/kill_point.hpp"
#include "iq/error.hpp"

namespace iq::detail {

// ---- what a handler fills in ----

std::span<std::byte> BatchWork::result(std::size_t index, std::size_t bytes) {
  answers_.resize(arguments.size());
  const std::size_t at = bytes_.size();
  bytes_.resize(at + bytes);
  answers_[index] = {at, static_cast<std::uint32_t>(bytes), 1};
  return {bytes_.data() + at, bytes};
}

void BatchWork::fail(std::size_t index, std::exception_ptr error) {
  const std::vector<std::byte> text = encode_error(error);
  const std::span<std::byte> to = result(index, text.size());
  std::copy(text.begin(), text.end(), to.begin());
  answers_[index].state = 2;
}

void BatchWork::fail_all(const std::exception_ptr& error) {
  answers_.clear();
  bytes_.clear();
  if (arguments.empty()) return;
  fail(0, error);
  for (std::size_t i = 1; i < arguments.size(); ++i) repeat(i, 0);
}

void BatchWork::clear() noexcept {
  object = {};
  arguments.clear();
  answers_.clear();
  bytes_.clear();
}

namespace {

/// The process's threads, and which of them may run the function.
struct ServerProcess {
  const ServerPlan& plan;
  std::mutex turn;                ///< of running the function
  std::atomic<int> listeners{0};  ///< threads that wait for a batch, or are about to
};

std::string told_of_death(const ServerPlan& plan) {
  return fmt::format(
      "{}: {}. It may have been carried out{}", plan.description,
      plan.settings.idempotent
          ? "two processes that served this call's batch were killed or ended in the middle of it"
          : "the process that served this call's batch was killed or ended in the middle of it",
      plan.settings.idempotent
          ? ""
          : ". Declare the function idempotent to have such a batch served once more");
}

class ServerThread final : ReplyWatch {
 public:
  ServerThread(ServerProcess& process, Consumer<Bytes>& requests, bool is_first)
      : process_(process),
        requests_(requests),
        core_(EndpointAccess::core(requests)),
        is_first_(is_first) {}

  /// The caller has counted this thread as a listener.
  void serve() {
    BatchClient::of_this_thread().set_watch(this);
    while (listen() && stays()) {
    }
    BatchClient::of_this_thread().set_watch(nullptr);
  }

 private:
  bool listen();
  bool stays() noexcept;
  void handle(std::span<const std::byte> item);
  void serve_direct(const RequestHead& head, WireReader& in);
  void serve_gathered(const RequestHead& head, WireReader& in);
  void serve_taken(Board& board, const RequestHead& head, WireReader& in);
  void welcome(const RequestHead& head, WireReader& in);
  void run_handler();
  bool reply(const InboxAddress& to, std::span<const std::size_t> calls);
  bool put_answers(const InboxAddress& to, std::span<const std::size_t> calls, std::size_t size);
  void before_wait() override;
  void after_wait() noexcept override;

  ServerProcess& process_;
  Consumer<Bytes>& requests_;
  ConsumerHandle core_;
  bool is_first_;
  BatchWork work_;
  std::vector<std::uint64_t> ids_;
  std::vector<std::size_t> all_;
  Outboxes outboxes_;
};

// One item. False when there will be no further one.
bool ServerThread::listen() {
  std::uint32_t count = 0;
  const Status status = core_->next_some(1, kForever, count);
  process_.listeners.fetch_sub(1, std::memory_order_relaxed);
  if (status != Status::ok) return false;
  try {
    handle(core_->payload(core_->position()));
  } catch (const std::exception&) {  // an item that is none of ours: dropped
  }
  core_->release(Leave::acknowledge);
  return true;
}

// Counts this thread as a listener again, unless others do.
bool ServerThread::stays() noexcept {
  constexpr int kIdle = 2;
  int others = process_.listeners.load(std::memory_order_relaxed);
  do {
    if (!is_first_ && others >= kIdle) return false;
  } while (!process_.listeners.compare_exchange_weak(others, others + 1));
  return true;
}

void ServerThread::handle(std::span<const std::byte> item) {
  WireReader in(item);
  const auto head = in.read<RequestHead>();
  switch (head.kind) {
    case RequestKind::direct: return serve_direct(head, in);
    case RequestKind::gather: return serve_gathered(head, in);
    case RequestKind::hello: return welcome(head, in);
  }
}

void ServerThread::serve_direct(const RequestHead& head, WireReader& in) {
  work_.clear();
  ids_.clear();
  work_.object = in.take(head.object_bytes);
  for (std::uint32_t i = 0; i < head.count; ++i) {
    const auto call = in.read<CallHead>();
    ids_.push_back(call.id);
    work_.arguments.push_back(in.take(call.bytes));
  }
  run_handler();
  all_.resize(ids_.size());
  std::iota(all_.begin(), all_.end(), std::size_t{0});
  reply(head.reply_to, all_);
}

// B6. The calls of several members: theirs all count as running before the first has its answer, or
// the quick would form a batch without the slow.
void ServerThread::serve_gathered(const RequestHead& head, WireReader& in) {
  Board& board = *process_.plan.board;
  if (in.read<std::uint64_t>() != board.id()) return;
  const WireReader refs = in;
  try {
    serve_taken(board, head, in);
  } catch (...) {  // no memory for the batch: its callers are told
    TakenCalls::fail_all(board, head, refs, {});
    throw;
  }
}

void ServerThread::serve_taken(Board& board, const RequestHead& head, WireReader& in) {
  TakenCalls taken(board, head, in, core_->deliveries() > 1);
  if (taken.ids().empty()) return;
  work_.clear();
  work_.object = taken.object();
  work_.arguments.assign(taken.arguments().begin(), taken.arguments().end());
  ids_.assign(taken.ids().begin(), taken.ids().end());
  run_handler();
  taken.let_members_run();
  for (const TakenCalls::Caller& caller : taken.callers()) {
    if (!reply(caller.inbox, caller.calls)) taken.fail(caller);
    IQ_KILL_POINT(board_replied);
  }
}

// Somebody has found the function by name: tells what a child of the maker would know.
void ServerThread::welcome(const RequestHead& head, WireReader& in) {
  const ServerPlan& plan = process_.plan;
  const auto call = in.read<CallHead>();
  const auto theirs = in.read<HelloBody>();
  const auto name = in.take(in.left());
  ids_ = {call.id};
  all_ = {0};
  work_.clear();
  work_.arguments.emplace_back();
  if (theirs.layout != plan.type.layout) {
    const std::string_view text(reinterpret_cast<const char*>(name.data()), name.size());
    work_.fail(0, std::make_exception_ptr(WrongType(fmt::format(
                      "cannot open {}: it is `{}` (layout {:08x}), this program's is `{}` (layout "
                      "{:08x}). Rebuild both programs",
                      plan.description, plan.type.name, plan.type.layout >> 32, text,
                      theirs.layout >> 32))));
  } else {
    const InboxAddress file = plan.board->address();
    const WelcomeBody body{plan.function,
                           plan.settings.max_size,
                           plan.settings.max_delay_ns,
                           plan.board->id(),
                           file.inode,
                           file.pid,
                           file.number};
    std::memcpy(work_.result(0, sizeof body).data(), &body, sizeof body);
  }
  reply(head.reply_to, all_);
}

void ServerThread::run_handler() {
  const std::uint32_t deliveries = core_->deliveries();
  if (deliveries > (process_.plan.settings.idempotent ? 2U : 1U)) {
    return work_.fail_all(std::make_exception_ptr(ServerDied(told_of_death(process_.plan))));
  }
  const std::lock_guard lock(process_.turn);
  try {
    process_.plan.handler(work_);
  } catch (...) {
    work_.fail_all(std::current_exception());
  }
}

// False when nobody reads there.
bool ServerThread::reply(const InboxAddress& to, std::span<const std::size_t> calls) {
  const std::size_t limit = outboxes_.limit(to);
  if (limit == 0) return false;
  for (const std::size_t i : calls) {
    const std::size_t bytes = work_.answers()[i].bytes;
    if (sizeof(AnswerHead) + bytes <= limit) continue;
    work_.fail(i, std::make_exception_ptr(TooLarge(fmt::format(
                      "the result of a batched call has {} bytes encoded, at most {} fit into a "
                      "reply. Return less per call",
                      bytes, limit - sizeof(AnswerHead)))));
  }
  while (!calls.empty()) {
    std::size_t size = 0;
    std::size_t count = 0;
    for (; count < calls.size(); ++count) {
      const std::size_t more = sizeof(AnswerHead) + work_.answers()[calls[count]].bytes;
      if (size + more > limit / 2 && count > 0) break;
      size += more;
    }
    if (!put_answers(to, calls.first(count), size)) return false;
    calls = calls.subspan(count);
  }
  return true;
}

bool ServerThread::put_answers(const InboxAddress& to, std::span<const std::size_t> calls,
                               std::size_t size) {
  return outboxes_.put(to, size, [&](std::byte* at) {
    for (const std::size_t i : calls) {
      const BatchWork::Answer& answer = work_.answers()[i];
      const AnswerHead head{ids_[i], answer.state == 1 ? AnswerState::value : AnswerState::error,
                            answer.bytes};
      std::memcpy(at, &head, sizeof head);
      at += sizeof head;
      const auto bytes = work_.bytes_of(answer);
      if (!bytes.empty()) std::memcpy(at, bytes.data(), bytes.size());
      at += bytes.size();
    }
  });
}

// The function waits for a call of its own: others run meanwhile, and somebody listens.
void ServerThread::before_wait() {
  process_.turn.unlock();
  int nobody = 0;
  if (!process_.listeners.compare_exchange_strong(nobody, 1)) return;
  try {
    std::thread([&process = process_, requests = requests_.dup()]() mutable {
      ServerThread(process, requests, false).serve();
    }).detach();
  } catch (...) {  // no thread to be had: it waits alone, and looks again
    process_.listeners.fetch_sub(1);
  }
}

void ServerThread::after_wait() noexcept { process_.turn.lock(); }

}  // namespace

void serve_batches(Consumer<Bytes>& requests, const ServerPlan& plan) {
  // Never freed: other threads may still be about to end, and the process leaves without waiting
  // for them.
  auto* process = new ServerProcess{plan, {}, {1}};
  ServerThread(*process, requests, true).serve();
}

}  // namespace iq::detail
