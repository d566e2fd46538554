// What a token is inside: an endpoint, and the text that leads another program to it.
#pragma once

#include <string>
#include <utility>

#include "iq/token.hpp"
#include "ring/consumer_ring.hpp"
#include "ring/producer_ring.hpp"

namespace iq::detail {

/// Threads: one at a time. Processes: forked along; each copy means the same endpoint.
class TokenCore {
 public:
  explicit TokenCore(ProducerHandle producer) : producer_(std::move(producer)) {}
  explicit TokenCore(ConsumerHandle consumer) : consumer_(std::move(consumer)) {}

  /// `action` gets the ProducerCore& or ConsumerCore&.
  template <class Action>
  auto visit(Action&& action) const {
    return producer_ ? action(*producer_) : action(*consumer_);
  }
  bool is_producer() const noexcept { return producer_ != nullptr; }
  const std::shared_ptr<Segment>& segment() const;
  /// `producer of queue "jobs"`.
  std::string role() const;

  /// In the process that is about to become the program, a child of the supervisor: binds the token
  /// to it and makes the argument. Async-signal-unsafe: the supervisor has one thread.
  std::string argument_for_this_process() const;
  /// Ends it as failed: no process will come.
  void fail(std::string_view why) const noexcept;
  /// Closes it in order.
  void close() const noexcept;

 private:
  Attachment& attachment() const;

  ProducerHandle producer_;
  ConsumerHandle consumer_;
};

}  // namespace iq::detail
