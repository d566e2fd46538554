// Users: who may take part says the mode of a queue's file, and a process that changes its user
// goes on with what it has.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <grp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <optional>
#include <string>

#include "iq/inspect.hpp"
#include "iq/iq.hpp"
#include "support/process.hpp"

namespace {

using namespace std::chrono_literals;
using iqtest::require;
using Queue = iq::IterableQueue<int>;
constexpr unsigned kNobody = 65'534;
constexpr unsigned kSomebody = 65'533;

std::string path_of(const std::string& name) { return "/dev/shm/iq." + name; }

void become(unsigned user) {
  require(::setgroups(0, nullptr) == 0 && ::setgid(user) == 0 && ::setuid(user) == 0,
          "another user");
}

void require_root() {
  if (::geteuid() != 0) iqtest::skip("only root can become another user");
}

template <class E, class F>
void require_refusal(const std::string& part, F&& f) {
  try {
    f();
  } catch (const E& error) {
    return require(std::string_view(error.what()).find(part) != std::string_view::npos,
                   error.what());
  }
  require(false, "it is refused: " + part);
}

/// A process of `user` that takes one item, says so, and never lets go.
iqtest::Child holder(unsigned user, const std::string& name, iqtest::Gate& holds) {
  return iqtest::spawn([&, user] {
    become(user);
    Queue own(iq::open_only, name);
    auto consumer = own.get_consumer();
    require(consumer.get_for(5s).has_value(), "an item comes");
    holds.post();
    for (;;) ::pause();
  });
}

}  // namespace

TEST_CASE("Users: a mode that lets others in serves them, and a death is seen from either side") {
  require_root();
  const std::string name = iqtest::temp_name("served");
  Queue queue(iq::create_only, name, {.mode = 0666});
  auto producer = queue.get_producer();
  iqtest::Gate holds;
  producer.put(1);
  iqtest::Child stranger = holder(kNobody, name, holds);
  holds.wait();
  stranger.kill_and_wait();
  {
    auto consumer = queue.get_consumer();
    CHECK(*consumer.get_for(5s) == 1);  // root repairs another user's process
    CHECK(consumer.deliveries() == 2);
  }
  producer.put(2);
  iqtest::Child ours = holder(0, name, holds);
  holds.wait();
  ours.kill_and_wait();
  iqtest::Child heir = iqtest::spawn([&] {
    become(kNobody);
    Queue own(iq::open_only, name);
    auto consumer = own.get_consumer();
    require(*consumer.get_for(5s) == 2 && consumer.deliveries() == 2, "and the other way round");
    own.get_producer().put(3);
    require_refusal<iq::NoPermission>("Only its owner or root removes it",
                                      [&] { iq::remove(name); });
  });
  CHECK(heir.wait().ok());
  CHECK(queue.is_current());
  CHECK(queue.stats().queued == 1);
  CHECK(iq::remove(name));
}

TEST_CASE("Users: who may not remove the name leaves a finished queue, its owner begins anew") {
  require_root();
  const std::string name = iqtest::temp_name("last");
  std::optional<Queue> queue(std::in_place, iq::create_only, name, iq::Options{.mode = 0666});
  iqtest::Gate attached;
  iqtest::Flag leave;
  iqtest::Child last = iqtest::spawn([&] {
    become(kNobody);
    Queue own(iq::open_only, name);
    auto consumer = own.get_consumer();
    attached.post();
    leave.wait();
    require(*consumer.get_for(5s) == 1, "the item");
    require(consumer.get_for(5s).status() == iq::Status::done, "the end");
  });
  attached.wait();
  queue->get_producer().put(1);
  queue->close();
  queue.reset();
  leave.set();
  CHECK(last.wait().ok());
  CHECK(::access(path_of(name).c_str(), F_OK) == 0);
  iqtest::Child again = iqtest::spawn([&] {
    become(kNobody);
    require_refusal<iq::NoPermission>("Only its owner or root removes it",
                                      [&] { Queue own(iq::open_or_create, name); });
  });
  CHECK(again.wait().ok());
  Queue fresh(iq::open_or_create, name);
  CHECK_FALSE(fresh.is_closed());
  CHECK(fresh.stats().put == 0);
  fresh.close();
}

