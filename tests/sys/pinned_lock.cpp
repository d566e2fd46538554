// PinnedLock as an object. What it says about processes is in liveness.cpp.
#include <doctest/doctest.h>
#include <sys/resource.h>

#include <set>
#include <system_error>
#include <thread>
#include <vector>

#include "iq/error.hpp"
#include "sys/lock_files.hpp"

using iq::detail::Held;
using iq::detail::LockFile;
using iq::detail::PinnedLock;
using iqtest::kByte;
using iqtest::lock_byte;
using iqtest::probe;

namespace {

std::set<int> open_numbers() {
  std::set<int> numbers;
  for (int number = 0; number < 2'000; ++number) {
    if (::fcntl(number, F_GETFD) >= 0) numbers.insert(number);
  }
  return numbers;
}

}  // namespace

TEST_CASE("PinnedLock: held until release, by a probe of the same process") {
  const LockFile file = iqtest::anonymous_lock_file();
  CHECK(probe(file) == Held::no);
  PinnedLock lock = lock_byte(file, kByte);
  CHECK(lock);
  CHECK(probe(file) == Held::yes);
  CHECK(probe(file, kByte + 1) == Held::no);
  CHECK(probe(file, kByte - 1) == Held::no);
  lock.release();
  CHECK_FALSE(lock);
  CHECK(probe(file) == Held::no);
  lock.release();  // twice is once
}

TEST_CASE("PinnedLock: a second lock on any of its bytes is refused, next to it is not") {
  const LockFile file = iqtest::anonymous_lock_file();
  const std::optional<PinnedLock> lock = PinnedLock::try_lock(file, kByte, 4);
  REQUIRE(lock);
  CHECK_FALSE(PinnedLock::try_lock(file, kByte, 4));
  CHECK_FALSE(PinnedLock::try_lock(file, kByte + 3, 10));
  CHECK_FALSE(PinnedLock::try_lock(file, kByte - 10, 11));
  CHECK(PinnedLock::try_lock(file, kByte + 4, 1).has_value());
  CHECK(PinnedLock::try_lock(file, kByte - 1, 1).has_value());
}

TEST_CASE("PinnedLock: one probe answers for a whole range") {
  const LockFile file = iqtest::anonymous_lock_file();
  CHECK(iq::detail::probe_lock(file, kByte, 10'000) == Held::no);
  const PinnedLock lock = lock_byte(file, kByte + 9'999);
  CHECK(iq::detail::probe_lock(file, kByte, 10'000) == Held::yes);
  CHECK(iq::detail::probe_lock(file, kByte, 9'999) == Held::no);
}

TEST_CASE("PinnedLock: moving keeps it, assigning over it gives it up") {
  const LockFile file = iqtest::anonymous_lock_file();
  PinnedLock first = lock_byte(file, kByte);
  PinnedLock second = std::move(first);
  CHECK_FALSE(first);
  CHECK(probe(file) == Held::yes);
  second = lock_byte(file, kByte + 2);
  CHECK(probe(file) == Held::no);
  CHECK(probe(file, kByte + 2) == Held::yes);
}

TEST_CASE("PinnedLock: leaves no descriptor behind, also when refused, with and without threads") {
  const LockFile file = iqtest::anonymous_lock_file();
  iqtest::NamedFile named;
  const std::set<int> before = open_numbers();
  for (const bool with_threads : {false, true}) {
    if (with_threads) std::thread([] {}).join();
    for (const LockFile* one : {&file, static_cast<const LockFile*>(&named.file())}) {
      const PinnedLock lock = lock_byte(*one, kByte);
      CHECK_FALSE(PinnedLock::try_lock(*one, kByte, 1));
      CHECK(open_numbers() == before);
    }
  }
}

TEST_CASE("PinnedLock: a process holds a thousand, each free on its own") {
  const LockFile file = iqtest::anonymous_lock_file();
  std::vector<PinnedLock> locks;
  for (std::uint64_t i = 0; i < 1'000; ++i) locks.push_back(lock_byte(file, kByte + 2 * i));
  locks[500].release();
  CHECK(probe(file, kByte + 2 * 499) == Held::yes);
  CHECK(probe(file, kByte + 2 * 500) == Held::no);
  CHECK(probe(file, kByte + 2 * 501) == Held::yes);
}

TEST_CASE("PinnedLock: taken in the open where no further thread can be had") {
  iqtest::Child child = iqtest::spawn([] {
    std::thread([] {}).join();  // from here on the process may have threads
    if (::geteuid() == 0) iqtest::require(::setuid(65534) == 0, "the limit does not bind root");
    const LockFile file = iqtest::anonymous_lock_file();
    const rlimit none{0, 0};
    iqtest::require(::setrlimit(RLIMIT_NPROC, &none) == 0, "setrlimit");
    bool refused = false;
    try {
      std::thread([] {}).join();
    } catch (const std::system_error&) {
      refused = true;
    }
    iqtest::require(refused, "no thread can be had");
    PinnedLock lock = lock_byte(file, kByte);
    iqtest::require(probe(file) == Held::yes, "held");
    lock.release();
    iqtest::require(probe(file) == Held::no, "free");
  });
  CHECK(child.wait().ok());
}

TEST_CASE("PinnedLock: an offset that no lock can have is an error, not a lock") {
  const LockFile file = iqtest::anonymous_lock_file();
  CHECK_THROWS_AS(PinnedLock::try_lock(file, UINT64_MAX, 1), iq::SystemError);
  CHECK(iq::detail::probe_lock(file, UINT64_MAX, 1) == Held::unknown);
}

TEST_CASE("self_test_liveness: passes on memfd and on /dev/shm, again and at the same time") {
  const LockFile file = iqtest::anonymous_lock_file();
  iqtest::NamedFile named;
  std::vector<iqtest::Child> others;
  for (int i = 0; i < 4; ++i) {
    others.push_back(iqtest::spawn([&] { iq::detail::self_test_liveness(named.file()); }));
  }
  CHECK_NOTHROW(iq::detail::self_test_liveness(file));
  CHECK_NOTHROW(iq::detail::self_test_liveness(file));
  CHECK_NOTHROW(iq::detail::self_test_liveness(named.file()));
  for (iqtest::Child& other : others) CHECK(other.wait().ok());
  const std::uint64_t scratch = iq::detail::kScratchEnd - iq::detail::kScratchBegin;
  CHECK(iq::detail::probe_lock(file, iq::detail::kScratchBegin, scratch) == Held::no);
}
