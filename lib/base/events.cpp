// The handler and the events that wait for it.
//
// Events happen in noexcept code that holds locks, so they wait in a fixed place per thread that
// needs no memory and no destructor. The handler is an atomic pointer and not guarded by a mutex: a
// fork() while another thread held that would lock it in the child for ever. A replaced handler is
// never freed, because another thread may be in it.
#include "base/events.hpp"

#include <array>
#include <atomic>
#include <utility>

namespace iq {
namespace {

constexpr std::uint32_t kMostPending = 48;

struct Handler {
  std::function<void(const Event&)> call;
  Handler* replaced;  ///< keeps the old ones reachable
};

constinit std::atomic<Handler*> newest{nullptr};

struct Pending {
  std::array<Event, kMostPending> events;
  std::uint32_t count = 0;
  std::uint32_t holds = 0;
  bool delivering = false;
};

constinit thread_local Pending pending{};

bool has_handler() noexcept {
  const Handler* handler = newest.load(std::memory_order_acquire);
  return handler != nullptr && handler->call;
}

void tell(const Event& event) noexcept {
  const Handler* handler = newest.load(std::memory_order_acquire);
  if (handler == nullptr || !handler->call) return;
  try {
    handler->call(event);
  } catch (...) {  // its caller is repair or a destructor
  }
}

}  // namespace

void set_event_handler(std::function<void(const Event&)> handler) {
  auto* made = new Handler{std::move(handler), newest.load(std::memory_order_relaxed)};
  while (!newest.compare_exchange_weak(made->replaced, made, std::memory_order_acq_rel)) {
  }
}

namespace detail {

void note_event(const Event& event) noexcept {
  if (!has_handler() || pending.count == kMostPending) return;
  pending.events[pending.count++] = event;
}

void deliver_events() noexcept {
  Pending& own = pending;
  if (own.count == 0 || own.holds != 0 || own.delivering) return;
  own.delivering = true;
  // What the handler's own calls bring about is told behind.
  for (std::uint32_t i = 0; i < own.count; ++i) {
    const Event event = own.events[i];
    tell(event);
  }
  own.count = 0;
  own.delivering = false;
}

EventHold::EventHold() noexcept { ++pending.holds; }

EventHold::~EventHold() {
  --pending.holds;
  deliver_events();
}

}  // namespace detail
}  // namespace iq
