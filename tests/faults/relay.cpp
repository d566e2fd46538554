// Relays killed at every point that they pass, and their repairers too: each item goes on exactly
// once, and nobody takes a whole stream for a broken one or the other way round.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <functional>
#include <iostream>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "faults/ledger.hpp"
#include "iq/iq.hpp"
#include "ring/tend.hpp"
#include "shm/segment.hpp"
#include "support/kill.hpp"

namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t kMost = 2'000'000;
constexpr std::uint32_t kOutputs = 3;  // of one input, at most

struct Input {
  std::uint32_t id;
  std::string text;
};
struct Output {
  std::uint32_t id;
  std::uint32_t part;
  std::string text;
};

std::string text_of(std::uint32_t id) { return std::string(id * 37 % 200, 'a' + char(id % 26)); }
std::uint32_t parts_of(std::uint32_t id) { return id % 7 == 0 ? 0 : 1 + id % kOutputs; }

struct Book {
  std::atomic<std::uint32_t> allowed{0};  ///< the source puts no more, so that there is always work
  std::atomic<std::uint32_t> put{0};
  std::atomic<bool> enough{false};
  std::atomic<bool> ended_well{false};
  std::array<std::array<std::atomic<std::uint8_t>, kOutputs>, kMost> got{};
};

iq::Options options(iq::OnProducerDeath on_death) {
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
    in_->close();
    auto consumer = in_->get_consumer();
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

struct Point {
  std::string name;
  std::int64_t passed;  ///< how often one relay passed it
};

/// The points that relays pass, found out by letting one run.
std::vector<Point> points() {
  struct Names {
    std::array<std::array<char, 48>, 96> names{};
    std::array<std::int64_t, 96> passed{};
    std::size_t size = 0;
  };
  iqtest::Shared<Names> seen;
  Line line;
  iqtest::Child relay = iqtest::spawn([&] {
    line.relay();
    for (const std::string& name : iq::detail::kill_points_seen()) {
      name.copy(seen->names.at(seen->size).data(), 47);
      seen->passed[seen->size++] = iq::detail::kill_point(name.c_str()).passed;
    }
  });
  iqtest::require(line.feed_until([&] { return line.passed() > 3000; }), "the line moves");
  line.finish(relay);
  std::vector<Point> result;
  for (std::size_t i = 0; i < seen->size; ++i) {
    result.push_back({seen->names[i].data(), seen->passed[i]});
  }
  return result;
}

}  // namespace

