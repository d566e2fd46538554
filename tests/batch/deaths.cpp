// Contexts of several processes when one of them is killed: the others' calls are served.
#include <doctest/doctest.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <numeric>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "batch/book.hpp"
#include "iq/batch.hpp"
#include "iq/batch_context.hpp"
#include "iq/error.hpp"
#include "iq/task.hpp"
#include "iq/worker_group.hpp"
#include "support/process.hpp"

using namespace batches;

TEST_CASE("shared: a caller that is killed, running or waiting, does not hold up the others") {
  for (const bool waiting : {false, true}) {
    Books book;
    iqtest::Gate never;
    iqtest::Gate began;
    iqtest::SharedCounter pid;
    iq::batched<int(int)> f{noting(book)};
    const iq::BatchContext context;
    iq::WorkerGroup crew;
    crew.fork(3, [&](int id) {
      if (id == 2) {
        pid->store(::getpid());
        auto future = waiting ? f.async(5) : iq::Future<int>();
        began.post();
        never.wait(100);
      }
      f(id);
    });
    began.wait();
    ::kill(static_cast<pid_t>(pid->load()), SIGKILL);
    CHECK_THROWS_AS(crew.join(), iq::WorkerFailed);
    CHECK(book->calls >= 2);
    CHECK(book->batches == 1);
  }
}

TEST_CASE("shared: the server killed in the middle leaves no caller hanging") {
  Books book;
  iqtest::Gate began;
  iqtest::Gate never;
  iq::batched<int(int)> f{HeldOnce{book, began, never}};
  auto died = iqtest::shared_counter();
  auto served = iqtest::shared_counter();
  const iq::BatchContext context;
  iq::WorkerGroup crew;
  crew.fork(8, [&](int id) {
    try {
      f(id);
    } catch (const iq::ServerDied&) {
      ++*died;
    }
    *served += f(id) == id + 1;
  });
  wait_blocking(began);
  ::kill(f.server_pids().at(0), SIGKILL);
  crew.join();
  CHECK(died->load() == 8);
  CHECK(served->load() == 8);
  CHECK(book->batches == 2);
}

TEST_CASE("shared: an idempotent batch of several processes is served once more") {
  Books book;
  iqtest::Gate began;
  iqtest::Gate never;
  iq::batched<int(int)> f{HeldOnce{book, began, never}, {.idempotent = true}};
  auto right = iqtest::shared_counter();
  const iq::BatchContext context;
  iq::WorkerGroup crew;
  crew.fork(4, [&](int id) { *right += f(id) == id + 1; });
  wait_blocking(began);
  ::kill(f.server_pids().at(0), SIGKILL);
  crew.join();
  CHECK(right->load() == 4);
  CHECK(book->sizes[1] == 4);
}

TEST_CASE("shared: a caller killed while its call is served costs the others nothing") {
  Books book;
  iqtest::Gate began;
  iqtest::Gate go;
  iqtest::SharedCounter pid;
  iq::batched<int(int)> f{[&](std::span<const int> batch) {
    began.post();
    go.wait();
    return book->serve(batch);
  }};
  auto right = iqtest::shared_counter();
  const iq::BatchContext context;
  iq::WorkerGroup crew;
  crew.fork(4, [&](int id) {
    if (id == 3) pid->store(::getpid());
    *right += f(id) == id + 1;
  });
  wait_blocking(began);
  ::kill(static_cast<pid_t>(pid->load()), SIGKILL);
  go.post();
  CHECK_THROWS_AS(crew.join(), iq::WorkerFailed);
  CHECK(right->load() == 3);
  CHECK(book->sizes[0] == 4);
}
