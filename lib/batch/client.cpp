// A call outside any context goes at once. In a context it is kept until the last caller of this
// thread waits, its function's max_size is reached or its max_delay has passed; then all that are
// for one function and object go as one item. Where callers of other processes take part, the calls
// are kept on the board instead, see gather.cpp.
//
// Who waits sleeps in its inbox, at most 25 ms at a time: after that it looks whether anybody is
// left who could answer. So a caller never hangs on the dead, whoever died.
#include "batch/client.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <random>
#include <utility>

#include "batch/joining.hpp"
#include "batch/membership.hpp"
#include "iq/detail/endpoint_access.hpp"
#include "iq/error.hpp"
#include "sys/fork_guard.hpp"
#include "sys/futex.hpp"

namespace iq::detail {
namespace {

struct ThreadClient {
  BatchClient* client = nullptr;
  std::uint64_t generation = 0;
  BatchClient* parents = nullptr;  ///< kept, or a leak check would take it for lost
  ~ThreadClient() {
    // What an inherited one holds is the parent's: left alone.
    if (generation == process_generation()) delete std::exchange(client, nullptr);
  }
};
thread_local ThreadClient thread_client;
std::atomic<std::uint64_t> clients_made{0};

}  // namespace

BatchClient& BatchClient::of_this_thread() {
  if (thread_client.client == nullptr || thread_client.generation != process_generation()) {
    if (thread_client.client != nullptr) thread_client.parents = thread_client.client;
    thread_client.client = new BatchClient();
    thread_client.generation = process_generation();
  }
  return *thread_client.client;
}

const BatchClient* BatchClient::inherited() noexcept {
  return thread_client.generation != process_generation() ? thread_client.client : nullptr;
}

void BatchClient::forget_in_this_thread(const LocalFunction& function) noexcept {
  if (thread_client.client == nullptr || thread_client.generation != process_generation()) return;
  thread_client.client->forget_routes(&function);
}

void BatchClient::take_answers_of_this_thread() {
  if (thread_client.client == nullptr || thread_client.generation != process_generation()) return;
  thread_client.client->take_answers();
}

// Ids of calls differ between threads and processes, so that no late answer passes for another's.
BatchClient::BatchClient()
    : id_(clients_made.fetch_add(1, std::memory_order_relaxed) + 1),
      scheduler_(*this),
      first_turn_(std::random_device{}()) {}

// Contexts leave their boards while what they need is still there; those that outlive the thread,
// as a static one does, have no callers any more.
BatchClient::~BatchClient() {
  for (Call& call : calls_) call.context.reset();
  scheduler_.forget_all();
  while (!contexts_.empty()) contexts_.back()->client_ends();
}

Inbox& BatchClient::inbox() {
  if (!inbox_) inbox_ = std::make_unique<Inbox>();
  return *inbox_;
}

// Those of `function`, and those that nobody else knows any more.
void BatchClient::forget_routes(const LocalFunction* function) noexcept {
  std::erase_if(routes_, [&](const auto& route) {
    if (route->under_way != 0) return false;
    return route->function.get() == function || route->function.use_count() == 1;
  });
  drop_idle();
}

// The inbox where nobody knows it and nothing is on its way; the ways to others' where no context
// is shared with them.
void BatchClient::drop_idle() noexcept {
  if (shared_.empty()) outboxes_.reset();
  if (routes_.empty() && shared_.empty() && under_way_ == 0 && incoming_.left() == 0) {
    inbox_.reset();
  }
}

BatchClient::Route& BatchClient::route_to(LocalFunction& function) {
  for (const auto& route : routes_) {
    if (route->function.get() == &function) return *route;
  }
  forget_routes(nullptr);
  inbox();
  Producer<Bytes> producer = function.get_producer();
  ProducerHandle core = EndpointAccess::core(producer);
  routes_.push_back(std::make_unique<Route>(
      Route{function.shared_from_this(), std::move(producer), std::move(core), 0, true, {}}));
  return *routes_.back();
}

std::uint64_t BatchClient::begin_call(Route& route, std::shared_ptr<CallResult> result) {
  if (free_calls_.empty()) {
    free_calls_.push_back(static_cast<std::uint32_t>(calls_.size()));
    calls_.emplace_back().turn = first_turn_;
  }
  const std::uint32_t index = free_calls_.back();
  free_calls_.pop_back();
  Call& call = calls_[index];
  call.result = std::move(result);
  call.route = &route;
  ++route.under_way;
  if (under_way_++ == 0) next_look_ = 0;
  return id_of(index);
}

// An answer that comes twice, or too late, finds nothing.
void BatchClient::end_call(std::uint64_t id, std::exception_ptr error) {
  const auto index = static_cast<std::uint32_t>(id);
  if (index >= calls_.size()) return;
  Call& call = calls_[index];
  if (!call.result || call.turn != static_cast<std::uint32_t>(id >> 32)) return;
  const std::shared_ptr<CallResult> result = std::move(call.result);
  const TaskContextHandle context = std::move(call.context);
  if (context) context->membership()->finish(call.slot);
  ++call.turn;
  --call.route->under_way;
  has_stale_routes_ |= call.route->under_way == 0 && call.route->function.use_count() == 1;
  --under_way_;
  free_calls_.push_back(index);
  result->settle(std::move(error));
}

void BatchClient::call(LocalFunction& function, std::span<const std::byte> object,
                       const CallWriter& argument, std::shared_ptr<CallResult> result) {
  Route& route = route_to(function);
  const TaskContextHandle& context = scheduler_.context();
  const std::uint64_t id = begin_call(route, std::move(result));
  try {
    if (!context) {
      send_one(route, RequestKind::direct, object, id, argument);
    } else {
      if (!context->name.empty()) join_named_context(*context);
      if (context->membership() == nullptr || !post(context, function, object, argument, id)) {
        keep(*context, route, object, argument, id);
      }
    }
  } catch (...) {
    end_call(id, std::current_exception());
  }
  if (first_due_ != kForever && now_ns() >= first_due_) send_due();
}

// Until others of this thread are there, too, or all wait.
void BatchClient::keep(TaskContext& context, Route& route, std::span<const std::byte> object,
                       const CallWriter& argument, std::uint64_t id) {
  Bucket& bucket = bucket_for(context, route, object);
  const std::size_t bytes = argument.bytes();
  const std::size_t at = bucket.calls.size();
  bucket.calls.resize(at + sizeof(CallHead) + bytes);
  const CallHead head{id, static_cast<std::uint32_t>(bytes), 0};
  try {
    argument.write(write_struct(bucket.calls.data() + at, &head, sizeof head), bytes);
  } catch (...) {
    bucket.calls.resize(at);
    throw;
  }
  ++bucket.count;
  if (bucket.count == route.function->settings().max_size ||
      bucket.calls.size() > route.core->max_bytes() / 2) {
    send(bucket);
  }
}

void BatchClient::say_hello(LocalFunction& function, const CallWriter& hello,
                            std::shared_ptr<CallResult> result) {
  Route& route = route_to(function);
  const std::uint64_t id = begin_call(route, std::move(result));
  try {
    send_one(route, RequestKind::hello, {}, id, hello);
  } catch (...) {
    end_call(id, std::current_exception());
  }
}

// False when the function is served by processes that do not see the context's board, or there is
// no room on it: then this thread's calls go together, without the other processes'.
bool BatchClient::post(const TaskContextHandle& context, LocalFunction& function,
                       std::span<const std::byte> object, const CallWriter& argument,
                       std::uint64_t id) {
  SharedMembership& membership = *context->membership();
  if (function.board() != membership.board()) return false;
  const auto slot = membership.post(function, object, argument, id);
  if (!slot) return false;
  Call& call = calls_[static_cast<std::uint32_t>(id)];
  call.context = context;
  call.slot = *slot;
  first_due_ = std::min(first_due_, membership.first_due());
  membership.flush_if_full();  // only now, since the answer may come meanwhile
  return true;
}

BatchClient::Bucket& BatchClient::bucket_for(TaskContext& context, Route& route,
                                             std::span<const std::byte> object) {
  for (Bucket& bucket : buckets_) {
    if (bucket.context == &context && bucket.route == &route &&
        std::ranges::equal(bucket.object, object)) {
      return bucket;
    }
  }
  Bucket bucket;
  if (!spare_buckets_.empty()) {
    bucket = std::move(spare_buckets_.back());
    spare_buckets_.pop_back();
  }
  bucket.context = &context;
  bucket.route = &route;
  bucket.object.assign(object.begin(), object.end());
  bucket.calls.clear();
  bucket.count = 0;
  const std::int64_t delay = route.function->settings().max_delay_ns;
  bucket.due = delay < 0 ? kForever : now_ns() + delay;
  first_due_ = std::min(first_due_, bucket.due);
  buckets_.push_back(std::move(bucket));
  return buckets_.back();
}

void BatchClient::forget_context(TaskContext& context) noexcept {
  flush(context);
  std::erase(contexts_, &context);
  std::erase(shared_, &context);
}

// What an answer wakes may call again, and then have to read on, see make_room(): so the rest of an
// item is kept where that finds it.
void BatchClient::receive(std::span<const std::byte> item) {
  something_came_ = true;
  incoming_ = WireReader(item);
  read_answers();
}

void BatchClient::read_answers() {
  try {
    while (incoming_.left() != 0) {
      const auto head = incoming_.read<AnswerHead>();
      const auto bytes = incoming_.take(head.bytes);
      const auto index = static_cast<std::uint32_t>(head.id);
      if (head.state == AnswerState::error) {
        end_call(head.id, decode_error(bytes));
      } else if (head.state == AnswerState::value && index < calls_.size() &&
                 calls_[index].result && calls_[index].turn == head.id >> 32) {
        std::exception_ptr error;
        try {
          calls_[index].result->accept(bytes);
        } catch (...) {
          error = std::current_exception();
        }
        end_call(head.id, error);
      }
    }
  } catch (...) {
    incoming_ = WireReader({});
    throw;
  }
}

void BatchClient::take_answers() {
  read_answers();
  while (inbox_) {  // what an answer wakes may end the last function that needed it
    const auto item = inbox_->next(kAtOnce);
    if (item.empty()) return;
    receive(item);
  }
}

// Whoever watches is told of the wait.
std::span<const std::byte> BatchClient::next_item(DeadlineNs deadline) {
  if (watch_ == nullptr) return inbox_->next(deadline);
  watch_->before_wait();
  struct Waited {
    ReplyWatch* watch;
    ~Waited() { watch->after_wait(); }
  };
  const Waited waited{watch_};
  return inbox_->next(deadline);
}

void BatchClient::wait_for_replies(DeadlineNs deadline) {
  if (under_way_ == 0) {
    if (deadline == kForever) {
      throw WouldDeadlock(
          "this thread's tasks wait for each other, and no call is under way that could wake one "
          "of them: a task waits for itself, or for one that waits for it");
    }
    const std::atomic<std::uint32_t> never{0};
    for (std::int64_t left; (left = deadline - now_ns()) > 0;) futex_wait(never, 0, left);
    return;
  }
  // Looking is due by the clock, whatever comes meanwhile: answers of one function say nothing
  // about the servers of another.
  const std::int64_t now = now_ns();
  if (next_look_ == 0) next_look_ = now + kLookAfterNs;
  DeadlineNs look = next_look_;
  for (TaskContext* context : shared_) {
    look = std::min(look, context->membership()->first_due());
  }
  const std::size_t before = under_way_;
  if (now >= look) {
    look_after_calls();
  } else if (const auto item = next_item(std::min(deadline, look)); !item.empty()) {
    receive(item);
  }
  something_came_ |= under_way_ != before;
  if (std::exchange(has_stale_routes_, false)) forget_routes(nullptr);
}

}  // namespace iq::detail
