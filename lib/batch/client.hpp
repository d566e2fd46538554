// The calling side of one thread: calls that gather, calls under way, replies.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "batch/function.hpp"
#include "batch/inbox.hpp"
#include "batch/scheduler.hpp"
#include "ring/tend.hpp"

namespace iq::detail {

/// How long a caller waits before it looks whether anybody is left who could answer.
inline constexpr std::int64_t kLookAfterNs = 25'000'000;

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
  /// In a forked child, before the first call of of_this_thread(): the one of the thread that
  /// forked, to be looked at only; else null.
  static const BatchClient* inherited() noexcept;
  /// The function is over: this thread keeps nothing of it, unless calls are under way.
  static void forget_in_this_thread(const LocalFunction& function) noexcept;
  /// Those that have come. Errors: CannotProbe, Corrupt.
  static void take_answers_of_this_thread();

  BatchClient();
  ~BatchClient();
  BatchClient(const BatchClient&) = delete;
  BatchClient& operator=(const BatchClient&) = delete;

  TaskScheduler& scheduler() noexcept { return scheduler_; }
  const TaskScheduler& scheduler() const noexcept { return scheduler_; }

  void call(LocalFunction& function, std::span<const std::byte> object, const CallWriter& argument,
            std::shared_ptr<CallResult> result);
  /// As call(), at once: asks a function that was opened by name about itself.
  void say_hello(LocalFunction& function, const CallWriter& hello,
                 std::shared_ptr<CallResult> result);
  /// Sends what the context's callers have gathered in this thread. Failures reach the callers.
  void flush(TaskContext& context) noexcept;
  /// The context ends: what still waits in it goes, alone.
  void forget_context(TaskContext& context) noexcept;
  /// What this thread keeps and nobody needs any more.
  void drop_idle() noexcept;
  /// To be called behind wait_for_replies() by who does not go on now.
  void go_on_waiting() noexcept;
  /// Sleeps until a reply has come, or the deadline. Errors: WouldDeadlock when none can come.
  void wait_for_replies(DeadlineNs deadline);

  /// Of this thread. Errors: as IterableQueue's.
  Inbox& inbox();
  /// Puts an item into the queue of a function that this process knows by its id; false for others.
  /// Errors: Closed, ServerDied, NoSpace, TooManyEndpoints.
  bool put(std::uint64_t function, std::span<const std::span<const std::byte>> parts);
  /// Asks another caller to look whether batches go.
  void nudge(const InboxAddress& to) noexcept;
  /// It has calls of this thread, until forget_context().
  void add_context(TaskContext& context) { contexts_.push_back(&context); }
  /// The context is shared from here on.
  void add_shared(TaskContext& context) { shared_.push_back(&context); }
  /// Tells futures of one thread from those of another.
  std::uint64_t id() const noexcept { return id_; }

  void set_watch(ReplyWatch* watch) noexcept { watch_ = watch; }

 private:
  /// The way to one function, of this thread.
  struct Route {
    std::shared_ptr<LocalFunction> function;
    Producer<Bytes> producer;
    ProducerHandle core;
    std::size_t under_way = 0;
    bool is_served = true;  ///< when that was looked at last
    Tender tender;
  };
  /// A route that is not forgotten although nothing may be under way on it.
  class Pinned {
   public:
    explicit Pinned(Route& route) noexcept : route_(route) { ++route_.under_way; }
    ~Pinned() { --route_.under_way; }
    Pinned(const Pinned&) = delete;
    Pinned& operator=(const Pinned&) = delete;

   private:
    Route& route_;
  };
  /// A call that has no answer yet.
  struct Call {
    std::shared_ptr<CallResult> result;
    Route* route = nullptr;
    std::uint32_t turn = 0;     ///< tells it from earlier ones in its place
    TaskContextHandle context;  ///< of a call on the board,
    std::uint32_t slot = 0;     ///< and where it is there
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
  std::uint64_t id_of(std::uint32_t index) const noexcept {
    return std::uint64_t{calls_[index].turn} << 32 | index;
  }
  void end_call(std::uint64_t id, std::exception_ptr error);
  Bucket& bucket_for(TaskContext& context, Route& route, std::span<const std::byte> object);
  [[noreturn]] static void refuse(const Route& route, Status status);
  void send_one(Route& route, RequestKind kind, std::span<const std::byte> object, std::uint64_t id,
                const CallWriter& argument);
  void send(Bucket& bucket) noexcept;
  void send_due() noexcept;
  std::byte* make_room(Route& route, std::size_t bytes);
  static bool is_served(Route& route, std::int64_t now);
  std::span<const std::byte> next_item(DeadlineNs deadline);
  void receive(std::span<const std::byte> item);
  void read_answers();
  void take_answers();
  void look_after_calls();
  void fail_parked(Route& route);
  void look_after_servers(std::int64_t now);
  std::vector<std::uint64_t> calls_sent(const Route& route, bool all) const;
  void fail_calls(const Route& route, std::span<const std::uint64_t> ids, std::string_view why);
  void keep(TaskContext& context, Route& route, std::span<const std::byte> object,
            const CallWriter& argument, std::uint64_t id);
  bool post(const TaskContextHandle& context, LocalFunction& function,
            std::span<const std::byte> object, const CallWriter& argument, std::uint64_t id);

  std::uint64_t id_;
  std::vector<TaskContext*> contexts_;
  TaskScheduler scheduler_;
  std::unique_ptr<Inbox> inbox_;
  std::vector<std::unique_ptr<Route>> routes_;
  std::vector<Call> calls_;
  std::vector<std::uint32_t> free_calls_;
  std::uint32_t first_turn_;
  std::size_t under_way_ = 0;
  std::vector<Bucket> buckets_;
  std::vector<Bucket> spare_buckets_;
  std::vector<TaskContext*> shared_;  ///< those with a membership
  std::unique_ptr<Outboxes> outboxes_;
  DeadlineNs first_due_ = kForever;
  std::int64_t next_look_ = 0;  ///< when the dead are looked for; 0: not chosen yet
  WireReader incoming_{{}};     ///< what is left of the item that is being read
  ReplyWatch* watch_ = nullptr;
  bool something_came_ = false;    ///< since go_on_waiting() last looked
  bool has_stale_routes_ = false;  ///< the last call to a function that is over has ended
};

}  // namespace iq::detail
