// A name that is taken away or given to another queue while processes use it; and names that are
// somebody else's.
#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "iq/inspect.hpp"
#include "iq/iq.hpp"
#include "support/process.hpp"

namespace {

using namespace std::chrono_literals;
using iqtest::require;
using Queue = iq::IterableQueue<int>;
constexpr unsigned kNobody = 65'534;

std::string path_of(const std::string& name) { return "/dev/shm/iq." + name; }

/// A process that consumes from the queue of that name to its end and knows what has to come.
iqtest::Child consumer_of(const std::string& name, int expected, iqtest::Gate& attached) {
  return iqtest::spawn([&name, &attached, expected] {
    Queue queue(iq::open_only, name);
    auto consumer = queue.get_consumer();
    attached.post();
    int count = 0;
    for (const int item : consumer) {
      require(item == expected, "an item of another queue comes");
      ++count;
    }
    require(count == 100, "all items come");
  });
}

template <class E, class F>
std::string text_of(F&& f) {
  try {
    f();
  } catch (const E& error) {
    return error.what();
  }
  return "(nothing was thrown)";
}

void become_nobody() { require(::setgid(kNobody) == 0 && ::setuid(kNobody) == 0, "another user"); }

}  // namespace

TEST_CASE("Generations: removed and recreated under its users: two queues, and no item crosses") {
  for (const bool by_unlink : {false, true}) {
    const std::string name = iqtest::temp_name("generation");
    iqtest::Gate attached;
    Queue old(iq::create_only, name);
    iqtest::Child old_user = consumer_of(name, 1, attached);
    attached.wait();
    auto old_producer = old.get_producer();
    CHECK(old.is_current());
    if (by_unlink) REQUIRE(::unlink(path_of(name).c_str()) == 0);
    if (!by_unlink) REQUIRE(iq::remove(name));
    CHECK_FALSE(old.is_current());
    Queue fresh(iq::create_only, name);
    CHECK(fresh.is_current());
    CHECK_FALSE(old.is_current());
    iqtest::Child new_user = consumer_of(name, 2, attached);
    attached.wait();
    {
      auto new_producer = fresh.get_producer();
      auto late = old.get_producer();  // the old one goes on, with new endpoints too
      for (int i = 0; i < 50; ++i) {
        old_producer.put(1);
        late.put(1);
        new_producer.put(2);
        new_producer.put(2);
      }
    }
    old_producer.close();
    old.close();
    CHECK(old_user.wait().ok());
    CHECK(iq::inspect(name).stats.consumers == 1);  // the last of the old ones left this one alone
    fresh.close();
    CHECK(new_user.wait().ok());
  }
}

TEST_CASE("Generations: a queue that lost its name still notices and repairs its dead") {
  const std::string name = iqtest::temp_name("generation");
  Queue queue(iq::create_only, name);
  queue.get_producer().put(7);
  iqtest::Gate holds;
  iqtest::Child holder = iqtest::spawn([&] {
    Queue own(iq::open_only, name);
    auto consumer = own.get_consumer();
    require(consumer.get() == 7, "the item comes");
    holds.post();
    for (;;) ::pause();
  });
  holds.wait();
  REQUIRE(iq::remove(name));
  Queue other(iq::create_only, name);
  holder.kill_and_wait();
  auto consumer = queue.get_consumer();
  CHECK(*consumer.get_for(5s) == 7);
  CHECK(consumer.deliveries() == 2);
  other.close();
}

TEST_CASE("Strangers: another user's queue: refused with mode and owner, and it is unharmed") {
  if (::geteuid() != 0) iqtest::skip("only root can become another user");
  const std::string name = iqtest::temp_name("stranger");
  Queue queue(iq::create_only, name);
  queue.get_producer().put(1);
  iqtest::Child stranger = iqtest::spawn([&] {
    become_nobody();
    const std::string text = text_of<iq::NoPermission>([&] { Queue own(iq::open_only, name); });
    require(text.find("mode 0600 and owner 0, this process runs as user 65534") != text.npos, text);
    text_of<iq::NoPermission>([&] { Queue own(iq::open_or_create, name); });
    const std::string removal = text_of<iq::NoPermission>([&] { iq::remove(name); });
    require(removal.find("Only its owner or root") != removal.npos, removal);
    const iq::Inspection seen = iq::inspect(name);
    require(seen.error == iq::Errc::no_permission && seen.mode == 0600, "inspect says so too");
  });
  CHECK(stranger.wait().ok());
  CHECK(queue.size() == 1);
  CHECK(queue.is_current());
  CHECK(iq::remove(name));
}

TEST_CASE("Strangers: a queue that somebody else planted under the name is refused, not joined") {
  if (::geteuid() != 0) iqtest::skip("only root can become another user");
  const std::string name = iqtest::temp_name("planted");
  iqtest::Child stranger = iqtest::spawn([&] {
    become_nobody();
    Queue own(iq::create_only, name, {.mode = 0666});
    own.get_producer().put(666);
  });
  CHECK(stranger.wait().ok());
  for (const int how : {0, 1}) {
    const std::string text = text_of<iq::NoPermission>([&] {
      if (how == 0) Queue queue(iq::open_only, name);
      if (how == 1) Queue queue(iq::open_or_create, name);
    });
    CHECK(text.find("belongs to user 65534, this process runs as user 0") != text.npos);
  }
  const iq::Inspection seen = iq::inspect(name);  // to look at it is safe
  CHECK_FALSE(seen.error);
  CHECK(seen.owner == kNobody);
  CHECK(seen.stats.queued == 1);
  CHECK(iq::remove(name));
}

TEST_CASE("Strangers: a link or FIFO under the name is neither followed nor overwritten") {
  const std::string name = iqtest::temp_name("planted");
  const std::string target = path_of(name) + ".target";
  REQUIRE(::symlink(target.c_str(), path_of(name).c_str()) == 0);
  CHECK_THROWS_AS(Queue(iq::create_only, name), iq::NoPermission);
  CHECK_THROWS_AS(Queue(iq::open_or_create, name), iq::NoPermission);
  CHECK(::access(target.c_str(), F_OK) != 0);
  CHECK_THROWS_AS(iq::remove_unattached(name), iq::NoPermission);
  REQUIRE(::unlink(path_of(name).c_str()) == 0);
  REQUIRE(::mkfifo(path_of(name).c_str(), 0600) == 0);
  CHECK_THROWS_AS(Queue(iq::open_or_create, name), iq::NoPermission);
  struct stat status {};
  REQUIRE(::lstat(path_of(name).c_str(), &status) == 0);
  CHECK(S_ISFIFO(status.st_mode));
  REQUIRE(::unlink(path_of(name).c_str()) == 0);
}
