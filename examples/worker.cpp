// worker [NAME] [--delay MS]: takes jobs from the queue NAME and puts their answers into a second
// one, until the feeder has closed the jobs. Start as many as you like, before or after the feeder.
// Kill one with -9: what it had in hand goes to another worker.
#include <unistd.h>

#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <exception>
#include <numeric>
#include <optional>
#include <thread>

#include <iq/iq.hpp>

#include "jobs/jobs.hpp"
#include "jobs/options.hpp"

namespace jobs {
namespace {

int work(iq::Consumer<Job>& in, iq::Producer<Answer>& out, std::chrono::milliseconds delay) {
  int done = 0;
  for (const Job& job : in) {
    Answer answer{job.id, 0, in.item_id(), in.deliveries(), ::getpid()};
    std::printf("job %" PRIu64 " (item %" PRIu64 ", delivery %u)\n", answer.id, answer.item,
                answer.deliveries);
    std::fflush(stdout);
    std::this_thread::sleep_for(delay);  // stands for work that takes long
    answer.sum = std::accumulate(job.numbers.begin(), job.numbers.end(), answer.sum);
    out.put(answer);
    ++done;
  }
  return done;
}

void run(const Options& options) {
  auto queue = open_jobs(options.name);
  auto answers = open_answers(options.name);
  iq::Consumer<Job> in = queue.get_consumer();
  std::optional<iq::Producer<Answer>> out;
  try {
    out = answers.get_producer();
  } catch (const iq::Closed&) {
    std::fprintf(stderr, "worker %d: too late, the feeder has all answers\n", ::getpid());
    return;
  }
  const std::chrono::milliseconds delay(options.numbers.at("--delay"));
  std::fprintf(stderr, "worker %d: did %d jobs\n", ::getpid(), work(in, *out, delay));
}

}  // namespace
}  // namespace jobs

int main(int argc, char** argv) {
  const auto options = jobs::parse_options(argc, argv, {.numbers = {{"--delay", 0}}});
  if (!options) return 2;
  try {
    jobs::run(*options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "worker %d: %s\n", ::getpid(), error.what());
    return 1;
  }
}
