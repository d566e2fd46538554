// Names from outside: what is listed, what cannot be opened and why, rates, removal.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <optional>
#include <string>

#include "iq/inspect.hpp"
#include "iq/iq.hpp"
#include "queue/named.hpp"

namespace {

using namespace iqtest;
using Queue = iq::IterableQueue<int>;

}  // namespace

TEST_CASE("inspect: foreign files, links and folders under the name are told, not followed") {
  Name name;
  std::ofstream(path_of(name)) << "not a queue";
  CHECK(iq::inspect(name).error == iq::Errc::corrupt);
  ::unlink(path_of(name).c_str());
  REQUIRE(::symlink("/etc/passwd", path_of(name).c_str()) == 0);
  CHECK(iq::inspect(name).error == iq::Errc::no_permission);
  ::unlink(path_of(name).c_str());
  REQUIRE(::mkfifo(path_of(name).c_str(), 0600) == 0);
  CHECK(iq::inspect(name).error == iq::Errc::no_permission);
  const auto listed = iq::list_queues();
  const auto found = std::ranges::find(listed, name.text, &iq::ListedQueue::name);
  REQUIRE(found != listed.end());
  CHECK(found->error == iq::Errc::no_permission);
  CHECK(has(found->problem, "a FIFO"));
}

TEST_CASE("list_queues: in alphabetical order, with those that cannot be opened and why") {
  Name whole;
  Name broken;
  Queue queue(iq::create_only, whole);
  std::ofstream(path_of(broken)) << std::string(10'000, 'z');
  const auto listed = iq::list_queues();
  CHECK(std::ranges::is_sorted(listed, {}, &iq::ListedQueue::name));
  const auto find_it = [&](const Name& name) {
    return std::ranges::find(listed, name.text, &iq::ListedQueue::name);
  };
  REQUIRE(find_it(whole) != listed.end());
  CHECK_FALSE(find_it(whole)->error);
  REQUIRE(find_it(broken) != listed.end());
  CHECK(find_it(broken)->error == iq::Errc::corrupt);
  queue.close();
}

TEST_CASE("rates_between: what was put and finished, and who has not moved") {
  Name name;
  Queue queue(iq::create_only, name);
  auto producer = queue.get_producer();
  auto idle = queue.get_consumer();
  auto busy = queue.get_consumer();
  for (int i = 0; i < 3; ++i) producer.put(i);
  REQUIRE(idle.try_get());
  iq::Inspection before = iq::inspect(name);
  REQUIRE(busy.try_get());
  busy.ack();
  producer.put(3);
  iq::Inspection after = iq::inspect(name);
  after.taken_at = before.taken_at + std::chrono::seconds(2);
  const auto rates = iq::rates_between(before, after);
  REQUIRE(rates);
  CHECK(rates->seconds == 2);
  CHECK(rates->put_per_s == 0.5);
  CHECK(rates->finished_per_s == 0.5);
  REQUIRE(rates->unmoved.size() == 1);
  const auto holder = std::ranges::find_if(
      after.endpoints, [](const iq::EndpointInfo& e) { return !e.in_hand.empty(); });
  REQUIRE(holder != after.endpoints.end());
  CHECK(rates->unmoved[0] == holder->number);
  iq::Inspection other = after;
  other.queue_id = "another";
  CHECK_FALSE(iq::rates_between(before, other));
  queue.close();
}

TEST_CASE("remove_unattached: not while anybody is attached; any version and state otherwise") {
  Name name;
  CHECK(iq::remove_unattached(name) == iq::Removal::not_found);
  std::optional<Queue> queue(std::in_place, iq::create_only, name);
  CHECK(iq::remove_unattached(name) == iq::Removal::in_use);
  CHECK(exists(name));
  queue.reset();
  std::fstream file(path_of(name), std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(8) << "other";  // the version of its format
  file.close();
  CHECK(iq::remove_unattached(name) == iq::Removal::removed);
  CHECK_FALSE(exists(name));
}
