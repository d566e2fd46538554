// Names between processes: who creates, who finds, who replaces, who takes the name along.
#include <doctest/doctest.h>

#include <unistd.h>

#include <string>
#include <vector>

#include "iq/iq.hpp"
#include "support/process.hpp"

namespace {

using Queue = iq::IterableQueue<int>;

[[noreturn]] void wait_for_death() {
  for (;;) ::pause();
}

bool exists(const std::string& name) {
  return ::access(("/dev/shm/iq." + name).c_str(), F_OK) == 0;
}

}  // namespace

TEST_CASE("names: eight processes race with open_or_create, all meet in one queue") {
  for (int round = 0; round < 5; ++round) {
    const std::string name = iqtest::temp_name("race");
    iqtest::Flag go;
    iqtest::Gate done;
    iqtest::Flag leave;
    std::vector<iqtest::Child> children;
    for (int i = 0; i < 8; ++i) {
      children.push_back(iqtest::spawn([&, i] {
        go.wait();
        Queue queue(iq::open_or_create, name);
        queue.get_producer().put(i);
        done.post();
        leave.wait();
      }));
    }
    go.set();
    for (int i = 0; i < 8; ++i) done.wait();
    {
      Queue queue(iq::open_only, name);
      auto consumer = queue.get_consumer();
      queue.close();
      int sum = 0;
      int count = 0;
      for (const int item : consumer) {
        sum += item;
        ++count;
      }
      CHECK(count == 8);
      CHECK(sum == 28);
    }
    leave.set();
    for (auto& child : children) CHECK(child.wait().ok());
    CHECK_FALSE(exists(name));
  }
}

TEST_CASE("names: of eight processes with create_only exactly one wins") {
  const std::string name = iqtest::temp_name("only");
  iqtest::Flag go;
  iqtest::Flag leave;
  iqtest::Gate tried;
  std::vector<iqtest::Child> children;
  for (int i = 0; i < 8; ++i) {
    children.push_back(iqtest::spawn([&] {
      go.wait();
      try {
        Queue queue(iq::create_only, name);
        tried.post();
        leave.wait();
        queue.close();
      } catch (const iq::NameInUse&) {
        tried.post();
        return 3;
      }
      return 0;
    }));
  }
  go.set();
  for (int i = 0; i < 8; ++i) tried.wait();
  leave.set();
  int winners = 0;
  for (auto& child : children) {
    const auto end = child.wait();
    winners += end.ok();
    CHECK((end.ok() || end.code == 3));
  }
  CHECK(winners == 1);
  CHECK_FALSE(exists(name));
}

TEST_CASE("names: a queue whose users were all killed is opened again, its items are there") {
  const std::string name = iqtest::temp_name("rest");
  iqtest::Gate put;
  auto user = iqtest::spawn([&] {
    Queue queue(iq::create_only, name);
    auto producer = queue.get_producer();
    producer.put_all(std::vector{1, 2, 3});
    put.post();
    wait_for_death();
  });
  put.wait();
  user.kill_and_wait();
  CHECK_THROWS_AS(Queue(iq::create_only, name), iq::NameInUse);
  {
    Queue queue(iq::open_or_create, name);
    auto consumer = queue.get_consumer();
    queue.close();
    for (int i = 1; i <= 3; ++i) CHECK(consumer.get() == i);
    CHECK_THROWS_AS(consumer.get(), iq::ProducerDied);
  }
  CHECK_FALSE(exists(name));
}

TEST_CASE("names: finished, but its last users were killed: open_or_create starts anew") {
  const std::string name = iqtest::temp_name("finished");
  for (int round = 0; round < 3; ++round) {
    iqtest::Gate done;
    auto user = iqtest::spawn([&] {
      Queue queue(iq::open_or_create, name);
      iqtest::require(!queue.is_closed(), "a new queue is open");
      iqtest::require(queue.stats().put == 0, "and has no past");
      auto consumer = queue.get_consumer();
      auto producer = queue.get_producer();
      producer.put(1);
      producer.close();
      queue.close();
      iqtest::require(consumer.get() == 1 && !consumer.get().has_value(), "one item, the end");
      done.post();
      wait_for_death();
    });
    done.wait();
    user.kill_and_wait();
    CHECK(exists(name));
  }
  Queue last(iq::create_only, name);
  last.close();
}

TEST_CASE("names: users killed, another type: replaced; one of them alive: refused") {
  const std::string name = iqtest::temp_name("type");
  iqtest::Gate made;
  auto user = iqtest::spawn([&] {
    Queue queue(iq::create_only, name);
    made.post();
    wait_for_death();
  });
  made.wait();
  using Texts = iq::IterableQueue<std::string>;
  CHECK_THROWS_AS(Texts(iq::open_or_create, name), iq::WrongType);
  CHECK_THROWS_AS(Texts(iq::open_only, name), iq::WrongType);
  user.kill_and_wait();
  CHECK_THROWS_AS(Texts(iq::open_only, name), iq::WrongType);
  Texts replaced(iq::open_or_create, name);
  auto consumer = replaced.get_consumer();
  replaced.get_producer().put("text");
  replaced.close();
  CHECK(consumer.get() == "text");
}

TEST_CASE("names: the last endpoint in another process takes the name along") {
  const std::string name = iqtest::temp_name("last");
  iqtest::Gate has_it;
  iqtest::Flag leave;
  std::optional<Queue> queue(std::in_place, iq::create_only, name);
  auto worker = iqtest::spawn([&] {
    auto consumer = Queue(iq::open_only, name).get_consumer();
    has_it.post();
    leave.wait();
    iqtest::require(!consumer.get().has_value(), "the end");
  });
  has_it.wait();
  queue->close();
  queue.reset();
  CHECK(exists(name));
  leave.set();
  CHECK(worker.wait().ok());
  CHECK_FALSE(exists(name));
}
