// Names: creating, opening, removing, and who takes the name away in the end.
#include <doctest/doctest.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <string>
#include <vector>

#include "iq/iq.hpp"
#include "support/process.hpp"

namespace {

using Queue = iq::IterableQueue<int>;

std::string path_of(const std::string& name) { return "/dev/shm/iq." + name; }
bool exists(const std::string& name) { return ::access(path_of(name).c_str(), F_OK) == 0; }

/// Removes the name when the case ends, however it ends.
struct Name {
  std::string text = iqtest::temp_name("open");
  ~Name() { ::unlink(path_of(text).c_str()); }
  operator const std::string&() const { return text; }
};

template <class E, class F>
std::string text_of(F&& f) {
  try {
    f();
  } catch (const E& error) {
    return error.what();
  }
  return "(nothing was thrown)";
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("named queue: create_only makes it, a second create_only says NameInUse") {
  Name name;
  Queue queue(iq::create_only, name);
  CHECK_FALSE(queue.is_anonymous());
  CHECK(queue.name() == name.text);
  CHECK(exists(name));
  const std::string text =
      text_of<iq::NameInUse>([&] { Queue again(iq::create_only, name); });
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
  CHECK_NOTHROW(Queue(iq::open_only, name,
                      {.capacity = 10, .max_deliveries = 5, .require_options = true}));
  const std::string capacity = text_of<iq::WrongOptions>([&] {
    Queue(iq::open_only, name, {.capacity = 11, .max_deliveries = 5, .require_options = true});
  });
  CHECK(has(capacity, "capacity"));
  CHECK(has(capacity, "10"));
  CHECK(has(capacity, "11"));
  const std::string deliveries = text_of<iq::WrongOptions>([&] {
    Queue(iq::open_or_create, name,
          {.capacity = 10, .max_deliveries = 6, .require_options = true});
  });
  CHECK(has(deliveries, "max_deliveries"));
  CHECK_NOTHROW(Queue(iq::open_only, name, {.capacity = 11}));
  made.close();
}

TEST_CASE("named queue: closed, drained and unattached, the last to leave unlinks it") {
  Name name;
  {
    Queue queue(iq::create_only, name);
    auto consumer = queue.get_consumer();
    {
      auto producer = queue.get_producer();
      producer.put(1);
    }
    queue.close();
    CHECK(consumer.get() == 1);
    CHECK_FALSE(consumer.get());
    CHECK(exists(name));
  }
  CHECK_FALSE(exists(name));
}

TEST_CASE("named queue: any of queue object, producer and consumer may be the last") {
  for (const int last : {0, 1, 2}) {
    Name name;
    std::optional<Queue> queue(std::in_place, iq::create_only, name);
    std::optional producer(queue->get_producer());
    std::optional consumer(queue->get_consumer());
    queue->close();
    const auto leave = [&](int which) {
      if (which == 0) queue.reset();
      if (which == 1) producer.reset();
      if (which == 2) consumer.reset();
    };
    for (const int which : {0, 1, 2}) {
      if (which != last) leave(which);
    }
    CHECK(exists(name));
    leave(last);
    INFO("the last was number ", last);
    CHECK_FALSE(exists(name));
  }
}

TEST_CASE("named queue: an open one, and one with items, outlives everybody") {
  Name name;
  { Queue queue(iq::create_only, name); }
  CHECK(exists(name));
  {
    Queue queue(iq::open_only, name);
    queue.get_producer().put(42);
    queue.close();
  }
  CHECK(exists(name));
  {
    Queue queue(iq::open_only, name);
    CHECK(queue.is_closed());
    CHECK(queue.size() == 1);
    auto consumer = queue.get_consumer();
    CHECK(consumer.get() == 42);
    CHECK_FALSE(consumer.get());
  }
  CHECK_FALSE(exists(name));
}

TEST_CASE("named queue: open_or_create and create_only on a finished rest start anew") {
  for (const bool only : {false, true}) {
    Name name;
    // A rest: everything is done, but somebody held the name until then.
    {
      Queue queue(iq::create_only, name);
      queue.get_producer().put(1);
      queue.close();
    }
    CHECK(::link(path_of(name).c_str(), (path_of(name) + ".kept").c_str()) == 0);
    {
      Queue queue(iq::open_only, name);
      auto consumer = queue.get_consumer();
      CHECK(consumer.get() == 1);
    }
    CHECK_FALSE(exists(name));
    CHECK(::rename((path_of(name) + ".kept").c_str(), path_of(name).c_str()) == 0);

    Queue fresh = only ? Queue(iq::create_only, name) : Queue(iq::open_or_create, name);
    CHECK_FALSE(fresh.is_closed());
    CHECK(fresh.size() == 0);
    CHECK_NOTHROW(fresh.get_producer());
    fresh.close();
  }
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
