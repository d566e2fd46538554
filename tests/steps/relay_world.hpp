// Two queues and a relay between them: a source that has put what it has, relays, a sink.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>

#include "faults/relay_line.hpp"
#include "steps/operation.hpp"
#include "steps/tracer.hpp"

namespace steps {

/// From where to where the victim's relay runs step by step.
enum class Leg : unsigned char {
  first,  ///< from its beginning into the third input: it begins, and hands over twice
  last,   ///< from its last input on: it hands over, finds the end, leaves
};

class RelayWorld final : public World {
 public:
  explicit RelayWorld(Leg leg);

  iqtest::Child start_victim() override;
  /// A repairer of both queues.
  iqtest::Child start_second() override;
  void watch(SharedState& state) const override;
  void note_victim(const iqtest::Exit& exit) override;
  void note_second(const iqtest::Exit&) override {}
  void finish() override;

 private:
  static constexpr std::uint32_t kBefore = 5;    // inputs before the fault
  static constexpr std::uint32_t kInputs = 100;  // in all; the others are ten times what fits

  struct Book {
    std::array<std::array<std::atomic<std::uint8_t>, faults::kOutputs>, kInputs> got{};
    std::atomic<bool> ended_well{false};
  };

  bool was_relaying() const;
  template <class OnInput>
  void relay(OnInput on_input) const;
  void put(std::uint32_t first, std::uint32_t end);
  void judge() const;

  const Leg leg_;
  const std::string input_, output_;
  std::optional<iq::IterableQueue<faults::Input>> in_;
  std::optional<iq::IterableQueue<faults::Output>> out_;
  std::optional<iq::Producer<faults::Input>> source_;
  std::shared_ptr<iq::detail::Segment> spy_in_, spy_out_;
  iqtest::Shared<Book> book_;
  iqtest::Gate held_;
  iqtest::Flag go_;
  iqtest::Child other_;
  std::uint32_t put_ = 0;
  pid_t victim_ = 0;
  bool a_producer_died_ = false;  ///< and not a relay beside which another one lives
};

}  // namespace steps
