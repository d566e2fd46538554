// A storm of SIGKILL, SIGSTOP and SIGCONT on producers and consumers that are restarted as they
// die, with an oracle per item: what put returned for arrives; twice only out of dead hands.
#include <doctest/doctest.h>

#include <array>
#include <cstdlib>
#include <iostream>
#include <numeric>
#include <random>
#include <string>
#include <unordered_map>
#include <vector>

#include "iq/iq.hpp"
#include "support/kill.hpp"
#include "support/process.hpp"

namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t kMaxItems = 4'000'000;
constexpr std::uint32_t kBlock = 256;  // ids that a producer draws at a time
constexpr int kProducers = 4;
constexpr int kConsumers = 4;

/// What everybody writes down where no death can take it back.
struct Ledger {
  std::atomic<std::uint32_t> next_id{0};
  std::atomic<bool> producers_stop{false};
  std::array<std::atomic<std::uint32_t>, kConsumers> last_in_hand{};  // id + 1
  std::array<std::atomic<std::uint8_t>, kMaxItems> returned{};
  std::array<std::atomic<std::uint8_t>, kMaxItems> delivered{};
};

struct Fixed {
  std::uint32_t id;
  std::uint32_t complement;
  std::array<std::uint32_t, 4> filler;
};

struct Variable {
  std::uint32_t id;
  std::string text;
};

Fixed make_item(std::uint32_t id, Fixed*) { return {id, ~id, {id, id, id, id}}; }
bool whole(const Fixed& item) {
  return item.complement == ~item.id &&
         item.filler == std::array{item.id, item.id, item.id, item.id};
}
Variable make_item(std::uint32_t id, Variable*) {
  return {id, std::string(id % 331, static_cast<char>('a' + id % 26))};
}
bool whole(const Variable& item) {
  return item.text == std::string(item.id % 331, static_cast<char>('a' + item.id % 26));
}

template <class T>
void produce(const std::string& name, Ledger& ledger, bool bulk) {
  iq::IterableQueue<T> queue(iq::open_only, name);
  iq::Producer<T> producer = queue.get_producer();
  while (!ledger.producers_stop) {
    const std::uint32_t first = ledger.next_id.fetch_add(kBlock);
    if (first + kBlock > kMaxItems) return;
    if (bulk) {
      std::vector<T> items;
      for (std::uint32_t id = first; id < first + kBlock; ++id) {
        items.push_back(make_item(id, static_cast<T*>(nullptr)));
      }
      producer.put_all(items);
      for (std::uint32_t id = first; id < first + kBlock; ++id) ledger.returned[id] = 1;
    } else {
      for (std::uint32_t id = first; id < first + kBlock && !ledger.producers_stop; ++id) {
        producer.put(make_item(id, static_cast<T*>(nullptr)));
        ledger.returned[id] = 1;
      }
    }
  }
}

template <class T>
void consume(const std::string& name, Ledger& ledger, int slot) {
  iq::IterableQueue<T> queue(iq::open_only, name);
  iq::Consumer<T> consumer = queue.get_consumer();
  for (const T& item : consumer) {
    const std::uint32_t id = item.id;
    iqtest::require(whole(item) && id < kMaxItems, "a torn item");
    ledger.last_in_hand[static_cast<std::size_t>(slot)] = id + 1;
    ledger.delivered[id].fetch_add(1);
    // Now and then some work, so that deaths find items in hand and batches half done.
    const auto until = std::chrono::steady_clock::now() + (id % 32 == 0 ? 30us : 0us);
    while (std::chrono::steady_clock::now() < until) {
    }
  }
}

class Storm {
 public:
  explicit Storm(std::uint64_t seed) : random_(seed) {}

  template <class T>
  void run(double seconds, const iq::Options& options, bool named_points) {
    const std::string name = iqtest::temp_name("storm");
    iq::IterableQueue<T> queue(iq::create_only, name, options);
    for (int i = 0; i < kProducers + kConsumers; ++i) start<T>(name, i, named_points);
    const auto until = iqtest::deadline_in(seconds);
    while (std::chrono::steady_clock::now() < until) strike<T>(name, named_points);
    finish<T>(queue, name);
    judge(queue.stats());
  }

