// feeder [NAME] [--count N] [--delay MS]: puts N jobs into the queue NAME, one every MS
// milliseconds, collects an answer to each and prints them. The work is done by worker processes.
#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <exception>
#include <future>
#include <map>
#include <numeric>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

#include <iq/iq.hpp>

#include "jobs/jobs.hpp"
#include "jobs/options.hpp"

namespace jobs {
namespace {

Job make_job(std::uint64_t id) {
  Job job{id, std::vector<std::uint32_t>(id % 100 + 1)};
  std::iota(job.numbers.begin(), job.numbers.end(), 1);
  return job;
}

/// Each job once, whatever happens to the workers.
class Book {
 public:
  void enter(const Answer& answer) {
    if (!answers_.try_emplace(answer.id, answer).second) ++repeated_;
  }
  /// A job that nobody will be given any more, because it was in the hands of too many that died.
  void give_up(std::uint64_t id, std::uint32_t deliveries) {
    if (!answers_.contains(id)) given_up_[id] = deliveries;
  }
  std::size_t settled() const { return answers_.size() + given_up_.size(); }
  bool complete() const { return given_up_.empty(); }
  void print() const;

 private:
  std::map<std::uint64_t, Answer> answers_;
  std::map<std::uint64_t, std::uint32_t> given_up_;
  int repeated_ = 0;
};

void Book::print() const {
  int redelivered = 0;
  std::uint64_t total = 0;
  for (const auto& [id, answer] : answers_) {
    const bool again = answer.deliveries > 1;
    std::printf("job %" PRIu64 ": sum %" PRIu64 ", item %" PRIu64 ", delivery %u, worker %d%s\n",
                id, answer.sum, answer.item, answer.deliveries, answer.worker,
                again ? "  <-- a worker died with this one" : "");
    redelivered += again;
    total += answer.sum;
  }
  for (const auto& [id, deliveries] : given_up_) {
    std::printf("job %" PRIu64 ": no answer, %u workers died with it\n", id, deliveries);
  }
  std::printf("%zu jobs answered, %d of them delivered again, %d answered again, total %" PRIu64
              "\n",
              answers_.size(), redelivered, repeated_, total);
}

// In a thread of its own: who puts without reading the answers could wait for workers that wait
// for room among the answers.
void feed(iq::IterableQueue<Job>& queue, iq::Producer<Job> out, int count,
          std::chrono::milliseconds delay) {
  for (int id = 0; id < count; ++id) {
    out.put(make_job(static_cast<std::uint64_t>(id)));
    std::this_thread::sleep_for(delay);
  }
  out.close();
  queue.close();
}

void collect(iq::Consumer<Answer>& in, iq::IterableQueue<Job>& queue, std::future<void>& feeding,
             std::size_t count, Book& book) {
  while (book.settled() < count) {
    const auto answer = in.get_for(std::chrono::milliseconds(100));
    if (answer) {
      book.enter(*answer);
      continue;
    }
    if (answer.status() != iq::Status::timeout) {
      throw std::runtime_error("somebody else has ended the answers: " +
                               std::string(iq::to_string(answer.status())));
    }
    if (queue.stats().parked != 0) {
      for (const auto& parked : queue.parked()) book.give_up(parked.item.id, parked.deliveries);
    }
    if (feeding.valid() && feeding.wait_for(std::chrono::seconds(0)) == std::future_status::ready) {
      feeding.get();  // throws what went wrong there
    }
  }
}

bool run(const Options& options) {
  const int count = options.numbers.at("--count");
  const std::chrono::milliseconds delay(options.numbers.at("--delay"));
  auto queue = open_jobs(options.name);
  auto answers = open_answers(options.name);
  iq::Consumer<Answer> in = answers.get_consumer();
  auto feeding =
      std::async(std::launch::async, feed, std::ref(queue), queue.get_producer(), count, delay);

  Book book;
  try {
    collect(in, queue, feeding, static_cast<std::size_t>(count), book);
  } catch (...) {
    queue.stop();  // else the thread that feeds could wait for ever
    throw;
  }
  if (feeding.valid()) feeding.get();
  // What is still among the jobs has been answered, by a worker that died right after. Taken out
  // here it makes no more work, and the workers' loops end.
  iq::Consumer<Job> rest = queue.get_consumer();
  while (rest.get()) {
  }
  queue.drop_parked();  // they are in the book; a name with parked items in it stays
  answers.close();
  for (const Answer& late : in) book.enter(late);
  book.print();
  return book.complete();
}

}  // namespace
}  // namespace jobs

int main(int argc, char** argv) {
  const auto options =
      jobs::parse_options(argc, argv, {.numbers = {{"--count", 100}, {"--delay", 0}}});
  if (!options) return 2;
  try {
    return jobs::run(*options) ? 0 : 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "feeder: %s\n", error.what());
    return 1;
  }
}
