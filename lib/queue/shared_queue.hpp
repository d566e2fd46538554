// The queue behind QueueCore: one process's handle on a segment.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "iq/detail/queue_core.hpp"
#include "shm/attachment.hpp"
#include "shm/segment.hpp"

namespace iq::detail {

class SharedQueue final : public QueueCore {
 public:
  explicit SharedQueue(Attachment handle)
      : handle_(std::move(handle)), segment_(handle_.shared_segment()) {
    segment_->count_own_handle(1);
  }
  ~SharedQueue() override { leave(); }

  ProducerHandle get_producer() override;
  ConsumerHandle get_consumer() override;
  void close() override;
  bool is_closed() const override;
  void stop(const std::string* text) override;
  void adopt() override;
  std::function<void()> drainer() const override;
  Stats stats() const override;
  QueueWaits waits() const override;
  std::uint64_t size() const override { return stats().queued; }
  std::uint32_t producers() const override;
  std::uint32_t consumers() const override;
  bool anonymous() const noexcept override { return segment_->anonymous(); }
  const std::string& name() const noexcept override { return segment_->name(); }
  bool is_current() const override { return segment_->is_current(); }
  std::string description() const override { return segment_->description(); }
  std::uint32_t visit_parked(const std::function<bool(const ParkedItem&)>& visit) override;
  std::uint32_t requeue_parked() override;
  void leave() noexcept override;

  /// What was opened is the rest of a run that is over: the first producer may open it again.
  void allow_reopening() noexcept { may_reopen_ = true; }

 private:
  void require_usable(const char* what) const;
  Attachment register_endpoint(Role role, bool even_closed);
  void reopen_rest();

  Attachment handle_;
  std::shared_ptr<Segment> segment_;
  std::atomic<bool> may_reopen_{false};
};

/// Ends everything, as QueueCore::stop().
void stop_queue(Segment& segment, const std::string* text);

/// Refuses a program whose items are of another type than the segment's.
/// Errors: WrongType with both descriptions.
void require_type(const Segment& segment, const ItemType& ours);

/// Attachment::try_adopt(), again while the memory of a dead predecessor lingers. False when the
/// endpoint is held for longer than that. Errors: as try_adopt().
bool adopt_with_patience(Attachment& endpoint);

/// Registers an endpoint; repairs the dead first when no number is free.
/// Errors: Closed, TooManyEndpoints with both figures, CannotProbe.
Attachment attach_repairing(const std::shared_ptr<Segment>& segment, Role role, bool even_closed);

}  // namespace iq::detail