 private:
  std::uint32_t draw(std::uint32_t below) {
    return std::uniform_int_distribution<std::uint32_t>(0, below - 1)(random_);
  }

  template <class T>
  void start(const std::string& name, int i, bool named_points) {
    const std::uint32_t point = draw(static_cast<std::uint32_t>(points_.size()));
    const int nth = static_cast<int>(draw(2) == 0 ? 1 + draw(3) : 1 + draw(2000));
    const bool bulk = draw(2) == 0;
    const auto action = draw(2) == 0 ? iqtest::KillAction::kill : iqtest::KillAction::stop;
    children_[static_cast<std::size_t>(i)] = iqtest::spawn([&] {
      if (named_points) {
        iqtest::kill_at(points_[point].c_str(), nth, action);
      }
      if (i < kProducers) {
        produce<T>(name, *ledger_, bulk);
      } else {
        consume<T>(name, *ledger_, i - kProducers);
      }
    });
  }

  // A dead consumer's last item may be delivered once more.
  void bury(int i) {
    iqtest::Child& child = children_[static_cast<std::size_t>(i)];
    iqtest::wait_until([&] {
      cont_all();  // some stop themselves at a point
      return iqtest::has_ended(child.pid());
    });
    const iqtest::Exit exit = child.wait();
    REQUIRE_MESSAGE((exit.ok() || exit.signal == SIGKILL), exit);
    if (i < kProducers || exit.ok()) return;
    auto& in_hand = ledger_->last_in_hand[static_cast<std::size_t>(i - kProducers)];
    const std::uint32_t id = in_hand.exchange(0);
    if (id != 0) ++excused_[id - 1];
  }

  template <class T>
  void strike(const std::string& name, bool named_points) {
    const int i = static_cast<int>(draw(kProducers + kConsumers));
    if (named_points) iqtest::wait_until([] { return false; }, 0.002);  // let them come to a point
    iqtest::Child& child = children_[static_cast<std::size_t>(i)];
    const std::uint32_t what = draw(named_points ? 60 : 10);
    if (what < 7) {
      if (what == 0) child.kill(SIGSTOP);  // killed while stopped
      child.kill(SIGKILL);
      bury(i);
      ++kills_;
      start<T>(name, i, named_points);
    } else if (what < 9) {
      child.kill(SIGSTOP);
      iqtest::wait_until([] { return false; }, 0.001 * draw(12));
      child.cont();
    } else {
      cont_all();  // also those that stopped themselves at a point
    }
    for (int j = 0; j < kProducers + kConsumers; ++j) {
      if (!iqtest::has_ended(children_[static_cast<std::size_t>(j)].pid())) continue;
      bury(j);
      ++point_deaths_;
      start<T>(name, j, named_points);
    }
  }

  void cont_all() {
    for (const iqtest::Child& child : children_) child.cont();
  }

  template <class T>
  void finish(iq::IterableQueue<T>& queue, const std::string& name) {
    ledger_->producers_stop = true;
    cont_all();
    for (int i = 0; i < kProducers; ++i) bury(i);
    queue.close();
    for (int i = kProducers; i < kProducers + kConsumers; ++i) bury(i);
    // Whatever the last deaths left behind.
    consume_rest<T>(name);
  }

  template <class T>
  void consume_rest(const std::string& name) {
    iqtest::Child last = iqtest::spawn([&] { consume<T>(name, *ledger_, 0); });
    REQUIRE(last.wait().ok());
  }

