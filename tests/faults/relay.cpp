// Relays killed at every point that they pass, and their repairers too: each item goes on exactly
// once, and nobody takes a whole stream for a broken one or the other way round.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <iostream>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "faults/relay_line.hpp"
#include "shm/attachment.hpp"

using namespace faults;

namespace {

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
  const auto enough = [&] { return line.passed() >= 10'000 && deaths >= 2 * all.size(); };
  for (int round = 0; round < 3 || !enough(); ++round) {
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

// One store is the commit: behind it the note, which was there before, is believed.
TEST_CASE("Relay: killed right behind its commit, the input is not seen again") {
  for (const char* point : {"put_after_publish", "relay_committed"}) {
    CAPTURE(point);
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
      iqtest::kill_at(point);
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

TEST_CASE("Relay: restarted with its producer alone, whatever that puts first, nothing is lost") {
  const std::string name = iqtest::temp_name("heir");
  iq::IterableQueue<int> in(iq::create_only, name);
  iq::IterableQueue<int> out;
  for (int i = 0; i < 10; ++i) in.get_producer().put(i);
  in.close();
  auto lives = iqtest::shared_counter();
  iq::WorkerGroup crew;
  crew.fork(
      {.count = 1, .restarts = 3},
      [&](iq::Producer<int> to) {
        const bool dies = ++*lives < 3;
        to.put(-1);
        iq::IterableQueue<int> from(iq::open_only, name);
        auto consumer = from.get_consumer();
        if (dies) iqtest::kill_at("relay_recorded", 4);
        iq::relay(consumer, to, [](int item) { return item; });
      },
      out);
  auto results = out.get_consumer();
  out.close();
  std::vector<int> items;
  for (const int item : results) {
    if (item >= 0) items.push_back(item);
  }
  crew.join();
  std::ranges::sort(items);
  CHECK(items == std::vector{0, 1, 2, 3, 4, 5, 6, 7, 8, 9});
  CHECK(*lives == 3);
}

TEST_CASE("Relay: a repairer that is slower than the end of the input takes nothing for broken") {
  Line line;
  iqtest::Child good = line.start_and_hold();
  line.sink().stop();  // or it might be the repairer
  CHECK(line.kill_at("relay_recorded", 1));
  iqtest::Child slow = line.start_slow_repairer();
  CHECK(iqtest::stopped(slow.pid()));
  line.sink().cont();
  line.go.set();
  line.book->enough = true;
  line.close_in();
  CHECK(good.wait().ok());
  slow.cont();
  CHECK(slow.wait().ok());
  iqtest::Child nobody = iqtest::spawn([] {});
  line.finish(nobody);
}

// The process that repairs has never seen the output, and its name is gone: nobody can say whether
// the outputs were published, so nothing is decided rather than something twice.
TEST_CASE("Relay: a repairer that cannot reach the output leaves the input undecided") {
  const std::string input = iqtest::temp_name("in"), output = iqtest::temp_name("out");
  iqtest::Child relay = iqtest::spawn([&] {
    iq::IterableQueue<Input> in(iq::create_only, input, options(iq::OnProducerDeath::end));
    iq::IterableQueue<Output> out(iq::create_only, output, options(iq::OnProducerDeath::end));
    auto source = in.get_producer();
    source.put({1, text_of(1)});
    auto consumer = in.get_consumer();
    auto producer = out.get_producer();
    iqtest::kill_at("relay_committed");
    iq::relay(consumer, producer, [](const Input& item) { return Output{item.id, 0, item.text}; });
  });
  REQUIRE(relay.wait().signal == SIGKILL);
  const auto segment = iq::detail::Segment::open_named(input);
  const auto consumers = [&] {
    return iq::detail::count_registered(*segment, iq::detail::Role::consumer);
  };
  SUBCASE("its name is gone: the dead relay stays as it is") {
    REQUIRE(iq::remove(output));
    iq::detail::sweep(*segment, 0, iq::detail::kMaxEndpoints);
    CHECK(consumers() == 1);
    iq::detail::sweep(*segment, 0, iq::detail::kMaxEndpoints);
    CHECK(consumers() == 1);
  }
  SUBCASE("it is reached through its name: the input was finished") {
    iq::detail::sweep(*segment, 0, iq::detail::kMaxEndpoints);
    CHECK(consumers() == 0);
    iq::IterableQueue<Input> in(iq::open_only, input);
    CHECK(in.stats().queued == 0);
    CHECK(iq::remove(output));
  }
  CHECK(iq::remove(input));
}