TEST_CASE("Users: a mode that lets others only read lets them look, and take no part") {
  require_root();
  const std::string name = iqtest::temp_name("readable");
  Queue queue(iq::create_only, name, {.mode = 0644});
  queue.get_producer().put(1);
  iqtest::Child stranger = iqtest::spawn([&] {
    become(kNobody);
    for (const bool create : {false, true}) {
      require_refusal<iq::NoPermission>("mode 0644 and owner 0, this process runs as user", [&] {
        if (create) Queue own(iq::open_or_create, name);
        if (!create) Queue own(iq::open_only, name);
      });
    }
    const iq::Inspection seen = iq::inspect(name);
    require(!seen.error && seen.stats.queued == 1, "the figures are there");
    require(seen.attached == iq::Alive::yes, "and who is alive");
  });
  CHECK(stranger.wait().ok());
  CHECK(queue.size() == 1);
  CHECK(iq::remove(name));
}

TEST_CASE("Users: a queue of a third user is refused, whatever its mode") {
  require_root();
  const std::string name = iqtest::temp_name("third");
  iqtest::Child maker = iqtest::spawn([&] {
    become(kSomebody);
    Queue own(iq::create_only, name, {.mode = 0666});
    own.get_producer().put(1);
  });
  CHECK(maker.wait().ok());
  iqtest::Child stranger = iqtest::spawn([&] {
    become(kNobody);
    require_refusal<iq::NoPermission>("belongs to user 65533, this process runs as user 65534",
                                      [&] { Queue own(iq::open_or_create, name); });
  });
  CHECK(stranger.wait().ok());
  CHECK(iq::inspect(name).stats.queued == 1);
  CHECK(iq::remove(name));
}

TEST_CASE("Users: a file or a link to a queue that somebody planted is left as it is") {
  require_root();
  const std::string name = iqtest::temp_name("planted");
  const std::string aim = iqtest::temp_name("aim");
  Queue ours(iq::create_only, aim);
  for (const bool link : {false, true}) {
    iqtest::Child planter = iqtest::spawn([&] {
      become(kNobody);
      if (link) require(::symlink(path_of(aim).c_str(), path_of(name).c_str()) == 0, "symlink");
      if (!link) std::ofstream(path_of(name)) << std::string(10'000, 'x');
    });
    REQUIRE(planter.wait().ok());
    const std::string reason = link ? "is a symbolic link" : "belongs to user 65534";
    require_refusal<iq::NoPermission>(reason, [&] { Queue q(iq::open_or_create, name); });
    require_refusal<iq::NoPermission>(reason, [&] { Queue q(iq::open_only, name); });
    require_refusal<iq::NoPermission>(reason, [&] { Queue q(iq::create_only, name); });
    require_refusal<iq::NoPermission>(reason, [&] { iq::remove_unattached(name); });
    struct stat status {};
    REQUIRE(::lstat(path_of(name).c_str(), &status) == 0);
    CHECK(S_ISLNK(status.st_mode) == link);
    if (!link) {
      std::ifstream file(path_of(name));
      const std::string text(std::istreambuf_iterator<char>(file), {});
      CHECK(text == std::string(10'000, 'x'));
    }
    CHECK(ours.consumers() == 0);
    CHECK(iq::remove(name));  // root's decision
  }
  CHECK(ours.is_current());
  ours.close();
}

TEST_CASE(
    "Users: a process that becomes another user goes on with what it has, and its death too") {
  require_root();
  const std::string name = iqtest::temp_name("drops");
  for (const bool anonymous : {false, true}) {
    std::optional<Queue> queue;
    if (anonymous) queue.emplace();
    if (!anonymous) queue.emplace(iq::create_only, name);
    queue->get_producer().put(1);
    iqtest::Gate holds;
    iqtest::Child service = iqtest::spawn([&] {
      queue->adopt();
      auto producer = queue->get_producer();
      auto consumer = queue->get_consumer();
      become(kNobody);
      producer.put(2);
      require(consumer.get() == 1, "it takes");
      require_refusal<iq::SystemError>("cannot mark this process as alive",
                                       [&] { auto more = queue->get_producer(); });
      holds.post();
      for (;;) ::pause();
    });
    holds.wait();
    auto consumer = queue->get_consumer();
    CHECK(*consumer.get_for(5s) == 2);
    CHECK(consumer.get_for(100ms).status() == iq::Status::timeout);  // alive
    CHECK(queue->stats().in_hand == 1);
    service.kill_and_wait();
    CHECK(*consumer.get_for(5s) == 1);
    CHECK(consumer.deliveries() == 2);
    consumer.close();
    queue->close();
  }
}
