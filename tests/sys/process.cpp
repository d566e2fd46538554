// Small facts about this process and others.
#include "sys/process.hpp"

#include <doctest/doctest.h>
#include <sched.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cstring>
#include <thread>

#include "support/process.hpp"
#include "sys/shm_file.hpp"

TEST_CASE("process_id: that of the caller, also in a child") {
  CHECK(iq::detail::process_id() == ::getpid());
  CHECK(iqtest::spawn([] { return iq::detail::process_id() == ::getpid() ? 0 : 1; }).wait().ok());
}

TEST_CASE("current_thread_tag: never 0, constant in a thread, different in another") {
  const std::uint64_t mine = iq::detail::current_thread_tag();
  CHECK(mine != 0);
  CHECK(iq::detail::current_thread_tag() == mine);
  std::uint64_t theirs = mine;
  std::thread([&] { theirs = iq::detail::current_thread_tag(); }).join();
  CHECK(theirs != 0);
  CHECK(theirs != mine);
}

TEST_CASE("read_at: all of it or false") {
  const iq::detail::Fd file = iq::detail::create_anonymous(10);
  REQUIRE(::pwrite(file.get(), "0123456789", 10, 0) == 10);
  char text[11] = "";
  CHECK(iq::detail::read_at(file.get(), 0, text, 10));
  CHECK(std::strcmp(text, "0123456789") == 0);
  CHECK(iq::detail::read_at(file.get(), 8, text, 2));
  CHECK(std::memcmp(text, "89", 2) == 0);
  CHECK_FALSE(iq::detail::read_at(file.get(), 8, text, 3));
  CHECK_FALSE(iq::detail::read_at(-1, 0, text, 1));
}

TEST_CASE("process_state: of a running, a stopped, an ended and no process, whatever its name") {
  iqtest::Flag go;
  iqtest::Child child = iqtest::spawn([&] {
    ::prctl(PR_SET_NAME, "a) Z (b");
    go.set();
    for (;;) ::pause();
  });
  go.wait();
  CHECK(iqtest::wait_until([&] { return iq::detail::process_state(child.pid()) == 'S'; }));
  CHECK(iq::detail::process_name(child.pid()) == "a) Z (b");
  child.stop();
  CHECK(iq::detail::process_state(child.pid()) == 'T');
  child.kill_and_wait();
  CHECK(iq::detail::process_state(child.pid()) == '\0');
  CHECK(iq::detail::process_name(child.pid()).empty());
}

TEST_CASE("pid_namespace: the same in children, another one behind unshare") {
  const std::uint64_t here = iq::detail::pid_namespace();
  CHECK(here != 0);
  CHECK(iqtest::spawn([&] { iqtest::require(iq::detail::pid_namespace() == here, "the same"); })
            .wait()
            .ok());
  iqtest::Flag refused;
  iqtest::Child outer = iqtest::spawn([&] {
    if (::unshare(CLONE_NEWPID) != 0) return refused.set();
    iqtest::Child inner = iqtest::spawn([&] {
      iqtest::require(iq::detail::pid_namespace() != here, "another one");
      iqtest::require(iq::detail::process_id() == 1, "with pids of its own");
    });
    iqtest::require(inner.wait().ok(), "the inner process is content");
  });
  CHECK(outer.wait().ok());
  if (refused.is_set()) iqtest::skip("no permission to make a pid namespace");
}

TEST_CASE("cpu_ns_of: what a process or a thread has used, and that it has ended") {
  using namespace iq::detail;
  iqtest::Gate spent;
  iqtest::Gate go;
  auto child = iqtest::spawn([&] {
    while (own_cpu_ns(false) < 20'000'000) {
    }
    spent.post();
    iqtest::require(go.wait_for(iqtest::kPatienceS), "told to end");
  });
  REQUIRE(spent.wait_for(iqtest::kPatienceS));
  CHECK(cpu_ns_of(child.pid(), false) >= 20'000'000);
  CHECK(cpu_ns_of(child.pid(), false) < 10'000'000'000);
  CHECK(private_bytes_of(child.pid()) > 0);
  go.post();
  const int pid = child.pid();
  CHECK(child.wait().ok());
  CHECK(cpu_ns_of(pid, false) == -1);
  CHECK(private_bytes_of(pid) == 0);
  CHECK(thread_id() == ::getpid());
  int id = 0;
  std::thread([&] {
    while (own_cpu_ns(true) < 5'000'000) {
    }
    id = thread_id();
    CHECK(cpu_ns_of(id, true) >= 5'000'000);
    CHECK(id != ::getpid());
  }).join();
}
