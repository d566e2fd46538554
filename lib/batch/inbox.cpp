// Replies travel on queues, one per calling thread, without a name: its file is found through
// /proc under the caller's process id, and believed only by its inode. The caller is alive while it
// waits for the answer; when it is dead nobody needs one.
#include "batch/inbox.hpp"

#include <utility>

#include "iq/detail/endpoint_access.hpp"
#include "queue/shared_queue.hpp"
#include "ring/consumer_ring.hpp"
#include "ring/producer_ring.hpp"
#include "sys/passed_file.hpp"
#include "sys/process.hpp"
#include "sys/shm_file.hpp"

namespace iq::detail {
namespace {

constexpr Options kInboxOptions{.capacity = 512,
                                .bytes_per_producer = std::uint64_t{256} << 10,
                                .max_deliveries = 14,
                                .on_producer_death = OnProducerDeath::end};

/// All anonymous files of a machine are on one device; which, one of our own tells.
std::uint64_t device_of_anonymous_files() {
  static const std::uint64_t device = file_id(create_anonymous(kPageBytes).get()).device;
  return device;
}

/// Null when it cannot be had, for whatever reason: gone, another user's, no memory, no descriptor.
ProducerHandle open_inbox(const InboxAddress& at) noexcept {
  try {
    Fd found = open_inbox_file(at);
    if (!found) return nullptr;
    auto segment = Segment::open_file(std::move(found), "");
    return std::make_shared<ProducerRing>(attach_repairing(segment, Role::producer, false));
  } catch (...) {
    return nullptr;
  }
}

bool has_reader(const ProducerHandle& producer) {
  return count_registered(static_cast<ProducerRing&>(*producer).segment(), Role::consumer) != 0;
}

}  // namespace

Fd open_inbox_file(const InboxAddress& at) {
  PassedFile file;
  file.id = {device_of_anonymous_files(), at.inode};
  file.holder = at.pid;
  file.holder_number = at.number;
  return take_passed_file(file);
}

Inbox::Inbox()
    : queue_(kInboxOptions),
      consumer_(queue_.get_consumer()),
      core_(EndpointAccess::core(consumer_)) {
  const LockFile& file = static_cast<ConsumerRing&>(*core_).attachment().segment().lock_file();
  address_ = {file.id().inode, process_id(), file.probe_fd()};
}

std::span<const std::byte> Inbox::next(DeadlineNs deadline) {
  if (core_->next(deadline) != Status::ok) return {};
  return core_->payload(core_->position());
}

ProducerCore* Outboxes::find(const InboxAddress& to) {
  if (last_ && last_to_ == to) return last_.get();
  auto known = open_.find(to);
  if (known == open_.end()) {
    std::erase_if(open_, [](const auto& entry) { return !has_reader(entry.second); });
    ProducerHandle made = open_inbox(to);
    if (!made) return nullptr;
    known = open_.emplace(to, std::move(made)).first;
  }
  last_ = known->second;
  last_to_ = to;
  return last_.get();
}

bool Outboxes::begin(const InboxAddress& to, ProducerCore& producer, std::size_t size,
                     DeadlineNs deadline, std::byte*& at) {
  const Status status = producer.begin_encoded(size, deadline, at);
  if (status == Status::ok) return true;
  if (status == Status::full || status == Status::timeout) return false;
  open_.erase(to);
  last_.reset();
  return false;
}

std::size_t Outboxes::limit(const InboxAddress& to) {
  const ProducerCore* const producer = find(to);
  return producer != nullptr ? producer->max_bytes() : 0;
}

}  // namespace iq::detail
