// What a process can be killed in the midst of. A scene is set by `before`, played by a victim that
// dies at a kill point, and cleared by `after`; then the others finish and are judged.
#pragma once

#include <vector>

#include "faults/stage.hpp"

namespace faults {

template <class T>
struct Scene {
  const char* name;
  iq::Options options;
  void (*before)(Stage<T>&);
  void (*victim)(Stage<T>&);
  void (*after)(Stage<T>&);
  bool dies_as_producer = false;  ///< killed in a put, every consumer must be told

  static void nothing(Stage<T>&) {}
};

template <class T>
std::vector<Scene<T>> producer_scenes();     // put, waiting for room, the end of a producer
std::vector<Scene<Text>> consumer_scenes();  // claims, steps, acknowledging, sleeping
std::vector<Scene<Text>> rivalry_scenes();   // orphans, seizing, take-over, parking
std::vector<Scene<Text>> repair_scenes();    // repair of each kind of dead, alone and racing
std::vector<Scene<Text>> heir_scenes();      // going on where a dead process ended
std::vector<Scene<Text>> queue_scenes();     // create, close, stop, leave

inline iq::Options small_queue(std::uint64_t capacity, std::uint32_t max_deliveries = 14) {
  return {.capacity = capacity, .bytes_per_producer = 2048, .max_deliveries = max_deliveries};
}

/// For who waits on a victim: one that is run instruction by instruction takes its time.
inline constexpr double kVictimPatienceS = 60;

/// Lets a helper that stops at a kill point go on, or ends it where it did not come so far because
/// the victim had died before.
inline void go_on_or_end(const iqtest::Child& helper) {
  if (iqtest::stopped(helper.pid(), 0.05)) {
    helper.cont();
  } else {
    helper.kill();
  }
}

/// A helper that takes one item each time the victim sleeps for want of room.
template <class T>
void drain_when_full(Stage<T>& stage) {
  stage.help([](Stage<T>& s, int slot) {
    auto queue = s.open();
    auto consumer = queue.get_consumer();
    while (!s.victim_ended.is_set()) {
      const auto wanted = [&] { return s.producer_waits() || s.victim_ended.is_set(); };
      iqtest::require(iqtest::wait_until(wanted, kVictimPatienceS),
                      "the victim waits for room or ends");
      if (!s.victim_ended.is_set()) s.consume(consumer, slot, 1);
    }
    s.consume(consumer, slot, UINT32_MAX);
  });
}

}  // namespace faults
