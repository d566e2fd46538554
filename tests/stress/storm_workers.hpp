// What one life of a producer or a consumer does in a storm: all the ways of putting, taking,
// finishing and leaving, drawn from a seed.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cmath>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "iq/iq.hpp"
#include "stress/history.hpp"
#include "stress/storm_items.hpp"
#include "support/process.hpp"

namespace storm {

using namespace std::chrono_literals;

inline constexpr std::uint32_t kBlock = 64;  // ids that a producer draws at a time
inline constexpr int kMostSlots = 32;

/// What the processes around one queue share besides its history.
struct Board {
  std::atomic<std::uint32_t> next_id{0};
  std::atomic<std::uint32_t> limit{UINT32_MAX};  // no block begins behind it
  std::atomic<bool> stop{false};                 // producers, then operators
  std::atomic<bool> steady_works{false};
  std::atomic<bool> lull{false};  // no puts for now: consumers grow hungry
  std::array<std::atomic<bool>, kMostSlots> writing{};
};

/// One queue.
struct Place {
  std::string name;
  const History* history;
  Board* board;
};

/// One life of a worker.
struct Life {
  std::uint32_t number = 0;
  int slot = 0;
  std::uint64_t seed = 0;
  bool restless = false;        // leaves and comes back all the time
  bool steady = false;          // keeps its endpoints
  std::uint32_t give_back = 0;  // one of so many is given back; 0: none
  bool alone = false;           // the only consumer, unharmed
};

class Dice {
 public:
  explicit Dice(std::uint64_t seed) : random_(seed) {}
  std::uint32_t below(std::uint32_t limit) {
    return std::uniform_int_distribution<std::uint32_t>(0, limit - 1)(random_);
  }
  bool one_in(std::uint32_t many) { return many != 0 && below(many) == 0; }
  /// Each order of magnitude as likely as the others.
  double between(double low, double high) {
    return std::exp(std::uniform_real_distribution<double>(std::log(low), std::log(high))(random_));
  }

 private:
  std::mt19937_64 random_;
};

template <class T>
class ProducerLife {
 public:
  ProducerLife(const Place& place, const Life& life)
      : place_(place), life_(life), dice_(life.seed), scribe_(*place.history, life.number) {}

  void run() {
    while (goes_on()) {
      iq::IterableQueue<T> queue(iq::open_only, place_.name);
      for (auto sessions = 1 + dice_.below(4); sessions > 0 && goes_on(); --sessions)
        session(queue);
    }
  }

 private:
  bool goes_on() const {
    return !place_.board->stop && !place_.history->nearly_full() &&
           place_.board->next_id < place_.board->limit;
  }

  void session(iq::IterableQueue<T>& queue) {
    scribe_.attaching(Role::producer);
    iq::Producer<T> producer = queue.get_producer();
    scribe_.attached();
    const auto blocks = 1 + dice_.below(life_.restless ? 3 : 200);
    for (auto n = blocks; n > 0 && goes_on(); --n) {
      put_block(producer);
      while (place_.board->lull && goes_on()) std::this_thread::sleep_for(200us);
    }
    scribe_.detaching();
    producer.close();
    scribe_.detached();
  }

  void put_block(iq::Producer<T>& producer) {
    const std::uint32_t first = place_.board->next_id.fetch_add(kBlock);
    scribe_.drew(first, kBlock);
    if (dice_.one_in(3)) return put_all(producer, first);
    const auto way = dice_.below(3);
    for (std::uint32_t id = first; id < first + kBlock && !place_.board->stop; ++id) {
      writing(true);
      put_one(producer, id, way);
      writing(false);
      scribe_.returned(id);
    }
  }

  void put_all(iq::Producer<T>& producer, std::uint32_t first) {
    std::vector<T> items;
    for (std::uint32_t id = first; id < first + kBlock; ++id) items.push_back(make<T>(id));
    writing(true);
    const std::size_t accepted = producer.put_all(items);
    writing(false);
    iqtest::require(accepted == kBlock, "put_all puts all");
    for (std::uint32_t id = first; id < first + kBlock; ++id) scribe_.returned(id);
  }

  void put_one(iq::Producer<T>& producer, std::uint32_t id, std::uint32_t way) {
    if constexpr (iq::Loanable<T>) {
      if (way == 2) {
        auto loan = producer.loan();
        make(id, *loan);
        return loan.commit();
      }
    }
    if (way == 0) return producer.put(make<T>(id));
    for (;;) {
      const iq::Status status = producer.put_for(make<T>(id), 3ms);
      if (status == iq::Status::ok) return;
      iqtest::require(status == iq::Status::timeout, "a put succeeds or takes too long");
    }
  }

  void writing(bool now) const {
    place_.board->writing[static_cast<std::size_t>(life_.slot)].store(now);
  }

  Place place_;
  Life life_;
  Dice dice_;
  Scribe scribe_;
};

template <class T>
class ConsumerLife {
 public:
  ConsumerLife(const Place& place, const Life& life)
      : place_(place), life_(life), dice_(life.seed), scribe_(*place.history, life.number) {}

  /// Until the end of the stream.
  void run() {
    for (bool more = true; more;) {
      iq::IterableQueue<T> queue(iq::open_only, place_.name);
      const auto sessions = life_.alone ? UINT32_MAX : 1 + dice_.below(4);
      for (auto n = sessions; n > 0 && more; --n) more = session(queue);
    }
  }

