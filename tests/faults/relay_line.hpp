// Two named queues, a source, a sink, and relays between them that may be killed.
#pragma once

#include <doctest/doctest.h>

#include <array>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "iq/iq.hpp"
#include "ring/tend.hpp"
#include "shm/segment.hpp"
#include "support/kill.hpp"
#include "support/process.hpp"

namespace faults {

using namespace std::chrono_literals;

inline constexpr std::uint32_t kMost = 2'000'000;
inline constexpr std::uint32_t kOutputs = 3;  // of one input, at most

struct Input {
  std::uint32_t id;
  std::string text;
};
struct Output {
  std::uint32_t id;
  std::uint32_t part;
  std::string text;
};

inline std::string text_of(std::uint32_t id) {
  return std::string(id * 37 % 200, static_cast<char>('a' + id % 26));
}
inline std::uint32_t parts_of(std::uint32_t id) { return id % 7 == 0 ? 0 : 1 + id % kOutputs; }

struct Book {
  std::atomic<std::uint32_t> allowed{0};  ///< the source puts no more, so that there is always work
  std::atomic<std::uint32_t> put{0};
  std::atomic<bool> enough{false};
  std::atomic<bool> ended_well{false};
  std::array<std::array<std::atomic<std::uint8_t>, kOutputs>, kMost> got{};
};

inline iq::Options options(iq::OnProducerDeath on_death) {
  return {.capacity = 8,
          .bytes_per_producer = 2048,
          .max_deliveries = 14,
          .on_producer_death = on_death};
}

/// Two named queues and the processes around them.
class Line {
 public:
  explicit Line(iq::OnProducerDeath on_death = iq::OnProducerDeath::fail)
      : input_(iqtest::temp_name("in")), output_(iqtest::temp_name("out")) {
    in_.emplace(iq::create_only, input_, options(on_death));
    out_.emplace(iq::create_only, output_, options(on_death));
    iqtest::Gate ready;
    source_ = iqtest::spawn([&] {
      iq::IterableQueue<Input> queue(iq::open_only, input_);
      auto producer = queue.get_producer();
      ready.post();
      for (std::uint32_t id = 0; id < kMost && !book->enough; ++id) {
        const auto may = [&] { return id < book->allowed || book->enough; };
        iqtest::require(id < book->allowed || iqtest::wait_until(may), "the source is let go on");
        if (book->enough) break;
        producer.put({id, text_of(id)});
        book->put = id + 1;
      }
    });
    ready.wait();
    sink_ = iqtest::spawn([&] {
      iq::IterableQueue<Output> queue(iq::open_only, output_);
      auto consumer = queue.get_consumer();
      ready.post();
      for (const Output& item : consumer) {
        iqtest::require(item.id < kMost && item.part < parts_of(item.id), "an output of the book");
        iqtest::require(item.text == text_of(item.id), "an output is not torn");
        book->got[item.id][item.part].fetch_add(1);
      }
      book->ended_well = true;
    });
    ready.wait();
  }

  void relay(bool hold_first = false) const {
    iq::IterableQueue<Input> in(iq::open_only, input_);
    iq::IterableQueue<Output> out(iq::open_only, output_);
    auto consumer = in.get_consumer();
    auto producer = out.get_producer();
    iq::relay(consumer, producer, [&](const Input& item, iq::Emit<Output>& emit) {
      if (std::exchange(hold_first, false)) {
        held.post();
        go.wait();
      }
      for (std::uint32_t part = 0; part < parts_of(item.id); ++part) {
        emit({item.id, part, item.text});
      }
    });
  }

  /// A relay that dies at the nth passing of the point, or is killed when it does not come there.
  /// True when it was the point.
  bool kill_at(const std::string& point, int nth) {
    iqtest::Child victim = iqtest::spawn([&] {
      iqtest::kill_at(point.c_str(), nth);
      relay();
    });
    const bool came = feed_until([&] { return iqtest::has_ended(victim.pid()); }, 1);
    const iqtest::Exit exit = victim.kill_and_wait();
    iqtest::require(exit.signal == SIGKILL, "a relay ends but by a kill");
    return came;
  }

