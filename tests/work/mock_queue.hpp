// A queue without items: counts, in shared memory, what happens to its endpoints in any process.
#pragma once

#include <atomic>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "iq/worker_group.hpp"
#include "support/shared.hpp"

namespace iqtest {

struct EndpointCounts {
  std::atomic<int> made{0}, adopted{0}, surrendered{0};
  std::atomic<int> closed{0};           // destroyed normally
  std::atomic<int> unwound{0};          // destroyed by an exception
  std::atomic<int> failed_by_parent{0}, failed_at_exit{0};
  std::atomic<int> kept{0}, awaited{0}, succeeded{0}, renounced{0}, go_on{0};
  std::atomic<int> left_over{1};        // as iq::detail::LeftOver, of each dead worker
  std::atomic<bool> refuses_adoption{false};
};

struct QueueCounts {
  EndpointCounts producers, consumers;
  std::atomic<int> closes{0}, stops{0}, drains{0};
};

template <bool kProducer>
class MockEndpoint {
 public:
  MockEndpoint(std::shared_ptr<Shared<QueueCounts>> counts) : counts_(std::move(counts)) {
    ++mine().made;
  }
  MockEndpoint(MockEndpoint&& other) noexcept = default;
  ~MockEndpoint() {
    if (counts_) ++(std::uncaught_exceptions() > 0 ? mine().unwound : mine().closed);
  }

  EndpointCounts& mine() const { return of(**counts_); }
  std::shared_ptr<Shared<QueueCounts>> release() { return std::move(counts_); }
  const std::shared_ptr<Shared<QueueCounts>>& counts() const { return counts_; }
  static EndpointCounts& of(QueueCounts& counts) {
    return kProducer ? counts.producers : counts.consumers;
  }

 private:
  std::shared_ptr<Shared<QueueCounts>> counts_;
};

using MockProducer = MockEndpoint<true>;
using MockConsumer = MockEndpoint<false>;

class MockQueue {
 public:
  explicit MockQueue(std::string name = "")
      : counts_(std::make_shared<Shared<QueueCounts>>()), name_(std::move(name)) {}
  MockQueue(const MockQueue&) = delete;

  MockProducer get_producer() { return MockProducer(counts_); }
  MockConsumer get_consumer() { return MockConsumer(counts_); }
  bool is_anonymous() const { return name_.empty(); }
  const std::string& name() const { return name_; }
  QueueCounts& counts() const { return **counts_; }
  const std::shared_ptr<Shared<QueueCounts>>& shared() const { return counts_; }

 private:
  std::shared_ptr<Shared<QueueCounts>> counts_;
  std::string name_;
};

}  // namespace iqtest

namespace iq::detail {

template <bool kProducer>
struct EndpointHooks<iqtest::MockEndpoint<kProducer>> {
  using Endpoint = iqtest::MockEndpoint<kProducer>;

  static void adopt(Endpoint& endpoint) {
    if (endpoint.mine().refuses_adoption) throw CannotProbe("the mock refuses");
    ++endpoint.mine().adopted;
  }
  static void surrender(Endpoint& endpoint) noexcept {
    ++endpoint.mine().surrendered;
    endpoint.release();
  }
  static void fail(Endpoint& endpoint, std::string_view) noexcept {
    ++endpoint.mine().failed_by_parent;
    endpoint.release();
  }
  static void keep(Endpoint& endpoint) { ++endpoint.mine().kept; }
  static void await_heir(Endpoint& endpoint) { ++endpoint.mine().awaited; }
  static void succeed(Endpoint& endpoint) { ++endpoint.mine().succeeded; }
  static LeftOver left_over(const Endpoint& endpoint) noexcept {
    return static_cast<LeftOver>(endpoint.mine().left_over.load());
  }
  static void renounce(Endpoint& endpoint) noexcept { ++endpoint.mine().renounced; }
  static void go_on(Endpoint& endpoint) noexcept { ++endpoint.mine().go_on; }
  static std::function<void(std::string_view)> failer(Endpoint& endpoint) {
    return [counts = endpoint.counts()](std::string_view) {
      ++Endpoint::of(**counts).failed_at_exit;
    };
  }
};

template <>
struct QueueHooks<iqtest::MockQueue> {
  static std::function<void()> closer(iqtest::MockQueue& queue) {
    return [counts = queue.shared()] { ++(*counts)->closes; };
  }
  static std::function<void()> stopper(iqtest::MockQueue& queue) {
    return [counts = queue.shared()] { ++(*counts)->stops; };
  }
  static std::function<void()> drainer(iqtest::MockQueue& queue) {
    return [counts = queue.shared()] { ++(*counts)->drains; };
  }
};

}  // namespace iq::detail
