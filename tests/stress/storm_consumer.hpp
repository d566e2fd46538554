// What one life of a consumer does in a storm: all the ways of taking, finishing and leaving.
#pragma once

#include <chrono>
#include <thread>
#include <vector>

#include "iq/iq.hpp"
#include "stress/storm_items.hpp"
#include "stress/storm_life.hpp"
#include "support/process.hpp"

namespace storm {

using namespace std::chrono_literals;

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
      for (const T& item : items) scribe_.finishing(item.id);
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
      scribe_.finishing(id);
      leases[at].ack();
      scribe_.acknowledged(id);
    }
    leases.erase(leases.begin() + static_cast<std::ptrdiff_t>(at));
  }

  // False when the item is to be given back, which is noted then.
  bool receive(const T& item, std::uint64_t id, std::uint32_t deliveries) {
    note(item, id, deliveries, 0);
    work(item.id);
    if (!may_return(deliveries)) {
      scribe_.finishing(item.id);
      return true;
    }
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
    if (life_.slow) return std::this_thread::sleep_for(500us);
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
