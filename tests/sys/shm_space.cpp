// Reserving pages: "needs N, has M" here, never SIGBUS later.
#include <doctest/doctest.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <string>

#include "iq/error.hpp"
#include "support/process.hpp"
#include "sys/mapping.hpp"
#include "sys/shm_file.hpp"

using iq::detail::create_anonymous;
using iq::detail::create_unnamed;
using iq::detail::Fd;
using iq::detail::reserve_pages;
using iqtest::Child;
using iqtest::require;
using iqtest::spawn;

namespace {

constexpr std::uint64_t kPage = 4096;
constexpr int kNotPermitted = 77;

std::uint64_t reserved_bytes(const Fd& file) {
  struct stat status {};
  ::fstat(file.get(), &status);
  return static_cast<std::uint64_t>(status.st_blocks) * 512;
}

/// Runs `f` in a child whose shared memory is a tmpfs of `options`, in a namespace of its own.
template <class F>
void in_small_shm(const char* options, F f) {
  char directory[] = "/tmp/iq-small-XXXXXX";
  REQUIRE(::mkdtemp(directory) != nullptr);
  Child child = spawn([&] {
    if (::unshare(CLONE_NEWNS) != 0 ||
        ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount("tmpfs", directory, "tmpfs", 0, options) != 0) {
      return kNotPermitted;
    }
    iq::detail::set_shm_directory_for_test(directory);
    f();
    return 0;
  });
  const iqtest::Exit exit = child.wait();
  ::rmdir(directory);
  if (exit.code == kNotPermitted) iqtest::skip("no permission to mount a tmpfs");
  CHECK(exit.ok());
}

template <class F>
std::string no_space_text(F f) {
  try {
    f();
  } catch (const iq::NoSpace& error) {
    return error.what();
  }
  return "";
}

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("reserve_pages: exactly the pages of the range, and what was written stays") {
  for (const bool anonymous : {true, false}) {
    const Fd file = anonymous ? create_anonymous(16 * kPage) : create_unnamed(16 * kPage, 0600);
    const iq::detail::Mapping mapping(file.get(), 16 * kPage);
    reserve_pages(file.get(), 4 * kPage, 2 * kPage, "a lane");
    CHECK(reserved_bytes(file) == 2 * kPage);
    std::memcpy(mapping.data() + 4 * kPage, "here", 5);
    reserve_pages(file.get(), 0, 16 * kPage, "a lane");
    CHECK(reserved_bytes(file) == 16 * kPage);
    CHECK(std::memcmp(mapping.data() + 4 * kPage, "here", 5) == 0);
    reserve_pages(file.get(), 0, 0, "nothing");
    CHECK(iq::detail::file_bytes(file.get()) == 16 * kPage);
  }
}

TEST_CASE("reserve_pages: outside the file is BadArgument, not growth") {
  const Fd file = create_unnamed(kPage, 0600);
  CHECK_THROWS_AS(reserve_pages(file.get(), 0, kPage + 1, "x"), iq::BadArgument);
  CHECK_THROWS_AS(reserve_pages(file.get(), 2 * kPage, 1, "x"), iq::BadArgument);
  CHECK_THROWS_AS(reserve_pages(file.get(), 1, UINT64_MAX, "x"), iq::BadArgument);
  CHECK(iq::detail::file_bytes(file.get()) == kPage);
}

TEST_CASE("reserve_pages: a /dev/shm that is too small says what is needed and what there is") {
  in_small_shm("size=65536", [] {
    const Fd file = create_unnamed(1 << 20, 0600);  // sparse: no objection yet
    const std::string text =
        no_space_text([&] { reserve_pages(file.get(), 0, 1 << 20, "a lane of queue \"jobs\""); });
    require(has(text, "cannot reserve a lane of queue \"jobs\": needs 1048576 bytes"), text);
    require(has(text, "has 65536 free"), text);
    require(reserved_bytes(file) == 0, "nothing is left reserved");
    reserve_pages(file.get(), 0, 65'536, "all there is");
  });
}

TEST_CASE("reserve_pages: one that others fill up gives an error and keeps what was there before") {
  in_small_shm("size=65536", [] {
    const Fd file = create_unnamed(16 * kPage, 0600);
    const iq::detail::Mapping mapping(file.get(), 16 * kPage);
    reserve_pages(file.get(), 2 * kPage, kPage, "x");
    std::memcpy(mapping.data() + 2 * kPage, "here", 5);
    const Fd other = create_unnamed(12 * kPage, 0600);
    reserve_pages(other.get(), 0, 12 * kPage, "x");
    // 3 pages are free, 7 more are needed: fails in the midst of the range.
    const std::string text = no_space_text([&] { reserve_pages(file.get(), 0, 8 * kPage, "x"); });
    require(has(text, "needs 32768 bytes") && has(text, "has 12288 free"), text);
    require(reserved_bytes(file) == kPage, "back to one page");
    require(std::memcmp(mapping.data() + 2 * kPage, "here", 5) == 0, "which is as it was");
  });
}

TEST_CASE("create_unnamed: a tmpfs without inodes is NoSpace") {
  in_small_shm("size=65536,nr_inodes=2", [] {
    const Fd first = create_unnamed(1, 0600);
    const std::string text = no_space_text([] { create_unnamed(1, 0600); });
    require(has(text, "needs 1 inode, has 0"), text);
  });
}

TEST_CASE("reserve_pages: more memory than the machine has is an error that says so") {
  // Under a limit of address space nothing is allocated; the request itself must be hopeless.
  const Fd file = create_unnamed(std::uint64_t{1} << 50, 0600);
  const std::string text =
      no_space_text([&] { reserve_pages(file.get(), 0, std::uint64_t{1} << 50, "a lane"); });
  CHECK(has(text, "needs 1125899906842624 bytes"));
  CHECK(reserved_bytes(file) == 0);
}

TEST_CASE("reserve_pages: comes through a storm of signals") {
  Child child = spawn([] {
    struct sigaction action {};
    action.sa_handler = [](int) {};
    require(::sigaction(SIGALRM, &action, nullptr) == 0, "sigaction");
    const itimerval storm{{0, 200}, {0, 200}};  // each 0.2 ms, the range takes longer
    require(::setitimer(ITIMER_REAL, &storm, nullptr) == 0, "setitimer");
    const std::uint64_t bytes = 64 << 20;
    const Fd file = create_anonymous(bytes);
    reserve_pages(file.get(), 0, bytes, "x");
    require(reserved_bytes(file) == bytes, "all of it");
  });
  CHECK(child.wait().ok());
}
