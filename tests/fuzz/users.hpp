// Producers, consumers and leases of one queue, moved by the steps of an input. What the library
// may answer to a broken segment is an error of its own or a count; anything else ends the run.
#pragma once

#include <array>
#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "fuzz/image.hpp"
#include "fuzz/still_time.hpp"
#include "iq/detail/endpoint_access.hpp"
#include "iq/inspect.hpp"
#include "iq/iq.hpp"
#include "ring/tend.hpp"

namespace fuzz {

using namespace std::chrono_literals;
using iq::detail::EndpointAccess;

struct Fixed {
  std::uint64_t id;
  std::uint32_t weight;
};
struct Text {
  std::uint32_t id;
  std::string text;
  std::vector<std::uint16_t> marks;
};

inline Fixed make(std::uint64_t value, const Fixed*) {
  return {value, static_cast<std::uint32_t>(value >> 32)};
}
inline Text make(std::uint64_t value, const Text*) {
  return {static_cast<std::uint32_t>(value), std::string(value % 300, 'x'),
          std::vector<std::uint16_t>(value >> 16 & 7, 9)};
}
inline iq::Bytes make(std::uint64_t value, const iq::Bytes*) {
  return iq::Bytes(std::vector<std::byte>(value % 400, std::byte{7}));
}
template <class T>
T make(std::uint64_t value) {
  return make(value, static_cast<const T*>(nullptr));
}

template <class T>
class Users {
 public:
  explicit Users(iq::IterableQueue<T>& queue) : queue_(queue) {}

  /// One call of the library; errors of the library are welcome.
  void call(const Step& step) {
    using Call = void (Users::*)(const Step&);
    static constexpr Call kCalls[] = {
        &Users::get_producer, &Users::get_consumer,  &Users::try_put,      &Users::put_for,
        &Users::put_all,      &Users::loan,          &Users::try_get,      &Users::get_for,
        &Users::get_some,     &Users::lease,         &Users::end_lease,    &Users::ack,
        &Users::give_back,    &Users::loop,          &Users::end_producer, &Users::end_consumer,
        &Users::figures,      &Users::parked,        &Users::requeue,      &Users::drop_parked,
        &Users::end_queue,    &Users::sweep,         &Users::inspect,      &Users::relay,
        &Users::pass_time,    &Users::reopen_parted, &Users::dup};
    try {
      (this->*kCalls[(step.kind - kFirstCall) % std::size(kCalls)])(step);
    } catch (const iq::Error&) {  // said, not suffered
    }
  }

 private:
  std::optional<iq::Producer<T>>& producer(const Step& s) { return producers_[s.part % 2]; }
  std::optional<iq::Consumer<T>>& consumer(const Step& s) { return consumers_[s.part % 3]; }

