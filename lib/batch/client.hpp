// The calling side of one thread: calls that gather, calls under way, replies.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/clock.hpp"
#include "batch/function.hpp"
#include "batch/inbox.hpp"
#include "batch/scheduler.hpp"
#include "ring/tend.hpp"

namespace iq::detail {

/// Somebody who wants to know when this thread is about to sleep for a reply.
class ReplyWatch {
 public:
  virtual void before_wait() = 0;
  virtual void after_wait() noexcept = 0;

 protected:
  ~ReplyWatch() = default;
};

class BatchClient {
 public:
  /// Made at its first use in a thread; again in a forked child.
  static BatchClient& of_this_thread();
  /// The function is over: this thread keeps nothing of it, unless calls are under way.
  static void forget_in_this_thread(const LocalFunction& function) noexcept;

  BatchClient();
  ~BatchClient();
  BatchClient(const BatchClient&) = delete;
  BatchClient& operator=(const BatchClient&) = delete;

  TaskScheduler& scheduler() noexcept { return scheduler_; }

  void call(LocalFunction& function, std::span<const std::byte> object, const CallWriter& argument,
            std::shared_ptr<CallResult> result);
  /// Sends what the context's callers have gathered in this thread. Failures reach the callers.
  void flush(TaskContext& context) noexcept;
  /// The context ends: what still waits in it goes, alone.
  void forget_context(TaskContext& context) noexcept;
  /// Sleeps until a reply has come, or the deadline. Errors: WouldDeadlock when none can come.
  void wait_for_replies(DeadlineNs deadline);

  void set_watch(ReplyWatch* watch) noexcept { watch_ = watch; }

 private:
  /// The way to one function, of this thread.
  struct Route {
    std::shared_ptr<LocalFunction> function;
    Producer<Bytes> producer;
    ProducerHandle core;
    std::size_t under_way = 0;
    Tender tender;
  };
  /// A call that has no answer yet.
  struct Call {
    std::shared_ptr<CallResult> result;
    Route* route = nullptr;
    std::uint32_t turn = 0;  ///< tells it from earlier ones in its place
  };
  /// Calls that have not gone yet: of one context, one function, one object.
  struct Bucket {
    TaskContext* context = nullptr;
    Route* route = nullptr;
    std::vector<std::byte> object;
    std::vector<std::byte> calls;
    std::uint32_t count = 0;
    DeadlineNs due = kForever;
  };

  Route& route_to(LocalFunction& function);
  void forget_routes(const LocalFunction* function) noexcept;
  std::uint64_t begin_call(Route& route, std::shared_ptr<CallResult> result);
  void end_call(std::uint64_t id, std::exception_ptr error);
  Bucket& bucket_for(TaskContext& context, Route& route, std::span<const std::byte> object);
  [[noreturn]] static void refuse(const Route& route, Status status);
  void send_one(Route& route, std::span<const std::byte> object, std::uint64_t id,
                const CallWriter& argument);
  void send(Bucket& bucket) noexcept;
  void send_due() noexcept;
  void receive(std::span<const std::byte> item);
  void look_after_servers();
  Inbox& inbox();

  std::uint64_t generation_;
  TaskScheduler scheduler_;
  std::unique_ptr<Inbox> inbox_;
  std::vector<std::unique_ptr<Route>> routes_;
  std::vector<Call> calls_;
  std::vector<std::uint32_t> free_calls_;
  std::size_t under_way_ = 0;
  std::vector<Bucket> buckets_;
  std::vector<Bucket> spare_buckets_;
  DeadlineNs first_due_ = kForever;
  ReplyWatch* watch_ = nullptr;
  bool has_stale_routes_ = false;  ///< the last call to a function that is over has ended
};

}  // namespace iq::detail
