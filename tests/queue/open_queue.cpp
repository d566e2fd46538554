// Names: creating, opening, removing.
#include <doctest/doctest.h>

#include <sys/stat.h>

#include <optional>
#include <string>

#include "iq/iq.hpp"
#include "queue/named.hpp"

namespace {

using namespace iqtest;
using Queue = iq::IterableQueue<int>;

}  // namespace

TEST_CASE("named queue: create_only makes it, a second create_only says NameInUse") {
  Name name;
  Queue queue(iq::create_only, name);
  CHECK_FALSE(queue.is_anonymous());
  CHECK(queue.name() == name.text);
  CHECK(exists(name));
  const std::string text = text_of<iq::NameInUse>([&] { Queue again(iq::create_only, name); });
  CHECK(has(text, name));
  queue.close();
}

TEST_CASE("named queue: open_only finds what was created, and says NotFound otherwise") {
  Name name;
  CHECK(has(text_of<iq::NotFound>([&] { Queue missing(iq::open_only, name); }), name));
  CHECK_FALSE(exists(name));
  Queue made(iq::create_only, name, {.capacity = 8});
  Queue opened(iq::open_only, name);
  auto consumer = made.get_consumer();
  auto producer = opened.get_producer();
  producer.put(7);
  CHECK(consumer.get() == 7);
  CHECK(made.producers() == 1);
  CHECK(opened.consumers() == 1);
  opened.close();
  CHECK(made.is_closed());
}

TEST_CASE("named queue: open_or_create creates first and opens afterwards") {
  Name name;
  Queue first(iq::open_or_create, name, {.capacity = 2});
  Queue second(iq::open_or_create, name, {.capacity = 1000});
  auto consumer = second.get_consumer();
  auto producer = second.get_producer();
  CHECK(producer.try_put(1) == iq::Status::ok);
  CHECK(producer.try_put(2) == iq::Status::ok);
  CHECK(producer.try_put(3) == iq::Status::full);  // options count when creating
  producer.close();
  first.close();
  CHECK(consumer.get() == 1);
  CHECK(consumer.get() == 2);
  CHECK_FALSE(consumer.get());
}

TEST_CASE("named queue: require_options refuses other options with both values") {
  Name name;
  Queue made(iq::create_only, name, {.capacity = 10, .max_deliveries = 5});
  CHECK_NOTHROW(
      Queue(iq::open_only, name, {.capacity = 10, .max_deliveries = 5, .require_options = true}));
  const std::string capacity = text_of<iq::WrongOptions>([&] {
    Queue(iq::open_only, name, {.capacity = 11, .max_deliveries = 5, .require_options = true});
  });
  CHECK(has(capacity, "capacity"));
  CHECK(has(capacity, "10"));
  CHECK(has(capacity, "11"));
  const std::string deliveries = text_of<iq::WrongOptions>([&] {
    Queue(iq::open_or_create, name, {.capacity = 10, .max_deliveries = 6, .require_options = true});
  });
  CHECK(has(deliveries, "max_deliveries"));
  CHECK_NOTHROW(Queue(iq::open_only, name, {.capacity = 11}));
  made.close();
}

TEST_CASE("named queue: the capacity that is the default is another one when it was chosen") {
  Name name;
  Queue made(iq::create_only, name);  // its fifth producer has less
  const std::uint64_t capacity = iq::inspect(name).options.capacity;
  CHECK_NOTHROW(Queue(iq::open_only, name, {.require_options = true}));
  const std::string text = text_of<iq::WrongOptions>(
      [&] { Queue(iq::open_only, name, {.capacity = capacity, .require_options = true}); });
  CHECK(has(text, "default capacity"));
  made.close();
}

TEST_CASE("named queue: ends_with_creator closes it when the creator's object goes") {
  Name name;
  std::optional<Queue> creator(std::in_place, iq::create_only, name,
                               iq::Options{.ends_with_creator = true});
  Queue other(iq::open_only, name);
  auto consumer = other.get_consumer();
  { Queue visitor(iq::open_only, name); }
  CHECK_FALSE(other.is_closed());
  creator.reset();
  CHECK(other.is_closed());
  CHECK_FALSE(consumer.get());
}

TEST_CASE("remove: takes the name only, those who are attached go on with the old queue") {
  Name name;
  CHECK_FALSE(iq::remove(name));
  Queue old(iq::create_only, name);
  auto producer = old.get_producer();
  CHECK(iq::remove(name));
  CHECK_FALSE(iq::remove(name));
  CHECK_FALSE(exists(name));

  Queue fresh(iq::create_only, name);
  auto fresh_consumer = fresh.get_consumer();
  auto old_consumer = old.get_consumer();
  producer.put(5);
  CHECK(fresh_consumer.try_get().status() == iq::Status::empty);
  CHECK(old_consumer.get() == 5);
  old.close();
  fresh.close();
}

TEST_CASE("named queue: the last to leave a removed queue leaves its successor alone") {
  Name name;
  {
    Queue old(iq::create_only, name);
    CHECK(iq::remove(name));
    Queue fresh(iq::create_only, name);
    old.close();
  }
  CHECK(exists(name));
  CHECK(iq::remove(name));
}

TEST_CASE("named queue: mode is the file's, exactly") {
  const mode_t before = ::umask(077);
  Name name;
  Queue queue(iq::create_only, name, {.mode = 0664});
  struct stat status {};
  CHECK(::stat(path_of(name).c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0664);
  ::umask(before);
  queue.close();
}
