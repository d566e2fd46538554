// Pipelines of one process: what paipa's coroutine pipelines are here. Each step is a function from
// a range to a range; items go through all steps one after the other, and only when asked for.
#include <chrono>
#include <cstdio>
#include <exception>
#include <numeric>
#include <ranges>
#include <string>
#include <vector>

#include <iq/iq.hpp>

namespace {

using iq::Generator;
using std::views::iota;

Generator<int> remove_odd(Generator<int> numbers) {
  for (const int n : numbers) {
    if (n % 2 == 0) co_yield n;
  }
}

// Nested generators.
void simple() {
  int sum = 0;
  for (const int n : iq::combine(iota(0, 100), remove_odd)) sum += n;
  std::printf("without the odd ones: %d\n", sum);
}

struct Product {
  int number;
  bool available;
};

Generator<Product> products_of_a_database() {
  for (int i = 0; i < 10'000; ++i) co_yield Product{i, i % 3 != 0};
}

Generator<Product> only_available(Generator<Product> products) {
  for (const Product product : products) {
    if (product.available) co_yield product;
  }
}

Generator<std::vector<Product>> send_in_batches(Generator<std::vector<Product>> chunks) {
  for (auto&& chunk : chunks) {
    std::printf("sent %zu products, the first is number %d\n", chunk.size(), chunk.front().number);
    co_yield std::move(chunk);
  }
}

// Filtered, grouped, sent, and single again for steps that might follow.
void batches() {
  const auto sent = iq::consume(iq::combine(products_of_a_database(), only_available,
                                            iq::chunk(2048), send_in_batches, iq::flatten));
  std::printf("%d products in all\n", static_cast<int>(sent));
}

// What comes is grouped by number and time, so that nobody waits for ever for a full chunk.
void in_time() {
  iq::IterableQueue<int> queue;
  auto producer = queue.get_producer();
  auto consumer = queue.get_consumer();
  queue.close();
  producer.put_all(std::vector{1, 2, 3});
  using std::chrono_literals::operator""ms;
  for (const std::vector<int>& chunk : iq::combine(consumer, iq::timed_chunk(2, 20ms))) {
    std::printf("a chunk of %zu\n", chunk.size());
    if (chunk.size() < 2) producer.close();  // it came while the stream was still open
  }
}

// The same steps inside a stage of a pipeline of processes.
void in_a_stage() {
  const auto pack = [](iq::Consumer<int>& in, iq::Producer<int>& out) {
    for (const std::vector<int>& chunk : iq::combine(in, remove_odd, iq::chunk(10))) {
      out.put(std::accumulate(chunk.begin(), chunk.end(), 0));
    }
  };
  const int sum =
      iq::pipeline().from(iota(0, 100)).chain(pack, {.workers = 2}).fold(std::plus{}, 0);
  std::printf("in two processes: %d\n", sum);
}

}  // namespace

int main() {
  try {
    simple();
    batches();
    in_time();
    in_a_stage();
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "generators: %s\n", error.what());
    return 1;
  }
}
