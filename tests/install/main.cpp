// What a user writes: two producer processes, two consumer processes, an exception of the library.
#include <cstdio>

#include <iq/iq.hpp>

int main() {
  iq::IterableQueue<int> numbers, squares;
  iq::WorkerGroup crew;
  crew.fork(2, [](iq::Producer<int> out, int id) {
    for (int n = id; n < 10; n += 2) out.put(n);
  }, numbers);
  crew.fork(2, [](iq::Consumer<int> in, iq::Producer<int> out) {
    for (int n : in) out.put(n * n);
  }, numbers, squares);
  iq::Consumer<int> results = squares.get_consumer();
  numbers.close();
  squares.close();
  int sum = 0;
  for (int square : results) sum += square;
  crew.join();
  try {
    numbers.get_producer();
  } catch (const iq::Closed& error) {  // made in the library, caught by its class here
    std::printf("%d %s %s\n", sum, iq::version.data(), iq::to_string(error.code()).data());
  }
}
