// Scenes of producers. The director's own producer has the first lane, so victims get the next.
#include <stdexcept>

#include "faults/scenes.hpp"

namespace faults {
namespace {

template <class T>
void put_and_close(Stage<T>& stage) {
  auto queue = stage.open();
  auto producer = queue.get_producer();
  stage.put(producer, 0, 5);
  producer.close();
}

// Each put meets a consumer that sleeps, so each put wakes.
template <class T>
void put_to_a_sleeper(Stage<T>& stage) {
  auto queue = stage.open();
  auto producer = queue.get_producer();
  for (std::uint32_t id = 0; id < 4; ++id) {
    iqtest::require(iqtest::wait_until([&] { return stage.sleepers() != 0; }), "somebody sleeps");
    stage.put(producer, id, 1);
  }
}

template <class T>
void put_more_than_fits(Stage<T>& stage) {
  auto queue = stage.open();
  auto producer = queue.get_producer();
  stage.put(producer, 0, 14);
}

template <class T>
void put_all_pieces(Stage<T>& stage) {
  auto queue = stage.open();
  auto producer = queue.get_producer();
  for (std::uint32_t first = 0; first < 900; first += 300) {
    std::vector<T> items;
    for (std::uint32_t id = first; id < first + 300; ++id) items.push_back(make<T>(id));
    const auto result = producer.put_all_for(items, bound);
    iqtest::require(result.accepted == items.size(), "put_all finds room");
    for (std::uint32_t id = first; id < first + 300; ++id) stage.ledger->returned[id] = 1;
  }
}

template <class T>
void fail_in_the_midst(Stage<T>& stage) {
  auto queue = stage.open();
  try {
    auto producer = queue.get_producer();
    stage.put(producer, 0, 3);
    throw std::runtime_error("the worker's own trouble");
  } catch (const std::runtime_error& error) {
    iqtest::require(std::string_view(error.what()) == "the worker's own trouble", error.what());
  }
}

// A lane that was used to its end by somebody who closed, and one that a dead one left half full.
template <class T>
void leave_lanes_behind(Stage<T>& stage) {
  const int orderly = stage.help([](Stage<T>& s, int) {
    auto queue = s.open();
    auto producer = queue.get_producer();
    s.put(producer, 100, 3);
  });
  stage.await_death(orderly);
  const int eater = stage.help([](Stage<T>& s, int slot) {
    auto queue = s.open();
    auto consumer = queue.get_consumer();
    s.consume(consumer, slot, 3);
    consumer.ack();
  });
  stage.await_death(eater);
}

template <class T>
void sleep_and_consume(Stage<T>& stage) {
  stage.help([](Stage<T>& s, int slot) { s.consume_all(slot); });
}

// A claimer stops before it stamps the victim's oldest item, and nobody else looks: the victim must
// free the place itself.
template <class T>
void claim_and_stop(Stage<T>& stage) {
  stage.help([](Stage<T>& s, int slot) {
    const auto full = [&] { return s.spy->lanes_used() > 1 && s.spy->lane(1).control->tail >= 4; };
    const auto begun = [&] { return full() || s.victim_ended.is_set(); };
    iqtest::require(iqtest::wait_until(begun), "the victim has put or ended");
    if (!full()) return;
    RawConsumer consumer(s.name);
    iqtest::kill_at("claim_after_cas", 1, iqtest::KillAction::stop);
    if (consumer.take(4)) s.note_in_hand(consumer, slot);
    consumer.ring().close(iq::detail::Leave::acknowledge);
  });
  stage.help([](Stage<T>& s, int slot) {
    const auto freed = [&] { return s.spy->control().attention != 0 || s.victim_ended.is_set(); };
    iqtest::require(iqtest::wait_until(freed), "the victim frees its place or ends");
    s.consume_all(slot);
  });
}

template <class T>
void end_the_claimer(Stage<T>& stage) {
  go_on_or_end(stage.helpers.front());
}

template <class T>
void put_one_too_many(Stage<T>& stage) {
  auto queue = stage.open();
  auto producer = queue.get_producer();
  stage.put(producer, 0, 5);
}

}  // namespace

template <class T>
std::vector<Scene<T>> producer_scenes() {
  using S = Scene<T>;
  return {
      {"put into an empty queue", small_queue(8), S::nothing, put_and_close<T>, S::nothing, true},
      {"put to a sleeper", small_queue(8), sleep_and_consume<T>, put_to_a_sleeper<T>, S::nothing,
       true},
      {"put on a full queue", small_queue(4), drain_when_full<T>, put_more_than_fits<T>, S::nothing,
       true},
      {"put all",
       {.capacity = 200, .bytes_per_producer = 1 << 15},
       sleep_and_consume<T>,
       put_all_pieces<T>,
       S::nothing,
       true},
      {"an exception ends a producer", small_queue(8), S::nothing, fail_in_the_midst<T>, S::nothing,
       true},
      {"put into a used lane", small_queue(8), leave_lanes_behind<T>, put_and_close<T>, S::nothing,
       true},
      {"put behind a stopped claimer", small_queue(4), claim_and_stop<T>, put_one_too_many<T>,
       end_the_claimer<T>, true},
  };
}

template std::vector<Scene<Text>> producer_scenes();
template std::vector<Scene<Fixed>> producer_scenes();

}  // namespace faults
