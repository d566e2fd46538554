// Fd: who owns a descriptor, and which file it stands for.
#include "sys/fd.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>

#include "iq/error.hpp"
#include "support/process.hpp"
#include "sys/shm_file.hpp"

using iq::detail::Fd;

namespace {

bool is_open(int number) { return ::fcntl(number, F_GETFD) >= 0; }

}  // namespace

TEST_CASE("Fd: closes once, by the last owner") {
  Fd first = iq::detail::create_anonymous(1);
  const int number = first.get();
  Fd second = std::move(first);
  CHECK_FALSE(first);
  CHECK(is_open(number));
  second = Fd();
  CHECK_FALSE(is_open(number));
  Fd third = iq::detail::create_anonymous(1);
  Fd released(third.release());
  CHECK_FALSE(third);
  CHECK(released);
}

TEST_CASE("Fd: closing leaves errno alone") {
  errno = ENOSPC;
  Fd(12'345).reset();  // not open
  CHECK(errno == ENOSPC);
}

TEST_CASE("file_id: equal for two descriptors of a file, different for two files") {
  const Fd one = iq::detail::create_anonymous(1);
  const Fd other = iq::detail::create_anonymous(1);
  const Fd same(::dup(one.get()));
  CHECK(iq::detail::file_id(one.get()) == iq::detail::file_id(same.get()));
  CHECK_FALSE(iq::detail::file_id(one.get()) == iq::detail::file_id(other.get()));
  CHECK_THROWS_AS(iq::detail::file_id(-1), iq::SystemError);
  CHECK_FALSE(iq::detail::try_file_id(-1).has_value());
}

TEST_CASE("moved_high: works under a small limit of descriptors") {
  iqtest::Child child = iqtest::spawn([] {
    const rlimit limit{64, 64};
    iqtest::require(::setrlimit(RLIMIT_NOFILE, &limit) == 0, "setrlimit");
    const Fd file = iq::detail::create_anonymous(1);
    iqtest::require(file.get() >= 32 && file.get() < 64, "in the upper half");
    iqtest::require((::fcntl(file.get(), F_GETFD) & FD_CLOEXEC) != 0, "close-on-exec");
  });
  CHECK(child.wait().ok());
}
