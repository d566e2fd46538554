// Queues in states worth starting from.
#pragma once

#include "fuzz/users.hpp"
#include "ring/consumer_ring.hpp"

namespace fuzz {

/// A queue that some have used and left: items queued, given back, finished and parked; nobody has
/// any in hand.
template <class T>
Image tidy_image() {
  iq::remove(queue_name());
  iq::IterableQueue<T> queue(iq::create_only, queue_name(),
                             {.capacity = 6, .bytes_per_producer = 512, .max_deliveries = 2});
  auto first = queue.get_producer();
  {
    auto second = queue.get_producer();
    auto consumer = queue.get_consumer();
    for (std::uint64_t i = 0; i < 5; ++i) first.put(make<T>(i));
    for (std::uint64_t i = 0; i < 3; ++i) second.put(make<T>(100 + i));
    for (int times = 0; times < 2; ++times) {  // parked
      (void)consumer.try_get();
      consumer.give_back();
    }
    for (int i = 0; i < 3; ++i) (void)consumer.try_get();
    consumer.ack();
    for (std::uint64_t i = 0; i < 3; ++i) first.put(make<T>(70 + i));
    (void)consumer.try_get();
    consumer.give_back();  // an orphan
  }
  return Image::of_queue();
}

/// The same, and everybody died at once: batches begun, leases, a hand-over committed and not
/// acknowledged, lanes with their owners.
template <class T>
Image broken_image() {
  iq::remove(queue_name());
  iq::IterableQueue<T> queue(iq::create_only, queue_name(),
                             {.capacity = 12, .bytes_per_producer = 1024, .max_deliveries = 3});
  std::vector<iq::Producer<T>> producers;
  std::vector<iq::Consumer<T>> consumers;
  for (int i = 0; i < 3; ++i) producers.push_back(queue.get_producer());
  for (int i = 0; i < 5; ++i) consumers.push_back(queue.get_consumer());
  for (auto& producer : producers) {
    for (std::uint64_t i = 0; i < 10; ++i) producer.put(make<T>(20 * i));
  }
  const auto ring = [&](std::size_t i) -> iq::detail::ConsumerRing& {
    return static_cast<iq::detail::ConsumerRing&>(*EndpointAccess::core(consumers[i]));
  };
  (void)ring(0).next_for(4, iq::detail::kAtOnce);  // the second of a batch
  (void)ring(0).next(iq::detail::kAtOnce);
  (void)consumers[1].try_get_some(2);
  auto lease = consumers[2].try_lease();
  (void)consumers[3].try_get();
  consumers[3].give_back();
  (void)consumers[3].try_get();  // an orphan in hand
  iq::detail::HandOverCore relay(EndpointAccess::core(consumers[4]),
                                 EndpointAccess::core(producers[2]));
  if (relay.in().next(iq::detail::kAtOnce) == iq::Status::ok) {
    std::byte* to = nullptr;
    (void)relay.out().stage(16, iq::detail::kAtOnce, to);
    relay.commit();
  }
  return Image::of_queue();
}

/// Runs `run` with the type that the input chose.
template <class Run>
void with_type(const Input& input, Run&& run) {
  switch (input.queue % 3) {
    case 0: return run.template operator()<Fixed>();
    case 1: return run.template operator()<Text>();
    default: return run.template operator()<iq::Bytes>();
  }
}

/// Writes into the mapped segment.
inline void write_word(const Fences& fences, const Step& step) {
  std::byte* const at = fences.data() + place_of(fences.segment().geometry(), step);
  std::uint64_t word;
  std::memcpy(&word, at, sizeof word);
  word = word_for(step, word);
  std::memcpy(at, &word, sizeof word);
}

/// Opens the queue as it lies there and does what the input says.
template <class T>
void use(const Image& image, Input& input) {
  std::optional<Fences> fences;  // goes last: the segment stays until then
  try {
    iq::IterableQueue<T> queue(iq::open_only, queue_name());
    fences.emplace(iq::detail::Segment::find(image.header().queue_id));
    Users<T> users(queue);
    while (const auto step = input.next()) {
      step->writes() ? write_word(*fences, *step) : users.call(*step);
    }
  } catch (const iq::Error&) {
  }
}

}  // namespace fuzz
