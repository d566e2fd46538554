// The situations in which other ways of telling who is alive go wrong, each with real processes.
// docs/liveness.md cites these cases by name.
#include <doctest/doctest.h>
#include <sched.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <array>
#include <atomic>
#include <fstream>
#include <sstream>
#include <thread>

#include "iq/error.hpp"
#include "sys/fork_guard.hpp"
#include "sys/lock_files.hpp"

using iq::detail::Held;
using iq::detail::LockFile;
using iq::detail::PinnedLock;
using iqtest::Child;
using iqtest::Gate;
using iqtest::kByte;
using iqtest::lock_byte;
using iqtest::Pipe;
using iqtest::probe;
using iqtest::require;
using iqtest::spawn;
using iqtest::spawn_holder;

namespace {

void close_all_descriptors() { ::syscall(SYS_close_range, 3U, ~0U, 0U); }

/// Becomes /bin/cat, which copies `input` to `output` until the writing end of `input` is closed.
[[noreturn]] void become_cat(const Pipe& input, const Pipe& output) {
  ::dup2(input.end(0), STDIN_FILENO);
  ::dup2(output.end(1), STDOUT_FILENO);
  ::execl("/bin/cat", "cat", static_cast<char*>(nullptr));
  ::_exit(1);
}

/// True when the new program runs: it answers. (That its close-on-exec descriptors are closed says
/// less: exec closes them and gives the old memory back in no certain order.)
bool answers(const Pipe& input, const Pipe& output) {
  char byte = 'x';
  return ::write(input.end(1), &byte, 1) == 1 && ::read(output.end(0), &byte, 1) == 1;
}

/// Where a pin of this process lies, by the file that it maps; nullptr when there is none.
void* find_pin() {
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    if (line.find("---s") == std::string::npos || line.find("iq") == std::string::npos) continue;
    return reinterpret_cast<void*>(std::stoull(line.substr(0, line.find('-')), nullptr, 16));
  }
  return nullptr;
}

}  // namespace

TEST_CASE("PinnedLock: a killed holder's byte is free at once") {
  const LockFile file = iqtest::anonymous_lock_file();
  Gate holds;
  for (int round = 0; round < 20; ++round) {
    Child holder = spawn_holder(file, holds, [](PinnedLock&) { ::pause(); });
    holds.wait();
    CHECK(probe(file) == Held::yes);
    holder.kill_and_wait();
    CHECK(probe(file) == Held::no);
  }
}

TEST_CASE("PinnedLock: a killed holder that nobody reaps is free all the same") {
  const LockFile file = iqtest::anonymous_lock_file();
  Gate holds;
  Child holder = spawn_holder(file, holds, [](PinnedLock&) { ::pause(); });
  holds.wait();
  holder.kill();
  REQUIRE(iqtest::gone(holder.pid()));  // a zombie
  CHECK(probe(file) == Held::no);
}

TEST_CASE("PinnedLock: an exiting holder's byte is free, by exit, _exit and crash") {
  const LockFile file = iqtest::anonymous_lock_file();
  Gate holds;
  for (const int way : {0, 1, 2}) {
    Child holder = spawn_holder(file, holds, [way](PinnedLock& lock) {
      new PinnedLock(std::move(lock));  // no destructor: the end of the process must do
      if (way == 1) ::_exit(3);
      if (way == 2) ::raise(SIGKILL);
    });
    holds.wait();
    holder.wait();
    CHECK(probe(file) == Held::no);
  }
}

TEST_CASE("PinnedLock: a stopped holder is held") {
  const LockFile file = iqtest::anonymous_lock_file();
  Gate holds;
  Child holder = spawn_holder(file, holds, [](PinnedLock&) { ::pause(); });
  holds.wait();
  holder.stop();
  REQUIRE(iqtest::stopped(holder.pid()));
  CHECK(probe(file) == Held::yes);
  CHECK_FALSE(PinnedLock::try_lock(file, kByte, 1).has_value());
  holder.kill_and_wait();  // SIGKILL reaches the stopped as well
  CHECK(probe(file) == Held::no);
}