  /// A repairer of both queues that dies at the point. True when it did.
  bool kill_repairer_at(const std::string& point) {
    iqtest::Child repairer = iqtest::spawn([&] {
      const auto in = iq::detail::Segment::open_named(input_);
      const auto out = iq::detail::Segment::open_named(output_);
      iqtest::kill_at(point.c_str());
      for (const auto& segment : {in, out}) {
        iq::detail::sweep(*segment, 0, iq::detail::kMaxEndpoints);
      }
    });
    return repairer.wait().signal == SIGKILL;
  }

  /// A repairer of the output that stops before it looks at the dead relay's producer, which comes
  /// behind the dead one's queue object.
  iqtest::Child start_slow_repairer() {
    return iqtest::spawn([&] {
      const auto out = iq::detail::Segment::open_named(output_);
      iqtest::kill_at("repair_begin", 2, iqtest::KillAction::stop);
      iq::detail::sweep(*out, 0, iq::detail::kMaxEndpoints);
    });
  }

  /// A relay that is registered, has one item in hand and goes on when it is told.
  iqtest::Child start_and_hold() {
    iqtest::Child child = iqtest::spawn([&] { relay(true); });
    book->allowed += 64;
    held.wait();
    return child;
  }

  /// A relay that finishes; it has passed something on when this returns.
  iqtest::Child start() {
    const std::uint32_t before = book->put;
    iqtest::Child child = iqtest::spawn([&] { relay(); });
    const auto moved = [&] { return book->put >= before + 2 * 8 || book->enough; };
    iqtest::require(feed_until(moved), "a relay relays");
    return child;
  }

  /// Lets everybody finish and compares the books.
  void finish(iqtest::Child& last) {
    book->enough = true;
    CHECK(source_.wait().ok());
    in_->close();
    CHECK(last.wait().ok());
    out_->close();
    CHECK(sink_.wait().ok());
    CHECK(book->ended_well);
    std::uint32_t lost = 0, doubled = 0;
    const std::uint32_t inputs = book->put;
    for (std::uint32_t id = 0; id < inputs; ++id) {
      for (std::uint32_t part = 0; part < parts_of(id); ++part) {
        lost += book->got[id][part] == 0;
        doubled += book->got[id][part] > 1;
      }
    }
    CHECK(lost == 0);
    CHECK(doubled == 0);
    CHECK(in_->stats().parked == 0);
    CHECK(out_->stats().corrupt == 0);
    inputs_ = inputs;
  }
  std::uint32_t inputs() const { return inputs_; }
  std::uint32_t passed() const { return book->put; }
  iqtest::Child& sink() { return sink_; }
  /// Lets the source put some more each time that it asks.
  bool feed_until(const std::function<bool()>& predicate, double seconds = iqtest::kPatienceS) {
    return iqtest::wait_until(
        [&] {
          book->allowed += 100;
          return predicate();
        },
        seconds);
  }
  iq::IterableQueue<Output>& out() { return *out_; }
  void close_in() { in_->close(); }
  void drain_in() {
    auto consumer = in_->get_consumer();  // before the close: the source may be in a put
    in_->close();
    while (consumer.get_for(5s)) {
    }
    iqtest::require(source_.wait().ok(), "the source ends");
  }

  iqtest::Shared<Book> book;
  mutable iqtest::Gate held;
  mutable iqtest::Flag go;

 private:
  std::string input_, output_;
  std::optional<iq::IterableQueue<Input>> in_;
  std::optional<iq::IterableQueue<Output>> out_;
  iqtest::Child source_, sink_;
  std::uint32_t inputs_ = 0;
};

}  // namespace faults
