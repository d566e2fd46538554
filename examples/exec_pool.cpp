// exec_pool [COUNT] [DEADLY]: a pool of separate programs. Three processes of exec_worker find the
// smallest factor of the numbers 2 to COUNT; each is started again when it dies, and goes on where
// it died. DEADLY is a number that kills each worker that gets it: parked after three deaths.
//
//   this program ──▶ jobs ──▶ 3 × exec_worker ──▶ answers ──▶ this program
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include <iq/iq.hpp>

#include "exec_pool/jobs.hpp"

namespace {

constexpr int kWorkers = 3;

int run(std::uint64_t count, const std::string& deadly) {
  iq::IterableQueue<exec_pool::Job> jobs;  // anonymous: the programs get them by their tokens
  iq::IterableQueue<exec_pool::Answer> answers;
  auto out = jobs.get_producer();
  auto in = answers.get_consumer();

  const auto here = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  std::vector<std::string> arguments;
  if (!deadly.empty()) arguments = {"--dies-at", deadly};
  iq::WorkerGroup crew;
  for (int i = 0; i < kWorkers; ++i) {
    crew.exec({.restarts = 5}, here / "exec_worker", arguments, jobs.consumer_token(),
              answers.producer_token());
  }
  jobs.close();
  answers.close();

  // In a thread of its own: who puts without reading the answers could wait for workers that wait
  // for room among the answers.
  std::thread feeder([out = std::move(out), count]() mutable {
    for (std::uint64_t number = 2; number <= count; ++number) out.put({number});
    out.close();
  });
  std::map<std::uint64_t, exec_pool::Answer> book;  // a job may be done twice when a worker dies
  for (const exec_pool::Answer& answer : in) book.emplace(answer.number, answer);
  feeder.join();
  crew.join();

  int restarts = 0;
  std::uint64_t primes = 0;
  for (const iq::WorkerOutcome& worker : crew.results()) restarts += worker.restarts;
  for (const auto& [number, answer] : book) primes += answer.factor == number;
  std::printf("%zu numbers, %" PRIu64 " primes, %d restarts\n", book.size(), primes, restarts);
  for (const auto& parked : jobs.parked()) {
    std::printf("%" PRIu64 " killed %u workers and is given up\n", parked.item.number,
                parked.deliveries);
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  std::uint64_t count = 20'000;
  if (argc > 1) {
    char* end = nullptr;
    count = std::strtoull(argv[1], &end, 10);
    if (count < 2 || *end != '\0') {
      std::fprintf(stderr, "usage: exec_pool [COUNT, at least 2] [DEADLY]\n");
      return 2;
    }
  }
  try {
    return run(count, argc > 2 ? argv[2] : "");
  } catch (const std::exception& error) {
    std::fprintf(stderr, "exec_pool: %s\n", error.what());
    return 1;
  }
}
