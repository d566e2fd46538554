// What the untyped core of WorkerGroup asks of a typed worker function and its endpoints.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "iq/detail/api.hpp"
#include "iq/detail/endpoint_left_over.hpp"

namespace iq::detail {

/// A worker function bound to the endpoints of all of its workers. Made in the process that calls
/// fork(); each worker and the supervisor have a copy of it, because fork copies memory.
///
/// In a worker only adopt, succeed, run and fail_adopted are called, and only for its own number:
/// the endpoints of the other workers are left alone there, never destroyed.
class IQ_API WorkerJob {
 public:
  WorkerJob() = default;
  WorkerJob(const WorkerJob&) = delete;
  WorkerJob& operator=(const WorkerJob&) = delete;
  virtual ~WorkerJob() = default;

  /// Worker: takes the second liveness lock of each of its endpoints.
  virtual void adopt(int worker) = 0;
  /// Worker: calls the user's function. The endpoints end closed when it returns, failed when an
  /// exception comes out.
  virtual void run(int worker) = 0;
  /// Worker: marks what was adopted as failed, wherever the user's code has moved it.
  virtual void fail_adopted(std::string_view why) noexcept = 0;

  // Where a worker may have successors, the supervisor holds its endpoints beside it. Of a job
  // whose workers are programs only these are called, and surrender and fail.

  /// Supervisor, before any worker: takes the second lock of each endpoint of the worker.
  virtual void keep(int worker) = 0;
  /// Supervisor, before each process: the endpoints wait for it.
  virtual void await_heir(int worker) = 0;
  /// Worker: takes the endpoints over, where a predecessor left them.
  virtual void succeed(int worker) = 0;
  /// Supervisor: the worker's process has ended; what it left. `open` when it has no endpoints,
  /// and so has closed none.
  virtual LeftOver left_over(int worker) const noexcept = 0;
  /// Supervisor: no process will follow. Lets go of the endpoints; those never taken have failed.
  virtual void renounce(int worker, std::string_view why) noexcept = 0;
  /// Worker: what becomes the program's last arguments.
  virtual std::vector<std::string> token_arguments() const { return {}; }

  /// Parent: the worker has adopted; lets go of the endpoints without closing them.
  virtual void surrender(int worker) noexcept = 0;
  /// Parent: the worker will never adopt; the endpoints count as failed.
  virtual void fail(int worker, std::string_view why) noexcept = 0;
};

/// How a group refers to what its workers do, and what it holds on to of their queues.
struct WorkerPlan {
  int count = 0;
  int restarts = 0;
  std::string program;                          ///< empty for a function
  std::vector<std::string> arguments;           ///< of the program, without the tokens
  std::string role;                             ///< e.g. `consumer of queue "jobs"`
  std::vector<std::function<void()>> closers;   ///< of anonymous queues: called by join()
  std::vector<std::function<void()>> stoppers;  ///< of all queues: called by ~WorkerGroup
  std::vector<std::function<void()>> drainers;  ///< of all queues: called by an interrupted join()
};

/// The queue floor's side of a hand-over; defined in iq/detail/endpoint_access.hpp.
struct EndpointAccess;

/// The hand-over of one endpoint. A template so that EndpointAccess need only be complete where an
/// endpoint is handed over; tests specialise it for endpoints of their own.
template <class Endpoint>
struct EndpointHooks {
  using Access = std::enable_if_t<sizeof(Endpoint) != 0, EndpointAccess>;

  static void adopt(Endpoint& endpoint) { Access::adopt(endpoint); }
  static void surrender(Endpoint& endpoint) noexcept { Access::surrender(endpoint); }
  static void fail(Endpoint& endpoint, std::string_view why) noexcept {
    Access::fail(endpoint, why);
  }
  static void keep(Endpoint& endpoint) { Access::keep(endpoint); }
  static void await_heir(Endpoint& endpoint) { Access::await_heir(endpoint); }
  static void succeed(Endpoint& endpoint) { Access::succeed(endpoint); }
  static LeftOver left_over(const Endpoint& endpoint) noexcept {
    return Access::left_over(endpoint);
  }
  static void renounce(Endpoint& endpoint) noexcept { Access::renounce(endpoint); }
  /// Its puts go on while the queue is drained.
  static void go_on(Endpoint& endpoint) noexcept { Access::go_on(endpoint); }
  /// Fails the endpoint later, although it was moved meanwhile; nothing once it is closed.
  static std::function<void(std::string_view)> failer(Endpoint& endpoint) {
    return Access::failer(endpoint);
  }
};

/// What a group does to a queue later, when the queue object may be gone: then nothing.
template <class Queue>
struct QueueHooks {
  using Access = std::enable_if_t<sizeof(Queue) != 0, EndpointAccess>;

  static std::function<void()> closer(Queue& queue) { return Access::closer(queue); }
  static std::function<void()> stopper(Queue& queue) { return Access::stopper(queue); }
  static std::function<void()> drainer(Queue& queue) { return Access::drainer(queue); }
};

}  // namespace iq::detail
