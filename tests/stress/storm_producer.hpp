// What one life of a producer does in a storm: all the ways of putting, drawn from a seed.
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
class ProducerLife {
 public:
  ProducerLife(const Place& place, const Life& life)
      : place_(place), life_(life), dice_(life.seed), scribe_(*place.history, life.number) {}

  void run() {
    if (life_.steady) {
      iq::IterableQueue<T> queue(iq::open_only, place_.name);
      return session(queue);
    }
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
    if (life_.steady) ++place_.board->steady_producers;
    const auto blocks = life_.steady ? UINT32_MAX : 1 + dice_.below(life_.restless ? 3 : 200);
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

}  // namespace storm
