// User code that closes descriptors it does not know, locks the queue's file for purposes of its
// own, starts programs: none of that makes its process look dead, and none of it makes a dead one
// look alive.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <type_traits>

#include "iq/iq.hpp"
#include "support/process.hpp"

namespace {

using namespace std::chrono_literals;
using iqtest::require;
using Queue = iq::IterableQueue<int>;

std::string path_of(const std::string& name) { return "/dev/shm/iq." + name; }

void close_all_descriptors() { ::syscall(SYS_close_range, 3U, ~0U, 0U); }

/// Others look for the dead for a while and find nobody.
void check_alive(Queue& queue, iq::Consumer<int>& other, unsigned in_hand) {
  const auto repaired = queue.stats().repaired;
  CHECK(other.get_for(100ms).status() == iq::Status::timeout);
  CHECK(queue.stats().repaired == repaired);
  CHECK(queue.stats().in_hand == in_hand);
}

/// A process that has taken the first item, has done `harm` to itself, and then takes the rest.
template <class F>
iqtest::Child holder(const std::string& name, iqtest::Gate& done, iqtest::Flag& go, F harm) {
  return iqtest::spawn([&, harm] {
    Queue own(iq::open_only, name);
    auto consumer = own.get_consumer();
    require(consumer.get() == 0, "the first item");
    if constexpr (std::is_invocable_v<F, Queue&>) {
      harm(own);
    } else {
      harm();
    }
    done.post();
    go.wait();
    int next = 1;
    for (const int item : consumer) require(item == next++, "the others, in order");
    require(next == 5, "all of them");
  });
}

enum class Trap { posix_lock, two_opens, dup };

/// What any code of a program may do to a file: a close gives up all locks of the old kind.
void step_into(Trap trap, const std::string& path) {
  const int file = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  require(file >= 0, "the file can be opened");
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_len = 4096;
  require(::fcntl(file, F_SETLK, &lock) == 0, "and locked");
  if (trap == Trap::two_opens) ::close(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (trap == Trap::dup) ::close(::dup(file));
  ::close(file);
}

}  // namespace

TEST_CASE("Descriptors: the file locked, opened and closed by user code, in any way: alive") {
  for (const Trap trap : {Trap::posix_lock, Trap::two_opens, Trap::dup}) {
    const std::string name = iqtest::temp_name("traps");
    Queue queue(iq::create_only, name);
    auto producer = queue.get_producer();
    producer.put(0);
    iqtest::Gate done;
    iqtest::Flag go;
    iqtest::Child user = holder(name, done, go, [&] { step_into(trap, path_of(name)); });
    done.wait();
    auto other = queue.get_consumer();
    check_alive(queue, other, 1);
    other.close();
    for (int i = 1; i < 5; ++i) producer.put(i);
    producer.close();
    queue.close();
    go.set();
    CHECK(user.wait().ok());
  }
}

TEST_CASE(
    "Descriptors: closed by another thread all the time, each item passes once all the same") {
  const std::string name = iqtest::temp_name("closer");
  Queue queue(iq::create_only, name, {.capacity = 8});
  iqtest::Child user = iqtest::spawn([&] {
    Queue own(iq::open_only, name);
    auto consumer = own.get_consumer();
    std::atomic<bool> enough{false};
    std::thread closer([&] {
      while (!enough) close_all_descriptors();
    });
    int next = 0;
    for (const int item : consumer) require(item == next++, "each once, in order");
    enough = true;
    closer.join();
    require(next == 2'000, "all of them");
  });
  auto producer = queue.get_producer();
  for (int i = 0; i < 2'000; ++i) producer.put(i);
  producer.close();
  CHECK(queue.stats().repaired == 0);
  queue.close();
  CHECK(user.wait().ok());
}

TEST_CASE(
    "Descriptors: an anonymous queue's closed: alive to the others, at work, seen when dead") {
  Queue queue;
  auto producer = queue.get_producer();
  producer.put(0);
  iqtest::Gate done;
  iqtest::Gate go;
  iqtest::Child user = iqtest::spawn([&] {
    queue.adopt();
    auto consumer = queue.get_consumer();
    require(consumer.get() == 0, "the first item");
    close_all_descriptors();
    done.post();
    go.wait();
    require(*consumer.get_for(5s) == 1, "it goes on");
    try {
      auto more = queue.get_consumer();
      require(false, "no further endpoint");
    } catch (const iq::CannotProbe&) {
    }
    done.post();
    for (;;) ::pause();
  });
  done.wait();
  auto other = queue.get_consumer();
  check_alive(queue, other, 1);
  other.close();
  producer.put(1);
  go.post();
  done.wait();
  user.kill_and_wait();
  auto heir = queue.get_consumer();
  CHECK(*heir.get_for(5s) == 1);
  CHECK(heir.deliveries() == 2);
}

TEST_CASE(
    "Descriptors: nobody is left who can ask who is alive: a wait says so and does not hang") {
  iqtest::Child user = iqtest::spawn([] {
    Queue queue;
    auto producer = queue.get_producer();
    auto consumer = queue.get_consumer();
    close_all_descriptors();
    producer.put(1);
    require(consumer.get() == 1, "what needs no answer works");
    try {
      (void)consumer.get_for(9s);
      require(false, "it is told");
    } catch (const iq::CannotProbe& error) {
      require(std::string_view(error.what()).find("close_range") != std::string_view::npos,
              error.what());
    }
  });
  CHECK(user.wait().ok());
}

TEST_CASE(
    "Descriptors: closed, and the name is another queue's by now: never led over to that one") {
  const std::string name = iqtest::temp_name("generation");
  Queue old(iq::create_only, name);
  auto producer = old.get_producer();
  producer.put(0);
  iqtest::Gate done;
  iqtest::Flag go;
  iqtest::Child user = holder(name, done, go, [&](Queue& own) {
    close_all_descriptors();
    require(iq::remove(name), "the name is free");
    Queue made(iq::create_only, name);
    made.get_producer().put(99);
    CHECK_THROWS_AS(own.get_producer(), iq::CannotProbe);
  });
  done.wait();
  CHECK_FALSE(old.is_current());
  auto other = old.get_consumer();
  check_alive(old, other, 1);
  other.close();
  for (int i = 1; i < 5; ++i) producer.put(i);
  producer.close();
  old.close();
  go.set();
  CHECK(user.wait().ok());
  Queue fresh(iq::open_only, name);
  CHECK(fresh.stats().repaired == 0);
  CHECK(fresh.stats().lanes == 1);
  CHECK(fresh.get_consumer().get() == 99);
  fresh.close();
}

namespace {

/// Starts /bin/sleep and goes on itself.
pid_t start_program(bool by_vfork) {
  std::array<char*, 3> arguments{const_cast<char*>("sleep"), const_cast<char*>("30"), nullptr};
  pid_t program = -1;
  if (by_vfork) {
    program = ::vfork();
    if (program == 0) {
      ::execv("/bin/sleep", arguments.data());
      ::_exit(1);
    }
  } else {
    ::posix_spawn(&program, "/bin/sleep", nullptr, nullptr, arguments.data(), nullptr);
  }
  require(program > 0, "the program was started");
  return program;
}

/// Whether this process's descriptors go with an exec.
void keep_descriptors_at_exec() {
  for (int number = 3; number < 1'024; ++number) ::fcntl(number, F_SETFD, 0);
}

}  // namespace

TEST_CASE("Programs: started by vfork or posix_spawn they keep no dead owner alive, nor kill one") {
  for (const bool by_vfork : {true, false}) {
    const std::string name = iqtest::temp_name("programs");
    Queue queue(iq::create_only, name);
    queue.get_producer().put(0);
    iqtest::Gate done;
    iqtest::Flag go;
    const iqtest::SharedCounter program = iqtest::shared_counter();
    iqtest::Child user = holder(name, done, go, [&] {
      keep_descriptors_at_exec();
      *program = start_program(by_vfork);
    });
    done.wait();
    auto other = queue.get_consumer();
    check_alive(queue, other, 1);
    user.kill_and_wait();
    CHECK_FALSE(iqtest::has_ended(static_cast<pid_t>(*program)));
    CHECK(*other.get_for(5s) == 0);
    CHECK(other.deliveries() == 2);
    ::kill(static_cast<pid_t>(*program), SIGKILL);
    CHECK(iqtest::reap_orphans());
    queue.close();
  }
}

TEST_CASE("Programs: an owner that becomes one is dead to its queue, its item comes again") {
  for (const bool keep : {true, false}) {
    const std::string name = iqtest::temp_name("becomes");
    Queue queue(iq::create_only, name);
    queue.get_producer().put(0);
    iqtest::Gate holds;
    iqtest::Child user = iqtest::spawn([&] {
      Queue own(iq::open_only, name);
      auto consumer = own.get_consumer();
      require(consumer.get() == 0, "the item");
      if (keep) keep_descriptors_at_exec();
      holds.post();
      ::execl("/bin/sleep", "sleep", "30", nullptr);
    });
    holds.wait();
    auto other = queue.get_consumer();
    CHECK(*other.get_for(5s) == 0);
    CHECK(other.deliveries() == 2);
    CHECK_FALSE(iqtest::has_ended(user.pid()));
    CHECK(user.kill_and_wait().signal == SIGKILL);
    queue.close();
  }
}
