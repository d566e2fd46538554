// adopt(), surrender() and dup(): endpoints where the program forks by itself.
#include <doctest/doctest.h>

#include <unistd.h>

#include <csignal>
#include <optional>
#include <string>
#include <vector>

#include "iq/iq.hpp"
#include "support/process.hpp"

namespace {
using Queue = iq::IterableQueue<int>;
using Texts = iq::IterableQueue<std::string>;
}  // namespace

// The first case of the file: none has started a thread so far.
TEST_CASE("adopt: a loop and a put wait for a child that has not yet adopted the queue") {
  Queue queue({.capacity = 2});
  const auto parent = ::getpid();
  auto child = iqtest::spawn([&] {
    iqtest::require(iqtest::asleep(parent), "the parent waits");
    queue.adopt();
    queue.get_producer().put(1);
  });
  auto in = queue.get_consumer();
  CHECK(in.get() == 1);
  in.close();
  CHECK(child.wait().ok());

  auto out = queue.get_producer();
  child = iqtest::spawn([&] {
    iqtest::require(iqtest::asleep(parent), "the parent waits");
    queue.adopt();
    auto mine = queue.get_consumer();
    for (int n = 0; n < 3; ++n) iqtest::require(mine.get() == n, "in order");
  });
  for (int n = 0; n < 3; ++n) out.put(n);
  CHECK(child.wait().ok());
}

TEST_CASE("adopt: a producer goes on in the child, behind what the parent put; here it is closed") {
  Texts queue({.capacity = 16, .bytes_per_producer = 4096});
  auto in = queue.get_consumer();
  auto out = queue.get_producer();
  out.put("parent" + std::string(100, '.'));
  auto child = iqtest::spawn([&] {
    CHECK_THROWS_AS(out.put("inherited"), iq::WrongProcess);
    out.adopt();
    out.put("child" + std::string(200, '.'));
    out.adopt();  // it is its own by now
    out.close();
  });
  out.surrender();
  CHECK(out.is_closed());
  CHECK_THROWS_AS(out.put("late"), iq::Closed);
  CHECK_THROWS_AS(out.surrender(), iq::Closed);
  queue.close();
  CHECK(in.get() == "parent" + std::string(100, '.'));
  CHECK(in.get() == "child" + std::string(200, '.'));
  CHECK_FALSE(in.get().has_value());
  CHECK(child.wait().ok());
  CHECK(queue.stats().lanes == 1);
}

TEST_CASE("adopt: the end of the parent's object does nothing to an endpoint that it surrendered") {
  Queue queue;
  auto out = std::make_optional(queue.get_producer());
  iqtest::Flag go;
  auto child = iqtest::spawn([&] {
    out->adopt();
    go.wait();
    out->put(1);
    out->close();
  });
  out->surrender();
  out.reset();
  CHECK(queue.producers() == 1);
  go.set();
  CHECK(child.wait().ok());
  CHECK(queue.producers() == 0);
}

TEST_CASE("adopt: a consumer's item in hand is acknowledged by surrender, the rest given back") {
  Queue queue;
  auto out = queue.get_producer();
  for (int i = 0; i < 10; ++i) out.put(i);
  out.close();
  queue.close();
  auto in = queue.get_consumer();
  CHECK(in.get() == 0);
  CHECK(in.get() == 1);
  auto child = iqtest::spawn([&] {
    in.adopt();
    for (int i = 2; i < 10; ++i) {
      iqtest::require(in.get() == i && in.deliveries() == 1, "what the parent has not had");
    }
    iqtest::require(!in.get().has_value(), "the end");
  });
  in.surrender();
  CHECK_THROWS_AS(in.get(), iq::Closed);
  CHECK(child.wait().ok());
}

TEST_CASE("adopt: from a dead parent, with the item that it had in hand, counted") {
  const std::string name = iqtest::temp_name("orphan");
  Queue queue(iq::create_only, name);
  auto out = queue.get_producer();
  for (int i = 0; i < 3; ++i) out.put(i);
  iqtest::Gate inherited;
  iqtest::Flag parent_is_dead;
  auto child_ok = iqtest::shared_counter();
  auto parent = iqtest::spawn([&] {
    Queue mine(iq::open_only, name);
    auto in = mine.get_consumer();
    iqtest::require(in.get() == 0, "the first item");
    auto child = iqtest::spawn([&] {
      inherited.post();
      parent_is_dead.wait();
      in.adopt();
      iqtest::require(in.get() == 0 && in.deliveries() == 2, "what it had in hand");
      iqtest::require(in.get() == 1 && in.deliveries() == 1, "what it had not");
      in.close();
      *child_ok = 1;
    });
    for (;;) ::pause();
  });
  inherited.wait();
  parent.kill_and_wait();
  parent_is_dead.set();
  CHECK(iqtest::reap_orphans());
  // Unless somebody who waited was faster and repaired: nobody waits here.
  CHECK(*child_ok == 1);
  out.close();
  queue.close();
  iq::remove(name);
}

TEST_CASE("adopt: refused when the parent has closed it; what is adopted is the child's") {
  Queue queue;
  auto closed = queue.get_producer();
  auto wanted = queue.get_producer();
  iqtest::Flag is_closed, is_adopted, end;
  auto first = iqtest::spawn([&] {
    is_closed.wait();
    CHECK_THROWS_AS(closed.adopt(), iq::WrongProcess);
    wanted.adopt();
    is_adopted.set();
    end.wait();
  });
  closed.close();
  is_closed.set();
  wanted.surrender();
  is_adopted.wait();
  wanted = std::move(closed);  // ends the parent's object
  CHECK(queue.producers() == 1);
  end.set();
  CHECK(first.wait().ok());
}

TEST_CASE("adopt: a queue object serves the child as well") {
  Queue queue;
  auto child = iqtest::spawn([&] {
    CHECK_THROWS_AS(queue.get_producer(), iq::WrongProcess);
    queue.adopt();
    queue.adopt();
    auto out = queue.get_producer();
    out.put(1);
  });
  CHECK(child.wait().ok());
  queue.adopt();
  auto in = queue.get_consumer();
  CHECK(in.get() == 1);
  queue.close();
  CHECK_FALSE(in.get().has_value());
}

TEST_CASE("dup: another counted endpoint, also after close, as long as the source is open") {
  Queue queue;
  auto out = queue.get_producer();
  auto in = queue.get_consumer();
  queue.close();
  CHECK_THROWS_AS(queue.get_producer(), iq::Closed);
  auto second = out.dup();
  auto third = second.dup();
  CHECK(queue.producers() == 3);
  out.close();
  CHECK_THROWS_AS(out.dup(), iq::Closed);
  second.close();
  third.put(3);
  auto more = in.dup();
  CHECK(queue.consumers() == 2);
  in.close();
  CHECK(more.get() == 3);
  third.close();
  CHECK_FALSE(more.get().has_value());
  auto child = iqtest::spawn([&] {
    CHECK_THROWS_AS(more.dup(), iq::WrongProcess);
  });
  CHECK(child.wait().ok());
}

TEST_CASE("adopt and surrender: items under explicit leases stay with their process") {
  Queue queue;
  auto out = queue.get_producer();
  out.put(1);
  auto in = queue.get_consumer();
  auto lease = in.lease();
  REQUIRE(lease.has_value());
  CHECK_THROWS_AS(in.surrender(), iq::BadArgument);
  auto child = iqtest::spawn([&] { CHECK_THROWS_AS(in.adopt(), iq::BadArgument); });
  CHECK(child.wait().ok());
  lease->ack();
  CHECK(queue.stats().queued == 0);
}