  void get_producer(const Step& s) { producer(s).emplace(queue_.get_producer()); }
  void get_consumer(const Step& s) { consumer(s).emplace(queue_.get_consumer()); }
  void try_put(const Step& s) {
    if (producer(s)) (void)producer(s)->try_put(make<T>(s.value));
  }
  void put_for(const Step& s) {
    if (producer(s)) (void)producer(s)->put_for(make<T>(s.value), 40ms);
  }
  void put_all(const Step& s) {
    std::vector<T> items;
    for (std::uint64_t i = 0; i < (s.value >> 32) % 12; ++i) items.push_back(make<T>(s.value + i));
    if (producer(s)) (void)producer(s)->put_all_for(items, 1ms);
  }
  void loan(const Step& s) {
    if (!producer(s)) return;
    if constexpr (std::is_same_v<T, Fixed>) {
      auto loan = producer(s)->try_loan();
      if (loan && s.value % 4 != 0) loan->commit();
    } else if constexpr (std::is_same_v<T, iq::Bytes>) {
      auto loan = producer(s)->try_loan(s.value % 300);
      if (loan && s.value % 4 != 0) loan->commit();
    }
  }
  void try_get(const Step& s) {
    if (consumer(s)) (void)consumer(s)->try_get();
  }
  void get_for(const Step& s) {
    if (consumer(s)) (void)consumer(s)->get_for(std::chrono::milliseconds(s.value % 64));
  }
  void get_some(const Step& s) {
    if (consumer(s)) (void)consumer(s)->try_get_some(s.value % 4100);
  }
  void lease(const Step& s) {
    if (!consumer(s) || leases_.size() >= 6) return;
    if (auto lease = consumer(s)->try_lease()) leases_.push_back(*std::move(lease));
  }
  void end_lease(const Step& s) {
    if (leases_.empty()) return;
    const auto at = leases_.begin() + static_cast<std::ptrdiff_t>(s.place % leases_.size());
    s.value % 2 == 0 ? at->ack() : at->give_back();
    leases_.erase(at);
  }
  void ack(const Step& s) {
    if (consumer(s)) consumer(s)->ack();
  }
  void give_back(const Step& s) {
    if (consumer(s)) consumer(s)->give_back();
  }
  // A loop whose waits end at once.
  void loop(const Step& s) {
    if (!consumer(s)) return;
    iq::detail::ConsumerCore& core = *EndpointAccess::core(*consumer(s));
    iq::Status status = core.next(iq::detail::kNow);
    for (std::uint64_t left = 1 + s.value % 20; left != 0 && status == iq::Status::ok; --left) {
      const iq::detail::Position next = core.position() + 1;
      (void)EndpointAccess::in_hand(*consumer(s));
      const auto steps = core.begin_steps();
      if (!core.step(steps, next)) status = core.continue_after(next, iq::detail::kNow);
    }
  }
  void end_producer(const Step& s) {
    if (!producer(s)) return;
    if (s.value % 4 == 0) EndpointAccess::fail(*producer(s), std::string(s.value % 700, 'f'));
    producer(s).reset();
  }
  void end_consumer(const Step& s) { consumer(s).reset(); }
  void figures(const Step&) {
    (void)queue_.stats();
    (void)queue_.is_closed();
    (void)queue_.producers();
    (void)queue_.consumers();
    (void)queue_.is_current();
  }
  void parked(const Step&) { (void)queue_.parked(); }
  void requeue(const Step&) { (void)queue_.requeue_parked(); }
  void drop_parked(const Step&) { (void)queue_.drop_parked(); }
  void end_queue(const Step& s) {
    switch (s.value % 4) {
      case 0: return queue_.stop();
      case 1: return queue_.stop(std::runtime_error(std::string(s.value % 700, 's')));
      case 2: return EndpointAccess::drainer(queue_)();
      default: return queue_.close();
    }
  }
  void sweep(const Step& s) {
    if (const auto segment = iq::detail::Segment::open_named(queue_name())) {
      iq::detail::sweep(*segment, s.place, s.value % 2 == 0 ? iq::detail::kMaxEndpoints : 8);
    }
  }
  void inspect(const Step&) { (void)iq::inspect(queue_name()); }
  // Items of one consumer through one producer of the same queue.
  void relay(const Step& s) {
    if (!producer(s) || !consumer(s)) return;
    iq::detail::HandOverCore core(EndpointAccess::core(*consumer(s)),
                                  EndpointAccess::core(*producer(s)));
    if (core.in().next(iq::detail::kNow) != iq::Status::ok) return;
    for (std::uint64_t i = 0; i < s.value % 3; ++i) {
      std::byte* to = nullptr;
      if (core.out().stage(std::is_same_v<T, Fixed> ? sizeof(T) : 12, iq::detail::kNow, to) ==
          iq::Status::ok) {
        std::memset(to, 0, 12);
      }
    }
    s.value % 8 == 0 ? core.give_up() : core.commit();
  }
  void pass_time(const Step& s) {
    StillTime::advance(static_cast<std::int64_t>(s.value % 50'000'000));
  }
  // Another queue object of this process: joins, looks, leaves.
  void reopen_parted(const Step& s) {
    if (s.value % 2 == 0) {
      iq::IterableQueue<T> other(iq::open_only, queue_name());
      (void)other.size();
    } else {
      iq::IterableQueue<T> other(iq::open_or_create, queue_name());
      (void)other.size();
    }
  }
  void dup(const Step& s) {
    if (s.value % 2 == 0 && producer(s)) producers_[1 - s.part % 2].emplace(producer(s)->dup());
    if (s.value % 2 == 1 && consumer(s)) {
      consumers_[(s.part + 1) % 3].emplace(consumer(s)->dup());
    }
  }

  iq::IterableQueue<T>& queue_;
  std::array<std::optional<iq::Producer<T>>, 2> producers_;
  std::array<std::optional<iq::Consumer<T>>, 3> consumers_;
  std::vector<iq::Lease<T>> leases_;
};

}  // namespace fuzz
