// What worker groups may do with endpoints and queues that users may not.
#pragma once

#include <functional>
#include <memory>
#include <string_view>

#include "iq/detail/endpoint_left_over.hpp"
#include "iq/queue.hpp"

namespace iq::detail {

struct EndpointAccess {
  /// The untyped core. Errors: Closed when the object was moved from.
  template <class T>
  static const ConsumerHandle& core(Consumer<T>& consumer) {
    consumer.core();
    return consumer.core_;
  }
  template <class T>
  static const ProducerHandle& core(Producer<T>& producer) {
    producer.core();
    return producer.core_;
  }
  /// What a consumer keeps of the item in hand, or the item where it lies. Errors: as reading it.
  template <class T>
  static decltype(auto) in_hand(Consumer<T>& consumer) {
    const Position position = consumer.core_->position();
    if constexpr (Payload<T>::kInPlace) {
      return *reinterpret_cast<const T*>(consumer.core_->item(position));
    } else {
      return consumer.core_->note_corrupt(consumer.core_->item_id(position), [&] {
        return Payload<T>::hold(consumer.core_->payload(position));
      });
    }
  }

  /// In the child: takes an inherited endpoint over. Errors: WrongProcess, CannotProbe,
  /// SystemError.
  template <class Endpoint>
  static void adopt(Endpoint& endpoint) {
    EndpointTransfer::adopt(*endpoint.core_);
  }
  /// In the parent, once the child has it: lets go without closing.
  template <class Endpoint>
  static void surrender(Endpoint& endpoint) noexcept {
    if (endpoint.core_) EndpointTransfer::surrender(*endpoint.core_);
  }
  template <class Endpoint>
  static void keep(Endpoint& endpoint) {
    EndpointTransfer::keep(*endpoint.core_);
  }
  template <class Endpoint>
  static void await_heir(Endpoint& endpoint) {
    EndpointTransfer::await_heir(*endpoint.core_);
  }
  template <class Endpoint>
  static void succeed(Endpoint& endpoint) {
    EndpointTransfer::succeed(*endpoint.core_);
  }
  template <class Endpoint>
  static LeftOver left_over(const Endpoint& endpoint) noexcept {
    return endpoint.core_ ? EndpointTransfer::left_over(*endpoint.core_) : LeftOver::nothing;
  }
  template <class Endpoint>
  static void renounce(Endpoint& endpoint) noexcept {
    if (endpoint.core_) EndpointTransfer::renounce(*endpoint.core_);
  }
  template <class T>
  static void go_on(Producer<T>& producer) noexcept {
    EndpointTransfer::go_on(*producer.core_);
  }
  template <class T>
  static void go_on(Consumer<T>&) noexcept {}
  /// Ends an endpoint whose worker will never run, or is about to leave by itself.
  template <class T>
  static void fail(Producer<T>& producer, std::string_view why) noexcept {
    if (producer.core_) producer.core_->fail(why);
  }
  template <class T>
  static void fail(Consumer<T>& consumer, std::string_view) noexcept {
    if (consumer.core_) consumer.core_->close(Leave::give_back);
  }
  /// As fail(), later, although the endpoint was moved meanwhile; nothing once it is gone.
  template <class T>
  static std::function<void(std::string_view)> failer(Producer<T>& producer) {
    return [weak = std::weak_ptr(producer.core_)](std::string_view why) {
      if (const auto core = weak.lock()) core->fail(why);
    };
  }
  template <class T>
  static std::function<void(std::string_view)> failer(Consumer<T>& consumer) {
    return [weak = std::weak_ptr(consumer.core_)](std::string_view) {
      if (const auto core = weak.lock()) core->close(Leave::give_back);
    };
  }
  /// Lets whoever waits with it go, from another thread; nothing once it is gone.
  template <class Endpoint>
  static std::function<void()> dismisser(Endpoint& endpoint) {
    return [weak = std::weak_ptr(endpoint.core_)] {
      if (const auto core = weak.lock()) EndpointTransfer::dismiss(*core);
    };
  }
  /// Closes the queue, also when its object is gone by then.
  template <class T>
  static std::function<void()> closer(IterableQueue<T>& queue) {
    return [weak = std::weak_ptr(queue.core_)] {
      if (const auto core = weak.lock()) core->close();
    };
  }
  template <class T>
  static std::function<void()> stopper(IterableQueue<T>& queue) {
    return [weak = std::weak_ptr(queue.core_)] {
      if (const auto core = weak.lock()) core->stop(nullptr);
    };
  }
  /// Who waits for it now.
  template <class T>
  static QueueWaits waits(const IterableQueue<T>& queue) {
    return queue.core().waits();
  }
  /// Drains the queue, also when its object is gone by then.
  template <class T>
  static std::function<void()> drainer(IterableQueue<T>& queue) {
    return queue.core().drainer();
  }
};

}  // namespace iq::detail
