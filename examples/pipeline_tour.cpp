// Pipelines, one form after the other: what each is for, and what comes out.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <numeric>
#include <random>
#include <ranges>
#include <stdexcept>
#include <string>
#include <vector>

#include <iq/iq.hpp>

namespace {

using std::views::iota;

bool only_odd(int x) { return x % 2 == 1; }
int twice(int x) { return 2 * x; }

// A hundred workers sleep for a random time each; the longest below half a unit is what counts.
void the_slowest() {
  const auto sample = [](double bound) {
    static std::mt19937 random(static_cast<unsigned>(::getpid()));
    const double slept = std::uniform_real_distribution(0.0, bound)(random);
    ::usleep(static_cast<unsigned>(slept * 10'000));
    return slept;
  };
  const auto larger = [](double a, double b) { return std::max(a, b); };
  const double slowest = iq::pipeline()
                             .from(iota(0, 200))
                             .map([](int) { return 1.0; })
                             .map(sample, {.workers = 100})
                             .filter([](double x) { return x < 0.5; })
                             .fold(larger, 0.0, {.workers = 50});
  std::printf("the slowest below a half: %s\n", slowest > 0.3 && slowest < 0.5 ? "yes" : "no");
}

// Each layer with its own number of workers.
void layers() {
  const int sum = iq::pipeline()
                      .from(iota(0, 100))
                      .filter(only_odd, {.workers = 10})
                      .map(twice, {.workers = 8})
                      .fold(std::plus{}, 0, {.workers = 5});
  std::printf("twice the odd ones: %d\n", sum);
}

// The same with raw workers and a queue of one's own at the end.
void raw_workers() {
  iq::IterableQueue<int> out;
  auto pipeline = iq::pipeline()
                      .chain([](iq::Producer<int>& numbers) {
                        for (int i = 0; i < 100; ++i) numbers.put(i);
                      })
                      .map(
                          [](int x) -> std::optional<int> {  // the empty ones are dropped
                            if (only_odd(x)) return x;
                            return std::nullopt;
                          },
                          {.workers = 10})
                      .map(twice, {.workers = 8, .out = &out});
  pipeline.start();
  int sum = 0;
  for (const int x : out.get_consumer()) sum += x;
  pipeline.join();
  std::printf("the same through a queue: %d\n", sum);
}

// Several workers keep no order, unless they are asked to.
void order() {
  const auto slowly = [](int x) {
    ::usleep(static_cast<unsigned>(x * 7 % 10) * 500);
    return x;
  };
  std::vector<int> mixed;
  for (const int x : iq::pipeline().from(iota(0, 10)).map(slowly, {.workers = 5})) {
    mixed.push_back(x);
  }
  std::ranges::sort(mixed);
  std::printf("in any order, all of them: %s\n",
              std::ranges::equal(mixed, iota(0, 10)) ? "yes" : "no");
  std::printf("in the order of the inputs:");
  for (const int x :
       iq::pipeline().from(iota(0, 10)).map(slowly, {.workers = 5, .ordered = true})) {
    std::printf(" %d", x);
  }
  std::printf("\n");
}

// An exception is not always the end.
void errors() {
  const auto twice_the_even = [](int x) {
    if (only_odd(x)) throw std::invalid_argument("oh no!");
    return 2 * x;
  };
  const int sum = iq::pipeline()
                      .from(iota(0, 100))
                      .map(twice_the_even, {.workers = 10, .on_error = iq::forward_input})
                      .fold(std::plus{}, 0);
  std::printf("the odd ones as they are, the even ones twice: %d\n", sum);
  try {
    iq::pipeline().from(iota(0, 100)).map(twice_the_even, {.name = "doubling"}).join();
  } catch (const iq::PipelineFailed& failed) {
    std::printf("stage %s: %s: %s\n", failed.stage_name().c_str(), failed.exception_type().c_str(),
                failed.exception_text().c_str());
  }
}

// A queue that nobody is registered at, and that somebody closes.
void closable_queue() {
  iq::ClosableQueue<std::string> queue;
  queue.put("hello");
  queue.close();
  std::printf("%s\n", queue.get()->c_str());
  std::printf("then nothing: %s\n", queue.get() ? "no" : "yes");
}

}  // namespace

int main() {
  try {
    the_slowest();
    layers();
    raw_workers();
    order();
    errors();
    closable_queue();
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "pipeline_tour: %s\n", error.what());
    return 1;
  }
}
