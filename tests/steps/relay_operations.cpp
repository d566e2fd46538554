// Hand-over, killed anywhere: each output once, whoever made it. In the first leg another relay is
// registered and has one input in hand all the time, so that a death is no end of the stream.
#include <algorithm>

#include "steps/relay_world.hpp"

namespace steps {

using faults::Input;
using faults::Output;
using namespace std::chrono_literals;

constexpr auto kPatience = 60s;  // with who runs instruction by instruction

RelayWorld::RelayWorld(Leg leg)
    : leg_(leg), input_(iqtest::temp_name("in")), output_(iqtest::temp_name("out")) {
  in_.emplace(iq::create_only, input_, faults::options(iq::OnProducerDeath::fail));
  out_.emplace(iq::create_only, output_, faults::options(iq::OnProducerDeath::fail));
  spy_in_ = iq::detail::Segment::open_named(input_);
  spy_out_ = iq::detail::Segment::open_named(output_);
  source_.emplace(in_->get_producer());
  if (leg_ == Leg::first) {
    put(0, 1);
    other_ = iqtest::spawn([this] {
      relay([this](const Input& input) {
        if (input.id != 0) return;
        held_.post();
        go_.wait();
      });
    });
    held_.wait();
    put(1, kBefore);
  } else {
    put(0, kBefore);
    source_->close();
    in_->close();
  }
}

void RelayWorld::put(std::uint32_t first, std::uint32_t end) {
  for (std::uint32_t id = first; id < end; ++id) {
    if (source_->put_for({id, faults::text_of(id)}, kPatience) != iq::Status::ok) {
      iqtest::require(false, "a put finds room");
    }
    put_ = id + 1;
  }
}

template <class OnInput>
void RelayWorld::relay(OnInput on_input) const {
  iq::IterableQueue<Input> in(iq::open_only, input_);
  iq::IterableQueue<Output> out(iq::open_only, output_);
  auto consumer = in.get_consumer();
  auto producer = out.get_producer();
  on_input({UINT32_MAX, {}});
  iq::relay(consumer, producer, [&](const Input& input, iq::Emit<Output>& emit) {
    on_input(input);
    for (std::uint32_t part = 0; part < faults::parts_of(input.id); ++part) {
      emit({input.id, part, input.text});
    }
  });
}

iqtest::Child RelayWorld::start_victim() {
  iqtest::Child victim = iqtest::spawn([this] {
    const std::uint32_t begin = leg_ == Leg::first ? UINT32_MAX : kBefore - 1;
    const std::uint32_t end = leg_ == Leg::first ? 3 : UINT32_MAX - 1;
    relay([&](const Input& input) {
      if (input.id == begin) begin_operation();
      if (input.id == end) end_operation();
    });
    if (leg_ == Leg::last) end_operation();
  });
  victim_ = victim.pid();
  return victim;
}

// Its producer says so before its first output.
bool RelayWorld::was_relaying() const {
  for (std::uint32_t i = 0; i < spy_out_->endpoints_used(); ++i) {
    const auto life = iq::detail::Life::unpack(spy_out_->life(i));
    const auto& extra = spy_out_->extra(i);
    if (life.live && life.role == iq::detail::Role::producer && extra.pid == victim_) {
      return extra.relay_from != 0;
    }
  }
  return false;
}

void RelayWorld::note_victim(const iqtest::Exit& exit) {
  a_producer_died_ = !exit.ok() && (leg_ == Leg::last || !was_relaying());
}

iqtest::Child RelayWorld::start_second() {
  return iqtest::spawn([this] {
    begin_operation();
    for (const auto& segment : {spy_in_, spy_out_}) {
      iq::detail::sweep(*segment, 0, iq::detail::kMaxEndpoints);
    }
    end_operation();
  });
}

void RelayWorld::watch(SharedState& state) const {
  state.watch(spy_in_);
  state.watch(spy_out_);
}

void RelayWorld::finish() {
  iqtest::Child sink = iqtest::spawn([this] {
    iq::IterableQueue<Output> queue(iq::open_only, output_);
    auto consumer = queue.get_consumer();
    try {
      while (const auto item = consumer.get_for(kPatience)) {
        iqtest::require(item->id < kInputs && item->part < faults::kOutputs &&
                            item->text == faults::text_of(item->id),
                        "an output is torn");
        book_->got[item->id][item->part].fetch_add(1);
      }
      book_->ended_well = true;
    } catch (const iq::ProducerDied&) {
    }
  });
  if (leg_ == Leg::last) {
    other_ = iqtest::spawn([this] { relay([](const Input&) {}); });
  } else {
    go_.set();
    put(kBefore, kInputs);
    source_->close();
    in_->close();
  }
  iqtest::require(other_.wait().ok(), "the other relay goes on to its end");
  out_->close();
  iqtest::require(sink.wait().ok(), "the sink goes on to its end");
  judge();
}

void RelayWorld::judge() const {
  for (std::uint32_t id = 0; id < put_; ++id) {
    for (std::uint32_t part = 0; part < faults::parts_of(id); ++part) {
      const auto complain = [&](const char* what) {
        iqtest::require(false, std::string(what) + ": output " + std::to_string(part) +
                                   " of input " + std::to_string(id));
      };
      if (book_->got[id][part] == 0) complain("lost");
      if (book_->got[id][part] > 1) complain("twice");
    }
  }
  iqtest::require(book_->ended_well || a_producer_died_, "the end is a good one");
  iqtest::require(in_->stats().queued == 0 && out_->stats().queued == 0, "all is drained");
  iqtest::require(in_->stats().corrupt + out_->stats().corrupt == 0, "nothing counts as corrupt");
}

std::vector<Operation> relay_operations() {
  const auto of = [](const char* name, Leg leg) {
    return Operation{name, [leg] { return std::make_unique<RelayWorld>(leg); }};
  };
  return {of("relay, from its beginning", Leg::first), of("relay, to its end", Leg::last)};
}

}  // namespace steps
