// A queue from outside: every figure, who has what, and nothing changed by looking.
#include "iq/inspect.hpp"

#include <doctest/doctest.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <string>

#include "iq/iq.hpp"
#include "queue/named.hpp"
#include "shm/segment.hpp"

namespace {

using namespace iqtest;
using iq::Alive;
using iq::EndpointRole;
using Queue = iq::IterableQueue<int>;

std::string content_of(const std::string& name) {
  std::ifstream file(path_of(name));
  std::string text(65536 * 8, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  return text;
}

std::uint64_t blocks_of(const std::string& name) {
  struct stat status {};
  return ::stat(path_of(name).c_str(), &status) == 0 ? static_cast<std::uint64_t>(status.st_blocks)
                                                     : 0;
}

const iq::EndpointInfo* find(const iq::Inspection& seen, EndpointRole role, std::size_t nth = 0) {
  for (const iq::EndpointInfo& endpoint : seen.endpoints) {
    if (endpoint.role == role && nth-- == 0) return &endpoint;
  }
  return nullptr;
}

/// Writes `bytes` at `offset` of a queue's file.
template <class T>
void scribble(const std::string& name, std::uint64_t offset, const T& value) {
  const int file = ::open(path_of(name).c_str(), O_WRONLY | O_CLOEXEC);
  CHECK(::pwrite(file, &value, sizeof value, static_cast<off_t>(offset)) == sizeof value);
  ::close(file);
}

}  // namespace

TEST_CASE("inspect: name, file, type and options of a queue of any type") {
  Name name;
  iq::IterableQueue<std::string> queue(iq::create_only, name,
                                       {.capacity = 20,
                                        .bytes_per_producer = 4096,
                                        .max_deliveries = 7,
                                        .delivery = iq::Delivery::at_most_once,
                                        .on_producer_death = iq::OnProducerDeath::end,
                                        .mode = 0640,
                                        .ends_with_creator = true});
  const iq::Inspection seen = iq::inspect(name);
  REQUIRE_FALSE(seen.error);
  CHECK(seen.name == name.text);
  CHECK(seen.path == path_of(name));
  CHECK(seen.mode == 0640);
  CHECK(seen.owner == ::geteuid());
  CHECK(seen.reserved_bytes == blocks_of(name) * 512);
  CHECK(seen.file_bytes > seen.reserved_bytes);
  CHECK(seen.version == iq::detail::kSegmentVersion);
  CHECK(seen.creator_pid == ::getpid());
  CHECK(has(seen.type, "string"));
  CHECK(seen.encoded);
  CHECK(seen.options.capacity == 20);
  CHECK(seen.options.bytes_per_producer == 4096);
  CHECK(seen.options.max_deliveries == 7);
  CHECK(seen.options.delivery == iq::Delivery::at_most_once);
  CHECK(seen.options.on_producer_death == iq::OnProducerDeath::end);
  CHECK(seen.options.ends_with_creator);
  CHECK(seen.attached == Alive::yes);
  queue.close();
}

TEST_CASE("inspect: the figures are those of stats(), lane by lane") {
  Name name;
  Queue queue(iq::create_only, name, {.max_deliveries = 1});
  auto first = queue.get_producer();
  auto second = queue.get_producer();
  for (int i = 0; i < 5; ++i) first.put(i);
  for (int i = 0; i < 3; ++i) second.put(i);
  auto consumer = queue.get_consumer();
  REQUIRE(consumer.get());
  consumer.give_back();  // parked
  REQUIRE(consumer.get());
  const iq::Inspection seen = iq::inspect(name);
  const iq::Stats stats = queue.stats();
  CHECK(seen.stats.queued == stats.queued);
  CHECK(seen.stats.in_hand == 1);
  CHECK(seen.stats.put == 8);
  CHECK(seen.stats.parked == 1);
  CHECK(seen.stats.parked_total == 1);
  CHECK(seen.stats.producers == 2);
  CHECK(seen.stats.consumers == 1);
  CHECK_FALSE(seen.stats.closed);
  REQUIRE(seen.lanes.size() == 2);
  CHECK(seen.lanes[0].put + seen.lanes[1].put == 8);
  CHECK(seen.lanes[0].queued + seen.lanes[1].queued == stats.queued);
  CHECK(seen.lanes[0].sound);
  for (const std::size_t i : {0u, 1u}) {
    const iq::EndpointInfo* producer = find(seen, EndpointRole::producer, i);
    REQUIRE(producer);
    REQUIRE(producer->lane);
    CHECK(seen.lanes[*producer->lane].owner == producer->number);
  }
  REQUIRE(seen.parked.size() == 1);
  CHECK(seen.parked[0].id == queue.parked()[0].id);
  CHECK(seen.parked[0].deliveries == 1);
  CHECK(seen.parked[0].bytes == sizeof(int));
  CHECK_FALSE(seen.parked[0].in_place);
  queue.close();
  CHECK(iq::inspect(name).stats.closed);
  CHECK(queue.drop_parked() == 1);
}

TEST_CASE("inspect: who has what in hand, by its id, and what is claimed ahead") {
  Name name;
  Queue queue(iq::create_only, name);
  auto producer = queue.get_producer();
  for (int i = 0; i < 6; ++i) producer.put(i);
  auto consumer = queue.get_consumer();
  REQUIRE(consumer.get_some(3).size() == 3);
  iq::Inspection seen = iq::inspect(name);
  const iq::EndpointInfo* holder = find(seen, EndpointRole::consumer);
  REQUIRE(holder);
  CHECK(holder->pid == ::getpid());
  CHECK(holder->pid_is_ours);
  CHECK(holder->alive == Alive::yes);
  CHECK_FALSE(holder->stopped);
  CHECK(has(holder->command, "queue-inspect"));
  CHECK(holder->in_hand.size() == 3);
  CHECK(holder->in_hand[0] == consumer.item_id());
  CHECK(holder->in_hand[2] == consumer.item_id() + 2);
  consumer.ack();
  seen = iq::inspect(name);
  CHECK(find(seen, EndpointRole::consumer)->in_hand.empty());
  queue.close();
}

TEST_CASE("inspect: parked in place, encoded: the size is there though no byte of it was read") {
  Name name;
  iq::IterableQueue<std::string> queue(iq::create_only, name,
                                       {.bytes_per_producer = 4u << 20, .max_deliveries = 1});
  queue.get_producer().put(std::string(2u << 20, 'x'));  // larger than the parking area
  auto consumer = queue.get_consumer();
  REQUIRE(consumer.get());
  consumer.give_back();
  const iq::Inspection seen = iq::inspect(name);
  REQUIRE(seen.parked.size() == 1);
  CHECK(seen.parked[0].in_place);
  CHECK(seen.parked[0].bytes > 2u << 20);
  CHECK(queue.drop_parked() == 1);
  queue.close();
}

TEST_CASE("inspect: an item parked long ago, whose lane went on, is still shown") {
  Name name;
  Queue queue(iq::create_only, name, {.capacity = 3, .max_deliveries = 1});
  auto producer = queue.get_producer();
  auto consumer = queue.get_consumer();
  producer.put(0);
  REQUIRE(consumer.get());
  consumer.give_back();
  for (int i = 1; i < 50; ++i) {
    producer.put(i);
    REQUIRE(consumer.get());
    consumer.ack();
    CHECK(iq::inspect(name).parked.size() == 1);  // wherever the lane's head stands by now
  }
  CHECK(queue.drop_parked() == 1);
  queue.close();
}

TEST_CASE("inspect: looking changes no byte, adds no page, registers nobody") {
  Name name;
  Queue queue(iq::create_only, name, {.max_deliveries = 1});
  auto producer = queue.get_producer();
  for (int i = 0; i < 5; ++i) producer.put(i);
  auto consumer = queue.get_consumer();
  REQUIRE(consumer.get());
  consumer.give_back();
  REQUIRE(consumer.get());
  const std::string before = content_of(name);
  const std::uint64_t blocks = blocks_of(name);
  for (int i = 0; i < 10; ++i) {
    (void)iq::inspect(name);
    (void)iq::list_queues();
  }
  CHECK(content_of(name) == before);
  CHECK(blocks_of(name) == blocks);
  CHECK(iq::inspect(name).endpoints.size() == 3);
  queue.drop_parked();
  queue.close();
}

TEST_CASE("inspect: no queue is NotFound, a name that none can have BadName") {
  CHECK_THROWS_AS(iq::inspect(temp_name("none")), iq::NotFound);
  CHECK_THROWS_AS(iq::inspect("a/b"), iq::BadName);
}

TEST_CASE("inspect: another version, and a damaged header, are told with what is known") {
  Name name;
  { Queue queue(iq::create_only, name, {.mode = 0600}); }
  const std::uint32_t other = 77;
  scribble(name, offsetof(iq::detail::SegmentHeader, version), other);
  iq::Inspection seen = iq::inspect(name);
  CHECK(seen.error == iq::Errc::wrong_version);
  CHECK(seen.version == 77);
  CHECK(has(seen.problem, "version 77"));
  CHECK(has(seen.problem, "iq rm " + name.text));
  CHECK(seen.mode == 0600);
  CHECK(seen.attached == Alive::no);
  scribble(name, offsetof(iq::detail::SegmentHeader, version), iq::detail::kSegmentVersion);
  scribble(name, offsetof(iq::detail::SegmentHeader, capacity), other);
  seen = iq::inspect(name);
  CHECK(seen.error == iq::Errc::corrupt);
  CHECK(has(seen.problem, "damaged"));
  CHECK(seen.version == iq::detail::kSegmentVersion);
  CHECK(seen.reserved_bytes == blocks_of(name) * 512);
}
