// Items written where they will be read.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "iq/iq.hpp"
#include "support/process.hpp"

namespace {

using namespace std::chrono_literals;
using iq::Bytes;
using iq::Status;

struct Frame {
  int channel = 7;
  std::array<int, 100> values;
};

std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// An item whose codec throws in the middle of its bytes, on demand.
struct Fragile {
  std::size_t bytes = 0;
  bool breaks = false;
};

}  // namespace

template <>
struct iq::Codec<Fragile> {
  static void encode(const Fragile& item, iq::Encoder& out) {
    const std::vector<std::byte> filler(item.bytes);
    out(static_cast<std::uint64_t>(item.bytes));
    out.bytes(filler.data(), filler.size());
    // Counting comes first: throw only where the bytes are really written.
    static bool counted = false;
    counted = !counted;
    if (item.breaks && !counted) throw std::runtime_error("it broke");
  }
  static Fragile decode(iq::Decoder& in) {
    const auto bytes = in.get<std::uint64_t>();
    in.bytes(bytes);
    return {bytes, false};
  }
};

TEST_CASE("loan: what is written in place is what a consumer reads, at the same address") {
  iq::IterableQueue<Frame> queue({.capacity = 4});
  auto producer = queue.get_producer();
  auto consumer = queue.get_consumer();
  auto loan = producer.loan();
  CHECK(loan->channel == 7);  // as `Frame frame;` would be
  loan->values[99] = 42;
  const Frame* written = &*loan;
  CHECK(loan.bytes().size() == sizeof(Frame));
  CHECK(consumer.try_get().status() == Status::empty);  // not yet
  loan.commit();
  CHECK_FALSE(loan);
  auto lease = consumer.lease();
  CHECK((*lease)->values[99] == 42);
  CHECK(&**lease == written);
  lease->ack();
}

TEST_CASE("loan: bytes of any length up to the limit, 0 included; they are not copied") {
  iq::IterableQueue<Bytes> queue({.capacity = 8, .bytes_per_producer = 1 << 16});
  auto producer = queue.get_producer();
  auto consumer = queue.get_consumer();
  for (const std::size_t size : {0, 1, 55, 56, 57, 64, 1000, 65535, 65536}) {
    CAPTURE(size);
    auto loan = producer.loan(size);
    REQUIRE(loan.bytes().size() == size);
    std::ranges::fill(loan.bytes(), static_cast<std::byte>(size));
    const std::byte* written = loan.bytes().data();
    loan.commit();
    auto lease = consumer.lease();
    REQUIRE((*lease)->size() == size);
    CHECK((**lease).data() == written);
    CHECK(std::ranges::count(**lease, static_cast<std::byte>(size)) ==
          static_cast<std::ptrdiff_t>(size));
    lease->ack();
  }
  CHECK_THROWS_AS(producer.loan(65537), iq::TooLarge);
  CHECK_THROWS_AS(producer.put(std::string(65537, 'x')), iq::TooLarge);
}

TEST_CASE("bytes: put from texts, spans and Bytes; got as Bytes, looped over as spans") {
  iq::IterableQueue<Bytes> queue;
  auto producer = queue.get_producer();
  producer.put("literal");
  producer.put(std::string_view("view"));
  producer.put(std::string(300, 's'));
  const std::vector<std::byte> vector{std::byte{1}, std::byte{2}};
  producer.put(std::span<const std::byte>(vector));
  producer.put(Bytes(vector));
  CHECK(producer.try_put("") == Status::ok);
  CHECK(producer.put_all(std::vector{Bytes("a"), Bytes("b")}) == 2);
  producer.close();
  queue.close();
  auto consumer = queue.get_consumer();
  const std::optional<Bytes> first = consumer.get();
  CHECK(first->text() == "literal");
  std::vector<std::string> rest;
  for (const std::span<const std::byte> item : consumer) rest.push_back(text_of(item));
  CHECK(rest == std::vector<std::string>{"view", std::string(300, 's'), "\1\2", "\1\2", "", "a",
                                         "b"});
}

TEST_CASE("bytes: as a member of other items") {
  struct Message {
    std::string topic;
    Bytes body;
  };
  iq::IterableQueue<Message> queue;
  auto producer = queue.get_producer();
  auto consumer = queue.get_consumer();
  producer.put({"t", Bytes("body")});
  const auto message = consumer.get();
  CHECK(message->topic == "t");
  CHECK(message->body.text() == "body");
}

