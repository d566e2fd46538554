// What takes the library's own patience of five seconds: apart, so that the others can be repeated.
#include <doctest/doctest.h>

#include <string>

#include "iq/iq.hpp"
#include "support/process.hpp"

namespace {
using Queue = iq::IterableQueue<int>;
const std::string kProgram = IQ_LAUNCHED;
}  // namespace

TEST_CASE("adopt and surrender: without the other side refused after a while, nothing changed") {
  Queue queue;
  auto kept = queue.get_producer();
  auto unwanted = queue.get_producer();
  iqtest::Flag refused;
  auto child = iqtest::spawn([&] {
    CHECK_THROWS_AS(kept.adopt(), iq::Busy);
    CHECK_THROWS_AS(kept.put(9), iq::WrongProcess);
    refused.set();
    kept.adopt();
    kept.put(2);
    kept.close();
  });
  CHECK_THROWS_AS(unwanted.surrender(), iq::Busy);
  unwanted.put(1);
  kept.put(1);
  refused.wait();
  kept.surrender();
  CHECK(child.wait().ok());
  CHECK(queue.size() == 3);
  CHECK(queue.producers() == 1);
}

TEST_CASE("~WorkerGroup: a program that ignores TERM is killed, and leaves nothing") {
  iqtest::limit_seconds(30);
  Queue queue;
  auto in = queue.get_consumer();
  int pid = 0;
  {
    iq::WorkerGroup crew;
    crew.exec({.restarts = 100}, kProgram, {"ignore_term"}, queue.producer_token());
    pid = in.get().value();
  }
  CHECK(iqtest::has_ended(pid));
  CHECK(queue.producers() <= 1);  // its death is seen by whoever waits
}
