// How fork() binds a function to queues and further arguments, and hands endpoints over.
#include "iq/detail/worker_bind.hpp"

#include <memory>
#include <string>

#include "crew_helpers.hpp"
#include "mock_queue.hpp"

using iq::WorkerGroup;
using iqtest::MockConsumer;
using iqtest::MockProducer;
using iqtest::MockQueue;
using iqtest::require;
using iqtest::shared_counter;

namespace {

iqtest::SharedCounter& calls() {
  static iqtest::SharedCounter counter = shared_counter();
  return counter;
}
void plain(MockProducer) { ++*calls(); }
void plain_noexcept(MockConsumer&, int) noexcept { ++*calls(); }

struct Functor {
  std::unique_ptr<int> value;
  void operator()(MockProducer&& out, MockConsumer& in, int id, const std::string& text, double d) {
    require(out.counts() != nullptr && in.counts() != nullptr, "both endpoints are there");
    require(*value + id == 40 + id, "captures arrive");
    require(text == "text" && d == 2.0, "further arguments arrive, converted");
  }
};

}  // namespace

TEST_CASE("fork: endpoints by value, by & and by &&, in the order of the queues") {
  MockQueue a, b;
  WorkerGroup crew;
  crew.fork(2, Functor{std::make_unique<int>(40)}, a, b, "text", 2);
  crew.join();
  CHECK(a.counts().producers.made == 2);
  CHECK(a.counts().consumers.made == 0);
  CHECK(b.counts().consumers.made == 2);
  for (const auto* counts : {&a.counts().producers, &b.counts().consumers}) {
    CHECK(counts->adopted == 2);
    CHECK(counts->surrendered == 2);
    CHECK(counts->closed == 2);
    CHECK(counts->unwound == 0);
    CHECK(counts->failed_at_exit == 0);
  }
}

TEST_CASE("fork: functions, noexcept functions, mutable lambdas, std::function") {
  MockQueue q;
  *calls() = 0;
  WorkerGroup crew;
  crew.fork(2, plain, q);
  crew.fork(1, &plain, q);
  crew.fork(2, plain_noexcept, q);
  crew.fork(1, [n = 0](MockProducer) mutable { *calls() += ++n; }, q);
  const auto lambda = [](MockProducer) noexcept { ++*calls(); };
  crew.fork(1, lambda, q);
  std::function<void(MockConsumer)> function = [](MockConsumer) { ++*calls(); };
  crew.fork(1, function, q);
  crew.join();
  CHECK(*calls() == 8);
}

TEST_CASE("fork: captures and further arguments may be move-only; each worker has its own copy") {
  auto sum = shared_counter();
  WorkerGroup crew;
  crew.fork(3, [&sum, p = std::make_unique<int>(5)](std::unique_ptr<int> q, int& r) {
    *sum += *p + *q + ++r;
  }, std::make_unique<int>(6), 0);
  crew.join();
  CHECK(*sum == 3 * 12);
}

TEST_CASE("fork: a copy that a worker changes is not seen by the parent or by others") {
  int value = 1;
  WorkerGroup crew;
  crew.fork(4, [](int, int& mine) { require(++mine == 2, "a copy of its own"); }, value);
  crew.join();
  CHECK(value == 1);
}

TEST_CASE("fork: an exception fails the worker's endpoints, the others' are left alone") {
  MockQueue q;
  WorkerGroup crew;
  crew.fork(3, [](MockProducer, MockConsumer&, int id) {
    if (id == 1) throw std::runtime_error("boom");
  }, q, q);
  CHECK(iqtest::join_failure(crew).exception_text() == "boom");
  CHECK(q.counts().producers.unwound + q.counts().producers.closed == 3);
  CHECK(q.counts().consumers.unwound == 1);
  CHECK(q.counts().consumers.closed == 2);
}

TEST_CASE("fork: a worker that cannot adopt leaves its endpoints to the parent, which fails them") {
  MockQueue q;
  q.counts().producers.refuses_adoption = true;
  WorkerGroup crew;
  crew.fork(2, [](MockConsumer, MockProducer) {}, q, q);
  CHECK(iqtest::join_failure(crew).exception_type() == "iq::CannotProbe");
  CHECK(q.counts().consumers.adopted == 2);
  for (const auto* counts : {&q.counts().producers, &q.counts().consumers}) {
    CHECK(counts->failed_by_parent == 2);
    CHECK(counts->surrendered == 0);
    CHECK(counts->closed + counts->unwound == 0);
  }
}

TEST_CASE("fork: exit() in a worker fails its endpoints, wherever they were moved") {
  MockQueue q;
  WorkerGroup crew;
  crew.fork(1, [](MockProducer, MockConsumer&) { std::exit(4); }, q, q);
  const iq::WorkerFailed failed = iqtest::join_failure(crew);
  CHECK(failed.exit_code() == 4);
  CHECK(failed.outcome().end == iq::WorkerEnd::exited);
  CHECK(q.counts().producers.failed_at_exit == 1);
  CHECK(q.counts().consumers.failed_at_exit == 1);
  CHECK(q.counts().producers.closed + q.counts().producers.unwound == 0);
}

TEST_CASE("fork: exit() in a process that a worker forked leaves the worker's endpoints alone") {
  MockQueue q;
  WorkerGroup crew;
  crew.fork(1, [](MockProducer) {
    iqtest::Child grandchild = iqtest::spawn([] { std::exit(4); });
    require(grandchild.wait() == iqtest::Exit{4, 0}, "it ends as it said");
  }, q);
  crew.join();
  CHECK(q.counts().producers.failed_at_exit == 0);
  CHECK(q.counts().producers.closed == 1);
}

TEST_CASE("fork: roles name each queue and its end") {
  MockQueue jobs("jobs"), unnamed;
  WorkerGroup crew;
  crew.fork(1, [](MockConsumer, MockProducer) {}, jobs, unnamed);
  crew.fork(1, [] {});
  crew.join();
  CHECK(crew.results()[0].role ==
        "consumer of queue \"jobs\", producer of an anonymous queue");
  CHECK(crew.results()[1].role == "worker");
}