TEST_CASE("loan: one at a time, and no put in between; dropped, everything goes on") {
  iq::IterableQueue<Frame> frames({.capacity = 2});
  iq::IterableQueue<Bytes> texts({.capacity = 2});
  auto producer = frames.get_producer();
  auto writer = texts.get_producer();
  {
    auto loan = producer.loan();
    auto place = writer.loan(10);
    CHECK_THROWS_AS(producer.put(Frame{}), iq::WouldDeadlock);
    CHECK_THROWS_AS(producer.try_put(Frame{}), iq::WouldDeadlock);
    CHECK_THROWS_AS(producer.put_all(std::vector<Frame>(1)), iq::WouldDeadlock);
    CHECK_THROWS_AS(producer.loan(), iq::WouldDeadlock);
    CHECK_THROWS_AS(writer.put("x"), iq::WouldDeadlock);
    CHECK_THROWS_AS(writer.try_loan(1), iq::WouldDeadlock);
    auto moved = std::move(loan);
    CHECK_FALSE(loan);
    CHECK(moved);
    CHECK_THROWS_AS(producer.put(Frame{}), iq::WouldDeadlock);
    moved.drop();
    producer.put(Frame{});
  }
  writer.put("x");
  CHECK(frames.size() == 1);
  CHECK(texts.size() == 1);
}

TEST_CASE("loan: waits for room as a put does") {
  iq::IterableQueue<Bytes> queue({.capacity = 1});
  auto producer = queue.get_producer();
  auto consumer = queue.get_consumer();
  producer.put("first");
  CHECK(producer.try_loan(3).status() == Status::full);
  CHECK(consumer.get()->text() == "first");
  consumer.ack();
  auto loan = producer.try_loan(3);
  REQUIRE(loan.status() == Status::ok);
  std::memcpy(loan->bytes().data(), "abc", 3);
  loan->commit();
  CHECK(consumer.get()->text() == "abc");
}

TEST_CASE("loan: dropped ones, and items whose encoding throws, use up no room") {
  iq::IterableQueue<Bytes> queue({.capacity = 4, .bytes_per_producer = 4096});
  auto producer = queue.get_producer();
  auto consumer = queue.get_consumer();
  producer.put(std::string(1000, 'a'));
  for (int i = 0; i < 100; ++i) {
    auto loan = producer.try_loan(2000);
    REQUIRE(loan.status() == Status::ok);
  }
  CHECK(producer.try_put(std::string(2000, 'b')) == Status::ok);
  CHECK(consumer.get()->text() == std::string(1000, 'a'));
  CHECK(consumer.get()->text() == std::string(2000, 'b'));

  iq::IterableQueue<Fragile> fragile({.capacity = 4, .bytes_per_producer = 4096});
  auto breaker = fragile.get_producer();
  auto reader = fragile.get_consumer();
  breaker.put({1000, false});
  for (int i = 0; i < 100; ++i) CHECK_THROWS_AS(breaker.put({2000, true}), std::runtime_error);
  CHECK(breaker.try_put({2000, false}) == Status::ok);
  CHECK(reader.get()->bytes == 1000);
  CHECK(reader.get()->bytes == 2000);
}

TEST_CASE("loan: the commit of a closed or stopped producer says so, and nothing was put") {
  iq::IterableQueue<Frame> closed;
  auto producer = closed.get_producer();
  auto loan = producer.loan();
  producer.close();
  CHECK_THROWS_AS(loan.commit(), iq::Closed);
  CHECK_FALSE(loan);
  CHECK(closed.size() == 0);

  iq::IterableQueue<Frame> stopped;
  auto other = stopped.get_producer();
  auto late = other.loan();
  stopped.stop();
  CHECK_THROWS_AS(late.commit(), iq::Stopped);
  CHECK(stopped.stats().put == 0);
  CHECK(other.try_loan().status() == Status::stopped);
}

TEST_CASE("loan: it outlives its producer object as something that cannot be committed") {
  iq::IterableQueue<Frame> queue;
  std::optional producer(queue.get_producer());
  auto loan = producer->loan();
  producer.reset();
  CHECK(queue.producers() == 0);
  CHECK_THROWS_AS(loan.commit(), iq::Closed);
}

TEST_CASE("loan: killed before the commit nothing was put, after it the item is there") {
  for (const bool commit : {false, true}) {
    const std::string name = iqtest::temp_name("loan");
    iq::IterableQueue<Bytes> queue(iq::create_only, name,
                                   {.on_producer_death = iq::OnProducerDeath::end});
    iqtest::Child child = iqtest::spawn([&] {
      iq::IterableQueue<Bytes> own(iq::open_only, name);
      auto producer = own.get_producer();
      producer.put("first");
      auto loan = producer.loan(100'000);
      std::ranges::fill(loan.bytes(), std::byte{3});
      if (commit) loan.commit();
      ::raise(SIGKILL);
    });
    CHECK(child.wait().signal == SIGKILL);
    queue.close();
    auto consumer = queue.get_consumer();
    CHECK(consumer.get()->text() == "first");
    if (commit) CHECK(consumer.get()->size() == 100'000);
    CHECK_FALSE(consumer.get());
  }
}
