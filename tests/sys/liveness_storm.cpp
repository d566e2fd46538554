// Locks that are taken while other threads of the process do their worst: close every descriptor,
// fork, start programs, take the same byte.
#include <doctest/doctest.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <array>
#include <atomic>
#include <thread>

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

TEST_CASE("PinnedLock: two threads of one process exclude each other") {
  const LockFile file = iqtest::anonymous_lock_file();
  std::atomic<int> inside{0};
  std::atomic<int> taken{0};
  std::atomic<bool> together{false};
  const auto compete = [&] {
    const auto deadline = iqtest::deadline_in(iqtest::kPatienceS);
    while (taken.load() < 200 && std::chrono::steady_clock::now() < deadline) {
      std::optional<PinnedLock> lock = PinnedLock::try_lock(file, kByte, 1);
      if (!lock) continue;
      if (inside.fetch_add(1) != 0) together = true;
      taken.fetch_add(1);
      std::this_thread::yield();
      inside.fetch_sub(1);
    }
  };
  std::thread other(compete);
  compete();
  other.join();
  CHECK(taken.load() >= 200);
  CHECK_FALSE(together.load());
}

TEST_CASE("PinnedLock: taken and held while another thread closes every descriptor, all the time") {
  iqtest::NamedFile named;
  Child holder = spawn([&] {
    std::atomic<bool> done{false};
    std::thread closer([&] {
      while (!done.load()) ::syscall(SYS_close_range, 3U, ~0U, 0U);
    });
    int lost = 0;
    for (int round = 0; round < 500; ++round) {
      const PinnedLock lock = lock_byte(named.file(), kByte);
      // The probe's own descriptor may be closed under it: then it does not know.
      if (probe(named.file()) == Held::no) ++lost;
    }
    done = true;
    closer.join();
    require(lost == 0, "each lock is there");
  });
  CHECK(holder.wait().ok());
  CHECK(probe(named.file()) == Held::no);
}

TEST_CASE("PinnedLock: 1,000 forks beside attaching and a hammered malloc: no deadlock, no heir") {
  const LockFile file = iqtest::anonymous_lock_file();
  std::atomic<bool> done{false};
  std::atomic<int> failed{0};
  Gate end;
  std::thread hammer([&] {
    for (std::size_t size = 1; !done.load(); size = size * 7 % 9'973) {
      ::operator delete(::operator new(size));
    }
  });
  std::thread forker([&] {
    for (int number = 0; number < 1'000; ++number) {
      const bool stays = number % 50 == 0;
      const pid_t child = ::fork();
      if (child == 0) {
        // The child can attach on its own, whatever the parent's threads were doing.
        std::optional<PinnedLock> own =
            number % 10 == 0 ? PinnedLock::try_lock(file, kByte + 100, 1) : std::nullopt;
        ::_exit(stays && !end.wait_for(iqtest::kPatienceS) ? 1 : 0);
      }
      if (child < 0) ++failed;
      if (child > 0 && !stays) ::waitpid(child, nullptr, 0);
    }
    done = true;
  });
  int rounds = 0;
  while (!done.load()) {
    const PinnedLock lock = lock_byte(file, kByte);
    if (probe(file) != Held::yes) ++failed;
    ++rounds;
  }
  forker.join();
  hammer.join();
  CHECK(rounds > 0);
  CHECK(failed.load() == 0);
  CHECK(probe(file) == Held::no);  // although 20 children of the storm live
  end.post(20);
  CHECK(iqtest::reap_orphans());
}

TEST_CASE("PinnedLock: programs that other threads start do not inherit a lock being taken") {
  const LockFile file = iqtest::anonymous_lock_file();
  Pipe input(O_CLOEXEC);
  std::atomic<bool> done{false};
  std::thread spawner([&] {
    std::array<char*, 2> arguments{const_cast<char*>("cat"), nullptr};
    for (int number = 0; number < 30; ++number) {
      pid_t program = -1;
      posix_spawn_file_actions_t actions;
      ::posix_spawn_file_actions_init(&actions);
      ::posix_spawn_file_actions_adddup2(&actions, input.end(0), STDIN_FILENO);
      ::posix_spawn(&program, "/bin/cat", &actions, nullptr, arguments.data(), nullptr);
      ::posix_spawn_file_actions_destroy(&actions);
    }
    done = true;
  });
  int held = 0;
  while (!done.load()) {
    PinnedLock lock = lock_byte(file, kByte);
    lock.release();
    if (probe(file) != Held::no) ++held;
  }
  spawner.join();
  CHECK(held == 0);
  input.close_end(1);
  CHECK(iqtest::reap_orphans());
}
