// 17 producers, 13 consumers, one queue. Nobody counts, nobody signals, and everybody stops.
#include <chrono>
#include <cstdio>
#include <exception>
#include <random>
#include <thread>

#include <iq/iq.hpp>

namespace {

void pause_briefly() {
  static std::mt19937 random{std::random_device{}()};  // seeded anew in each process
  std::this_thread::sleep_for(std::chrono::microseconds(random() % 10'000));
}

void produce(iq::Producer<int> queue, int id) {
  for (int i = 0; i < 10; ++i) {
    pause_briefly();
    queue.put(id);
  }
}

void consume(iq::Consumer<int> queue, int id) {
  for (int item : queue) {
    pause_briefly();
    std::printf("consumer %d saw item %d\n", id, item);
    std::fflush(stdout);  // one write for each line: lines of several processes never mix
  }
}

}  // namespace

int main() {
  try {
    iq::IterableQueue<int> queue;
    iq::WorkerGroup crew;
    crew.fork(17, produce, queue);
    crew.fork(13, consume, queue);
    queue.close();  // no more producers will come: each loop ends when those 17 are done
    crew.join();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "readme: %s\n", error.what());
    return 1;
  }
}
