// Two queues with relays between them: what comes out must have been made exactly once.
#pragma once

#include "stress/storm_pool.hpp"

namespace storm {

class RelayLife {
 public:
  RelayLife(const Place& in, const Place& out, const Life& life)
      : in_(in),
        out_(out),
        steady_(life.steady),
        dice_(life.seed),
        takes_(*in.history, life.number),
        gives_(*out.history, life.number) {}

  /// Until the end of the input.
  void run() {
    for (bool more = true; more;) {
      iq::IterableQueue<Fixed> in(iq::open_only, in_.name);
      iq::IterableQueue<Variable> out(iq::open_only, out_.name);
      for (auto sessions = 1 + dice_.below(4); sessions > 0 && more; --sessions) {
        more = session(in, out);
      }
    }
  }

 private:
  struct Enough {};  // leaves relay() with an input in hand

  bool session(iq::IterableQueue<Fixed>& in, iq::IterableQueue<Variable>& out) {
    takes_.attaching(Role::consumer);
    iq::Consumer<Fixed> consumer = in.get_consumer();
    takes_.attached();
    gives_.attaching(Role::producer);
    iq::Producer<Variable> producer = out.get_producer();
    gives_.attached();
    bool began = false;
    std::uint32_t left = steady_ ? UINT32_MAX : 1 + dice_.below(4000);
    bool more = false;
    try {
      iq::relay(consumer, producer, [&](const Fixed& item, iq::Emit<Variable>& emit) {
        finish_held();
        if (!std::exchange(began, true)) gives_.relaying();
        if (steady_) in_.board->steady_works = true;
        note(item);
        if (--left == 0) {
          held_.clear();
          takes_.giving_back(item.id);
          gives_.relayed();
          throw Enough{};
        }
        for (std::uint32_t part = 0; part < parts_of(item.id); ++part) {
          gives_.drew(part_id(item.id, part), 1);
          emit(make<Variable>(part_id(item.id, part)));
        }
        takes_.finishing(item.id);
      });
      finish_held();
      takes_.ended(false);
    } catch (const Enough&) {
      more = true;
    }
    gives_.detaching();
    producer.close();
    gives_.detached();
    takes_.detaching();
    consumer.close();
    takes_.detached();
    return more;
  }

  void note(const Fixed& item) {
    if (!whole(item)) {
      takes_.torn(0);
      iqtest::require(false, "an input is whole");
    }
    held_.push_back(item.id);
    takes_.delivered(item.id, 0, 0);
  }
  void finish_held() {
    for (const std::uint32_t id : held_) takes_.acknowledged(id);
    held_.clear();
  }

  Place in_, out_;
  bool steady_;
  Dice dice_;
  Scribe takes_, gives_;
  std::vector<std::uint32_t> held_;  // the input before this one
};

class Line : public Party {
 public:
  Line(const iq::Options& in, const iq::Options& out, double seconds)
      : in_("storm-in", in, seconds), out_("storm-out", out, seconds) {}

  // One relay is never killed and never leaves: so the output always has somebody to go on, and
  // nobody may be told of the death of a relay. Only a producer that does not relay yet, or no
  // longer, may die like any other; so that this stays rare, there is always something to relay.
  std::vector<Post> posts() const override {
    std::vector<Post> posts(kProducers, {Job::produce, false});
    posts.push_back({Job::relay, true});
    posts.insert(posts.end(), kConsumers - 1, {Job::relay, false});
    posts.insert(posts.end(), kConsumers, {Job::consume, false});
    return posts;
  }
  void colour(Life& life, Dice&) const override { life.give_back = 500; }
  void work(Job job, const Life& life) override {
    switch (job) {
      case Job::produce: return ProducerLife<Fixed>(in_.place(), life).run();
      case Job::relay: return RelayLife(in_.place(), out_.place(), life).run();
      case Job::consume: return ConsumerLife<Variable>(out_.place(), life).run();
      case Job::look_after: break;
    }
  }
  void note_death(std::uint32_t life) override {
    Scribe(in_.history, life).died();
    Scribe(out_.history, life).died();
  }
  bool was_writing(int slot) const override {
    return in_.board->writing[static_cast<std::size_t>(slot)].exchange(false);
  }
  void lull(bool) override {}
  void stop_producers() override { in_.board->stop = true; }
  void allow_more(unsigned times) override { in_.allow_more(times); }
  int attached() const override { return in_.board->steady_producers; }
  bool ready() const override { return in_.board->steady_works; }
  bool quiet() override { return in_.quiet() && out_.quiet() && in_.quiet(); }
  void close_input() override { in_.queue().close(); }
  void close_output() override { out_.queue().close(); }

  std::vector<Account> judge() override {
    std::vector<Account> accounts;
    accounts.push_back(in_.judge("relay's input", {.counted = false, .ordered = false}));
    // What the output owes: all parts of what was put into the input.
    const Scribe scribe(out_.history, 0);
    for (const Event& event : in_.history.events()) {
      if (event.kind != Kind::returned) continue;
      for (std::uint32_t part = 0; part < parts_of(event.item); ++part) {
        scribe.returned(part_id(event.item, part));
      }
    }
    accounts.push_back(out_.judge("relay's output", {.told = Told::of_others, .ordered = false}));
    return accounts;
  }
  std::uint64_t progress() const override { return in_.history.written() + out_.history.written(); }
  std::string describe() const override { return in_.describe() + out_.describe(); }

 private:
  Hall<Fixed> in_;
  Hall<Variable> out_;
};

}  // namespace storm