TEST_CASE("PinnedLock: a child that outlives its parent does not hold the parent's byte") {
  const LockFile file = iqtest::anonymous_lock_file();
  Gate holds;
  Gate end;
  for (const bool raw : {false, true}) {
    Child parent = spawn_holder(file, holds, [&](PinnedLock&) {
      const long child = raw ? ::syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0) : ::fork();
      if (child == 0) {
        holds.post();
        ::_exit(end.wait_for(iqtest::kPatienceS) ? 0 : 1);
      }
      ::pause();
    });
    holds.wait();
    holds.wait();
    CHECK(probe(file) == Held::yes);
    parent.kill_and_wait();
    CHECK(probe(file) == Held::no);
    end.post();
    CHECK(iqtest::reap_orphans());
  }
}

TEST_CASE("PinnedLock: the end of a child's copy gives nothing up and unmaps nothing") {
  const LockFile file = iqtest::anonymous_lock_file();
  PinnedLock lock = lock_byte(file, kByte);
  void* const pin = find_pin();
  REQUIRE(pin != nullptr);
  Child child = spawn([&] {
    require(find_pin() == nullptr, "the pin is not inherited");
    // Something of the child's own where the parent has its pin.
    void* mine = ::mmap(pin, 4096, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    require(mine == pin, "the address is free");
    *static_cast<volatile int*>(mine) = 5;
    lock.release();
    require(*static_cast<volatile int*>(mine) == 5, "the child's own mapping is there");
    require(probe(file) == Held::yes, "the parent still holds it");
    require(!PinnedLock::try_lock(file, kByte, 1), "the child cannot take it");
  });
  CHECK(child.wait().ok());
  CHECK(probe(file) == Held::yes);
  lock.release();
  CHECK(probe(file) == Held::no);
}

TEST_CASE("PinnedLock: held when the thread that took it has ended, and movable between threads") {
  const LockFile file = iqtest::anonymous_lock_file();
  PinnedLock lock;
  std::thread([&] { lock = lock_byte(file, kByte); }).join();
  CHECK(probe(file) == Held::yes);
  std::thread([&] { lock.release(); }).join();
  CHECK(probe(file) == Held::no);
}

TEST_CASE("PinnedLock: held, and taken anew, when the main thread has ended and another runs") {
  const LockFile file = iqtest::anonymous_lock_file();
  Gate holds;
  Gate alone;
  Child holder = spawn([&] {
    static PinnedLock lock = lock_byte(file, kByte);
    std::thread([&] {
      iqtest::wait_until([] {  // the leader of the process is a zombie thread
        std::ifstream stat("/proc/" + std::to_string(::getpid()) + "/stat");
        std::stringstream text;
        text << stat.rdbuf();
        return text.str().find(") Z") != std::string::npos;
      });
      static PinnedLock second = lock_byte(file, kByte + 2);
      alone.post();
      ::pause();
    }).detach();
    holds.post();
    ::syscall(SYS_exit, 0);  // this thread only
  });
  holds.wait();
  alone.wait();
  CHECK(probe(file) == Held::yes);
  CHECK(probe(file, kByte + 2) == Held::yes);
  holder.kill_and_wait();
  CHECK(probe(file) == Held::no);
  CHECK(probe(file, kByte + 2) == Held::no);
}

TEST_CASE("PinnedLock: exec gives it up, with and without close-on-exec") {
  const LockFile file = iqtest::anonymous_lock_file();
  for (const bool close_on_exec : {true, false}) {
    Pipe input(O_CLOEXEC);
    Pipe output(O_CLOEXEC);
    Gate holds;
    Child holder = spawn_holder(file, holds, [&](PinnedLock&) {
      if (!close_on_exec) ::fcntl(file.probe_fd(), F_SETFD, 0);
      become_cat(input, output);
    });
    holds.wait();
    REQUIRE(answers(input, output));
    CHECK(probe(file) == Held::no);
    CHECK_FALSE(iqtest::has_ended(holder.pid()));
    input.close_end(1);
    CHECK(holder.wait().ok());
  }
}

TEST_CASE("PinnedLock: programs started by posix_spawn and vfork change nothing") {
  const LockFile file = iqtest::anonymous_lock_file();
  Gate holds;
  Gate started;
  Pipe input(O_CLOEXEC);
  for (const bool by_vfork : {false, true}) {
    Child holder = spawn_holder(file, holds, [&](PinnedLock&) {
      std::array<char*, 2> arguments{const_cast<char*>("cat"), nullptr};
      pid_t program = -1;
      if (by_vfork) {
        program = ::vfork();
        if (program == 0) {
          ::dup2(input.end(0), STDIN_FILENO);
          ::execv("/bin/cat", arguments.data());
          ::_exit(1);
        }
      } else {
        posix_spawn_file_actions_t actions;
        ::posix_spawn_file_actions_init(&actions);
        ::posix_spawn_file_actions_adddup2(&actions, input.end(0), STDIN_FILENO);
        ::posix_spawn(&program, "/bin/cat", &actions, nullptr, arguments.data(), nullptr);
        ::posix_spawn_file_actions_destroy(&actions);
      }
      require(program > 0, "the program was started");
      started.post();
      ::pause();
    });
    holds.wait();
    started.wait();
    CHECK(probe(file) == Held::yes);
    holder.kill_and_wait();  // the program is still there
    CHECK(probe(file) == Held::no);
  }
  input.close_end(1);
  CHECK(iqtest::reap_orphans());
}

TEST_CASE("PinnedLock: user code that closes all descriptors does not give it up") {
  iqtest::NamedFile named;
  Gate holds;
  Gate closed;
  Child holder = spawn_holder(named.file(), holds, [&](PinnedLock&) {
    close_all_descriptors();
    closed.post();
    ::pause();
  });
  holds.wait();
  closed.wait();
  CHECK(probe(named.file()) == Held::yes);
  holder.kill_and_wait();
  CHECK(probe(named.file()) == Held::no);
}

TEST_CASE("PinnedLock: user code that opens and closes the file does not give it up") {
  iqtest::NamedFile named;
  PinnedLock lock = lock_byte(named.file(), kByte);
  const int number = ::open(iq::detail::shm_path(named.name()).c_str(), O_RDWR | O_CLOEXEC);
  REQUIRE(number >= 0);
  struct flock theirs {};
  theirs.l_type = F_WRLCK;  // and a lock of the old kind, which any close() gives up
  theirs.l_len = 1;
  CHECK(::fcntl(number, F_SETLK, &theirs) == 0);
  ::close(number);
  CHECK(probe(named.file()) == Held::yes);
}

TEST_CASE("PinnedLock: holders in two pid namespaces, both pid 1, are told apart") {
  const LockFile file = iqtest::anonymous_lock_file();
  Gate ready;
  const auto in_new_namespace = [&](std::uint64_t offset) {
    return spawn([&, offset] {
      if (::unshare(CLONE_NEWPID) != 0) return 77;
      const pid_t first = ::fork();
      if (first == 0) {
        const PinnedLock lock = lock_byte(file, offset);
        ready.post();
        ::pause();
      }
      int status = 0;
      ::waitpid(first, &status, 0);
      return 0;
    });
  };
  Child one = in_new_namespace(kByte);
  if (!ready.wait_for(1)) iqtest::skip("no permission to make a pid namespace");
  Child two = in_new_namespace(kByte + 2);
  ready.wait();
  CHECK(probe(file, kByte) == Held::yes);
  CHECK(probe(file, kByte + 2) == Held::yes);
  one.kill_and_wait();  // its child goes on: killing the outer process does not end the namespace
  CHECK(probe(file, kByte) == Held::yes);
  iqtest::reap_orphans(0.01);  // kills what is left of it
  CHECK(iqtest::wait_until([&] { return probe(file, kByte) == Held::no; }));
}
