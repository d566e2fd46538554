// The way of calls to their servers: what has gathered in this thread, single ones, tickets.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "batch/client.hpp"
#include "batch/membership.hpp"
#include "iq/error.hpp"

namespace iq::detail {

void BatchClient::refuse(const Route& route, Status status) {
  if (status != Status::closed && status != Status::stopped) route.core->raise(status);
  throw Closed(
      fmt::format("cannot call {}: it has ended. The object that made it was destroyed, in "
                  "the process where that was; nothing was called",
                  route.function->description()));
}

// Who waits for room reads its own answers meanwhile: a server that has no room for them would
// never come to what fills the queue. And who fills a queue that nobody serves is told.
std::byte* BatchClient::make_room(Route& route, std::size_t bytes) {
  constexpr std::int64_t kReadAgainNs = 1'000'000;
  if (bytes > route.core->max_bytes()) {
    throw TooLarge(fmt::format(
        "cannot call {}: this call has {} bytes encoded, at most {} fit. Make the function with "
        "iq::BatchOptions{{.bytes = {}}} or more; nothing was called",
        route.function->description(), bytes, route.core->max_bytes(), bytes));
  }
  std::byte* to = nullptr;
  Status status = route.core->begin_encoded(bytes, kAtOnce, to);
  for (std::int64_t look = 0; status == Status::full || status == Status::timeout;) {
    take_answers();
    const std::int64_t now = now_ns();
    if (look == 0) look = route.is_served ? now + kLookAfterNs : now;
    if (now >= look) {
      look = now + kLookAfterNs;
      if (!is_served(route, now)) {
        throw ServerDied(
            fmt::format("cannot call {}: no process serves it any more, and its queue is full of "
                        "calls; nothing was called",
                        route.function->description()));
      }
    }
    status = route.core->begin_encoded(bytes, now + kReadAgainNs, to);
  }
  if (status != Status::ok) refuse(route, status);
  return to;
}

bool BatchClient::put(std::uint64_t function, std::span<const std::span<const std::byte>> parts) {
  const std::shared_ptr<LocalFunction> known = LocalFunction::find(function);
  if (!known) return false;
  Route& route = route_to(*known);
  const Pinned pinned(route);
  std::size_t bytes = 0;
  for (const auto part : parts) bytes += part.size();
  std::byte* to = make_room(route, bytes);
  for (const auto part : parts) to = write_struct(to, part.data(), part.size());
  route.core->publish_placed(1);
  return true;
}

void BatchClient::send_one(Route& route, RequestKind kind, std::span<const std::byte> object,
                           std::uint64_t id, const CallWriter& argument) {
  const std::size_t bytes = argument.bytes();
  RequestHead head;
  head.kind = kind;
  head.count = 1;
  head.reply_to = inbox_->address();
  head.object_bytes = static_cast<std::uint32_t>(object.size());
  const CallHead call{id, static_cast<std::uint32_t>(bytes), 0};
  std::byte* to = make_room(route, sizeof head + object.size() + sizeof call + bytes);
  to = write_struct(to, &head, sizeof head);
  to = write_struct(to, object.data(), object.size());
  argument.write(write_struct(to, &call, sizeof call), bytes);
  route.core->publish_placed(1);
}

void BatchClient::send(Bucket& bucket) noexcept {
  Bucket gone = std::move(bucket);
  buckets_.erase(buckets_.begin() + (&bucket - buckets_.data()));
  try {
    RequestHead head;
    head.count = gone.count;
    head.reply_to = inbox_->address();
    head.object_bytes = static_cast<std::uint32_t>(gone.object.size());
    std::byte* to = make_room(*gone.route, sizeof head + gone.object.size() + gone.calls.size());
    to = write_struct(to, &head, sizeof head);
    to = write_struct(to, gone.object.data(), gone.object.size());
    write_struct(to, gone.calls.data(), gone.calls.size());
    gone.route->core->publish_placed(1);
  } catch (...) {
    WireReader calls(gone.calls);
    while (calls.left() != 0) {
      const auto call = calls.read<CallHead>();
      calls.take(call.bytes);
      end_call(call.id, std::current_exception());
    }
  }
  spare_buckets_.push_back(std::move(gone));
}

void BatchClient::send_due() noexcept {
  const std::int64_t now = now_ns();
  first_due_ = kForever;
  for (std::size_t i = 0; i < buckets_.size();) {
    if (buckets_[i].due <= now) {
      send(buckets_[i]);
    } else {
      first_due_ = std::min(first_due_, buckets_[i++].due);
    }
  }
  for (std::size_t i = 0; i < shared_.size(); ++i) {
    SharedMembership& membership = *shared_[i]->membership();
    membership.send_overdue(now);
    first_due_ = std::min(first_due_, membership.first_due());
  }
}

void BatchClient::flush(TaskContext& context) noexcept {
  for (std::size_t i = 0; i < buckets_.size();) {
    if (buckets_[i].context == &context) {
      send(buckets_[i]);
    } else {
      ++i;
    }
  }
}

}  // namespace iq::detail
