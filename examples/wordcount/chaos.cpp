#include "chaos.hpp"

#include <algorithm>
#include <csignal>
#include <list>
#include <random>
#include <thread>
#include <vector>

namespace wordcount {
namespace {

using Clock = std::chrono::steady_clock;

// A group of its own, because WorkerGroup::kill() is for all workers of a group.
struct Reader {
  iq::WorkerGroup group;
  bool was_killed = false;
};

class Readers {
 public:
  Readers(iq::IterableQueue<std::string>& files, iq::IterableQueue<Result>& results)
      : files_(files), results_(results) {}

  void start_one() { readers_.emplace_back().group.fork(1, read_files, files_, results_); }

  /// Kills one of those that run. False when there is none.
  bool kill_one() {
    std::vector<Reader*> running;
    for (Reader& reader : readers_) {
      if (!reader.was_killed && reader.group.alive() > 0) running.push_back(&reader);
    }
    if (running.empty()) return false;
    Reader& victim = *running[random_() % running.size()];
    victim.group.kill(SIGKILL);
    victim.was_killed = true;
    return true;
  }

  bool any_alive() {
    return std::any_of(readers_.begin(), readers_.end(),
                       [](Reader& reader) { return reader.group.alive() > 0; });
  }

  /// Only once both queues are closed: join() closes the queues that a group was given.
  void join() {
    for (Reader& reader : readers_) {
      try {
        reader.group.join();
      } catch (const iq::WorkerFailed&) {
        if (!reader.was_killed) throw;
      }
    }
  }

 private:
  iq::IterableQueue<std::string>& files_;
  iq::IterableQueue<Result>& results_;
  std::list<Reader> readers_;
  std::mt19937 random_{std::random_device{}()};
};

}  // namespace

int read_under_fire(iq::IterableQueue<std::string>& files, iq::IterableQueue<Result>& results,
                    int count, std::chrono::milliseconds pause) {
  Readers readers(files, results);
  for (int i = 0; i < count; ++i) readers.start_one();
  // Never asks for an item. While it is there, a closed queue whose readers were all just killed
  // is not one that nobody will ever read again, and the walker goes on.
  const iq::Consumer<std::string> spare = files.get_consumer();
  files.close();
  int killed = 0;
  Clock::time_point next = Clock::now() + pause;
  while (readers.any_alive()) {
    std::this_thread::sleep_until(std::min(next, Clock::now() + std::chrono::milliseconds(10)));
    if (Clock::now() < next) continue;
    if (readers.kill_one()) {
      ++killed;
      readers.start_one();  // needs a producer: `results` is still open for that
    }
    next = Clock::now() + pause;
  }
  results.close();
  readers.join();
  return killed;
}

}  // namespace wordcount
