// One queue, or two with relays between them, and whoever works there.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "iq/stats.hpp"
#include "stress/storm_life.hpp"
#include "stress/verdict.hpp"

namespace storm {

inline constexpr int kProducers = 8;
inline constexpr int kConsumers = 8;  // and relays

enum class Job : std::uint8_t { produce, relay, consume, look_after };

struct Post {
  Job job;
  bool immune;  // nobody kills it
};

/// What a queue has seen, at the end.
struct Account {
  std::string what;
  Verdict verdict;
  iq::Stats stats;
  std::vector<std::string> stories;  // of the items in the complaints
};

class Party {
 public:
  virtual ~Party() = default;

  virtual std::vector<Post> posts() const = 0;
  /// In the child.
  virtual void work(Job job, const Life& life) = 0;
  /// How this party's workers behave.
  virtual void colour(Life& life, Dice& dice) const = 0;
  virtual void note_death(std::uint32_t life) = 0;
  virtual bool was_writing(int slot) const = 0;

  /// Whether producers pause.
  virtual void lull(bool now) = 0;
  /// Whether those whom nobody kills are at work.
  virtual bool ready() const { return true; }
  virtual void stop_producers() = 0;
  /// Producers may put so many times what the queue holds.
  virtual void allow_more(unsigned times) = 0;
  /// Steady producers that have attached so far.
  virtual int attached() const = 0;
  /// Nothing queued, nothing in hand.
  virtual bool quiet() = 0;
  virtual void close_input() = 0;
  virtual void close_output() = 0;
  /// Operators may go.
  virtual void dismiss() {}
  /// Everybody has ended: what is parked is noted, the dead are repaired, the book is read.
  virtual std::vector<Account> judge() = 0;
  /// Entries of the histories so far: what stands still is stuck.
  virtual std::uint64_t progress() const = 0;
  virtual std::string describe() const = 0;
};

/// How large a queue's history may become.
std::uint64_t history_capacity(double seconds);

std::unique_ptr<Party> fixed_items(double seconds);
std::unique_ptr<Party> variable_items(double seconds);
std::unique_ptr<Party> restless_workers(double seconds);
std::unique_ptr<Party> poisonous_items(double seconds);
std::unique_ptr<Party> relay_line(double seconds);

}  // namespace storm
