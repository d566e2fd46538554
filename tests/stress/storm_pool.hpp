// A queue with eight producers and eight consumers, and perhaps an operator who empties the parking
// area.
#pragma once

#include <algorithm>
#include <optional>

#include "faults/describe.hpp"
#include "ring/tend.hpp"
#include "shm/segment.hpp"
#include "stress/storm_consumer.hpp"
#include "stress/storm_party.hpp"
#include "stress/storm_producer.hpp"

namespace storm {

/// A queue, its history and its board.
template <class T>
class Hall {
 public:
  Hall(const char* word, const iq::Options& options, double seconds)
      : history(history_capacity(seconds)),
        options_(options),
        name_(iqtest::temp_name(word)),
        queue_(std::in_place, iq::create_only, name_, options),
        spy_(iq::detail::Segment::open_named(name_)) {}

  Place place() const { return {name_, &history, &*board}; }
  iq::IterableQueue<T>& queue() { return *queue_; }
  const iq::Options& options() const { return options_; }
  bool quiet() const {
    const iq::Stats stats = queue_->stats();
    return stats.queued == 0 && stats.in_hand == 0;
  }
  void allow_more(unsigned times) const {
    board->limit = board->next_id + times * static_cast<std::uint32_t>(options_.capacity);
    board->stop = false;
  }
  std::string describe() const { return name_ + ":\n" + faults::describe(*spy_); }

  /// Notes and drops what is parked, under the lock of the parking area.
  void empty_parking(const Scribe& scribe) const {
    const auto header = spy_->header();
    const auto core = iq::detail::QueueCore::make_named(
        iq::detail::OpenMode::open_only, name_,
        {header.type_name, header.type_layout, header.type_bytes, header.type_alignment,
         header.codec_version, header.in_place != 0},
        {});
    try {
      core->visit_parked([&](const iq::detail::ParkedItem& parked) {
        const T item = iq::detail::Payload<T>::read(parked.payload);
        if (!whole(item)) scribe.torn(item.id);
        scribe.parked(item.id, parked.id, parked.deliveries);
        return true;
      });
    } catch (const iq::Busy&) {  // somebody stopped with the lock
    }
    core->leave();
  }

  /// Requires: everybody has ended.
  Account judge(const char* what, Rules rules) {
    empty_parking(Scribe(history, 0));
    iq::detail::sweep(*spy_, 0, iq::detail::kMaxEndpoints);
    Account account{what, {}, queue_->stats(), {}};
    rules.taken_over = account.stats.taken_over;
    account.verdict = storm::judge(history.events(), rules);
    for (const std::string& complaint : account.verdict.complaints) {
      if (account.stories.size() >= 3 || !complaint.starts_with("item ")) break;
      const auto item = static_cast<std::uint32_t>(std::stoul(complaint.substr(5)));
      account.stories.push_back(story_of(history.events(), item));
    }
    queue_.reset();  // the last to leave: the name goes too
    return account;
  }

  History history;
  iqtest::Shared<Board> board;

 private:
  iq::Options options_;
  std::string name_;
  std::optional<iq::IterableQueue<T>> queue_;
  std::shared_ptr<iq::detail::Segment> spy_;
};

struct Colour {
  bool restless = false;
  std::uint32_t give_back = 0;
  bool has_operator = false;
  Told told = Told::nothing;
};

template <class T>
class Pool : public Party {
 public:
  Pool(const char* what, const iq::Options& options, const Colour& colour, double seconds)
      : what_(what), hall_(what, options, seconds), colour_(colour) {}

  std::vector<Post> posts() const override {
    std::vector<Post> posts(kProducers, {Job::produce, false});
    posts.insert(posts.end(), kConsumers, {Job::consume, false});
    if (colour_.has_operator) posts.push_back({Job::look_after, true});
    return posts;
  }
  void colour(Life& life, Dice&) const override {
    life.restless = colour_.restless;
    life.give_back = colour_.give_back;
  }
  void work(Job job, const Life& life) override {
    switch (job) {
      case Job::produce: return ProducerLife<T>(hall_.place(), life).run();
      case Job::consume: return ConsumerLife<T>(hall_.place(), life).run();
      case Job::look_after: return look_after(life);
      case Job::relay: break;
    }
  }
  void note_death(std::uint32_t life) override { Scribe(hall_.history, life).died(); }
  bool was_writing(int slot) const override {
    return hall_.board->writing[static_cast<std::size_t>(slot)].exchange(false);
  }
  void lull(bool now) override { hall_.board->lull = now; }
  void stop_producers() override { hall_.board->stop = true; }
  void allow_more(unsigned times) override { hall_.allow_more(times); }
  int attached() const override { return hall_.board->steady_producers; }
  bool quiet() override { return hall_.quiet(); }
  void close_input() override { hall_.queue().close(); }
  void close_output() override {}
  void dismiss() override { hall_.board->over = true; }
  std::vector<Account> judge() override {
    std::vector<Account> accounts;
    accounts.push_back(hall_.judge(
        what_, {.told = colour_.told, .max_deliveries = hall_.options().max_deliveries}));
    return accounts;
  }
  std::uint64_t progress() const override { return hall_.history.written(); }
  std::string describe() const override { return hall_.describe(); }

 private:
  void look_after(const Life& life) const {
    const Scribe scribe(hall_.history, life.number);
    while (!iqtest::wait_until([&] { return hall_.board->over.load(); }, 0.01)) {
      hall_.empty_parking(scribe);
    }
  }

  const char* what_;
  Hall<T> hall_;
  Colour colour_;
};

}  // namespace storm
