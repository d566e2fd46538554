// The untyped hand-over between two queues.
#pragma once

#include <cstdint>
#include <memory>

#include "iq/detail/api.hpp"
#include "iq/detail/consumer_core.hpp"
#include "iq/detail/producer_core.hpp"

namespace iq::detail {

class Segment;

/// Binds a consumer and a producer for a relay: outputs staged on the producer and the item in the
/// consumer's hand become one commit. One thread at a time.
class IQ_API HandOverCore {
 public:
  /// Errors: Closed, WrongProcess; WouldDeadlock when one of them is in another relay; NoSpace.
  HandOverCore(ConsumerHandle in, ProducerHandle out);
  ~HandOverCore();
  HandOverCore(const HandOverCore&) = delete;
  HandOverCore& operator=(const HandOverCore&) = delete;

  /// Acknowledges the last input and takes the next: as ConsumerCore::next().
  Status next(std::int64_t deadline_ns);
  /// Publishes what was staged for the item in hand, which is finished with it. T36, T1
  /// Errors: as ProducerCore::commit_stage(): nothing was appended, the item is still in hand.
  void commit();
  /// Publishes what was staged so far and lets more follow for the same item, which counts as
  /// finished from here on: nobody does it again, so what follows is lost with this process. T36,
  /// T1. Errors: as commit().
  void commit_part();
  /// Drops what was staged and gives the item in hand back, unless a part of it was published.
  void give_up() noexcept;

  ConsumerCore& in() noexcept { return *in_; }
  ProducerCore& out() noexcept { return *out_; }

 private:
  ConsumerHandle in_;
  ProducerHandle out_;
  std::shared_ptr<Segment> input_;
  std::shared_ptr<Segment> output_;
  std::uint64_t generation_;
  std::uint32_t endpoint_ = 0;
  bool is_partly_out_ = false;  // the note speaks of the item in hand already

  void note_output(OutputName& output);
};

}  // namespace iq::detail
