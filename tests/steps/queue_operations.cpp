// Operations on queues themselves: create, close, stop, drain, destroy.
#include <optional>
#include <stdexcept>

#include "iq/detail/endpoint_access.hpp"
#include "steps/acts.hpp"

namespace steps {
namespace {

using S = Stage<Text>;
using Queue = iq::IterableQueue<Text>;

std::string second_name(const S& stage) { return StagedWorld<Text>::second_name(stage); }

template <class How>
void create(S& stage, How how) {
  std::optional<Queue> queue;
  operate([&] { queue.emplace(how, second_name(stage), small_queue(4)); });
}

}  // namespace

void attach(S& stage) {
  std::optional<Queue> queue;
  operate([&] { queue.emplace(iq::open_only, stage.name); });
}

void create_if_absent(S& stage) { create(stage, iq::open_or_create); }

// The last one that leaves a finished queue removes its name.
void destroy(S& stage) {
  std::optional<Queue> queue(std::in_place, iq::create_only, second_name(stage), small_queue(4));
  {
    auto producer = queue->get_producer();
    producer.put(make<Text>(1));
    auto consumer = queue->get_consumer();
    consumer.get();
  }
  operate([&] { queue.reset(); });
}

// Whatever was left under the name: the next one works with it or replaces it.
void use_the_name(S& stage) {
  Queue queue(iq::open_or_create, second_name(stage), small_queue(4));
  {
    auto producer = queue.get_producer();
    iqtest::require(producer.put_for(make<Text>(3), faults::bound) == iq::Status::ok,
                    "a put finds room in the queue of that name");
  }
  queue.close();
  auto consumer = queue.get_consumer();
  bool came = false;
  try {
    while (const auto item = consumer.get_for(faults::bound)) {
      iqtest::require(faults::whole(*item), "an item of the queue of that name is torn");
      came |= item->id == 3;
    }
  } catch (const iq::ProducerDied&) {
  }
  iqtest::require(came, "an item of the queue of that name was lost");
  consumer.close();
}

void close_it(S& stage) {
  auto queue = stage.open();
  operate([&] { queue.close(); });
}

void stop_it(S& stage) {
  auto queue = stage.open();
  operate([&] { queue.stop(std::runtime_error("enough")); });
}

void stop_again(S& stage) {
  stage.queue.stop();
  stage.stream_is_stopped = true;
  awake(stage);
}

namespace {

void create_only(S& stage) { create(stage, iq::create_only); }

void create_anonymous(S&) {
  std::optional<Queue> queue;
  operate([&] { queue.emplace(small_queue(4)); });
}

// A second queue that its creator has closed, with an item left in it and nobody attached.
void leave_a_rest(S& stage) {
  const int gone = stage.help([](S& s, int) {
    Queue queue(iq::create_only, second_name(s), small_queue(4));
    auto producer = queue.get_producer();
    producer.put(make<Text>(1));
  });
  stage.await_death(gone);
}

void reopen_a_rest(S& stage) {
  std::optional<Queue> queue;
  operate([&] {
    queue.emplace(iq::open_or_create, second_name(stage), small_queue(4));
    auto producer = queue->get_producer();
    producer.put(make<Text>(2));
  });
}

void close_a_handle(S& stage) {
  std::optional<Queue> queue(stage.open());
  operate([&] { queue.reset(); });
}

void sleepers_of_both_kinds(S& stage) {
  const int sleeper = stage.help([](S& s, int slot) { s.consume_all(slot); });
  iqtest::require(iqtest::wait_until([&] { return stage.sleepers() != 0; }), "a consumer sleeps");
  stage.helper(sleeper).stop();
}

// Claimed by somebody who is stopped: stop() has to tell him.
void queued_and_claimed(S& stage) {
  stage.put(0, 8);
  const int holder = stage.help([](S& s, int slot) {
    RawConsumer consumer(s.name);
    s.take_batch(consumer, slot, 5);
    ::raise(SIGSTOP);
    consumer.ring().close(iq::detail::Leave::acknowledge);
    s.consume_all(slot);
  });
  stage.await_stopped(holder);
}

void let_the_stage_go_on(S& stage) {
  stage.put(0, 4);
  iq::detail::EndpointAccess::go_on(stage.producer);
}

void drain_it(S& stage) {
  auto queue = stage.open();
  const auto drain = iq::detail::EndpointAccess::drainer(queue);
  operate([&] { drain(); });
}

}  // namespace

std::vector<Operation> queue_operations() {
  constexpr auto nothing = Act<Text>::nothing;
  const auto of = [](const char* name, void (*before)(S&), void (*victim)(S&),
                     void (*after)(S&) = Act<Text>::nothing) {
    return operation<Text>({name, small_queue(16), before, victim, nullptr, after});
  };
  return {
      of("create", nothing, create_only, use_the_name),
      of("create, if absent", nothing, create_if_absent, use_the_name),
      of("create, anonymous", nothing, create_anonymous),
      of("reopen what was left", leave_a_rest, reopen_a_rest, use_the_name),
      of("destroy", nothing, destroy, use_the_name),
      of("close of a handle", nothing, close_a_handle),
      of("close of the queue", sleepers_of_both_kinds, close_it, awake),
      of("stop", queued_and_claimed, stop_it, stop_again),
      of("drain", let_the_stage_go_on, drain_it),
  };
}

}  // namespace steps