  void judge(const iq::Stats& stats) {
    std::uint64_t returned = 0, lost = 0, doubled = 0, again = 0;
    const std::uint32_t ids = std::min(ledger_->next_id.load(), kMaxItems);
    for (std::uint32_t id = 0; id < ids; ++id) {
      const unsigned delivered = ledger_->delivered[id];
      returned += ledger_->returned[id];
      lost += ledger_->returned[id] != 0 && delivered == 0;
      if (delivered <= 1) continue;
      const auto excuse = excused_.find(id);
      const unsigned allowed = 1 + (excuse == excused_.end() ? 0 : excuse->second);
      doubled += delivered > allowed;
      again += delivered - 1;
    }
    std::cout << "  " << returned << " items, " << kills_ << " kills, " << point_deaths_
              << " deaths at named points, " << again << " delivered again, " << lost << " lost, "
              << doubled << " doubled; " << stats.repaired << " repaired, " << stats.taken_over
              << " taken over\n";
    CHECK(returned > 1000);
    CHECK(lost == 0);
    CHECK(doubled == 0);
    CHECK(stats.queued == 0);
    CHECK(stats.parked == 0);
  }

  static std::vector<std::string> all_points() {
    iq::IterableQueue<Variable> queue({.capacity = 4});
    auto producer = queue.get_producer();
    auto consumer = queue.get_consumer();
    for (int i = 0; i < 4; ++i) producer.put({1, std::string(100, 'x')});
    (void)producer.try_put({1, "full"});
    for (int i = 0; i < 2; ++i) (void)consumer.try_get();
    consumer.give_back();
    (void)consumer.get_for(1ms);
    consumer.ack();
    (void)consumer.get_for(1ms);
    consumer.close();
    producer.close();
    auto points = iq::detail::kill_points_seen();
    for (const char* more :
         {"sleep_after_bit",     "sleep_after_wake",     "wake_after_bit",
          "wake_before_futex",   "room_after_announce",  "room_after_head",
          "repair_begin",        "repair_after_stamp",   "repair_after_unstamped",
          "repair_after_owner",  "repair_before_free",   "repair_after_free",
          "repair_after_seal",   "seize_after_cas",      "seize_after_orphan",
          "steal_after_pending", "steal_before_confirm", "steal_after_confirm",
          "steal_after_shrink",  "orphan_after_cas",     "attention_before"}) {
      points.emplace_back(more);
    }
    return points;
  }

  std::mt19937_64 random_;
  std::vector<std::string> points_ = all_points();
  iqtest::Shared<Ledger> ledger_;
  std::array<iqtest::Child, kProducers + kConsumers> children_;
  std::unordered_map<std::uint32_t, unsigned> excused_;
  std::uint64_t kills_ = 0, point_deaths_ = 0;
};

double storm_seconds() {
  const char* text = std::getenv("IQ_STORM_S");
  return text != nullptr ? std::atof(text) : 3;
}

std::uint64_t storm_seed() {
  const char* text = std::getenv("IQ_STORM_SEED");
  const std::uint64_t seed =
      text != nullptr ? std::strtoull(text, nullptr, 10) : std::random_device{}();
  std::cout << "  IQ_STORM_SEED=" << seed << '\n';
  return seed;
}

// Deaths are certain, so the quiet end is chosen; poison is not the subject here.
iq::Options storm_options(std::uint64_t capacity) {
  return {.capacity = capacity,
          .bytes_per_producer = 1 << 14,
          .max_deliveries = 14,
          .on_producer_death = iq::OnProducerDeath::end};
}

}  // namespace

TEST_CASE("Storm: kills and stops on in-place items lose, double and tear nothing") {
  iqtest::limit_seconds(storm_seconds() + 40);
  Storm(storm_seed()).run<Fixed>(storm_seconds(), storm_options(64), false);
}

TEST_CASE("Storm: kills and stops on encoded items in byte rings lose, double and tear nothing") {
  iqtest::limit_seconds(storm_seconds() + 40);
  Storm(storm_seed()).run<Variable>(storm_seconds(), storm_options(50), false);
}

TEST_CASE("Storm: deaths at named points lose, double and tear nothing") {
  iqtest::limit_seconds(storm_seconds() + 40);
  Storm(storm_seed()).run<Variable>(storm_seconds(), storm_options(16), true);
}