TEST_CASE("Relay: killed at every point of both queues, 10,000 items go on exactly once") {
  iqtest::limit_seconds(120);
  const std::vector<Point> all = points();
  std::mt19937 random(7);
  Line line(iq::OnProducerDeath::end);  // who dies before or behind its relay is no relay
  iqtest::Child good = line.start();
  unsigned deaths = 0;
  std::set<std::string> killed;
  for (int round = 0; round < 3 || line.passed() < 10'000; ++round) {
    for (const Point& point : all) {
      if (point.name == "relay_unmarked" || point.name.starts_with("detach_")) continue;  // the end
      // One that is seldom passed may not be reached beside another relay: the first time, then.
      const auto deepest = std::clamp<std::int64_t>(point.passed / 100, 1, 40);
      const int nth = round == 0 ? 1 : 1 + static_cast<int>(random() % deepest);
      const bool died = line.kill_at(point.name, nth);
      deaths += died;
      if (died) killed.insert(point.name);
    }
    REQUIRE(round < 50);
  }
  line.finish(good);
  std::cout << "  " << line.inputs() << " items, " << deaths << " deaths at " << all.size()
            << " points\n";
  CHECK(line.inputs() >= 10'000);
  CHECK(all.size() >= 20);
  CHECK(deaths >= 2 * all.size());
  for (const char* point : {"relay_noted", "relay_marked", "relay_recorded", "relay_committed"}) {
    CHECK_MESSAGE(killed.contains(point), point);
  }
}

// A second relay is there all the time, but has not looked up while the dead one is repaired.
TEST_CASE("Relay: its repairer killed at every point, the next decides the same, all is whole") {
  iqtest::limit_seconds(90);
  unsigned dead_repairers = 0, dead_at_unmark = 0;
  for (const char* at : {"relay_noted", "relay_marked", "relay_recorded", "relay_committed"}) {
    for (const char* point :
         {"repair_begin", "repair_after_seal", "repair_after_stamp", "repair_after_unmark",
          "repair_after_owner", "repair_before_free", "repair_after_free", "attention_before"}) {
      Line line;
      iqtest::Child good = line.start_and_hold();
      CHECK_MESSAGE(line.kill_at(at, 1), at);
      const bool died = line.kill_repairer_at(point);
      dead_repairers += died;
      dead_at_unmark += died && std::string_view(point) == "repair_after_unmark";
      line.go.set();
      line.finish(good);
    }
  }
  CHECK(dead_repairers >= 16);
  CHECK(dead_at_unmark > 0);
}

TEST_CASE("Relay: killed behind its end, before its producer closed: all was passed on") {
  Line line(iq::OnProducerDeath::end);
  iqtest::Child killed = iqtest::spawn([&] {
    iqtest::kill_at("relay_unmarked");
    line.relay();
  });
  iqtest::require(line.feed_until([&] { return line.passed() > 100; }), "the relay relays");
  line.book->enough = true;
  line.close_in();
  CHECK(killed.wait().signal == SIGKILL);
  iqtest::Child nobody = iqtest::spawn([] {});
  line.finish(nobody);
}

TEST_CASE("Relay: the last one that is killed leaves a broken stream, and the sink is told") {
  Line line;
  CHECK(line.kill_at("relay_recorded", 5));
  line.book->enough = true;
  line.out().close();
  CHECK(line.sink().wait().code == iqtest::kThrew);
  CHECK_FALSE(line.book->ended_well);
  line.drain_in();
}

TEST_CASE("Relay: killed right behind its commit, the input is not seen again") {
  const std::string name = iqtest::temp_name("commit");
  iq::IterableQueue<int> in(iq::create_only, name + ".in", {.max_deliveries = 1});
  iq::IterableQueue<int> out(iq::create_only, name + ".out",
                             {.on_producer_death = iq::OnProducerDeath::end});
  in.get_producer().put_all({1, 2, 3});
  in.close();
  const auto relay = [&] {
    iq::IterableQueue<int> from(iq::open_only, name + ".in");
    iq::IterableQueue<int> to(iq::open_only, name + ".out");
    auto consumer = from.get_consumer();
    auto producer = to.get_producer();
    iq::relay(consumer, producer, [](int i) { return i * 10; });
  };
  iqtest::Child killed = iqtest::spawn([&] {
    iqtest::kill_at("relay_committed");
    relay();
  });
  CHECK(killed.wait().signal == SIGKILL);
  CHECK(iqtest::spawn(relay).wait().ok());
  out.close();
  std::vector<int> results;
  auto consumer = out.get_consumer();
  for (const int item : consumer) results.push_back(item);
  std::ranges::sort(results);
  CHECK(results == std::vector{10, 20, 30});
  CHECK(in.stats().parked == 0);  // not even counted
}

// The tail of its lane tells whether a dead relay's outputs are out: so nobody may move it.
TEST_CASE("Relay: what others put before its input was decided on does not pass for its outputs") {
  for (const char* point : {"relay_recorded", "relay_committed"}) {
    const std::string name = iqtest::temp_name("lane");
    iq::IterableQueue<int> in(iq::create_only, name + ".in");
    iq::IterableQueue<int> out(iq::create_only, name + ".out",
                               {.on_producer_death = iq::OnProducerDeath::end});
    in.get_producer().put_all({1, 2});
    in.close();
    iqtest::Child killed = iqtest::spawn([&] {
      iq::IterableQueue<int> from(iq::open_only, name + ".in");
      iq::IterableQueue<int> to(iq::open_only, name + ".out");
      auto consumer = from.get_consumer();
      auto producer = to.get_producer();
      iqtest::kill_at(point);
      iq::relay(consumer, producer, [](int i) { return i * 10; });
    });
    CHECK(killed.wait().signal == SIGKILL);
    const auto input = iq::detail::Segment::open_named(name + ".in");
    const auto output = iq::detail::Segment::open_named(name + ".out");
    CHECK(iq::detail::sweep(*output, 0, iq::detail::kMaxEndpoints) == 2);  // handle and producer
    auto stranger = out.get_producer();
    stranger.put_all({7, 8, 9});
    CHECK(out.stats().lanes == 2);
    stranger.close();
    CHECK(iq::detail::sweep(*input, 0, iq::detail::kMaxEndpoints) == 2);
    auto rest = in.get_consumer();
    const bool again = std::string_view(point) == "relay_recorded";
    CHECK(rest.get() == (again ? 1 : 2));
    CHECK(rest.deliveries() == (again ? 2 : 1));
    if (again) CHECK(rest.get() == 2);
    CHECK_FALSE(rest.get());
    auto consumer = out.get_consumer();
    for (int i = 0; i < (again ? 3 : 4); ++i) CHECK(consumer.get().has_value());
    consumer.ack();
    auto first = out.get_producer();  // from here on both lanes are anybody's
    auto second = out.get_producer();
    CHECK(out.stats().lanes == 2);
    first.close();
    second.close();
    out.close();
    CHECK_FALSE(consumer.get());
  }
}
