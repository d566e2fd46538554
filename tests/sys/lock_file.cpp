// LockFile: the descriptor for probes is proven before it is believed.
#include "sys/lock_files.hpp"

#include <doctest/doctest.h>

#include "iq/error.hpp"

using iq::detail::Held;
using iq::detail::LockFile;
using iq::detail::PinnedLock;
using iqtest::Child;
using iqtest::kByte;
using iqtest::lock_byte;
using iqtest::probe;
using iqtest::require;
using iqtest::spawn;

TEST_CASE("LockFile: the probe's descriptor has a high number and does not survive exec") {
  const LockFile file = iqtest::anonymous_lock_file();
  CHECK(file.probe_fd() >= 100);
  CHECK((::fcntl(file.probe_fd(), F_GETFD) & FD_CLOEXEC) != 0);
}

TEST_CASE("LockFile: a named file's probe comes back after user code closed it") {
  iqtest::NamedFile named;
  const PinnedLock lock = lock_byte(named.file(), kByte);
  ::close(named.file().probe_fd());
  CHECK(probe(named.file()) == Held::yes);
  CHECK(named.file().losses() == 1);
  CHECK(probe(named.file(), kByte + 2) == Held::no);
  CHECK(named.file().losses() == 1);
}

TEST_CASE("LockFile: a reused descriptor is not believed and not closed") {
  iqtest::NamedFile named;
  const PinnedLock lock = lock_byte(named.file(), kByte);
  const int number = named.file().probe_fd();
  const iq::detail::Fd other = iq::detail::create_anonymous(4096);
  REQUIRE(::dup2(other.get(), number) == number);  // locks of another file altogether
  CHECK(probe(named.file()) == Held::yes);
  CHECK(named.file().probe_fd() != number);
  CHECK(iq::detail::file_id(number) == iq::detail::file_id(other.get()));
  ::close(number);
}

TEST_CASE("LockFile: an anonymous file whose descriptor is gone: unknown, and CannotProbe") {
  LockFile file = iqtest::anonymous_lock_file();
  PinnedLock lock = lock_byte(file, kByte);
  ::close(file.probe_fd());
  CHECK(probe(file) == Held::unknown);
  CHECK(file.probe_fd() == -1);
  CHECK_THROWS_AS(file.reopen(), iq::CannotProbe);
  CHECK_THROWS_AS(PinnedLock::try_lock(file, kByte + 2, 1), iq::CannotProbe);
  CHECK_THROWS_AS(iq::detail::self_test_liveness(file), iq::CannotProbe);
}

TEST_CASE("LockFile: others still see the holder who cannot probe any more") {
  const LockFile file = iqtest::anonymous_lock_file();
  iqtest::Gate holds;
  Child holder = spawn([&] {
    const PinnedLock lock = lock_byte(file, kByte);
    ::close(file.probe_fd());
    holds.post();
    ::pause();
  });
  holds.wait();
  CHECK(probe(file) == Held::yes);
  holder.kill_and_wait();
  CHECK(probe(file) == Held::no);
}

TEST_CASE("LockFile: a name that was given to another file is not followed") {
  iqtest::NamedFile named;
  const std::string path = iq::detail::shm_path(named.name());
  ::unlink(path.c_str());
  const iq::detail::Fd other = iq::detail::create_unnamed(4096, 0600);
  REQUIRE(iq::detail::link_name(other, named.name()));
  SUBCASE("with the descriptor there: through it, to the old file") {
    const PinnedLock lock = lock_byte(named.file(), kByte);
    CHECK(probe(named.file()) == Held::yes);
    CHECK(iq::detail::file_id(named.file().reopen().get()) == named.file().id());
    const LockFile others(iq::detail::open_named(named.name()).value(), named.name());
    CHECK(probe(others) == Held::no);
  }
  SUBCASE("without it: nothing leads back") {
    ::close(named.file().probe_fd());
    CHECK(probe(named.file()) == Held::unknown);
    CHECK_THROWS_AS(PinnedLock::try_lock(named.file(), kByte, 1), iq::CannotProbe);
  }
}

TEST_CASE("LockFile: reopen gives a description of its own, also without the name") {
  iqtest::NamedFile named;
  ::unlink(iq::detail::shm_path(named.name()).c_str());
  const iq::detail::Fd again = named.file().reopen();
  CHECK(iq::detail::file_id(again.get()) == named.file().id());
  // Another description: a lock taken through it is seen by the probe.
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_start = 7;
  lock.l_len = 1;
  REQUIRE(::fcntl(again.get(), F_OFD_SETLK, &lock) == 0);
  CHECK(probe(named.file(), 7) == Held::yes);
}

TEST_CASE("LockFile: a process out of descriptors can still take a lock") {
  iqtest::NamedFile named;
  Child child = spawn([&] {
    const int lowest_free = ::dup(0);
    require(lowest_free >= 0, "dup");
    int last = lowest_free;
    for (int next = last; next >= 0; next = ::dup(0)) last = next;
    require(errno == EMFILE, "no number is left");
    const PinnedLock lock = lock_byte(named.file(), kByte);
    require(probe(named.file()) == Held::yes, "it is held");
  });
  CHECK(child.wait().ok());
}