 private:
  // False at the end of the stream.
  bool session(iq::IterableQueue<T>& queue) {
    scribe_.attaching(Role::consumer);
    iq::Consumer<T> consumer = queue.get_consumer();
    scribe_.attached();
    if (life_.alone) scribe_.alone();
    left_ = life_.alone ? UINT32_MAX : 1 + dice_.below(life_.restless ? 40 : 8000);
    bool more = true, told = false;
    try {
      switch (life_.alone ? 0 : dice_.below(5)) {
        case 0: more = loop(consumer); break;
        case 1: more = get(consumer); break;
        case 2: more = get_some(consumer); break;
        case 3: more = lease(consumer); break;
        default: more = try_get(consumer); break;
      }
    } catch (const iq::ProducerDied&) {  // everything is drained
      more = false;
      told = true;
    }
    if (!more) {
      finish_held();
      scribe_.ended(told);
    }
    scribe_.detaching();
    consumer.close();
    finish_held();  // closing acknowledges
    scribe_.detached();
    return more;
  }

  bool loop(iq::Consumer<T>& consumer) {
    for (const T& item : consumer) {
      finish_held();
      if (!receive(item, consumer.item_id(), consumer.deliveries())) consumer.give_back();
      if (--left_ == 0) return true;
    }
    return false;
  }

  bool get(iq::Consumer<T>& consumer) {
    while (const auto item = consumer.get()) {
      finish_held();
      if (!receive(*item, consumer.item_id(), consumer.deliveries())) consumer.give_back();
      if (dice_.one_in(50)) {
        consumer.ack();
        finish_held();
      }
      if (--left_ == 0) return true;
    }
    return false;
  }

  bool try_get(iq::Consumer<T>& consumer) {
    for (;;) {
      const auto item = dice_.one_in(2) ? consumer.try_get() : consumer.get_for(2ms);
      finish_held();
      if (item) {
        if (!receive(*item, consumer.item_id(), consumer.deliveries())) consumer.give_back();
      } else if (item.status() == iq::Status::done) {
        return false;
      }
      if (--left_ == 0) return true;
    }
  }

  bool get_some(iq::Consumer<T>& consumer) {
    for (;;) {
      const std::vector<T> items = consumer.get_some(2 + dice_.below(30));
      finish_held();
      if (items.empty()) return false;
      note(items.front(), consumer.item_id(), consumer.deliveries(), 0);
      for (std::size_t i = 1; i < items.size(); ++i) note(items[i], 0, 1, kFurther);
      for (const T& item : items) work(item.id);
      if (--left_ == 0) return true;
    }
  }

  // Several at a time, finished in any order; some are given back.
  bool lease(iq::Consumer<T>& consumer) {
    std::vector<iq::Lease<T>> leases;
    const std::size_t most = 1 + dice_.below(12);
    bool done = false;
    for (; left_ > 0; --left_) {
      auto taken = consumer.lease_for(2ms);
      done = taken.status() == iq::Status::done;
      if (done) break;
      if (taken) {
        leases.push_back(*std::move(taken));
        const iq::Lease<T>& newest = leases.back();
        note(*newest, newest.item_id(), newest.deliveries(), 0);
        work(newest->id);
      }
      while (!leases.empty() && (!taken || leases.size() > most)) end_one(leases, true);
    }
    if (dice_.one_in(2)) consumer.close();  // leases outlive their consumer
    while (!leases.empty()) end_one(leases, !done);
    return !done;
  }

  void end_one(std::vector<iq::Lease<T>>& leases, bool may_give_back) {
    const std::size_t at = dice_.below(static_cast<std::uint32_t>(leases.size()));
    const std::uint32_t id = leases[at]->id;
    std::erase(held_, id);
    if (may_give_back && may_return(leases[at].deliveries())) {
      scribe_.giving_back(id);
      leases[at].give_back();
    } else {
      leases[at].ack();
      scribe_.acknowledged(id);
    }
    leases.erase(leases.begin() + static_cast<std::ptrdiff_t>(at));
  }

  // False when the item is to be given back, which is noted then.
  bool receive(const T& item, std::uint64_t id, std::uint32_t deliveries) {
    note(item, id, deliveries, 0);
    work(item.id);
    if (!may_return(deliveries)) return true;
    held_.clear();
    scribe_.giving_back(item.id);
    return false;
  }

  bool may_return(std::uint32_t deliveries) {
    return !life_.alone && dice_.one_in(life_.give_back) && (deliveries < 4 || life_.give_back < 8);
  }

  void note(const T& item, std::uint64_t id, std::uint32_t deliveries, std::uint8_t detail) {
    if (!whole(item)) {
      scribe_.torn(0);
      iqtest::require(false, "an item is whole");
    }
    held_.push_back(item.id);
    scribe_.delivered(item.id, id, deliveries, detail);
  }

  // Now and then some work, so that deaths find items in hand and batches half done.
  void work(std::uint32_t id) const {
    const auto now = std::chrono::steady_clock::now;
    const auto until = now() + (id % 1999 == 0 ? 2000us : id % 32 == 0 ? 30us : 0us);
    while (now() < until) {
    }
  }

  void finish_held() {
    for (const std::uint32_t id : held_) scribe_.acknowledged(id);
    held_.clear();
  }

  Place place_;
  Life life_;
  Dice dice_;
  Scribe scribe_;
  std::vector<std::uint32_t> held_;  // ids in hand that the next call acknowledges
  std::uint32_t left_ = 0;
};

}  // namespace storm
