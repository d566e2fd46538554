// One thread that never waits for a single worker: whoever is due is struck, continued, buried.
#include "stress/storm_director.hpp"

#include <sys/wait.h>

#include <algorithm>
#include <sstream>
#include <stdexcept>
#include <thread>

#include "support/kill.hpp"

namespace storm {
namespace {

constexpr double kBoundS = 30;  // for each step of the end
constexpr double kLongestStopS = 2;
constexpr double kStandstillS = 10;  // without an entry in a queue's history

iqtest::SteadyTime now() { return std::chrono::steady_clock::now(); }

bool somebody_ended() {
  siginfo_t info{};
  return ::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid != 0;
}

}  // namespace

Director::Director(std::uint64_t seed, std::vector<std::unique_ptr<Party>> parties,
                   std::vector<std::string> kill_points)
    : dice_(seed), parties_(std::move(parties)), points_(std::move(kill_points)) {
  for (const auto& party : parties_) {
    int slot = 0;
    for (const Post& post : party->posts()) {
      actors_.push_back({party.get(), post.job, post.immune, slot++});
    }
    seen_.emplace_back(0, now());
  }
  const auto begins_with = [](const std::string& point, std::initializer_list<const char*> words) {
    return std::ranges::any_of(words, [&](const char* word) { return point.starts_with(word); });
  };
  for (const std::string& point : points_) {
    if (begins_with(point,
                    {"claim_", "step_", "steal_", "seize_", "orphan_", "limit_", "split_"})) {
      held_points_.push_back(point);
    }
    if (begins_with(point, {"relay_rec", "relay_comm"})) hand_over_points_.push_back(point);
    // A relay that dies before or behind relay() is an ordinary producer: the judge could not tell
    // whether consumers may be told.
    if (!begins_with(point, {"attach_", "lane_", "close_", "detach_", "relay_unmarked"})) {
      relay_points_.push_back(point);
    }
  }
}

// Half of the time one where something is held that others have to take, or to wait for.
const std::string& Director::draw_point(Job job) {
  const bool relays = job == Job::relay;
  const auto& held = relays && dice_.one_in(2) ? hand_over_points_ : held_points_;
  const auto& from = dice_.one_in(2) ? held : relays ? relay_points_ : points_;
  return from[dice_.below(static_cast<std::uint32_t>(from.size()))];
}

void Director::start(Actor& actor, bool harmed, Manner manner) {
  Life life{.number = next_life_++,
            .slot = actor.slot,
            .seed = std::uint64_t{dice_.below(UINT32_MAX)} << 32 | dice_.below(UINT32_MAX)};
  actor.party->colour(life, dice_);
  life.alone = manner == Manner::alone;
  life.steady = actor.immune || manner == Manner::steady;
  life.slow = manner == Manner::slow;
  const bool armed = harmed && !actor.immune && !dice_.one_in(3);
  const std::string& point = draw_point(actor.job);
  const int nth = static_cast<int>(1 + dice_.below(dice_.one_in(2) ? 3 : 300));
  const auto action = dice_.one_in(2) ? iqtest::KillAction::kill : iqtest::KillAction::stop;
  actor.life = life.number;
  actor.stopped_until.reset();
  actor.child = iqtest::spawn([&] {
    if (armed) iqtest::kill_at(point.c_str(), nth, action);
    actor.party->work(actor.job, life);
  });
  actor.runs = true;
}

void Director::bury(Actor& actor) {
  const iqtest::Exit exit = actor.child.wait();
  actor.runs = false;
  if (!exit.ok() && exit.signal != SIGKILL) {
    throw std::runtime_error("life " + std::to_string(actor.life) + ", pid " +
                             std::to_string(actor.child.pid()) + ", failed: see above");
  }
  if (exit.ok()) return;
  actor.party->note_death(actor.life);
  if (actor.job == Job::produce) tally_.mid_write += actor.party->was_writing(actor.slot);
}

void Director::kill(Actor& actor) {
  actor.child.kill(SIGKILL);
  bury(actor);
}

void Director::reap(const std::function<void(Actor&)>& then) {
  while (somebody_ended()) {
    for (Actor& actor : actors_) {
      if (!actor.runs || !iqtest::has_ended(actor.child.pid())) continue;
      bury(actor);
      then(actor);
    }
  }
}

void Director::stop(Actor& actor) {
  actor.child.kill(SIGSTOP);
  ++tally_.stops;
  const double seconds = dice_.between(5e-6, kLongestStopS);
  const auto until = iqtest::deadline_in(seconds);
  if (seconds < 300e-6) {  // too short for anything else in between
    while (now() < until) {
    }
    actor.child.cont();
  } else {
    actor.stopped_until = until;
  }
}

void Director::wake_due() {
  const auto at = now();
  // Some stop themselves at a point: they are continued now and then.
  const bool all = at >= next_continue_;
  if (all) next_continue_ = iqtest::deadline_in(dice_.between(1e-3, 0.5));
  for (Actor& actor : actors_) {
    if (!actor.runs) continue;
    if (actor.stopped_until ? at >= *actor.stopped_until : all) {
      actor.stopped_until.reset();
      actor.child.cont();
    }
  }
}

void Director::continue_all() {
  for (Actor& actor : actors_) {
    actor.stopped_until.reset();
    if (actor.runs) actor.child.cont();
  }
}

void Director::strike() {
  Actor& actor = actors_[dice_.below(static_cast<std::uint32_t>(actors_.size()))];
  const std::uint32_t what = dice_.below(100);
  if (!actor.runs || what >= 50) return;
  if (what >= 15) return stop(actor);
  if (actor.immune) return;
  if (what >= 12) actor.child.kill(SIGSTOP);  // killed while stopped
  ++tally_.kills;
  kill(actor);
  ++tally_.restarts;
  start(actor, true);
}

// Where nobody is hungry nobody takes from others, and nobody looks for the dead.
void Director::lull() {
  if (now() < next_lull_) return;
  next_lull_ = iqtest::deadline_in(dice_.between(2e-3, 0.1));
  for (const auto& party : parties_) party->lull(dice_.one_in(2));
}

void Director::storm(double seconds) {
  for (Actor& actor : actors_) {
    if (actor.immune || actor.job == Job::produce) start(actor, false);
  }
  await(
      [&] {
        return std::ranges::all_of(parties_, [](const auto& party) { return party->ready(); });
      },
      "somebody who is never killed");
  for (Actor& actor : actors_) {
    if (!actor.runs) start(actor, true);
  }
  const auto until = iqtest::deadline_in(seconds);
  while (now() < until) {
    strike();
    lull();
    wake_due();
    reap([&](Actor& actor) {
      if (actor.child.wait().ok()) return;  // its history is full
      ++tally_.point_deaths;
      ++tally_.restarts;
      start(actor, true);
    });
    look_for_progress();
    std::this_thread::sleep_for(std::chrono::duration<double>(dice_.between(20e-6, 5e-3)));
  }
  for (const auto& party : parties_) party->lull(false);
  continue_all();
}

void Director::look_for_progress() {
  if (now() < next_look_) return;
  next_look_ = iqtest::deadline_in(1);
  for (std::size_t i = 0; i < parties_.size(); ++i) {
    const std::uint64_t progress = parties_[i]->progress();
    if (progress != seen_[i].first) {
      seen_[i] = {progress, now()};
    } else if (std::chrono::duration<double>(now() - seen_[i].second).count() > kStandstillS) {
      hung("a queue goes on");
    }
  }
}

void Director::hung(const char* what) const {
  std::ostringstream text;
  text << "hung: " << what << " did not come; still there:";
  for (const Actor& actor : actors_) {
    if (!actor.runs) continue;
    text << " pid " << actor.child.pid() << " (life " << actor.life << ", job "
         << static_cast<int>(actor.job) << ")";
  }
  text << '\n';
  for (const auto& party : parties_) text << party->describe();
  throw std::runtime_error(text.str());
}

void Director::await(const std::function<bool()>& condition, const char* what) {
  const auto until = iqtest::deadline_in(kBoundS);
  while (!condition()) {
    if (now() > until) hung(what);
    continue_all();
    reap([&](Actor& actor) {
      if (actor.child.wait().ok()) return;
      ++tally_.point_deaths;  // armed earlier
      if (actor.job == Job::produce) return;
      ++tally_.restarts;
      start(actor, false);
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

void Director::await_end(const Which& which, const char* what) {
  await(
      [&] {
        for (const Actor& actor : actors_) {
          if (actor.runs && which(actor)) return false;
        }
        return true;
      },
      what);
}

void Director::finish() {
  const auto has_job = [](Job job) {
    return [job](const Actor& actor) { return actor.job == job; };
  };
  const auto all_quiet = [&] {
    for (const auto& party : parties_) {
      if (!party->quiet()) return false;
    }
    return true;
  };
  for (const auto& party : parties_) party->stop_producers();
  await_end(has_job(Job::produce), "the end of the producers");
  await(all_quiet, "an empty queue, with consumers and without a close");

  // Whoever takes dies at once; one of each is left to go on, alone and unharmed.
  for (Actor& actor : actors_) {
    if (!actor.runs || actor.immune) continue;
    ++tally_.kills;
    kill(actor);
  }
  for (const auto& party : parties_) {
    party->allow_more(10);
    bool started[4] = {};
    for (const Job job : {Job::look_after, Job::relay, Job::consume, Job::produce}) {
      for (Actor& actor : actors_) {
        bool& done = started[static_cast<std::size_t>(job)];
        if (actor.party != party.get() || actor.job != job || done) continue;
        done = true;
        if (!actor.runs) {
          start(actor, false, job == Job::consume ? Manner::alone : Manner::usual);
        }
      }
    }
  }
  await_end(has_job(Job::produce), "ten times the capacity");
  await(all_quiet, "an empty queue, with one consumer");

  end_in_full_work();
}

// The queues are closed while everybody works, and half of those that have something in hand are
// stopped for a while: nobody may be told the end too early.
void Director::end_in_full_work() {
  const auto ended = [&](Job job, const char* what) {
    await_end([job](const Actor& actor) { return actor.job == job; }, what);
  };
  for (const auto& party : parties_) party->allow_more(20);
  for (Actor& actor : actors_) {
    if (!actor.runs) start(actor, false, actor.job == Job::produce ? Manner::steady : Manner::slow);
  }
  const auto all_attached = [](const auto& party) { return party->attached() == kProducers; };
  await([&] { return std::ranges::all_of(parties_, all_attached); }, "a place for each producer");
  for (const auto& party : parties_) party->close_input();
  ended(Job::produce, "the end of the last producers");
  for (std::size_t i = 0; i < actors_.size(); i += 2) actors_[i].child.kill(SIGSTOP);
  std::this_thread::sleep_for(std::chrono::milliseconds(150));  // the others grow hungry meanwhile
  continue_all();
  ended(Job::relay, "the end of the relays");
  for (const auto& party : parties_) party->close_output();
  ended(Job::consume, "the end of the stream");
  for (const auto& party : parties_) party->dismiss();
  ended(Job::look_after, "the end of the operators");
}

}  // namespace storm
