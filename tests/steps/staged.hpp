// Operations on one queue, in a stage of tests/faults: its oracle judges here too.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "faults/scenes.hpp"
#include "steps/operation.hpp"
#include "steps/tracer.hpp"

namespace steps {

using faults::Fixed;
using faults::make;
using faults::RawConsumer;
using faults::small_queue;
using faults::Stage;
using faults::Text;
using namespace std::chrono_literals;

inline constexpr int kVictim = Stage<Text>::kVictim;
inline constexpr int kSecond = faults::kMaxSlots - 1;
/// Of the process that performs an operation: its line in the book.
inline int my_slot = kVictim;

/// Marks `f` as what is run step by step.
template <class F>
void operate(F&& f) {
  begin_operation();
  f();
  end_operation();
}

template <class T>
struct Act {
  std::string name;
  iq::Options options;
  void (*before)(Stage<T>&);
  void (*victim)(Stage<T>&);
  void (*second)(Stage<T>&) = nullptr;
  void (*after)(Stage<T>&) = nothing;

  static void nothing(Stage<T>&) {}
};

template <class T>
class StagedWorld final : public World {
 public:
  explicit StagedWorld(const Act<T>& act) : act_(act), stage_("steps", act.options) {
    faults::bound = std::chrono::seconds(static_cast<int>(faults::kVictimPatienceS));
    act_.before(stage_);
  }

  iqtest::Child start_victim() override {
    return iqtest::spawn([this] { act_.victim(stage_); });
  }
  iqtest::Child start_second() override {
    return iqtest::spawn([this] {
      my_slot = kSecond;
      act_.second(stage_);
    });
  }
  void watch(SharedState& state) const override {
    state.watch(stage_.spy);
    state.watch_name(second_name(stage_));
  }
  void note_victim(const iqtest::Exit& exit) override { note(kVictim, exit); }
  void note_second(const iqtest::Exit& exit) override { note(kSecond, exit); }
  void finish() override {
    stage_.victim_ended.set();
    act_.after(stage_);
    faults::finish(stage_);
    faults::judge(stage_);
    judge_endpoints();
  }

  static std::string second_name(const Stage<T>& stage) { return stage.name + ".second"; }

 private:
  void note(int slot, const iqtest::Exit& exit) {
    stage_.note_exit(slot, exit);
    // Killed between the hand-out of an item and the note of it in the book.
    if (!exit.ok()) ++stage_.unbooked;
  }
  // Nothing of the dead is left: only the queue object of this process is registered.
  void judge_endpoints() const {
    std::uint32_t live = 0;
    for (std::uint32_t i = 0, n = stage_.spy->endpoints_used(); i < n; ++i) {
      live += iq::detail::Life::unpack(stage_.spy->life(i)).live;
    }
    iqtest::require(live == 1, "leaked: " + std::to_string(live - 1) + " endpoints of the dead");
  }

  Act<T> act_;
  Stage<T> stage_;
};

template <class T>
std::unique_ptr<World> stage_act(const Act<T>& act) {
  return std::make_unique<StagedWorld<T>>(act);
}
template <class T>
Operation operation(const Act<T>& act) {
  return {act.name, [act] { return stage_act(act); }};
}
template <class T>
Pair pair_of(First first, const Act<T>& act) {
  return {act.name, [act] { return stage_act(act); }, first};
}

}  // namespace steps
